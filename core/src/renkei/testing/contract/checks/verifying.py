"""Check V02: what `crm_verify` says of a key is so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import httpx

from renkei.spec import Field, Present, VerifyReport
from renkei.testing.contract import acts
from renkei.testing.contract.broken import require
from renkei.testing.contract.checks.calling import answered, outcome_of
from renkei.testing.contract.checks.holdings import untouched
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.values import text_fields
from renkei.testing.contract.wire import Act, Exchange, Forward

_MOST_KEYS = 60
_EVERY_REQUEST = 1_000_000
_LOOK_ALIKES = (4, 30, 110)  # on either side of the key asked for: more than a page, whatever a page holds
_NOT_ANSWERS = (400, 403, 404, 409, 410, 422, 429, 500, 503)


def require_truth(stage: Stage, good: Connection) -> None:
    """The whole check, where the capability is declared."""
    _require_truth_of_many(stage, good)
    _require_exact_keys(stage, good)
    _require_own_place(stage, good)
    _require_field_that_is_asked_for(stage, good)
    _require_all_pages(stage, good)
    _require_no_proof_without_answer(stage, good)
    _require_no_memory(stage)


def _ask(connection: Connection, *keys: str, key_field: str | None = None) -> dict[str, str]:
    report: VerifyReport = answered("crm_verify", lambda: connection.verify(*keys, key_field=key_field))
    return {answer.key: answer.answer for answer in report.answers}


def _require_truth_of_many(stage: Stage, good: Connection) -> None:
    """As many keys as one call may hold, every other one of them there: written by the plugin, or by others."""
    size = min(_MOST_KEYS, stage.manifest.limits.push_size)
    keys = [key(number) for number in range(1, size + 1)]
    for number in range(1, size + 1, 2):
        stage.kit.seed(stage.site.target, good.values(number))
    good.push([good.record(200)]).require_all_created()
    ids = {str(record.values.get(stage.kit.key_field)): record.id for record in stage.read()}
    with untouched(stage, "crm_verify", hook="crm_verify"):
        report = answered("crm_verify", lambda: good.verify(*keys[: size - 1], key(200)))
    for answer in report.answers:
        there = answer.key in ids
        wanted = "present" if there else "absent"
        is_there = "is there" if there else "is not there"
        require(
            answer.answer == wanted, f"the record of key {answer.key!r} {is_there}, and crm_verify says {answer.answer}"
        )
        if isinstance(answer, Present):
            require(answer.id == ids[answer.key], f"crm_verify gives another record's id for key {answer.key!r}")


def _require_exact_keys(stage: Stage, good: Connection) -> None:
    """Never one key for another that looks like it, whichever of the two is there."""
    for number, (what, similar) in enumerate(_similar(good, key(300)), 301):
        exact = key(number)
        other = dict(_similar(good, exact))[what]
        # The pattern is asked for, and the key is there; then the other way round.
        stage.kit.seed(stage.site.target, good.values(number))
        said = _ask(good, other)[other]
        require(said != "present", f"crm_verify takes {exact!r} for the key asked for, which differs in {what}")
        asked = key(number + 100)
        look_alike = dict(_similar(good, asked))[what]
        stage.kit.seed(stage.site.target, {**good.values(number + 100), stage.kit.key_field: look_alike})
        said = _ask(good, asked)[asked]
        require(said != "present", f"crm_verify takes a key that differs in {what} for {asked!r}")
        stage.kit.seed(stage.site.target, {**good.values(number + 200), stage.kit.key_field: asked})
        said = _ask(good, asked)[asked]
        require(said != "absent", f"crm_verify does not see {asked!r} beside a key that differs in {what}")
        assert similar


def _similar(good: Connection, exact: str) -> Iterator[tuple[str, str]]:
    field = good.schema.field(good.stage.kit.key_field)
    longest = field.max_length if field is not None and field.max_length is not None else 1_000
    wide = "".join(chr(ord(one) + 0xFEE0) for one in exact)
    forms = {
        "case": exact.upper(),
        "its first letter's case": exact.capitalize(),
        "its end": exact[:-1],
        "one more letter": f"{exact}x",
        "its beginning": f"x{exact}",
        "width": wide,
        "a wildcard": f"{exact[:-2]}%",
        "wildcards of one letter": f"{exact[:-2]}__",
        "a star": f"{exact[:-2]}*",
        "a quote": f"{exact}'",
        "a double quote": f'{exact}"',
        "a space": f"{exact} ",
    }
    yield from ((what, form) for what, form in forms.items() if len(form.encode()) <= longest)


def _require_own_place(stage: Stage, good: Connection) -> None:
    """Not in another target, and not in another field."""
    kit = stage.kit
    if kit.second_target != stage.site.target:
        second = answered("crm_authenticate", lambda: stage.second)
        answered("crm_discover", lambda: second.schema)
        kit.seed(kit.second_target, second.values(700))
        said = _ask(good, key(700))[key(700)]
        require(said != "present", "crm_verify takes a record of another target for the one asked for")
    for number, other in enumerate(_other_fields(good), 710):
        kit.seed(stage.site.target, {**good.values(number), other.code: key(701)})
        said = _ask(good, key(701))[key(701)]
        require(said != "present", f"crm_verify takes a record that holds the key in field {other.code!r} for its own")


def _require_field_that_is_asked_for(stage: Stage, good: Connection) -> None:
    """An admin may have the key go into another field than the kit's."""
    for number, other in enumerate(_other_fields(good), 703):
        there, usual = key(number + 20), key(number)
        values = {**good.values(number), other.code: there}
        id = stage.kit.seed(stage.site.target, values)
        where = f"asked for the key field {other.code!r}, crm_verify"
        # A backend may be unable to search some of its fields; then nobody can tell, and that is a good answer.
        report, _error = outcome_of(partial(good.verify, there, usual, key_field=other.code))
        for answer in report.answers if report is not None else ():
            if answer.key == there:
                require(answer.answer != "absent", f"{where} says absent of a key that stands there")
                require(getattr(answer, "id", id) == id, f"{where} gives another record's id")
            else:
                require(answer.answer != "present", f"{where} says present of a key that stands in the usual one alone")


