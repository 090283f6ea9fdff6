"""`renkei rehearse` and `renkei record`: actions from a file or from standard input."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from renkei.cli.choices import read_mapping
from renkei.cli.commands import command, done
from renkei.cli.exits import Exit
from renkei.cli.failures import CommandError
from renkei.cli.integrations import Inbox, MappingFile
from renkei.cli.lines import Chunk, Line, by_inbox, read_chunks
from renkei.cli.scope import Scope

if TYPE_CHECKING:
    from renkei.engine import Receipt, Rehearsed

File = Annotated[str, typer.Argument(help="JSON lines, one action each; - for standard input.", show_default=False)]

NO_INBOX = "no inbox: give --inbox, or the action's inbox.id"


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    command(app, "rehearse")(rehearse)
    command(app, "record")(record)


@dataclass(slots=True)
class Tally:
    """What became of the lines so far."""

    recorded: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    conflict: int = 0
    repeated: int = 0
    refused: int = 0
    unknown_fields: set[str] = field(default_factory=set)

    def add(self, receipt: Receipt) -> None:
        """Count one action that was taken."""
        self.unknown_fields.update(receipt.unknown)
        if receipt.outcome == "conflict":
            self.conflict += 1
        elif receipt.repeated:
            self.repeated += 1
        elif receipt.outcome == "excluded":
            self.excluded[receipt.reason or "unknown"] += 1
        else:
            self.recorded += 1

    def as_dict(self) -> dict[str, Any]:
        """The counts by name."""
        return {
            "recorded": self.recorded,
            "excluded": dict(sorted(self.excluded.items())),
            "conflict": self.conflict,
            "repeated": self.repeated,
            "refused": self.refused,
            "unknown_fields": sorted(self.unknown_fields),
        }


def record(
    scope: Scope,
    file: File,
    inbox: Annotated[str | None, typer.Option("--inbox", help="The inbox, whatever the actions say.")] = None,
    receipts: Annotated[
        bool, typer.Option("--receipts", help="Print a JSON line for each action as soon as it is on disk.")
    ] = False,
) -> None:
    """Write actions down, one JSON object a line; what is on disk is delivered by `renkei work`.

    An action names its inbox ("inbox": "support", or {"inbox": {"id": "support"}}), or --inbox does. Lines that
    cannot be taken are named and the others recorded; a repeat is harmless, so that a file may be given again.
    With --receipts and --json, the last line holds the counts.
    """
    tally = Tally()
    with _opened(file) as (stream, size), scope.out.progress("record", size, counted=size is None) as meter:
        for chunk in read_chunks(stream):
            _record_chunk(scope, chunk, inbox, tally, receipts=receipts)
            meter.advance(chunk.size if size else len(chunk.lines))
    _show_tally(scope, tally, receipts=receipts)
    done(Exit.INPUT if tally.refused else Exit.OK)


def rehearse(scope: Scope, inbox: Inbox, file: File, mapping: MappingFile = None) -> None:
    """Show the exact records that actions would make, with problems; nothing is written anywhere."""
    rules = read_mapping(mapping) if mapping is not None else None
    shown: list[dict[str, Any]] = []
    refused = 0
    with _opened(file) as (stream, _size):
        for chunk in read_chunks(stream):
            sound = [line.action or {} for line in chunk.lines if _is_sound(scope, inbox, line)]
            refused += len(chunk.lines) - len(sound)
            # One look at the target for a whole chunk.
            found = scope.engine.integrations.rehearse(scope.tenant, scope.actor, inbox, sound, mapping=rules)
            shown += [_show_rehearsed(scope, item) for item in found]
    if scope.json:
        scope.out.document(shown)
    troubled = any(item["problems"] for item in shown)
    done(Exit.INPUT if refused else Exit.NEEDS_A_PERSON if troubled else Exit.OK)


def _is_sound(scope: Scope, inbox: str, line: Line) -> bool:
    """Whether `record` would take the line; says so where not."""
    from renkei.mapping import EnvelopeError, read_action

    if line.action is None:
        return not _refuse(scope, line.number, line.wrong or "")
    try:
        read_action(line.action, scope.host.source_fields(scope.tenant, inbox))
    except EnvelopeError as error:
        _refuse(scope, line.number, str(error))
        return False
    return True


def _record_chunk(scope: Scope, chunk: Chunk, inbox: str | None, tally: Tally, *, receipts: bool) -> None:
    from renkei.engine import Refusal

    for line in chunk.lines:
        if line.wrong is not None:
            tally.refused += _refuse(scope, line.number, line.wrong)
        elif not (inbox or line.inbox):
            tally.refused += _refuse(scope, line.number, NO_INBOX)
    for where, lines in by_inbox(chunk.lines, inbox).items():
        results = scope.engine.record_many(scope.tenant, where, [line.action or {} for line in lines])
        for line, result in zip(lines, results, strict=True):
            if isinstance(result, Refusal):
                tally.refused += _refuse(scope, line.number, str(result.error))
                continue
            tally.add(result)
            if receipts:
                scope.out.receipt(_receipt(where, line, result))
    sys.stdout.flush()


def _receipt(inbox: str, line: Line, receipt: Receipt) -> dict[str, Any]:
    return {
        "action_id": receipt.action_id,
        "inbox": inbox,
        "outcome": receipt.outcome,
        "repeated": receipt.repeated,
        "reason": receipt.reason,
        "note": receipt.note,
        "line": line.number,
    }


def _refuse(scope: Scope, number: int, why: str) -> int:
    """Name a line that cannot be taken; returns 1, to be counted."""
    scope.out.note(ja=f"{number} 行目: {why}", en=f"line {number}: {why}")
    return 1


def _show_tally(scope: Scope, tally: Tally, *, receipts: bool) -> None:
    if scope.json:
        scope.out.document(tally.as_dict(), indent=None if receipts else 2)
        return
    excluded = sum(tally.excluded.values())
    ja = (
        f"記録 {tally.recorded} · 対象外 {excluded} · 不一致 {tally.conflict} · 記録済み {tally.repeated} · "
        f"受け付けられない行 {tally.refused}"
    )
    en = (
        f"recorded {tally.recorded} · excluded {excluded} · conflict {tally.conflict} · repeated {tally.repeated} · "
        f"refused lines {tally.refused}"
    )
    tell = scope.out.note if receipts else scope.out.say
    tell(ja=ja, en=en)
    for reason, count in sorted(tally.excluded.items()):
        text = _reason(reason, scope.language)
        tell(ja=f"  対象外（{reason}）: {count} 件。{text}", en=f"  excluded ({reason}): {count}. {text}")
    if tally.unknown_fields:
        names = ", ".join(sorted(tally.unknown_fields))
        tell(
            ja=f"  ホストの項目にない値（保存しました）: {names}",
            en=f"  fields that the host's schema lacks (kept): {names}",
        )


def _reason(code: str, language: str) -> str:
    from renkei.engine.words import excluded

    return excluded(code).ja if language == "ja" else excluded(code).en


def _show_rehearsed(scope: Scope, item: Rehearsed) -> dict[str, Any]:
    told = {
        "action_id": item.action_id,
        "excluded": item.excluded,
        "record": item.record,
        "problems": list(item.problems),
    }
    if scope.json:
        return told
    scope.out.line(f"— {item.action_id}")
    if item.excluded:
        scope.out.line(f"  {_reason(item.excluded, scope.language)}")
    for problem in item.problems:
        scope.out.line(f"  ! {problem.message.in_(scope.language)}")
    if item.record:
        headings = ("項目コード", "値") if scope.language == "ja" else ("field code", "value")
        scope.out.table(headings, [(code, _value(value)) for code, value in item.record.items()])
    return told


def _value(value: Any) -> str:
    from renkei.cli.output import json_text

    inner = value.get("value") if isinstance(value, dict) and set(value) == {"value"} else value
    return inner if isinstance(inner, str) else json_text(inner)


@contextlib.contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The stream and, where it is known, its size in bytes."""
    if file == "-":
        yield sys.stdin.buffer, None
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115  # closed below; only opening it is translated
    except OSError as error:
        raise CommandError(
            ja=f"{file}: 開けません（{error.strerror}）。", en=f"{file}: cannot be opened ({error.strerror})."
        ) from None
    with stream:
        path = Path(file)
        yield stream, path.stat().st_size if path.is_file() else None
