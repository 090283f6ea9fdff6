"""Texts that people read: of a manifest, and of its settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from renkei.spec import Manifest, Settings

_HTML: Final = re.compile(r"<[A-Za-z/!][^<>]*>|&(?:[a-z]+|#\d+);")
_JAPANESE: Final = re.compile(r"[\u3041-\u309f\u30a0-\u30ff\u3400-\u9fff]")
_ENGLISH: Final = re.compile(r"[A-Za-z]{2}")


def faults(manifest: Manifest) -> Iterator[str]:
    """What is wrong with the texts of *manifest*, by their place."""
    for place, ja, en, sentence in _texts(manifest):
        if not ja.strip() or not en.strip():
            yield f"{place} is missing in {'Japanese' if not ja.strip() else 'English'}"
        elif any(_HTML.search(text) for text in (ja, en)):
            yield f"{place} holds HTML"
        elif sentence and not _JAPANESE.search(ja):
            yield f"{place} is not in Japanese"
        elif sentence and not _ENGLISH.search(_JAPANESE.sub("", en)):  # it may quote what a Japanese screen says
            yield f"{place} is not in English"


def _texts(manifest: Manifest) -> Iterator[tuple[str, str, str, bool]]:
    """Place, Japanese, English, and whether it is a sentence: a name may be the same in both."""
    yield "the name", manifest.name.ja, manifest.name.en, False
    for code, text in manifest.sentences.items():
        yield f"the sentence of code {code!r}", text.ja, text.en, True
    for name, capability in manifest.capabilities.items():
        if capability.reason is not None:
            yield f"the reason for {name!r}", capability.reason.ja, capability.reason.en, True
    yield from _form("setting", manifest.settings)
    yield from _form("option", manifest.options)


def _form(kind: str, model: type[Settings]) -> Iterator[tuple[str, str, str, bool]]:
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        label, help = _pair(extra.get("label")), _pair(extra.get("help"))
        yield f"the label of {kind} {name!r}", *label, False
        if any(help):
            yield f"the help of {kind} {name!r}", *help, True
        elif field.is_required():
            yield f"the help of {kind} {name!r}", "", "", True


def _pair(texts: Any) -> tuple[str, str]:
    if not isinstance(texts, Mapping):
        return "", ""
    return str(texts.get("ja", "")), str(texts.get("en", ""))