def _other_fields(good: Connection) -> list[Field]:
    """One or two text fields that can hold a key."""
    kit = good.stage.kit
    fields = text_fields(good.schema, kit.key_field)
    fits = [field for field in fields if field.max_length is None or field.max_length >= len(key(0))]
    return [field for field in fits if field.code not in {*kit.examples, *kit.filled}][:2]


def _require_all_pages(stage: Stage, good: Connection) -> None:
    """Look-alikes fill a search's first page, and the one that is meant stands on a later one."""
    few = []
    for number in (800, 801):
        stage.kit.seed(stage.site.target, good.values(number))
        few.append(_Search(stage, good, key(number)))
    number = 1_000
    for count in _LOOK_ALIKES:
        meant, id = _in_the_crowd(stage, good, number, count)
        number += 2 * count + 1
        search = _Search(stage, good, meant)
        seen = f"crm_verify does not see {meant!r} among {2 * count} keys that differ from it in case"
        require(search.word != "absent", seen)
        at = search.leads_on(few)
        if at is not None and not search.pages[at].listed & {meant, id}:
            word = _Search(stage, good, meant, emptied=at).word
            require(word != "absent", "an empty page said that there was more, and crm_verify says absent")
            return


def _in_the_crowd(stage: Stage, good: Connection, number: int, count: int) -> tuple[str, str]:
    """A key and its record's id; *count* records before and after it have keys that differ from it in case alone."""
    meant = key(number)
    forms = _cases(meant)
    crowd = [next(forms) for _ in range(2 * count)]
    ids = []
    for at, one in enumerate([*crowd[:count], meant, *crowd[count:]]):
        values = good.values(number + at, only_required=True)
        ids.append(stage.kit.seed(stage.site.target, {**values, stage.kit.key_field: one}))
    return meant, ids[count]


@dataclass(frozen=True, slots=True)
class _Page:
    """An answer: the words and numbers in its lists, and what it says beside them."""

    listed: frozenset[str]
    says: Mapping[str, Any]


class _Search:
    """One call of `crm_verify` for one key, with the answers that it got.

    Args:
        emptied: number of the answer whose lists are emptied on the way.
    """

    def __init__(self, stage: Stage, good: Connection, one: str, *, emptied: int | None = None) -> None:
        self.pages: list[_Page] = []
        self._emptied = emptied
        stage.wire.play(self._act, on="any", hook="crm_verify", times=_EVERY_REQUEST)
        report, _error = outcome_of(lambda: good.verify(one))
        stage.wire.calm()
        self.word = report.answers[0].answer if report is not None and report.answers else "an error"

    def leads_on(self, few: Sequence[_Search]) -> int | None:
        """Number of the first answer that says what none of the others did where little was found: there is more."""
        for at, page in enumerate(self.pages):
            others = [other.pages[at].says for other in few if at < len(other.pages)]
            if len(others) == len(few) and _says_more(page.says, others):
                return at
        return None

    async def _act(self, exchange: Exchange, forward: Forward) -> httpx.Response:
        whole = await forward()
        try:
            data = json.loads(whole.content)
        except ValueError:
            data = None
        says = dict(_leaves(data, within=False)) | {"link": whole.headers.get("link")}
        self.pages.append(_Page(frozenset(str(leaf) for _path, leaf in _leaves(data, within=True)), says))
        if self._emptied != len(self.pages) - 1:
            return whole
        content = json.dumps(_without_items(data), ensure_ascii=False).encode()
        return httpx.Response(whole.status_code, headers=acts._kept(whole), content=content)


