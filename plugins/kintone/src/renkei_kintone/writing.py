"""One value: canonical → what kintone takes in a field of its type. Never a guess.

This runs once per value, so it builds plain data and looks each field's writer up by kintone's own type.
Where it is not known whether kintone refuses a value, it is sent: kintone then names record and field itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sized
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import nh3

from renkei.spec import Field, FieldType, FileRef, Text
from renkei_kintone.manifest import LARGEST_FILE

YEARS = range(1000, 10_000)
"""kintone keeps dates from 1000-01-01 to 9999-12-31."""

_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_BREAK = re.compile(r"\r\n?")
_LINK = {
    FieldType.URL: re.compile(r"https?://[^\s/?#][^\s]*", re.IGNORECASE),
    FieldType.EMAIL: re.compile(r"[^\s@]+@[^\s@]+"),
    FieldType.PHONE: re.compile(r"(?=.*[0-9])[0-9+*#()., -]+"),
}


class Unfit(Exception):
    """A value that its field cannot take."""

    def __init__(self, code: str, *, ja: str, en: str) -> None:
        super().__init__(code)
        self.code = code
        self.text = Text(ja=ja, en=en)


def written(field: Field | None, value: Any) -> Any:
    """*value* as kintone takes it in *field*.

    Raises:
        Unfit: it cannot.
    """
    if field is None:
        raise Unfit(
            "unknown_field",
            ja="kintoneのアプリにこのフィールドがありません。フィールドを読み込み直して、マッピングを直してください。",
            en="The app has no such field; read its fields again and correct the mapping.",
        )
    writer = _WRITERS.get(field.native_type)
    if writer is None or not field.writable:
        why = field.why_not
        raise Unfit(
            "not_writable",
            ja=f"書き込めないフィールドです。{why.ja if why else ''}マッピングから外してください。",
            en=f"This field cannot be written. {why.en + ' ' if why else ''}Take it out of the mapping.",
        )
    return writer(field, value)


def missing_from(fields: Iterable[Field], given: Collection[str]) -> Iterator[tuple[Field, Unfit]]:
    """The *fields* that kintone requires and that nothing is *given* for."""
    for field in fields:
        # A field that a lookup fills may be required too; only kintone knows whether it will be.
        if field.required and field.writable and not field.has_default and field.code not in given:
            yield (
                field,
                Unfit(
                    "required",
                    ja="必須のフィールドですが、値がありません。マッピングで元の項目か固定値を設定してください。",
                    en="kintone requires this field, and there is no value for it; map a source field or a constant "
                    "to it.",
                ),
            )


def not_empty(value: Sized) -> None:
    """Refuse a *value* that holds nothing.

    Raises:
        Unfit: it does.
    """
    if not value:
        raise Unfit(
            "empty",
            ja="値が空です。空のフィールドは送らないでください。",
            en="The value is empty; leave the field out instead.",
        )


def wrong_type(field: Field) -> Unfit:
    """For a value of another kind than *field* takes."""
    kind = field.native_name or Text(ja=field.native_type, en=field.native_type)
    return Unfit(
        "wrong_type",
        ja=f"値の種類がフィールドの種類（{kind.ja}）に合いません。マッピングを直してください。",
        en=f"The value is not of the kind that a field of type {kind.en!r} takes; correct the mapping.",
    )


def _sendable(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_type(field)
    not_empty(value)
    if _UNSENDABLE.search(value):
        raise Unfit(
            "bad_character",
            ja="送信できない文字（NUL文字や壊れた文字）が含まれています。取り除いてから再送してください。",
            en="The text holds a character that cannot be sent (NUL or half of a surrogate pair); remove it, "
            "then replay.",
        )
    return value


def _check_length(field: Field, text: str) -> None:
    longest, shortest = field.max_length, field.min_length
    if longest is None and shortest is None:
        return
    length = field.length_unit.measure(text)
    if longest is not None and length > longest:
        raise Unfit(
            "too_long",
            ja=f"長すぎます。{longest}文字までです（絵文字などは2文字と数えます）。切り詰めるか、kintoneの最大文字"
            "数を変更してください。",
            en=f"Too long: at most {longest} characters (an emoji counts 2). Cut it, or raise the field's limit "
            "in kintone.",
        )
    if shortest is not None and length < shortest:
        raise Unfit(
            "too_short",
            ja=f"短すぎます。{shortest}文字以上が必要です。マッピングか、kintoneの最小文字数を変更してください。",
            en=f"Too short: at least {shortest} characters. Change the mapping, or the field's limit in kintone.",
        )


def _text(field: Field, value: Any) -> str:
    text = _sendable(field, value)
    if "\n" in text or "\r" in text:
        raise Unfit(
            "line_break",
            ja="文字列（1行）フィールドに改行は入れられません。改行を取り除くか、文字列（複数行）フィールドにマッピングしてください。",
            en="A single-line field takes no line break; remove it, or map to a multi-line field.",
        )
    _check_length(field, text)
    return text


def _long_text(field: Field, value: Any) -> str:
    text = _sendable(field, value)
    if "\r" in text:
        text = _LINE_BREAK.sub("\n", text)
    _check_length(field, text)
    return text


def _cleaner() -> nh3.Cleaner:
    """Without scripts, handlers and addresses that are scripts; the colours and weights of a mail stay."""
    attributes = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
    for tag in ("a", "b", "blockquote", "div", "em", "i", "li", "p", "pre", "span", "strong", "table", "td", "th", "u"):
        attributes.setdefault(tag, set()).add("style")
    properties = {"background-color", "color", "font-size", "font-style", "font-weight", "text-align"}
    return nh3.Cleaner(attributes=attributes, filter_style_properties=properties | {"text-decoration"})


_CLEANER = _cleaner()


def _html(field: Field, value: Any) -> str:
    """Cleaned: a customer's mail must not bring script into kintone. The canonical value is HTML already."""
    cleaned = _CLEANER.clean(_sendable(field, value))
    if field.required and not cleaned.strip():
        raise Unfit(
            "empty_html",
            ja="安全でない部分を取り除くと内容が残りません。必須のフィールドなので、別の項目をマッピングしてください。",
            en="Nothing is left once what is unsafe is removed, and the field is required; map another field to it.",
        )
    # An empty text, where all was unsafe: the field stays empty instead of taking its default.
    return cleaned


