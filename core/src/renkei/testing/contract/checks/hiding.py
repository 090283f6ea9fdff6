"""Whether secrets stay hidden in settings, and in whatever is said about them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from renkei.spec import RenkeiError, Settings
from renkei.testing.contract.broken import broken
from renkei.testing.contract.checks.typed import CANARY, Parsed, bad_values, text_fields
from renkei.testing.contract.leaks import SHORTEST, Needles, exception_texts, shown
from renkei.testing.contract.stage import Stage

_CANARY: Mapping[str, str] = {"what was typed as a secret": CANARY}


def secrets_typed(model: type[Settings], typed: Mapping[str, Any]) -> dict[str, str]:
    """Setting → its secret, without those that any sentence holds by chance."""
    return {
        name: typed[name]
        for name in sorted(model.secret_fields())
        if isinstance(typed.get(name), str) and len(typed[name]) >= SHORTEST
    }


def needles(secrets: Mapping[str, str], typed: Mapping[str, Any]) -> Needles:
    """What must not be shown of a form that was filled in as *typed*; what stands in its open fields may be."""
    public = [value for value in typed.values() if isinstance(value, str) and value not in secrets.values()]
    return Needles(secrets, innocent="\n".join(public))


def scenes(stage: Stage, model: type[Settings]) -> Iterator[tuple[str, Mapping[str, Any], Needles]]:
    """What goes wrong, the form as it was filled in, and what no word about it may hold."""
    good = dict(stage.site.settings)
    secrets = secrets_typed(model, good)
    for number, sample in enumerate(stage.kit.bad_settings(), 1):
        typed = sample.settings
        yield f"bad settings {number}", typed, needles(secrets_typed(model, typed), typed)
    yield "an unknown setting", {**good, "no_such_setting": CANARY}, needles({**secrets, **_CANARY}, good)
    for name, field in model.model_fields.items():
        if field.is_required() and name not in secrets:
            without = {key: value for key, value in good.items() if key != name}
            yield f"settings without {name!r}", without, needles(secrets, without)
    for name in text_fields(model, secret=False):
        for what, value in bad_values("wrong"):
            typed = {**good, name: value}
            yield f"{what} in {name!r}", typed, needles(secrets, typed)
    for name in model.secret_fields():
        hidden = {**{other: secret for other, secret in secrets.items() if other != name}, **_CANARY}
        for what, value in bad_values():
            yield f"{what} in {name!r}", {**good, name: value}, needles(hidden, good)
        for what, value in bad_values("wrong"):
            # Wrong in all other places: a validator that sees the secret as well may say more than it should.
            typed = {**good, **dict.fromkeys(text_fields(model, secret=False), value), name: CANARY}
            yield f"{what} in all but {name!r}", typed, needles(hidden, {})


def require_hidden_in_settings(settings: Settings, hidden: Needles) -> None:
    """Settings that are shown in any way show no secret.

    Raises:
        Broken: with the way, and the setting's name.
    """
    texts: list[tuple[str, str | bytes]] = [
        ("str", str(settings)),
        ("repr", repr(settings)),
        ("format", f"{settings}"),
        ("JSON", shown(settings, lambda one: one.model_dump_json())),
        ("JSON", shown(settings, lambda one: one.model_dump_json(round_trip=True))),
        ("model_dump", shown(settings, lambda one: one.model_dump())),
        ("model_dump", shown(settings, lambda one: one.model_dump(mode="json"))),
        ("its attributes", shown(settings, lambda one: vars(one))),
        ("its private attributes", shown(settings, lambda one: one.__pydantic_private__)),
        ("public(), which crm_map and forms get", shown(settings, lambda one: one.public())),
        ("the JSON Schema", shown(settings, lambda one: type(one).model_json_schema())),
        ("a copy", shown(settings, copy.copy)),
        ("a pickle", _pickled(settings)),
        *((f"the property {name!r}", text) for name, text in _properties(settings)),
    ]
    require_hidden_in_texts(texts, hidden)


def require_hidden_in_error(found: Parsed, hidden: Needles, what: str) -> None:
    """The plugin's own refusal shows nothing.

    Raises:
        Broken: with the way, and the setting's name.
    """
    error = found.error or found.foreign
    if error is None:
        if found.settings is not None:
            require_hidden_in_texts([(f"{what}: repr", repr(found.settings))], hidden)
        return
    texts: list[tuple[str, str | bytes]] = [(f"{what}: the error", text) for text in exception_texts(error)]
    texts.append((f"{what}: a pickle of the error", _pickled(error)))
    if found.error is not None:
        texts += [(f"{what}: the error in Japanese", found.error.say("ja")), (what, found.error.say("en"))]
        texts += [(f"{what}: JSON of a problem", problem.model_dump_json()) for problem in found.error.problems]
        texts.append((f"{what}: the refusal", found.words()))
    require_hidden_in_texts(texts, hidden)


def require_hidden_by_core(stage: Stage, typed: Mapping[str, Any], hidden: Needles, what: str) -> None:
    """What core makes of it shows nothing either.

    Raises:
        Broken: it does.
    """
    try:
        stage.backend.parse_settings(typed)
    except RenkeiError as error:
        require_hidden_in_texts([(f"{what}: core's error", text) for text in exception_texts(error)], hidden)


def require_hidden_when_refused(stage: Stage) -> None:
    """What is raised when the backend does not accept the secret shows nothing of it.

    Raises:
        Broken: it does.
    """
    typed = stage.kit.wrong_credentials()
    hidden = needles(secrets_typed(stage.manifest.settings, typed), typed)
    heard = len(stage.heard)
    try:
        stage.connection(typed, name="wrong").authenticate()
    except RenkeiError as error:
        texts = [("the error for wrong credentials", text) for text in exception_texts(error)]
        require_hidden_in_texts(texts, hidden)
    for said in stage.heard[heard:]:
        if said.error is not None:
            own = [("the error for wrong credentials", shown(said.error, show)) for show in (str, repr)]
            require_hidden_in_texts(own, hidden)


def require_hidden_in_texts(texts: Iterable[tuple[str, str | bytes]], hidden: Needles) -> None:
    """None of *texts*, by their place, holds what is *hidden*.

    Raises:
        Broken: with the place, the name, and how it was written.
    """
    for leak in hidden.found_in(texts):
        broken(str(leak))


def _pickled(thing: Any) -> bytes:
    try:
        return pickle.dumps(thing)
    except Exception:  # what cannot be pickled cannot leak that way
        return b""


def _properties(settings: Settings) -> Iterator[tuple[str, str]]:
    """What its own properties show: a computed field, an address with the token in it."""
    for kind in type(settings).__mro__:
        if kind is Settings:
            return
        for name, value in vars(kind).items():
            if isinstance(value, property):
                yield name, shown(settings, lambda one, name=name: getattr(one, name))