def _says_more(says: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> bool:
    """`next` that was null, `more` that was false, `done` that was true."""
    for name, value in says.items():
        if value and not any(other.get(name) for other in others):
            return True
        if value is False and all(other.get(name) is True for other in others):
            return True
    return False


def _leaves(data: Any, *, within: bool, path: str = "", listed: bool = False) -> Iterator[tuple[str, Any]]:
    """By path, the values of *data* that stand in a list, or those that do not."""
    match data:
        case dict():
            for name, value in data.items():
                yield from _leaves(value, within=within, path=f"{path}/{name}", listed=listed)
        case list():
            for value in data:
                yield from _leaves(value, within=within, path=path, listed=True)
        case _ if listed == within:
            yield path, data


def _without_items(data: Any) -> Any:
    match data:
        case dict():
            return {name: _without_items(value) for name, value in data.items()}
        case list():
            return []
        case _:
            return data


def _cases(exact: str) -> Iterator[str]:
    """*exact* with some of its letters in the other case, another choice each time."""
    letters = [at for at, one in enumerate(exact) if one.isalpha()]
    for chosen in range(1, 2 ** len(letters)):
        turned = {at for bit, at in enumerate(letters) if chosen >> bit & 1}
        yield "".join(one.swapcase() if at in turned else one for at, one in enumerate(exact))


def _require_no_proof_without_answer(stage: Stage, good: Connection) -> None:
    for act in _no_answers(stage, good):
        for at, keys in ((0, (key(200), key(9_001))), (1, (key(9_001), key(200)))):
            stage.wire.play(act, on="any", hook="crm_verify", after=at, times=_EVERY_REQUEST)
            heard = len(stage.heard)
            outcome_of(partial(good.verify, *keys))
            stage.wire.calm()
            # The plugin's own words: core takes no proof from a call that nobody answered.
            for said in stage.heard[heard:]:
                report = said.answer if isinstance(said.answer, VerifyReport) else None
                _require_no_lie(report, getattr(act, "__name__", "a fault"), nothing_answered=at == 0)


def _require_no_lie(report: VerifyReport | None, what: str, *, nothing_answered: bool) -> None:
    for answer in report.answers if report is not None else ():
        false = {key(200): "absent", key(9_001): "present"}.get(answer.key)
        wrong = answer.answer == false or (nothing_answered and answer.answer != "cannot_tell")
        require(not wrong, f"crm_verify met: {what}, and says {answer.answer} instead of cannot_tell")


def _no_answers(stage: Stage, good: Connection) -> Iterator[Act]:
    yield acts.unreachable()
    yield acts.lost(applied=False)
    # An answer that this very backend gives for a key that is not there is one.
    with stage.wire.since_now() as asked:
        outcome_of(lambda: good.verify(key(9_001)))
    known = {(exchange.status, exchange.answer) for exchange in asked}
    for status in _NOT_ANSWERS:
        if (status, b"") not in known:
            yield acts.answer(status, name=f"an empty {status}")
    for situation, said in stage.kit.answers.items():
        yield acts.words(said, name=situation)
    yield from _of_a_missing_target(stage, good)
    yield acts.page(200)
    yield acts.page(404)
    yield acts.page(502)
    yield acts.answer(200, "null", headers={"content-type": "application/json"}, name="200 with null")
    yield acts.cut()
    yield acts.broken_off()


def _of_a_missing_target(stage: Stage, good: Connection) -> Iterator[Act]:
    """The backend's own refusals to look where nothing is."""
    with stage.wire.since_now() as asked:
        outcome_of(lambda: good.discover(stage.kit.missing_target))
        outcome_of(lambda: replace(good, target=stage.kit.missing_target).verify(key(1)))
    refusals = {(exchange.status, exchange.answer) for exchange in asked if (exchange.status or 0) >= 400}
    for status, answer in sorted(refusals, key=repr):
        assert status is not None
        said = {"content-type": "application/json"}
        yield acts.answer(status, answer, headers=said, name=f"the {status} of a target that is not there")


def _require_no_memory(stage: Stage) -> None:
    """What is gone is gone, whatever was seen or written before."""
    stage.kit.reset()
    fresh = stage.connection()
    answered("crm_authenticate", fresh.authenticate)
    words = _ask(fresh, key(1), key(200))
    require(
        set(words.values()) == {"absent"}, f"every record was deleted, and crm_verify says {sorted(words.values())}"
    )