def _number(field: Field, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
        raise wrong_type(field)
    number = Decimal(value)
    if not number.is_finite():
        raise Unfit(
            "not_a_number",
            ja="数値ではありません（NaNや無限大）。マッピングを直してください。",
            en="This is no number (NaN or infinite); correct the mapping.",
        )
    if not number:
        number = Decimal(0)
    text = _plain(field, number)
    _check_range(field, number)
    return text


def _plain(field: Field, number: Decimal) -> str:
    """All digits, no exponent. Worked out from the digits: no context of `decimal` may round here."""
    whole = None if field.digits is None else max(field.digits - (field.decimals or 0), 0)
    if whole is not None and number and number.adjusted() >= whole:
        raise Unfit(
            "too_many_digits",
            ja=f"整数部の桁数が多すぎます。{whole}桁までです。値か、kintoneのアプリの設定を直してください。",
            en=f"Too many digits before the point: at most {whole}. Correct the value, or the app's settings in "
            "kintone.",
        )
    if field.decimals is not None and _decimals(number) > field.decimals:
        raise Unfit(
            "too_many_decimals",
            ja=f"小数部の桁数が多すぎます。{field.decimals}桁までです。マッピングで丸めてください。",
            en=f"Too many decimals: at most {field.decimals}. Round the value in the mapping.",
        )
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals(number: Decimal) -> int:
    """How many digits after the point *number* needs: those of `1.50` are one."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or exponent >= 0:
        return 0
    zeros = 0
    while zeros < len(digits) and digits[-1 - zeros] == 0:
        zeros += 1
    return -exponent - zeros


def _check_range(field: Field, number: Decimal) -> None:
    low, high = field.minimum, field.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise Unfit(
            "out_of_range",
            ja="kintoneのフィールドに設定された範囲（最小値・最大値）を外れています。値か、kintoneの設定を直してください。",
            en="Outside the range that the field allows in kintone; correct the value, or the field's limits.",
        )


def _choice(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_type(field)
    for choice in field.choices:
        if choice.code == value:
            return value
    raise _unknown_choice()


def _choices(field: Field, value: Any) -> list[str]:
    wanted = _several(field, value)
    known = {choice.code for choice in field.choices}
    if not known.issuperset(wanted):
        raise _unknown_choice()
    return wanted


def _unknown_choice() -> Unfit:
    return Unfit(
        "unknown_choice",
        ja="kintoneの選択肢にない値です。マッピングの対応表に追加するか、kintoneに選択肢を追加してください。",
        en="This value is not among the field's options; add it to the mapping's value table, or the option in "
        "kintone.",
    )


def _several(field: Field, value: Any) -> list[str]:
    """Each once: kintone's selections are sets."""
    if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
        raise wrong_type(field)
    not_empty(value)
    return list(dict.fromkeys(value))


def _codes(field: Field, value: Any) -> list[dict[str, str]]:
    return [{"code": _sendable(field, code)} for code in _several(field, value)]


def _date(field: Field, value: Any) -> str:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise wrong_type(field)
    _check_year(value.year)
    return value.isoformat()


def _time(field: Field, value: Any) -> str:
    if not isinstance(value, time) or value.tzinfo is not None:
        raise wrong_type(field)
    return f"{value.hour:02}:{value.minute:02}"


def _datetime(field: Field, value: Any) -> str:
    """In UTC. Seconds are cut off, as kintone does itself: the field's precision says minute."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise wrong_type(field)
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        raise _bad_year() from None
    _check_year(instant.year)
    return f"{instant.isoformat()[:16]}:00Z"


def _check_year(year: int) -> None:
    if year not in YEARS:
        raise _bad_year()


def _bad_year() -> Unfit:
    return Unfit(
        "out_of_range",
        ja="kintoneで扱える日付は1000年から9999年までです。値か、マッピングを直してください。",
        en="kintone keeps dates of the years 1000 to 9999. Correct the value, or the mapping.",
    )


def _link(field: Field, value: Any) -> str:
    text = _sendable(field, value)
    rule = _LINK.get(field.type)
    if rule is not None and not rule.fullmatch(text):
        raise Unfit(
            "bad_link",
            ja="リンクフィールドの種類（Webサイトのアドレス、電話番号、メールアドレス）に合わない値です。値か、マッピングを直してください。",
            en="The value does not fit the link field's kind: an address on the web, a phone number or an e-mail "
            "address. Correct the value, or the mapping.",
        )
    _check_length(field, text)
    return text


def _files(field: Field, value: Any) -> list[FileRef]:
    """The files stay promises: the push redeems them."""
    if not isinstance(value, tuple) or not all(isinstance(one, FileRef) for one in value):
        raise wrong_type(field)
    not_empty(value)
    for file in value:
        _sendable(field, file.name)
        if file.size is not None and file.size > LARGEST_FILE:
            raise Unfit(
                "file_too_large",
                ja="添付ファイルが大きすぎます。kintoneに添付できるのは1ファイル1GBまでです。マッピングから外してください。",
                en="A file is too large: kintone takes 1 GB for each. Take the attachments out of the mapping.",
            )
    return list(value)


_WRITERS: Mapping[str, Callable[[Field, Any], Any]] = MappingProxyType(
    {
        "SINGLE_LINE_TEXT": _text,
        "MULTI_LINE_TEXT": _long_text,
        "RICH_TEXT": _html,
        "NUMBER": _number,
        "CHECK_BOX": _choices,
        "MULTI_SELECT": _choices,
        "RADIO_BUTTON": _choice,
        "DROP_DOWN": _choice,
        "DATE": _date,
        "TIME": _time,
        "DATETIME": _datetime,
        "LINK": _link,
        "USER_SELECT": _codes,
        "ORGANIZATION_SELECT": _codes,
        "GROUP_SELECT": _codes,
        "FILE": _files,
    }
)
