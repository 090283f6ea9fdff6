"""Checks E18 and E19: what a plugin does when something went wrong, besides saying so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx

from renkei.plugins import PluginFault
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks import told
from renkei.testing.contract.checks.calling import Asked, Disturbed, Question, answered, disturbed, questions
from renkei.testing.contract.connection import key
from renkei.testing.contract.lane import require_true
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.sleeping import naps
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Act, Exchange
from renkei.testing.kit import BackendAnswer

_NONSENSE: Final = (
    b"", b"null", b"[]", b"{}", b"7", b'"text"', b"true", b"[[]]", b"[null]", b'{"": {}}', b'{"cut": ', b"NaN",
    b"1e999", b"\xff\xfe\x00\xd8", b"[" * 3_000 + b"]" * 3_000, b'{"a":' * 3_000 + b"1" + b"}" * 3_000, b"9" * 5_000,
    "日本語".encode("cp932"),
)  # fmt: skip
_WRONG: Final[Sequence[Any]] = (
    None, -1, 0, 10**400, 1.5, True, "", " ", "x" * 5_000, "\ud800", "\x00", [], {}, [None], {"a": None}, [[]],
    "7", "１",
)  # fmt: skip
_MOST_WRONG: Final = 24
"""Wrong answers for each request of a hook: enough for every kind of value, and done in seconds."""


class MannersChecks:
    """Checks E18 and E19."""

    @check("E18", traffic=True)
    def test_e18_a_plugin_neither_waits_nor_tries_again(self, stage: Stage) -> None:
        """Whatever fails, a plugin sends no record and asks no question a second time in one call, and does not sleep.

        Why: core alone knows lease, budget and deadline. A retry behind its back sends after the lease is gone, doubles
        what was stored, and spends requests that nobody counts.
        Mend: take out every retry, back-off and sleep, those of your client library too; report and return.
        """
        with naps(stage.wire, _package(stage)) as slept:
            stage.good.push(stage.good.records(min(3, stage.manifest.limits.push_size), start=900))
            for number, act in enumerate(_failures(stage)):
                start = 1 + 3 * number
                records = stage.good.records(min(3, stage.manifest.limits.push_size), start=start)
                _sent_once(disturbed(stage.good, records, act), act)
                require(not slept, f"{_name(act)} to a write: {', '.join(sorted(set(slept)))} waited for time to pass")
            for question in questions(stage):
                for at in question.places:
                    for act in _failures(stage):
                        _asked_once(question, question.through(act, at=at), act)
                        require(
                            not slept,
                            f"{_name(act)} to {question.hook}: {', '.join(sorted(set(slept)))} waited for time to pass",
                        )

    @check("E19", traffic=True)
    def test_e19_nonsense_becomes_one_of_our_errors(self, stage: Stage) -> None:
        """Whatever an answer holds, broken JSON, other types, too deep, too large, only our errors leave a hook, and no
        record is `created` on the word of nonsense.

        Why: a foreign exception is a defect: core backs off, and after the third blocks every lane of the backend.
        Mend: check the shape of each answer in one place, with strict types, and translate what does not fit there; do
        not forget overflow, recursion, and texts that cannot be encoded.
        """
        number = _nonsense_to_writes(stage)
        _wrong_leaves_to_writes(stage, number)
        for question in questions(stage):
            for at in question.places:
                for content in _NONSENSE:
                    _ours(question, question.through(acts.garbled(content), at=at), f"an answer {content[:20]!r}")
                _wrong_leaves(question, at)


def _name(act: Act) -> str:
    return str(getattr(act, "__name__", "a fault"))


def _package(stage: Stage) -> str:
    return stage.subject.module.__name__.split(".")[0] if stage.subject.module is not None else ""


# E18


def _failures(stage: Stage) -> list[Act]:
    answers = [
        BackendAnswer(status=429, headers={"retry-after": "1"}),
        BackendAnswer(status=429, headers={"retry-after": "0"}),
        BackendAnswer(status=401),
        BackendAnswer(status=400),
        BackendAnswer(status=408),
        BackendAnswer(status=500, body="Internal Server Error"),
        BackendAnswer(status=503, headers={"retry-after": "1"}),
        BackendAnswer(status=504),
        *stage.kit.answers.values(),
    ]
    played = [acts.words(said, name=f"a {said.status}") for said in answers]
    lost = [acts.lost(applied=True), acts.lost(applied=False, how=httpx.ReadError), acts.broken_off()]
    gone = [acts.unreachable("refused"), acts.unreachable("slow"), acts.page(200), acts.garbled(b"{}"), acts.redirect()]
    return [*played, *lost, *gone]


def _sent_once(done: Disturbed, act: Act) -> None:
    require(done.struck is not None, "crm_push sent no write for good records")
    twice = [one for one in done.pushed.keys if len(done.sent(one)) > 1]
    require(
        not twice, f"{_name(act)} to a write: record {twice[:1]} was sent {len(done.sent((twice or [''])[0]))} times"
    )


def _asked_once(question: Question, seen: Asked, act: Act) -> None:
    struck = next((exchange for exchange in seen.exchanges if exchange.fault), None)
    if struck is None:
        return
    again = [one for one in seen.late if _same_request(one, struck)]
    require(not again, f"{_name(act)} to {question.hook}: it asked the same again")
    if seen.answer is not None:
        require(
            len(seen.exchanges) <= question.requests,
            f"{_name(act)} to {question.hook}: it asked {len(seen.exchanges)} times instead of {question.requests}",
        )


def _same_request(one: Exchange, other: Exchange) -> bool:
    return (one.request.method, one.target, one.body) == (other.request.method, other.target, other.body)


# E19


def _nonsense_to_writes(stage: Stage) -> int:
    for number, content in enumerate(_NONSENSE, 1):
        done = disturbed(stage.good, [stage.good.record(number)], acts.garbled(content))
        when = f"an answer {content[:20]!r} to a write"
        done.pushed.require_ours()
        require_known(done.pushed, when)
        require_true(stage, done.pushed)
        word = done.pushed.words()[key(number)]
        require(word in ("unknown", "created"), f"{when}: the record was sent, accepted, and reported as {word!r}")
    return len(_NONSENSE)


def require_known(pushed: Pushed, when: str) -> None:
    """The plugin reported, or raised an error whose class core knows."""
    fault = pushed.outcome.fault
    require(fault is None, f"{when}: {fault.what if fault else ''}")


def _wrong_leaves_to_writes(stage: Stage, number: int) -> None:
    number += 1
    answer = told.answer_to(stage.good.push([stage.good.record(number)]).writes)
    for path, wrong in _wrongs(answer):
        number += 1
        act = acts.edited(lambda data, path=path, wrong=wrong: told.replaced(data, path, wrong))  # type: ignore[misc]
        done = disturbed(stage.good, [stage.good.record(number)], act)
        when = f"an answer to a write with {_short(wrong)} at {told.where(path)}"
        done.pushed.require_ours()
        require_known(done.pushed, when)
        if _is_id(stage, answer, path):  # where the id is another one, that is not to be seen
            require_true_or_unseen(stage, done.pushed, wrong)


def require_true_or_unseen(stage: Stage, pushed: Pushed, wrong: Any) -> None:
    """Nothing is reported as stored under an id that cannot be one."""
    for one in pushed.created():
        given = getattr(pushed.said(one), "id", "")
        believable = isinstance(wrong, (str, int)) and not isinstance(wrong, bool) and str(wrong).strip()
        stored = {record.id for record in stage.read()}
        require(
            given in stored or believable,
            f"{_short(wrong)} in the place of an id made a record stored, under an id that nobody gave",
        )


def _is_id(stage: Stage, answer: Any, path: told.Path) -> bool:
    try:
        return str(told.at(answer, path)) in {record.id for record in stage.read()}
    except (LookupError, TypeError):
        return False


def _wrongs(answer: Any) -> Iterator[tuple[told.Path, Any]]:
    """Places and what to put there: every place gets some, every wrong value comes up."""
    places = told.kinds_of_leaves(answer) if answer is not None else []
    holders = list(dict.fromkeys(path[:-1] for path in places if path))
    every = [*places, *holders]
    each = max(1, min(len(_WRONG), _MOST_WRONG // max(1, len(every))))
    for at, path in enumerate(every[:_MOST_WRONG]):
        for step in range(each):
            yield path, _WRONG[(at * each + step) % len(_WRONG)]


def _wrong_leaves(question: Question, at: int) -> None:
    question.renewed()
    start = len(question.stage.wire.exchanges)
    answered(question.hook, question.call)
    answer = told.answer_to(question.stage.wire.exchanges[start + at : start + at + 1])
    for path, wrong in _wrongs(answer):
        act = acts.edited(lambda data, path=path, wrong=wrong: told.replaced(data, path, wrong))  # type: ignore[misc]
        _ours(question, question.through(act, at=at), f"{_short(wrong)} at {told.where(path)}")


def _ours(question: Question, seen: Asked, when: str) -> None:
    if isinstance(seen.error, PluginFault):
        broken(f"{question.hook}, {when}: {seen.error.what}")
    if seen.error is None:  # it made something of it: what it gave may be nonsense
        question.renewed()


def _short(wrong: Any) -> str:
    text = ascii(wrong)
    return text if len(text) < 24 else f"{text[:20]}…"
