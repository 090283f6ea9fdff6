"""Settings as people type them, and what a settings model says to them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import SecretStr

from renkei.plugins.faults import name_exception
from renkei.spec import Settings, SettingsError
from renkei.testing.contract.broken import broken, require

CANARY: Final = "kq7zanarienvogel4x"
"""No word of any language, in lower case and half-width letters, so that no folding changes it."""

_CODE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What became of a form that was filled in.

    Attributes:
        settings: None where it was refused.
        error: the refusal.
        foreign: what was raised that is no refusal.
    """

    settings: Settings | None
    error: SettingsError | None
    foreign: BaseException | None

    @property
    def fields(self) -> list[str]:
        """Paths that the refusal names."""
        return [problem.field for problem in self.error.problems] if self.error is not None else []

    def words(self) -> str:
        """All that an admin reads of the refusal, folded."""
        problems = self.error.problems if self.error is not None else ()
        texts = [text for item in problems for text in (item.field, item.code, item.message.ja, item.message.en)]
        return folded("\n".join(texts))

    def require_refusal(self, what: str) -> SettingsError:
        """It was refused, and in words.

        Raises:
            Broken: it was accepted, or something else was raised.
        """
        self.require_ours(what)
        if self.error is None:
            broken(f"{what} is accepted")
        require(self.error.problems, f"{what} is refused without a single problem")
        for problem in self.error.problems:
            require(_CODE.fullmatch(problem.code), f"{what}: the problem's code is no word in snake_case")
        return self.error

    def require_ours(self, what: str) -> None:
        """It was parsed, or refused with a `SettingsError`.

        Raises:
            Broken: something else was raised.
        """
        if self.foreign is not None:
            broken(f"{what}: the settings model {name_exception(self.foreign)} instead of refusing it")

    def names(self, field: str) -> bool:
        """Whether one of its problems is about *field*."""
        return any(path == field or path.startswith(f"{field}.") for path in self.fields)


def parsed(model: type[Settings], typed: Mapping[str, Any]) -> Parsed:
    """What *model* makes of *typed*, before core hides anything."""
    try:
        return Parsed(settings=model.parse(typed), error=None, foreign=None)
    except SettingsError as error:
        return Parsed(settings=None, error=error, foreign=None)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Parsed(settings=None, error=None, foreign=error)


def accepted(model: type[Settings], typed: Mapping[str, Any], what: str) -> Settings:
    """The parsed settings.

    Raises:
        Broken: they are refused.
    """
    found = parsed(model, typed)
    found.require_ours(what)
    if found.settings is None:
        broken(f"{what}: refused, at {', '.join(found.fields)}")
    return found.settings


def revealed(settings: Settings) -> dict[str, Any]:
    """As the vault keeps them, read back from there."""
    try:
        return dict(json.loads(json.dumps(settings.revealed())))
    except Exception as error:
        broken(f"the settings cannot be kept as JSON: it {name_exception(error)}")


def folded(text: str) -> str:
    """*text* in one width and case, so that a value is found however a validator has put it right."""
    return unicodedata.normalize("NFKC", text).casefold()


def text_fields(model: type[Settings], *, secret: bool) -> list[str]:
    """Names of the fields that take text, without or with a secret in it."""
    kind = SecretStr if secret else str
    return [name for name, field in model.model_fields.items() if kind in _kinds(field.annotation)]


def bad_values(canary: str = CANARY) -> Iterator[tuple[str, Any]]:
    """What no field of text is likely to accept, each with the canary in it."""
    yield "a value with a space", f"{canary} {canary}"
    yield "a value of two lines", f"{canary}\n{canary}"
    yield "a value with a control character", f"{canary}\0"
    yield "a value in other letters", f"カナリア{canary}！？"
    yield "an address", f"https://{canary}.invalid:8443/{canary}?a=b#c"
    yield "a value with quotes and brackets", f"<{canary}>'\"{{}}[]%s{{0}}"
    yield "a very long value", canary * 400
    yield "a list", [canary]
    yield "an object", {canary: canary}
    yield "a value in bytes", b"\xff" + canary.encode()


def _kinds(annotation: Any) -> set[Any]:
    if get_origin(annotation) in (Union, UnionType):
        return {kind for argument in get_args(annotation) for kind in _kinds(argument)}
    return {annotation} if not get_args(annotation) else _kinds(get_args(annotation)[0])
