"""What a person reads when a command fails: one message, no traceback, in their language where there is one."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from renkei.cli.exits import Exit

if TYPE_CHECKING:
    from renkei.cli.scope import Scope
    from renkei.spec import Language, SettingsError, Text

log = logging.getLogger("renkei.cli")


class CommandError(Exception):
    """The command itself cannot go on; nothing was changed.

    Args:
        ja, en: what happened and what to do; never a secret.
        code: exit code.
    """

    def __init__(self, *, ja: str, en: str, code: Exit = Exit.INPUT) -> None:
        self.ja = ja
        self.en = en
        self.code = code
        super().__init__(en)


def report(scope: Scope, error: Exception) -> Exit:
    """Tell *error* on standard error and return the exit code.

    Raises:
        OSError: a closed pipe, which the caller's framework ends quietly.
    """
    from renkei.spec import RenkeiError  # by now the engine is loaded, or the failure is rare

    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        raise error
    if isinstance(error, (CommandError, RenkeiError)):
        code = error.code if isinstance(error, CommandError) else Exit.FAILED
        told = _told(error, scope)
    else:
        code = Exit.DEFECT
        told = _defect(error, scope)
    if scope.json:
        scope.out.json_error({"error": told})
    else:
        scope.out.error(told["message"])
    return code


def _told(error: Exception, scope: Scope) -> dict[str, Any]:
    texts = in_both(error, scope.labels)
    told: dict[str, Any] = {"type": type(error).__name__, "message": texts[scope.language], **texts}
    problems = getattr(error, "problems", None)
    if problems:
        told["problems"] = [problem.model_dump(mode="json") for problem in problems]
    for name in ("code", "field", "inbox", "connection", "backend", "target"):
        value = getattr(error, name, None)
        if isinstance(value, str):
            told[name] = value
    backend_code = getattr(getattr(error, "error", None), "code", None)
    return told | {"code": backend_code} if isinstance(backend_code, str) else told


def in_both(error: Exception, labels: Mapping[str, Text]) -> dict[str, str]:
    """The message in Japanese and English; the same one where there is only one.

    Args:
        labels: what a form calls its fields, so that a problem is found where it was typed.
    """
    from renkei.spec import LANGUAGES, SettingsError

    if isinstance(error, SettingsError):
        return {language: "\n".join(_lines(error, language, labels)) for language in LANGUAGES}
    text = getattr(error, "text", None)
    found = text if hasattr(text, "ja") else error
    ja, en = getattr(found, "ja", None), getattr(found, "en", None)
    if not (isinstance(ja, str) and isinstance(en, str)):
        return {"ja": str(error), "en": str(error)}
    code = getattr(getattr(error, "error", None), "code", None)
    tail = f" ({code})" if isinstance(code, str) else ""
    return {"ja": ja + tail, "en": en + tail}


def _lines(error: SettingsError, language: Language, labels: Mapping[str, Text]) -> Iterator[str]:
    """A line for each problem, beginning with its field unless the sentence names it by itself."""
    for problem in error.problems:
        sentence = problem.message.in_(language)
        label = labels.get(problem.field)
        name = f"{label.in_(language)} ({problem.field})" if label else problem.field
        yield sentence if not name or (label is None and problem.field in sentence) else f"{name}: {sentence}"


def _defect(error: Exception, scope: Scope) -> dict[str, Any]:
    # The text of a foreign exception is not shown: nobody can know what it repeats.
    name = type(error).__name__
    log.debug("the command broke down", exc_info=error)
    ja = f"予期しないエラーです（{name}）。--log-level debug を付けて再実行すると、詳細が表示されます。"
    en = f"Something unexpected went wrong ({name}). Run it again with --log-level debug to see where."
    return {"type": name, "message": ja if scope.language == "ja" else en, "ja": ja, "en": en}
