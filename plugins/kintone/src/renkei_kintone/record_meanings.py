"""Meanings of the answers that concern the data of a record: what is put right in kintone, in the mapping, or there."""

from __future__ import annotations

from collections.abc import Mapping

from renkei_kintone.remedies import Meaning, Place, data

_VALUES: Mapping[str, Meaning] = {
    "CB_VA01": data(
        place=Place.FORM,
        ja="kintoneがフィールドの値を受け付けませんでした。値がフィールドの設定（必須、文字数、範囲、選択肢、重複禁止）に合うように、"
        "マッピングを直すか、kintoneのフィールドの設定を直して「アプリを更新」を押してから、再送してください。",
        en="kintone did not accept a field's value. Correct the mapping, or the field's settings in kintone (required, "
        "length, range, options, no duplicates; then 'Update app'), then replay.",
    ),
    "CB_IJ01": data(
        place=Place.FORM,
        ja="値の形式がフィールドの種類に合いません。kintoneでフィールドの種類が変わった場合は、マッピングを直してから再送してください。",
        en="A value's form does not fit the field's type. If the type was changed in kintone, correct the mapping, "
        "then replay.",
    ),
    "GAIA_LO04": data(
        place=Place.FORM,
        ja="ルックアップの参照先に値がないか、参照先を見る権限がありません。値がない場合は参照先のアプリに追加してから再送してください。"
        "権限がない場合は、参照先のアプリで「レコード閲覧」にチェックを入れたAPIトークンを生成して「アプリを更新」を押し、接続の設定の"
        "「参照先アプリのAPIトークン」に加えてください。参照先のアプリは、フォームのルックアップの設定で分かります。",
        en="A lookup's value is not in the referenced app, or the tokens may not see that app. If it is not there, add "
        "it there and replay. If that app cannot be seen, generate an API token in it with 'View records' "
        "(レコード閲覧), press 'Update app' (アプリを更新), and add it to the connection's tokens of referenced apps. "
        "The lookup's settings in the form name the referenced app.",
    ),
    "GAIA_LO03": data(
        place=Place.FORM,
        ja="ルックアップの参照先に同じ値が複数あります。参照先のアプリのキーにしたフィールドで「値の重複を禁止する」を設定するか、重複したレコードを"
        "整理してから再送してください。",
        en="A lookup's value exists more than once in the referenced app. Set 'Prohibit duplicate values' on its key "
        "field, or tidy up the records that share it, then replay.",
    ),
    "GAIA_BF02": data(
        ja="作成者や作成日時などに値を書き込むにはアプリ管理権限が必要です。マッピングからそのフィールドを外してください。",
        en="Writing the creator or the times of a record takes the permission to manage the app. Take the field out of "
        "the mapping.",
    ),
    "GAIA_FU01": data(
        place=Place.SETTINGS,
        ja="フィールドの編集権限がありません。kintoneのフィールドのアクセス権を見直して「アプリを更新」を押すか、マッピングから"
        "そのフィールドを外してください。",
        en="There is no right to edit a field. Change the field's permissions in kintone and press 'Update app', or "
        "take it out of the mapping.",
    ),
    "GAIA_UN10": data(
        ja="書き込めない種類のフィールドが含まれています。フィールドを読み込み直し、マッピングからそのフィールドを外してください。",
        en="A field of a type that cannot be written was sent. Read the fields again and take it out of the mapping.",
    ),
    "GAIA_IL26": data(
        place=Place.PORTAL,
        ja="kintoneに存在しないユーザーが指定されました。ログイン名のつづりか、ユーザーの対応表を直してから再送してください。退職などで"
        "削除されたユーザーの場合は、別のユーザーに置き換えてください。",
        en="A user that kintone does not know was given. Correct the login name or the table of users, then replay. A "
        "user who was deleted has to be replaced by another.",
    ),
    "GAIA_IL28": data(
        place=Place.PORTAL,
        ja="kintoneに存在しない組織が指定されました。組織コードか対応表を直してから再送してください。",
        en="An organization that kintone does not know was given. Correct its code or the table, then replay.",
    ),
    "GAIA_BL01": data(
        ja="添付ファイルがkintoneに見つかりません（期限切れか使用済み）。再送してください。アップロードし直します。",
        en="kintone does not find an uploaded file (expired or used already). Replay to upload it again.",
    ),
    "GAIA_SI01": data(
        ja="テーブルの行の指定が重複しています。マッピングを確認して再送してください。",
        en="A table holds one row twice. Check the mapping, then replay.",
    ),
    "GAIA_TO03": data(
        ja="リクエストのパラメーターが多すぎます。マッピングするフィールドを減らしてください。",
        en="The request holds too many parameters. Map fewer fields.",
    ),
    "GAIA_IQ11": data(
        place=Place.FORM,
        ja="連携キーのフィールドがkintoneに見つかりません。フィールドコードが変わった場合は、元に戻して「アプリを更新」を押すか、"
        "マッピングを直してください。",
        en="kintone does not find the key field. If its field code was changed, restore it and press 'Update app', or "
        "correct the mapping.",
    ),
    "GAIA_IQ27": data(
        place=Place.FORM,
        ja="連携キーのフィールドで値の重複が禁止されていません。フィールドの設定で「値の重複を禁止する」にチェックを入れ、"
        "「アプリを更新」を押してください。",
        en="The key field does not prohibit duplicate values. Tick 'Prohibit duplicate values' in the field's settings "
        "and press 'Update app'.",
    ),
    "too_large": data(
        ja="1件のレコードが大きすぎて送れません。本文などの長い項目を切り詰めるようにマッピングを直すか、接続の設定でリクエストの上限を"
        "上げてから再送してください。",
        en="One record is too large to send. Let the mapping cut long fields such as the body, or raise the size of a "
        "request in the connection's settings, then replay.",
    ),
    "request_too_large": data(
        ja="リクエストが大きすぎると、kintoneの手前で断られました。続く場合は、接続の設定で「リクエストの上限（MB）」を下げてください。"
        "1件だけ送れない場合は、長い項目を切り詰めるようにマッピングを直してから再送してください。",
        en="A request was refused in front of kintone because it is too large. If it goes on, lower the size of a "
        "request in the connection's settings; where one record alone cannot be sent, let the mapping cut its long "
        "fields, then replay.",
    ),
    "not_sendable": data(
        ja="JSONとして送れない値が含まれています。マッピングを確認して再送してください。",
        en="A value cannot be sent as JSON. Check the mapping, then replay.",
    ),
    "file_unreadable": data(
        ja="添付ファイルを開けませんでした。ヘルプデスク側でファイルが削除されていないか確認し、再送してください。ファイルが"
        "もうない場合は、マッピングから添付ファイルの項目を外してください。",
        en="An attachment could not be opened. See whether it still exists in the helpdesk, then replay; if it is gone "
        "for good, take the attachments out of the mapping.",
    ),
    "file_changed": data(
        ja="添付ファイルの大きさが、記録されたときと違います。ファイルが差し替えられていないか確認して、再送してください。",
        en="An attachment is not as large as it was said to be. See whether it was replaced, then replay.",
    ),
    "file_refused": data(
        ja="kintoneが添付ファイルを受け付けませんでした。ファイル名と大きさを確認して再送してください。続く場合は、マッピングから"
        "添付ファイルの項目を外してください。",
        en="kintone did not take an attachment. Check its name and size, then replay; if it goes on, take the "
        "attachments out of the mapping.",
    ),
    "file_too_large": data(
        ja="添付ファイルが大きすぎます。kintoneに添付できるのは1ファイル1GBまでです。マッピングから添付ファイルの項目を外すか、"
        "ファイルの場所のURLを書き込むように変更してください。",
        en="An attachment is too large: kintone takes 1 GB for each file. Take the attachments out of the mapping, or "
        "map the address of the file instead.",
    ),
    "file_too_slow": data(
        ja="添付ファイルが大きいか多いため、決められた時間内にkintoneへ送りきれませんでした。回線が遅いときは、時間をおいて再送して"
        "ください。続く場合は、マッピングから添付ファイルの項目を外してください。",
        en="A record's attachments are so large, or so many, that they did not all reach kintone in the time that one "
        "push may take. If the network was slow, replay later; if it goes on, take the attachments out of the mapping.",
    ),
}

# What only calls can bring that this plugin does not make, or makes wrongly: updates, comments, process management,
# cursors, settings, sessions, and queries beyond those by key.
_NOT_OURS: Mapping[str, Meaning] = dict.fromkeys(
    (
        "CB_IL02",
        "CB_JH01",
        "GAIA_FC01",
        "GAIA_IL03",
        "GAIA_IQ03",
        "GAIA_IQ07",
        "GAIA_NT01",
        "GAIA_QU01",
        "GAIA_QU02",
        "GAIA_RE01",
        "GAIA_RE02",
        "GAIA_RE03",
        "GAIA_RE12",
        "GAIA_RE20",
        "GAIA_SA01",
        "GAIA_ST02",
    ),
    data(
        ja="kintoneがリクエストを受け付けませんでした。マッピングを確認して再送してください。続く場合は、プラグインの新しい版があるか"
        "確認し、なければシステムの管理者に連絡してください。",
        en="kintone does not take the request as it was made. Check the mapping and replay; if it goes on, look for a "
        "newer version of the plugin, and tell the operator where there is none.",
    ),
)

RECORD: Mapping[str, Meaning] = {**_VALUES, **_NOT_OURS}
"""Code → meaning, for answers that are about what was sent."""
