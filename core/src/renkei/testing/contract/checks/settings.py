"""Checks S: what an admin types is understood or refused clearly, kept in one form, and never shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from renkei.spec import RenkeiError, Settings
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.capturing import Listening
from renkei.testing.contract.catalogue import ANYWHERE, check
from renkei.testing.contract.checks import hiding, json_schema, paying
from renkei.testing.contract.checks.manifest import described
from renkei.testing.contract.checks.typed import (
    CANARY,
    accepted,
    bad_values,
    folded,
    parsed,
    revealed,
    text_fields,
)
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.watching import ways_out
from renkei.testing.kit import BadSettings

_FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


class SettingsChecks:
    """Checks S."""

    @check("S01", sources=ANYWHERE)
    def test_s01_settings_have_a_json_schema(self, stage: Stage) -> None:
        """Settings and options have a valid JSON Schema (2020-12), an object that admits nothing beyond its fields.

        Why: forms are built from it, also by hosts that are not written in Python.
        Mend: keep to types that JSON Schema can say: text, numbers, booleans, enumerations, lists of these; describe
            each field with `spec.setting(...)`.
        """
        manifest = described(stage)
        for name, model in (("settings", manifest.settings), ("options", manifest.options)):
            wrong = list(json_schema.faults(model))
            require(not wrong, f"the JSON Schema of the {name}: {'; '.join(wrong[:5])}")

    @check("S02", sources=ANYWHERE, traffic=True)
    def test_s02_what_proves_identity_is_secret(self, stage: Stage) -> None:
        """Whatever proves to the backend who is asking comes from a secret setting, and stands in no address.

        Why: a setting that is not secret is shown in forms, exports and logs, and is not sealed; an address is kept
            by every proxy on the way.
        Mend: give tokens, passwords and keys the type `SecretStr`. Send them in a header, or in the body of the token
            exchange; never in path or query.
        """
        second = paying.use_all_hooks(stage)
        paying.require_nothing_in_addresses(stage)
        paying.require_secrets_in_headers(stage, second)
        paying.require_credentials_are_secret(stage)

    @check("S03", sources=ANYWHERE)
    def test_s03_parsing_twice_changes_nothing(self, stage: Stage) -> None:
        """Good settings are accepted in one canonical form, and parsing that form again changes nothing.

        Why: core parses what is stored each time it is used; a form that drifts with each parse is another account
            one day.
        Mend: have each validator accept its own result unchanged.
        """
        model = described(stage).settings
        forms = [("good settings", stage.site.settings)]
        if stage.site.source == "simulator":
            kit = stage.kit
            forms += [("the second settings", kit.second_settings()), ("wrong credentials", kit.wrong_credentials())]
        for what, typed in forms:
            _require_canonical(model, typed, what)
        _require_canonical(described(stage).options, stage.site.options, "good options")

    @check("S04", sources=ANYWHERE)
    def test_s04_bad_settings_are_refused_without_their_value(self, stage: Stage) -> None:
        """Each of the kit's bad settings is refused with the field's name and without the value.

        Why: an admin who does not learn which field is wrong cannot mend it; and what was typed into the wrong field
            is often a token, which the message then shows to everybody who sees the screen.
        Mend: raise `spec.SettingProblem(code, ja=…, en=…)` in the field's own validator, with words that say what is
            expected instead. Do not put the value, nor a part of it, into them.
        """
        model, samples = described(stage).settings, list(stage.kit.bad_settings())
        require(len(samples) >= 2, f"the kit gives {len(samples)} bad settings; it takes at least two")
        for number, sample in enumerate(samples, 1):
            _require_refused_well(stage, model, sample, f"bad settings {number} (at {sample.field!r})")
        for name in [*text_fields(model, secret=False), *text_fields(model, secret=True)]:
            for what, value in bad_values():
                _require_silent(model, {**stage.site.settings, name: value}, f"{what} in {name!r}")

    @check("S05", sources=ANYWHERE)
    def test_s05_a_missing_field_is_named_alone(self, stage: Stage) -> None:
        """A required field that is missing or blank is refused, and it alone is named.

        Why: a form that marks other fields red as well has people change what was right.
        Mend: keep required settings without a default; refuse an empty text in the field's validator; let validators
            of the whole model pass over fields that are missing.
        """
        model = described(stage).settings
        for name, field in model.model_fields.items():
            if not field.is_required():
                continue
            without = {key: value for key, value in stage.site.settings.items() if key != name}
            blanks = ["", "  ", "\u3000"] if isinstance(stage.site.settings.get(name), str) else []
            for what, typed in (
                (f"settings without {name!r}", without),
                *((f"settings with a blank {name!r}", {**without, name: blank}) for blank in blanks),
            ):
                found = parsed(model, typed)
                found.require_refusal(what)
                require(set(found.fields) == {name}, f"{what} are refused at {found.fields} instead of {name!r} alone")

    @check("S06", sources=ANYWHERE)
    def test_s06_unknown_settings_are_refused(self, stage: Stage) -> None:
        """A setting or option that does not exist is refused, by its name and without its value.

        Why: a misspelt setting that is dropped in silence leaves its default in force, and nobody is told.
        Mend: leave `model_config` as `spec.Settings` has it.
        """
        manifest = described(stage)
        for model, typed in ((manifest.settings, stage.site.settings), (manifest.options, stage.site.options)):
            found = parsed(model, {**typed, "no_such_setting": CANARY})
            found.require_refusal("an unknown setting")
            require(found.names("no_such_setting"), f"an unknown setting is refused at {found.fields}, not by its name")
            require(CANARY not in found.words(), "the refusal of an unknown setting repeats its value")

    @check("S07", sources=ANYWHERE)
    def test_s07_typed_forms_are_understood_or_refused(self, stage: Stage) -> None:
        """White space, full-width letters, another case, a trailing slash, a pasted URL are understood or refused.

        Why: people paste. What is accepted as it stands fails at the first request, with words that do not help.
        Mend: put it right in `field_validator(..., mode="before")`: strip, `unicodedata.normalize("NFKC", …)`, lower
            case for hosts, the host out of a URL. Refuse what cannot be meant.
        """
        model = described(stage).settings
        good = accepted(model, stage.site.settings, "good settings")
        typed = stage.site.settings
        for name in [*text_fields(model, secret=False), *text_fields(model, secret=True)]:
            if not isinstance(typed.get(name), str) or not typed[name]:
                continue
            for what, value in _as_typed(typed[name], secret=name in model.secret_fields()):
                _require_understood(model, good, {**typed, name: value}, name, what)

    @check("S09", sources=ANYWHERE)
    def test_s09_checking_settings_sends_nothing(self, stage: Stage) -> None:
        """Checking settings sends nothing and looks no name up.

        Why: forms are checked with each key press, before anybody meant to connect; a look-up tells the network
            which customer's account is being typed.
        Mend: check the form alone; whether it is right is for `crm_authenticate` to find out.
        """
        manifest = described(stage)
        with stage.wire.since_now() as exchanges, ways_out() as ways:
            parsed(manifest.settings, stage.site.settings)
            parsed(manifest.options, stage.site.options)
            for sample in stage.kit.bad_settings():
                parsed(manifest.settings, sample.settings)
        require(not exchanges, f"checking settings sent {len(exchanges)} requests")
        require(not ways, f"checking settings {', '.join(map(str, ways[:3]))}")

    @check("S10", sources=ANYWHERE)
    def test_s10_no_secret_is_shown(self, stage: Stage) -> None:
        """No secret shows in str, repr, JSON or pickle of settings, nor in any error about them.

        Why: forms, logs, exports and crash reports show these; a token that stands in one of them belongs to
            everybody who may read it.
        Mend: keep the secret in `SecretStr` and take it out only where a header is built. Say in a validator what is
            wrong without the value, and raise nothing but `spec.SettingProblem`; no property or `__repr__` that
            shows it.
        """
        manifest = described(stage)
        with Listening() as heard:
            for model, typed in ((manifest.settings, stage.site.settings), (manifest.options, stage.site.options)):
                hidden = hiding.needles(hiding.secrets_typed(model, typed), typed)
                hiding.require_hidden_in_settings(accepted(model, typed, "good settings"), hidden)
            for what, typed, hidden in hiding.scenes(stage, manifest.settings):
                found = parsed(manifest.settings, typed)
                hiding.require_hidden_in_error(found, hidden, what)
                hiding.require_hidden_by_core(stage, typed, hidden, what)
        secrets = {**hiding.secrets_typed(manifest.settings, stage.site.settings), "what was typed as one": CANARY}
        hiding.require_hidden_in_texts(heard.texts(), hiding.needles(secrets, stage.site.settings))
        if stage.site.source == "simulator":
            hiding.require_hidden_when_refused(stage)


def _require_canonical(model: type[Settings], typed: Mapping[str, Any], what: str) -> None:
    once = accepted(model, typed, what)
    stored = revealed(once)
    twice = accepted(model, stored, f"{what}, parsed a second time")
    require(twice == once, f"{what}: parsing the parsed form changes {', '.join(_differing(once, twice))}")
    require(revealed(twice) == stored, f"{what}: what is stored changes with each parse")
    extra = sorted(set(stored) - set(model.model_fields))
    require(not extra, f"{what}: {', '.join(extra)} would be stored beside the settings")


def _differing(one: Settings, other: Settings) -> list[str]:
    return [name for name in type(one).model_fields if getattr(one, name, None) != getattr(other, name, None)]


def _require_refused_well(stage: Stage, model: type[Settings], sample: BadSettings, what: str) -> None:
    found = parsed(model, sample.settings)
    found.require_refusal(what)
    require(found.names(sample.field), f"{what}: refused, but the problems name {found.fields} instead")
    value = folded(sample.typed()).strip()
    long_enough = len(value) >= 4 or (value and not value.isascii())
    if long_enough and value in found.words():
        broken(f"{what}: the refusal repeats what was typed{_hint(model, sample, value)}")
    for problem in found.error.problems if found.error else ():
        require(problem.message.ja != problem.message.en, f"{what}: the refusal says the same in both languages")
    try:
        stage.backend.parse_settings(sample.settings)
    except RenkeiError:
        return
    broken(f"{what}: accepted by core")


def _hint(model: type[Settings], sample: BadSettings, value: str) -> str:
    """What to do where the plugin says *value* in its own sentence, whatever was typed."""
    name = sample.field.split(".")[0]
    for _what, other in bad_values():
        found = parsed(model, {**sample.settings, name: other})
        if found.names(sample.field) and value not in folded(str(other)) and value in found.words():
            return (
                "; it says the same of any other value, so that these are the plugin's own words: "
                "let the kit's bad_settings() use a value that is not among them"
            )
    return ""


def _require_silent(model: type[Settings], typed: Mapping[str, Any], what: str) -> None:
    """Refused without the canary, or accepted."""
    found = parsed(model, typed)
    found.require_ours(what)
    require(CANARY not in found.words(), f"{what}: the refusal repeats a part of what was typed")


def _as_typed(value: str, *, secret: bool) -> Iterator[tuple[str, str]]:
    yield "white space around it", f"  {value}\t"
    yield "a line break after it", f"{value}\r\n"
    if secret:
        return  # nobody may change one of its characters for another
    yield "a full-width space around it", f"\u3000{value}\u3000"
    yield "full-width letters and digits", value.translate(_FULL_WIDTH)
    yield "upper-case letters", value.upper()
    yield "a trailing slash", f"{value}/"
    yield "a pasted URL", f"https://{value}/"
    yield "an invisible character", f"\ufeff{value}"


def _require_understood(model: type[Settings], good: Settings, typed: Mapping[str, Any], name: str, what: str) -> None:
    found = parsed(model, typed)
    where = f"{name!r} with {what}"
    found.require_ours(where)
    if found.error is not None:
        require(found.names(name), f"{where}: refused, but the problems name {found.fields}")
        return
    assert found.settings is not None
    kept = _plain(getattr(found.settings, name))
    if found.settings == good or not isinstance(kept, str):
        return
    clean: Callable[[str], bool] = lambda text: text == folded_width(text).strip()  # noqa: E731
    require(clean(kept), f"{where}: accepted and kept as it was typed")


def folded_width(text: str) -> str:
    """*text* in half-width letters where it is in full-width ones, and without what nobody sees."""
    back = {full: half for half, full in _FULL_WIDTH.items()}
    return text.translate({**back, 0x3000: " ", 0xFEFF: None, 0x200B: None})


def _plain(value: Any) -> Any:
    reveal = getattr(value, "get_secret_value", None)
    return reveal() if callable(reveal) else value
