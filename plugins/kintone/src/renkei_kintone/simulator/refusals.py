"""kintone's refusals of reads, of changes to an app and of actions of a process, beside those of writes in `words`.

Where a source names the code and not the text, the text is ours.
"""

from __future__ import annotations

from renkei_kintone.simulator.words import Refused, Words, invalid

# Of the query error only the Japanese wording is known.
_BAD_QUERY = Words("The query is not written correctly.", "クエリ記法が間違っています。")
NOT_A_BOOLEAN = Words("must be boolean.", "真偽値でなければなりません。")
NOT_IN_ENUM = Words("must be one of the enum value", "Enum値のいずれかでなければなりません。")
CODE_TAKEN = Words("The field code is already used.", "フィールドコードが重複しています。")


def bad_query() -> Refused:
    """`CB_VA01` on the parameter `query`."""
    return invalid({"query": [_BAD_QUERY]})


def limit_above(most: int) -> Refused:
    """`GAIA_QU01`."""
    return Refused(
        400, "GAIA_QU01", Words(f"limit must be {most} or less.", f"limit には {most} 以下の値を指定してください。")
    )


def offset_above(most: int) -> Refused:
    """`GAIA_QU02`."""
    return Refused(
        400, "GAIA_QU02", Words(f"offset must be {most} or less.", f"offset には {most:,} 以下の値を指定してください。")
    )


def operator_not_for(code: str, native: str, operator: str) -> Refused:
    """`GAIA_IQ03`: the operator is not one of the field's type; of its wording the Japanese one is known."""
    return Refused(
        400,
        "GAIA_IQ03",
        Words(
            f"The operator {operator} cannot be used for a field whose type is {native}.",
            f"{code}フィールドのフィールドタイプには演算子{operator}を使用できません。",
        ),
    )


def equals_in_table(code: str) -> Refused:
    """`GAIA_IQ07`: `=` or `!=` on a field of a table."""
    return Refused(
        400,
        "GAIA_IQ07",
        Words(
            f"The field {code} is in a table: use in or not in.",
            f"テーブル内のフィールド（{code}）には、inまたはnot inを使用してください。",
        ),
    )


def too_many_cursors() -> Refused:
    """`GAIA_TM12`; only the beginning of the Japanese wording is known."""
    return Refused(
        429,
        "GAIA_TM12",
        Words(
            "The maximum number of cursors has been created.",
            "作成できるカーソルの上限に達しているため、カーソルを作成できません。",
        ),
    )


def no_such_cursor() -> Refused:
    """`GAIA_CN01`; no source that we trust names this code: it is what forum posts show."""
    return Refused(
        404,
        "GAIA_CN01",
        Words(
            "The specified cursor does not exist or has expired.",
            "指定したカーソルが存在しないか、有効期限が切れています。",
        ),
    )


def settings_changed() -> Refused:
    """`GAIA_CO03`: another revision of the app's settings than the one expected."""
    return Refused(
        409,
        "GAIA_CO03",
        Words(
            "The revision of the app settings is not the latest.", "指定したアプリ設定のrevisionは最新ではありません。"
        ),
    )


def no_field_in_form(code: str) -> Refused:
    """`GAIA_FC01`: a change of a field that the form does not have."""
    return Refused(
        400,
        "GAIA_FC01",
        Words(
            f"The specified field (code: {code}) not found.", f"指定したフィールド（code: {code}）が見つかりません。"
        ),
    )


def no_process() -> Refused:
    """`GAIA_ST02`: process management is off."""
    return Refused(
        400,
        "GAIA_ST02",
        Words(
            "Your request failed. The process management feature has been disabled.",
            "操作に失敗しました。プロセス管理機能が無効化されています。",
        ),
    )


def no_such_action() -> Refused:
    """`GAIA_IL03`: no action of that name leads away from the record's status."""
    return Refused(
        400,
        "GAIA_IL03",
        Words(
            "Failed to update the status. The settings or the status itself may have been changed by someone.",
            "ステータスの変更に失敗しました。ほかのユーザーがステータス、またはステータスの設定を変更した可能性が"
            "あります。",
        ),
    )
