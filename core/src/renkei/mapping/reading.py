"""Raw values as a host's JSON holds them → canonical values of the field's type.

Nothing is guessed: what cannot be read exactly raises `Unfit`. An empty value reads as None, which means absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from renkei.mapping.characters import half_width, is_clean
from renkei.mapping.unfit import Unfit
from renkei.spec import FieldType, FileRef

# More digits than any CRM keeps; beyond it, writing a number out would cost more than it says (1e999999999).
DIGIT_LIMIT = 100

_INTEGER = re.compile(r"[+-]?[0-9]{1,100}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,100}(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,3})?")
_SLASHED = re.compile(r"([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})")
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


def read(kind: FieldType, raw: Any) -> Any:
    """The canonical value of *raw* for a field of type *kind*, or None where it is empty.

    Raises:
        Unfit: *raw* is not a value of that type.
    """
    if raw is None or raw == "":
        return None
    return _READERS[kind](raw)


def checked(text: str) -> str:
    """*text*, once it is known to hold nothing that no CRM can store.

    Raises:
        Unfit: a control character or half of a surrogate pair.
    """
    if is_clean(text):
        return text
    raise Unfit(
        "control_character",
        ja="制御文字(NULなど)または壊れた文字が含まれています。"
        "マッピングからこの項目を外して「新しい設定」で再送するか、新しいIDで記録し直してください。",
        en="it holds a control character (such as NUL) or a broken character. "
        "Take the field out of the mapping and replay under the new settings, or record the action under a new id.",
    )


def _wrong(ja: str, en: str) -> Unfit:
    return Unfit("wrong_type", ja=f"値が{ja}ではありません。", en=f"the value is not {en}.")


def _text(raw: Any) -> str | None:
    if isinstance(raw, str):
        return checked(raw) if raw.strip() else None
    if isinstance(raw, (int, float, Decimal)) and not isinstance(raw, bool):
        return plain_number(_number(raw))
    raise _wrong("文字列", "text")


def _integer(raw: Any) -> int | None:
    if isinstance(raw, int) and not isinstance(raw, bool):
        if raw.bit_length() > 332:  # 100 digits
            raise _too_large()
        return raw
    if isinstance(raw, str):
        text = half_width(raw).strip()
        if not text:
            return None
        if _INTEGER.fullmatch(text):
            return int(text)
    elif isinstance(raw, (float, Decimal)):
        number = _number(raw)
        if number == number.to_integral_value():
            return int(number)
    raise _wrong("整数", "a whole number")


def _number(raw: Any) -> Decimal:
    number = _decimal(raw)
    if number is None or not number.is_finite():
        raise _wrong("数値", "a number")
    if number and (abs(number.adjusted()) >= DIGIT_LIMIT or len(number.as_tuple().digits) > DIGIT_LIMIT):
        raise _too_large()
    return number if number else Decimal(0)


def _decimal(raw: Any) -> Decimal | None:
    if isinstance(raw, Decimal):
        return raw
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int):
        if raw.bit_length() > 332:
            raise _too_large()
        return Decimal(raw)
    if isinstance(raw, float):
        return Decimal(repr(raw))
    if isinstance(raw, str):
        text = half_width(raw).strip()
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    return None


def _number_or_none(raw: Any) -> Decimal | None:
    if isinstance(raw, str) and not raw.strip():
        return None
    return _number(raw)


def _too_large() -> Unfit:
    return Unfit(
        "out_of_range", ja=f"数値が{DIGIT_LIMIT}桁を超えています。", en=f"the number has over {DIGIT_LIMIT} digits."
    )


def plain_number(number: Decimal) -> str:
    """*number* written out, without an exponent."""
    return format(number, "f")


def _boolean(raw: Any) -> bool | None:
    if isinstance(raw, str):
        text = raw.strip().lower()
        if not text:
            return None
        if text in _TRUTHS:
            return _TRUTHS[text]
    elif isinstance(raw, int) and raw in (0, 1):
        return bool(raw)
    raise _wrong("真偽値(true/false)", "true or false")


def _date(raw: Any) -> date | None:
    if isinstance(raw, datetime):
        raise _wrong("日付", "a date")
    if isinstance(raw, date):
        return raw
    if isinstance(raw, str):
        text = half_width(raw).strip()
        slashed = _SLASHED.fullmatch(text)
        try:
            if slashed:
                return date(int(slashed[1]), int(slashed[2]), int(slashed[3]))
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise _wrong("日付(2026-04-01の形)", "a date such as 2026-04-01")


def _time(raw: Any) -> time:
    if isinstance(raw, str):
        with suppress(ValueError):
            raw = time.fromisoformat(half_width(raw).strip())
    if isinstance(raw, time) and raw.tzinfo is None:
        return raw
    raise _wrong("時刻(09:30の形、時間帯なし)", "a time of day such as 09:30, without zone")


def _datetime(raw: Any) -> datetime:
    if isinstance(raw, str):
        with suppress(ValueError):
            raw = datetime.fromisoformat(half_width(raw).strip())
    if not isinstance(raw, datetime):
        raise _wrong("日時(ISO 8601の形)", "a date-time in ISO 8601")
    if raw.utcoffset() is None:
        raise Unfit(
            "no_zone",
            ja="日時に時間帯がありません。連携アプリは+09:00などを付けて送ってください。",
            en="the date-time has no zone. The host must send one, such as +09:00.",
        )
    return raw


def _code(raw: Any) -> str | None:
    if isinstance(raw, (str, int)) and not isinstance(raw, bool):
        text = _text(raw)
        return text.strip() if text else None
    raise _wrong("コード(文字列)", "a code (text)")


def _codes(raw: Any) -> tuple[str, ...] | None:
    items = raw if isinstance(raw, (list, tuple)) else (raw,)
    codes = [_code(item) for item in items if item is not None]
    return tuple(dict.fromkeys(code for code in codes if code)) or None


def _addresses(raw: Any) -> tuple[str, ...] | None:
    """A list, or one text as mail headers hold it: parted at commas where each part is one address."""
    if isinstance(raw, str):
        parts = [part.strip() for part in re.split("[,;、\n]", raw) if part.strip()]
        if len(parts) > 1 and all(part.count("@") == 1 for part in parts):
            raw = parts
    return _codes(raw)


def _files(raw: Any) -> tuple[FileRef, ...] | None:
    if not isinstance(raw, (list, tuple)):
        raw = (raw,)
    return tuple(_file(item) for item in raw if item is not None) or None


def _file(raw: Any) -> FileRef:
    if isinstance(raw, FileRef):
        return raw
    if isinstance(raw, Mapping):
        try:
            file = FileRef.model_validate(dict(raw), strict=True)
        except ValidationError:
            pass
        else:
            for text in (file.id, file.name, file.media_type):
                checked(text)
            return file
    raise _wrong("ファイル(idとnameを持つもの)", "a file with id and name")


def _guarded(reader: Callable[[Any], Any], ja: str, en: str) -> Callable[[Any], Any]:
    """*reader*, with arithmetic that overflows told as a wrong value."""

    def read_one(raw: Any) -> Any:
        try:
            return reader(raw)
        except (InvalidOperation, OverflowError):
            raise _wrong(ja, en) from None

    return read_one


_READERS: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _text,
    FieldType.HTML: _text,
    FieldType.INTEGER: _guarded(_integer, "整数", "a whole number"),
    FieldType.NUMBER: _guarded(_number_or_none, "数値", "a number"),
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.TIME: _time,
    FieldType.DATETIME: _datetime,
    FieldType.CHOICE: _code,
    FieldType.CHOICES: _codes,
    FieldType.USER: _code,
    FieldType.USERS: _codes,
    FieldType.ORGANIZATIONS: _codes,
    FieldType.GROUPS: _codes,
    FieldType.EMAIL: _code,
    FieldType.EMAILS: _addresses,
    FieldType.PHONE: _code,
    FieldType.PHONES: _codes,
    FieldType.URL: _code,
    FieldType.FILES: _files,
}
READABLE = frozenset(_READERS)
"""Types that a constant or a source value can have."""
