"""Names and values compared as a person would: width, case and kana do not count."""

from __future__ import annotations

import unicodedata

_HIRAGANA_TO_KATAKANA = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}


def fold(text: str) -> str:
    """*text* for comparing values: width, case, kana and surrounding space do not count; signs do."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_HIRAGANA_TO_KATAKANA).strip()


def fold_name(text: str) -> str:
    """*text* for comparing names of fields: like `fold`, and letters and digits alone count."""
    return "".join(character for character in fold(text) if character.isalnum())
