"""Characters: which are refused, how a text is cut, what counts as one line."""

from __future__ import annotations

import html
import re
import unicodedata

from renkei.spec import LengthUnit

# C0 control characters except tab, line feed and carriage return. In UTF-8 each stands for itself alone, so bytes
# can be searched, which costs a tenth of a regular expression over the text.
_CONTROL = bytes(code for code in range(0x20) if code not in (0x09, 0x0A, 0x0D))

_ZERO_WIDTH_JOINER = "\u200d"
_LINE_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９＋－−．：／", "0123456789+--.:/")


def is_clean(text: str) -> bool:
    """Whether *text* holds no lone surrogate and no control character but tab and line breaks."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return False
    return len(data.translate(None, _CONTROL)) == len(data)


def one_line(text: str) -> str:
    """*text* with every run of line breaks turned into one space."""
    if text.isprintable() or not _LINE_BREAKS.search(text):
        return text
    return " ".join(part for part in map(str.strip, _LINE_BREAKS.split(text)) if part)


def lines(text: str) -> str:
    r"""*text* with every kind of line break turned into ``\n``."""
    if "\r" not in text and "\x85" not in text and "\u2028" not in text and "\u2029" not in text:
        return text
    return _LINE_BREAKS.sub("\n", text)


def half_width(text: str) -> str:
    """*text* with full-width digits and signs as ASCII.

    The subset of NFKC that never changes a number: NFKC itself would make 102 of "10²" and 1 of "①".
    """
    return text if text.isascii() else text.translate(_FULL_WIDTH)


def cut(text: str, limit: int, unit: LengthUnit, marker: str) -> str:
    """The longest beginning of *text* that fits into *limit* together with *marker*.

    What a reader sees as one character is never split: surrogate pairs, combining marks, emoji sequences, flags.
    Where the marker alone takes all the room, it is left out; empty where not even one character fits.
    """
    if unit.measure(text) <= limit:
        return text
    room = limit - unit.measure(marker)
    if room < 1:
        marker, room = "", limit
    end = len(_fitting(text, room, unit))
    while end > 0 and not _is_boundary(text, end):
        end -= 1
    return text[:end] + marker if end else ""


def cut_escaped(text: str, limit: int, unit: LengthUnit, marker: str) -> str:
    """Like `cut` for text that goes into HTML: what is measured is the text with its special characters escaped.

    The result is HTML; line breaks are `<br>`.
    """
    room = limit - unit.measure(marker)
    if room < 1:
        marker, room = "", limit
    end = _escaped_end(text, room, unit)
    while end > 0 and not _is_boundary(text, end):
        end -= 1
    return text_to_html(text[:end]) + marker if end else ""


def text_to_html(text: str) -> str:
    """*text* as HTML that shows it unchanged."""
    return html.escape(lines(text)).replace("\n", "<br>")


def _escaped_end(text: str, room: int, unit: LengthUnit) -> int:
    """How many characters of *text* fit into *room* once escaped."""
    for index, character in enumerate(text):
        room -= unit.measure(text_to_html(character))
        if room < 0:
            return index
    return len(text)


def _fitting(text: str, room: int, unit: LengthUnit) -> str:
    """The longest beginning of *text* in whole code points that measures at most *room*."""
    match unit:
        case LengthUnit.CODE_POINTS:
            return text[:room]
        case LengthUnit.UTF16:
            return text.encode("utf-16-le", "ignore")[: room * 2].decode("utf-16-le", "ignore")
        case LengthUnit.BYTES:
            return text.encode("utf-8", "ignore")[:room].decode("utf-8", "ignore")


def _is_boundary(text: str, index: int) -> bool:
    """Whether *text* may be parted before *index*.

    The rules of Unicode's grapheme clusters (UAX 29) that matter to mail and chat; the full tables are not in the
    standard library.
    """
    if index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if (before == "\r" and after == "\n") or before == _ZERO_WIDTH_JOINER or _extends(after):
        return False
    if _is_flag_letter(after):
        return _flag_letters_before(text, index) % 2 == 0
    return not (_is_jamo(before) and _is_jamo(after))


def _extends(character: str) -> bool:
    code = ord(character)
    return (
        character == _ZERO_WIDTH_JOINER
        or code in (0xFF9E, 0xFF9F)  # half-width voiced sound marks
        or 0x1F3FB <= code <= 0x1F3FF  # skin tones
        or 0xE0020 <= code <= 0xE007F  # tags, in flags of regions
        or unicodedata.category(character).startswith("M")
    )


def _is_flag_letter(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF


def _flag_letters_before(text: str, index: int) -> int:
    count = 0
    while index > count and _is_flag_letter(text[index - count - 1]):
        count += 1
    return count


def _is_jamo(character: str) -> bool:
    return 0x1100 <= ord(character) <= 0x11FF
