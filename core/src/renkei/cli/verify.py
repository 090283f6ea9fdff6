"""`renkei verify`: does a plugin do what core relies on?"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from renkei.cli.commands import command, done
from renkei.cli.exits import Exit
from renkei.cli.failures import CommandError
from renkei.cli.scope import Scope

if TYPE_CHECKING:
    from renkei.testing.contract.ledger import Line
    from renkei.testing.contract.verify import Verdict

_WORDS = {
    "passed": ("合格", "passed"),
    "failed": ("不合格", "FAILED"),
    "crashed": ("異常終了", "CRASHED"),
    "skipped": ("実行されず", "NOT RUN"),
    "missing": ("実行されず", "NOT RUN"),
    "hollow": ("すり替え", "REPLACED"),
}

# About the kit and its simulator, and not about the plugin.
_KIT = ("K03", "K04")


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "verify")(verify_backend)


def verify_backend(
    scope: Scope,
    backend: Annotated[str, typer.Argument(help="Id of the backend, as `renkei backends` shows it.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Your own test files with subclasses of the suite, instead of the suite as shipped."),
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Run this check alone; may be repeated.")] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Also: saboteurs round this plugin (K05), and a second run (K08).")
    ] = False,
    source: Annotated[
        Literal["simulator", "cassette", "live"],
        typer.Option("--source", help="Where the backend's answers come from."),
    ] = "simulator",
    record: Annotated[
        Path | None,
        typer.Option("--record", help="Record the traffic into this folder, scrubbed, for --source cassette."),
    ] = None,
    cassettes: Annotated[
        Path | None, typer.Option("--cassettes", help="Folder of recorded traffic, instead of the kit's own.")
    ] = None,
    report: Annotated[Path, typer.Option("--report", help="Where the report goes.")] = Path("contract-report.json"),
    kit: Annotated[str, typer.Option("--kit", help="Another kit: package.module:Class.")] = "",
    seed: Annotated[int | None, typer.Option("--seed", help="Run in the random order of this number.")] = None,
    pytest_arguments: Annotated[
        str, typer.Option("--pytest", help="Further arguments for pytest; what they leave out is missing, and fails.")
    ] = "",
    explain: Annotated[str, typer.Option("--explain", help="Say what a check requires, why, and how to mend it.")] = "",
    list_checks: Annotated[bool, typer.Option("--list", help="List the checks and run none.")] = False,
) -> None:
    """Run the contract suite against a backend, and write contract-report.json.

    It needs the extra "testing" of renkei, and the plugin's own kit. The command ends with 0 only where every required
    check has passed and none was left out.
    """
    suite = _suite()
    if explain:
        _explain(scope, suite, explain.upper())
        return
    if list_checks:
        _list(scope, suite)
        return
    chosen = tuple(_known(suite, id.upper()) for id in only or ())
    order = suite.Order(
        backend=backend,
        kit=kit,
        only=chosen,
        prove=prove or any(suite.explained(id).prove for id in chosen),
        source=source,
        record=str(record.absolute()) if record else "",
        cassettes=str(cassettes.absolute()) if cassettes else "",
        paths=tuple(str(Path(path).absolute()) for path in paths or ()),
        pytest=tuple(shlex.split(pytest_arguments)),
        seed=seed,
    )
    verdict = suite.verify(order)
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(verdict.report(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    _tell(scope, suite, verdict, report)
    done(Exit.OK if verdict.passed else Exit.FAILED)


def _suite() -> Any:
    try:
        from renkei.testing.contract import verify
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "renkei":
            raise
        raise CommandError(
            ja=f"追加のパッケージ（{error.name}）が必要です。pip install 'renkei[testing]' を実行してください。",
            en=f"The suite needs packages that are not installed ({error.name}): pip install 'renkei[testing]'.",
            code=Exit.FAILED,
        ) from None
    return verify


def _known(suite: Any, id: str) -> str:
    if id not in suite.known_ids():
        raise CommandError(
            ja=f"{id!r} という検査はありません。renkei verify BACKEND --list で一覧を表示できます。",
            en=f"There is no check {id!r}; 'renkei verify BACKEND --list' shows them all.",
        )
    return id


def _explain(scope: Scope, suite: Any, id: str) -> None:
    check = suite.explained(_known(suite, id))
    if scope.json:
        scope.out.document(_described(check))
        return
    scope.out.line(f"{id} ({'required' if check.required else 'advisory'})")
    scope.out.line(check.explanation())


def _list(scope: Scope, suite: Any) -> None:
    found = [suite.explained(id) for id in suite.known_ids()]
    if scope.json:
        scope.out.document([_described(check) for check in found])
        return
    rows = [(check.id, "required" if check.required else "advisory", check.requirement) for check in found]
    scope.out.table(("id", "", "requirement"), rows)


def _described(check: Any) -> dict[str, Any]:
    return {
        "id": check.id,
        "required": check.required,
        "requirement": check.requirement,
        "why": check.why,
        "mend": check.mend,
        "sources": sorted(getattr(check, "sources", ("simulator", "cassette", "live"))),
        "prove": check.prove,
    }


def _tell(scope: Scope, suite: Any, verdict: Verdict, report: Path) -> None:
    if scope.json:
        scope.out.document(verdict.report())
        return
    at = 0 if scope.language == "ja" else 1
    headings = (
        ("検査", "必須", "結果", "秒", "要件") if at == 0 else ("check", "required", "result", "s", "requirement")
    )
    rows = [
        (id, suite.is_required(id), _WORDS[line.word][at], f"{line.seconds:.2f}", suite.explained(id).requirement)
        for id, line in verdict.lines.items()
    ]
    scope.out.table(headings, rows)
    for ids, line in _grouped(verdict):
        _tell_one(scope, suite, ids, line)
    _sum_up(scope, suite, verdict, report)


def _grouped(verdict: Verdict) -> list[tuple[list[str], Line]]:
    """What went wrong, each thing once; what is wrong with the kit first, because the rest may follow from it."""
    groups: dict[tuple[str, str], list[str]] = {}
    for id, line in verdict.lines.items():
        if line.word != "passed":
            groups.setdefault((line.word, line.seen) if line.seen else (line.word, id), []).append(id)
    found = [(ids, verdict.lines[ids[0]]) for ids in groups.values()]
    return sorted(found, key=lambda group: (group[0][0] not in _KIT, group[0]))


def _tell_one(scope: Scope, suite: Any, ids: list[str], line: Line) -> None:
    mark = "required" if any(suite.is_required(id) for id in ids) else "advisory"
    scope.out.line(f"\n{' '.join(ids)} ({mark}) {_WORDS[line.word][1]}: {line.seen or 'it did not run'}")
    if len(ids) == 1:
        scope.out.line(suite.explained(ids[0]).explanation())
    if ids[0] in _KIT:
        scope.out.say(
            ja="先にキットを直してください。ほかの不合格はこれが原因かもしれません。",
            en="Mend the kit first: what else failed may follow from it.",
        )


def _sum_up(scope: Scope, suite: Any, verdict: Verdict, report: Path) -> None:
    required = [line for id, line in verdict.lines.items() if suite.is_required(id)]
    advisory = [line for id, line in verdict.lines.items() if not suite.is_required(id)]
    good, fine = (sum(line.word == "passed" for line in lines) for lines in (required, advisory))
    part = "" if verdict.complete else " (part of the suite)"
    part_ja = "" if verdict.complete else "（一部のみ）"
    scope.out.say(
        ja=f"\n{verdict.order.backend}: 必須 {good}/{len(required)} 合格、任意 {fine}/{len(advisory)} 合格{part_ja}、"
        f"{verdict.seconds:.1f} 秒。{report} に記録しました。",
        en=f"\n{verdict.order.backend}: required {good}/{len(required)} passed, advisory {fine}/{len(advisory)} "
        f"passed{part}, {verdict.seconds:.1f} s. Written to {report}.",
    )
