"""Check E20: what verdicts and errors say in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from renkei.spec import Field, FieldType, Value, WireRecord
from renkei.testing.contract import acts, values
from renkei.testing.contract.broken import raised, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks import told
from renkei.testing.contract.checks.calling import disturbed, questions
from renkei.testing.contract.connection import key
from renkei.testing.contract.leaks import SHORTEST, Needles, shown
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Act, Exchange
from renkei.testing.kit import BackendAnswer

_TELLING: Final = 8  # characters of a value that show whose it is
_LONGEST_TEXT: Final = 1_000
_MARK: Final = "suite-marker-5f1c9a"
_ECHOED: Final = (400, 401, 403, 404, 409, 413, 422, 429, 500, 503)


class TextChecks:
    """Check E20."""

    @check("E20", traffic=True)
    def test_e20_texts_repeat_no_values_secrets_or_bodies(self, stage: Stage) -> None:
        """The texts of verdicts and errors name fields and codes; they repeat no value of the record, nor its
        beginning or end, no secret and no body of an answer, even where the backend's own message does.

        Why: these texts go into logs, tables and mails, where a customer's words and a token have no business.
        Mend: write the texts yourself, by code; where the backend's words are of use, take out what is quoted, and pass
        on none that hold one of the record's values.
        """
        record, needles = _canaries(stage)
        number = 0
        for act in _echoes():
            number += 1
            made = stage.good.wire_record({**record, stage.kit.key_field: key(number)}, key=key(number))
            _shows_nothing(needles, disturbed(stage.good, [made], act).pushed, act)
        _poison_that_is_repeated(stage, record, needles, number)
        for question in questions(stage):
            for act in _echoes():
                for at in question.places:
                    seen = question.through(act, at=at)
                    _error_shows_nothing(needles, seen.error, f"{question.hook}, {_name(act)}")


def _name(act: Act) -> str:
    return str(getattr(act, "__name__", "a fault"))


def _canaries(stage: Stage) -> tuple[dict[str, Value], Needles]:
    """Values of a record that nobody could have written by chance, and what must not be shown."""
    kit, schema = stage.kit, stage.good.schema
    record = stage.good.values(1)
    for number, field in enumerate(schema.fields):
        if field.code in record and field.code != kit.key_field and field.code not in kit.examples:
            made = _canary(field, number)
            record |= {} if made is None else {field.code: made}
    hidden = {
        f"the value of field {code!r}": value for code, value in record.items() if _counts(schema.field(code), value)
    }
    spoilt = kit.poison(record)
    hidden |= {
        f"the bad value of field {code!r}": value
        for code, value in spoilt.items()
        if value != record.get(code) and _counts(schema.field(code), value)
    }
    hidden.pop(f"the value of field {kit.key_field!r}", None)
    secrets = {name: secret for name, secret in stage.secrets().items() if len(secret) >= SHORTEST}
    innocent = "\n".join(field.label + field.code for field in schema.fields)
    least = dict.fromkeys(hidden, _TELLING)
    return record, Needles({**hidden, **secrets}, innocent=innocent, least=least)  # type: ignore[dict-item]  # texts


def _canary(field: Field, number: int) -> str | None:
    match field.type:
        case FieldType.TEXT | FieldType.LONG_TEXT:
            return values.fitted(field, f"山田花子カナリア{number}番のご相談内容です")
        case FieldType.EMAIL:
            return f"canary.hanako.{number}@mail.example"
        case FieldType.URL:
            return f"https://desk.example/canary-hanako/{number}"
        case _:
            return None


def _counts(field: Field | None, value: Value) -> bool:
    free = (FieldType.TEXT, FieldType.LONG_TEXT, FieldType.EMAIL, FieldType.URL)
    return field is not None and field.type in free and isinstance(value, str) and len(value) >= SHORTEST


def _echo_of(exchange: Exchange) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in exchange.request.headers.items())
    return f"{_MARK}\n{headers}\n\n{exchange.body.decode('utf-8', 'replace')}"


def _structured(exchange: Exchange, status: int) -> BackendAnswer:
    echo = _echo_of(exchange)
    error = {"code": echo, "message": echo, "field": echo, "trace": [echo], _MARK: {"request": echo}}
    body = {**error, "error": error, "errors": {"records[0]": {"messages": [echo]}}, "detail": echo, "title": echo}
    return BackendAnswer(status=status, body=body)


def _page(exchange: Exchange, status: int) -> BackendAnswer:
    body = f"<html><h1>Error {status}</h1><pre>{_echo_of(exchange)}</pre></html>"
    return BackendAnswer(status=status, body=body, headers={"content-type": "text/html"})


def _echoes() -> list[Act]:
    made: list[Act] = []
    for status in _ECHOED:
        say: list[Callable[[Exchange, int], BackendAnswer]] = [_structured, _page]
        for form in say:
            made.append(
                acts.echoed(
                    lambda exchange, form=form, status=status: form(exchange, status),  # type: ignore[misc]
                    name=f"a {status} that repeats the request ({form.__name__.strip('_')})",
                )
            )
    made.append(acts.echoed(lambda exchange: _page(exchange, 200), name="a 200 with a page that repeats the request"))
    return made


def _shows_nothing(needles: Needles, pushed: Pushed, act: Act, *, own_words: bool = False) -> None:
    pushed.require_ours()
    when = _name(act)
    for one in pushed.keys:
        verdict = pushed.said(one)
        parts = {f"in its `{name}`": str(value) for name, value in verdict.model_dump().items() if value is not None}
        parts["in its repr"] = f"{verdict!r}\n{verdict.model_dump_json()}"
        _parts_show_nothing(needles, parts, f"the verdict {verdict.verdict!r}, {when}", own_words=own_words)
        message = getattr(verdict, "message", "")
        require(
            len(message) <= _LONGEST_TEXT, f"the message of {verdict.verdict!r} has {len(message)} characters, {when}"
        )
    _error_shows_nothing(needles, pushed.stopped_by, f"crm_push, {when}", own_words=own_words)


def _error_shows_nothing(needles: Needles, error: BaseException | None, when: str, *, own_words: bool = False) -> None:
    if error is None:
        return
    parts = {f"in its `{name}`": str(value) for name, value in vars(error).items() if value is not None}
    shows = (str, repr, lambda one: repr(one.args), lambda one: repr(vars(one)))
    parts["in its text"] = "\n".join(shown(error, show) for show in shows)
    _parts_show_nothing(
        needles, parts, f"the error {raised(error).removeprefix('raised ')}, {when}", own_words=own_words
    )
    require(len(str(error)) <= _LONGEST_TEXT, f"the text of an error has {len(str(error))} characters, {when}")


def _parts_show_nothing(needles: Needles, parts: Mapping[str, str], place: str, *, own_words: bool) -> None:
    """Each part by its own: where a value showed is where to look for the mistake."""
    link = parts.get("in its `remedy_link`", "")
    for part, text in parts.items():
        # Every address begins like every other one, and a record may hold an address.
        found = needles.found(place, text.replace(link, link.partition("://")[2]) if link else text)
        require(not found, "; ".join(f"{leak}, {part}" for leak in found[:3]))
        require(own_words or _MARK not in text, f"{place}, repeats the body of the answer, {part}")


def _poison_that_is_repeated(stage: Stage, record: Mapping[str, Value], needles: Needles, number: int) -> None:
    """The backend's own refusal, each of its texts in turn holding what was sent."""
    good = stage.good

    def made(number: int) -> WireRecord:
        spoilt = stage.kit.poison({**record, stage.kit.key_field: key(number)})
        return good.wire_record(spoilt, key=key(number))

    number += 1
    pushed = good.push([made(number)])
    _shows_nothing(needles, pushed, acts.noted(acts.page(), lambda: None), own_words=True)
    answer = told.answer_to(pushed.writes)
    texts = [path for path in told.kinds_of_leaves(answer) if isinstance(told.at(answer, path), str)]
    plain = " ".join(str(value) for value in stage.kit.poison(record).values() if isinstance(value, str))
    for path in texts:
        for form in ("as it was sent", "value by value"):
            number += 1

            def repeat(exchange: Exchange, data: Any, path: told.Path = path, form: str = form) -> Any:
                try:
                    old = told.at(data, path)
                except (LookupError, TypeError):
                    return data
                echo = _echo_of(exchange) if form == "as it was sent" else plain
                return told.replaced(data, path, f"{old} {echo}")

            act = acts.echoing(repeat, name=f"a refusal that repeats the record {form} in {told.where(path)}")
            _shows_nothing(needles, disturbed(good, [made(number)], act).pushed, act, own_words=True)
