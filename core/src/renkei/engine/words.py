"""Sentences of the door: why an action was excluded, and what a state means."""

from __future__ import annotations

from renkei.spec import Text

EXCLUDED: dict[str, Text] = {
    "no_integration": Text(
        ja="この受信箱にはチケット同期連携がありませんでした。",
        en="The inbox had no integration when the action was recorded.",
    ),
    "integration_deleted": Text(
        ja="チケット同期連携が削除された後の行動のため、同期しません。",
        en="The integration had been deleted when the action was recorded.",
    ),
    "before_activation": Text(
        ja="チケット同期連携を設定する前の行動のため、同期しません。",
        en="The action occurred before the integration was set up; there is no backfill.",
    ),
    "channel_unknown": Text(
        ja="行動のチャネルが空か、知られていないチャネルです。連携アプリの action.channel を確認してください。",
        en="The action's channel is missing or unknown. Check the action.channel that the host sends.",
    ),
    "channel_not_chosen": Text(
        ja="このチャネルは同期の対象に選ばれていません。", en="This channel is not among those chosen for the sync."
    ),
    "kind_unknown": Text(
        ja="行動種別が空か、知られていない種別です。連携アプリの action.kind を確認してください。",
        en="The action's kind is missing or unknown. Check the action.kind that the host sends.",
    ),
    "kind_not_chosen": Text(
        ja="この種別の行動は同期の対象に選ばれていません。",
        en="This kind of action is not among those chosen for the sync.",
    ),
    "automatic": Text(
        ja="ボットや自動返信の送信は同期しない設定です。",
        en="Messages of bots and auto-replies are not synced by these settings.",
    ),
}

STATES: dict[str, Text] = {
    "delivered": Text(ja="同期済みです。", en="Delivered."),
    "waiting": Text(ja="送信を待っています。", en="Waiting to be sent."),
    "sending": Text(ja="送信しています。", en="On its way."),
    "cancelled": Text(ja="取り消されました。", en="Cancelled by an admin."),
    "paused": Text(
        ja="チケット同期連携が一時停止中のため、待っています。再開すると送信されます。",
        en="The integration is paused; it is sent when it resumes.",
    ),
    "not_offered": Text(ja="この行動は記録されていません。", en="No such action was recorded in this inbox."),
}


RESEND_WARNING = Text(
    ja="連携キーを受け取る重複禁止の項目がないと、応答が途切れた送信が登録されたかどうかは分かりません。自動で再送すると、"
    "実際には登録されていたものが二重に登録されます。シミュレーターでの測定では、結果の分からない送信の約4割が実際には登録されていました。"
    "おすすめの方法は、連携先に重複禁止の項目を追加して連携キーを割り当てることです。",
    en="Without a unique field for the delivery key nothing tells whether a record was stored when an answer is lost. "
    "Sending it again stores twice what was there: in measured runs with a simulator, 4 in 10 of the unknown outcomes "
    "had in fact been stored. Better give the target a unique field and map the delivery key to it.",
)
"""What whoever has unknown outcomes sent again must have read."""


def excluded(code: str) -> Text:
    """Why an action was excluded."""
    return EXCLUDED.get(code) or Text(ja=f"対象外です（{code}）。", en=f"Excluded ({code}).")
