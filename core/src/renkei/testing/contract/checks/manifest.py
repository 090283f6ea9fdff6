"""Checks M: what a plugin says of its backend is complete, and true."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ValidationError

from renkei import spec
from renkei.plugins.addresses import is_literal
from renkei.plugins.faults import name_exception
from renkei.plugins.vetting import hooks_of
from renkei.spec import CAPABILITIES, OPTIONAL_HOOKS, CapabilityState, Manifest
from renkei.testing.contract import foreign
from renkei.testing.contract.broken import broken, require
from renkei.testing.contract.catalogue import ANYWHERE, check
from renkei.testing.contract.checks import wording
from renkei.testing.contract.checks.calling import answered
from renkei.testing.contract.checks.standing import (
    require_atomicity,
    require_own_objects,
    require_told_refusals,
    require_uniqueness,
    require_unknown_fields,
)
from renkei.testing.contract.imported import imported
from renkei.testing.contract.stage import Stage

_LONGEST_SETTLING: Final = timedelta(days=1)
# Names that anybody can get a host under, so that a pattern over them lets a token go to strangers.
_SHARED_NAMES: Final = (
    "amazonaws.com azurewebsites.net cloudapp.net cloudfront.net firebaseapp.com github.io gitlab.io "
    "herokuapp.com netlify.app ngrok.io pages.dev run.app vercel.app web.app workers.dev"
)
_SHARED: Final = frozenset(_SHARED_NAMES.split())
_SECOND_LEVEL: Final = ("ac", "ad", "co", "com", "ed", "edu", "go", "gov", "gr", "lg", "ne", "net", "or", "org")


class ManifestChecks:
    """Checks M."""

    @check("M01", sources=ANYWHERE)
    def test_m01_described_without_anything_and_equal_each_time(self, stage: Stage) -> None:
        """The manifest is given without settings and without network, and is the same each time and everywhere.

        Why: core asks for it before there is any connection, and every process of a host asks for itself: two that
            hear different limits pace one account by different rules.
        Mend: build the manifest once, at import, from constants, and return it. No set whose order changes, no clock,
            no environment, no file that differs from machine to machine.
        """
        with stage.wire.since_now() as exchanges:
            one, other = described(stage), described(stage)
        require(not exchanges, f"{len(exchanges)} requests were sent to describe it")
        require(one == other, "crm_describe answered differently the second time")
        claim = stage.subject.claim
        if sys.modules.get(claim.entry_point.module) is not stage.subject.module:
            return  # not the installed module: there is no other process to compare it with
        seen = imported(stage.subject)
        require(not seen.describing, f"crm_describe does more than answer: {', '.join(seen.describing)}")
        for text in seen.described:
            require(text, "crm_describe gives no manifest in a process of its own")
            here = one.model_dump(mode="json")
            differing = [name for name, value in json.loads(text).items() if here.get(name) != value]
            require(not differing, f"in another process the manifest differs in {', '.join(differing)}")

    @check("M02", sources=ANYWHERE)
    def test_m02_unknown_keys_fail(self, stage: Stage) -> None:
        """The manifest is made of the spec's own classes, which refuse what they do not know.

        Why: a misspelt limit that is quietly dropped is no limit, and nobody is told.
        Mend: build `spec.Manifest(...)` and its parts by calling them; no subclass, no `model_construct`.
        """
        manifest = described(stage)
        foreign_parts = [f"{place} is a {type(part).__qualname__}" for place, part in _parts("the manifest", manifest)]
        require(not foreign_parts, f"it is not made of the spec's own classes: {', '.join(foreign_parts[:5])}")
        fields = {name: getattr(manifest, name) for name in Manifest.model_fields}
        try:
            Manifest.model_validate({**fields, "no_such_key": True})
        except ValidationError as error:
            wrong = [".".join(map(str, item["loc"])) for item in error.errors() if item["loc"] != ("no_such_key",)]
            require(not wrong, f"the manifest is not valid at {', '.join(wrong)}")
        else:
            broken("an unknown key in the manifest is accepted")

    @check("M04", sources=ANYWHERE)
    def test_m04_version_is_the_distributions(self, stage: Stage) -> None:
        """The manifest's version is the distribution's.

        Why: the version in a report is what a maintainer looks for; core refuses a plugin that has two.
        Mend: keep it in one place: `importlib.metadata.version("your-distribution")`, or a constant that your build
            reads, too.
        """
        told, real = described(stage).version, stage.subject.claim.version
        require(told == real, f"the distribution has version {real!r}, the manifest says {told!r}")
        require(_is_version(told), f"{told!r} is not a version as Python packages have them")

    @check("M05", sources=ANYWHERE)
    def test_m05_each_capability_has_a_state_and_a_reason(self, stage: Stage) -> None:
        """Each capability has a state and, unless it is there in full, a reason; each claimed hook is there.

        Why: what is missing is shown to admins with the reason; what is claimed and missing fails in the middle of
            their set-up.
        Mend: state every name of `spec.CAPABILITIES`; `UNSUPPORTED` where the backend cannot, `NOT_IMPLEMENTED` where
            only the plugin does not. Claim a hook where you have it, and only there.
        """
        manifest, hooks = described(stage), hooks_of(module_of(stage))
        missing = [name for name in CAPABILITIES if name not in manifest.capabilities]
        require(not missing, f"no state is given for {', '.join(missing)}")
        for name, capability in manifest.capabilities.items():
            require(name in CAPABILITIES, f"there is no capability {name!r}")
            full = capability.state is CapabilityState.SUPPORTED
            require(full or capability.reason is not None, f"{name!r} is {capability.state} without a reason")
        for hook in OPTIONAL_HOOKS:
            name = hook.removeprefix("crm_")
            claimed = manifest.supports(name)
            state = manifest.capabilities[name].state
            require(
                claimed == (hook in hooks), f"{name!r} is {state}, and {hook} is {'' if hook in hooks else 'not '}there"
            )

    @check("M06", sources=ANYWHERE)
    def test_m06_limits_make_sense(self, stage: Stage) -> None:
        """The limits are there, positive, and fit each other: sizes, bytes, concurrency, windows, the day's budget.

        Why: core paces by them alone; a wrong one is either a blocked account or a sync that never keeps up.
        Mend: take them from the vendor's page, and claim less rather than more. `request_size` is what one HTTP
            request holds, `push_size` what one `crm_push` does; a zone is a name such as `Asia/Tokyo`.
        """
        manifest = described(stage)
        limits = manifest.limits
        require(
            limits.request_size <= limits.push_size,
            f"a request holds {limits.request_size} records, and a push only {limits.push_size}",
        )
        require(limits.request_bytes is None or limits.request_bytes >= 256, "request_bytes has no room for a record")
        for window in limits.windows:
            require(window.per > timedelta(0), "a window lasts no time")
        if limits.daily is not None:
            require(_is_zone(limits.daily.zone), f"the day's budget has the zone {limits.daily.zone!r}, which is none")
            require(limits.daily.resets_at.tzinfo is None, "resets_at is a wall-clock time; its zone stands in `zone`")
        settles = manifest.settles_within
        require(
            timedelta(0) < settles <= _LONGEST_SETTLING,
            f"settles_within is {settles}; it is the longest time that one request may still be worked on",
        )

    @check("M07", sources=ANYWHERE, traffic=True)
    def test_m07_hosts_are_the_backends_own(self, stage: Stage) -> None:
        """Host patterns are names under the vendor's own domains; all requests go to them, and over https.

        Why: the patterns are what keeps a token from going to whatever host an admin, a redirect or a stored setting
            names. One over a public suffix or a shared cloud domain lets it go to anybody.
        Mend: write `api.acme.example` or `*.acme.example`. For a backend that runs wherever its owner put it, set
            `self_hosted`: then the operator says which hosts are meant.
        """
        manifest = described(stage)
        require(manifest.hosts or manifest.self_hosted, "no host is named, and it is not self_hosted")
        wrong = [f"{host!r} {why}" for host in manifest.hosts if (why := _fault_of_host(host))]
        require(not wrong, f"host patterns cannot be meant: {', '.join(wrong)}")
        answered("crm_discover of the good target", lambda: stage.good.schema)
        for exchange in stage.wire.exchanges:
            url = exchange.request.url
            if stage.site.routes:  # a simulator in place of the account: the guard has led the request to it
                continue
            own_port = manifest.self_hosted or url.port is None
            require(url.scheme == "https" and own_port, f"a request went over {url.scheme}, port {url.port}")
            require(not url.userinfo, "a request carried credentials in its address")

    @check("M08", sources=ANYWHERE)
    def test_m08_texts_are_there_in_both_languages(self, stage: Stage) -> None:
        """Names, labels, help, reasons and sentences are plain text in Japanese and in English.

        Why: they are all that an inbox admin reads; half of them read only one of the two languages.
        Mend: give every setting `help_ja` and `help_en`, translate each sentence, and write no HTML: it would be
            shown as it stands.
        """
        wrong = list(wording.faults(described(stage)))
        require(not wrong, "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""))

    @check("M09", sources=ANYWHERE)
    def test_m09_manifest_as_json_says_all(self, stage: Stage) -> None:
        """The manifest's JSON carries the JSON Schema of settings and options, and reads back as the same manifest.

        Why: forms in other languages, and `renkei backends --json`, have nothing but this JSON.
        Mend: keep to types that JSON Schema can say; describe each setting with `spec.setting(...)`.
        """
        manifest = described(stage)
        try:
            text = manifest.model_dump_json()
            data = json.loads(text)
            models = {"settings": manifest.settings, "options": manifest.options}
            again = Manifest.model_validate({**data, **models})
        except Exception as error:
            broken(f"the manifest cannot be written as JSON and read back: it {name_exception(error)}")
        require(again == manifest, "the manifest that was read back from its JSON is another one")
        require(json.loads(json.dumps(data)) == data and again.model_dump_json() == text, "its JSON changes")
        for name, model in models.items():
            shown = data[name].get("properties", {}) if isinstance(data[name], dict) else {}
            missing = sorted(set(model.model_fields) - set(shown))
            require(not missing, f"the JSON Schema of the {name} lacks {', '.join(missing)}")

    @check("M10", traffic=True)
    def test_m10_what_the_manifest_says_of_writes_is_true(self, stage: Stage) -> None:
        """Atomicity, uniqueness, unknown_fields and refusals are what the backend does, and no refusal was applied.

        Why: core decides by them whether what met an error may be sent again. A refusal that describes a gateway's
            page has records sent twice that were stored; a uniqueness that is not enforced, too.
        Mend: describe in `refusals` only answers that the backend itself gives before it applies anything, by a key
            (`json_key`) that neither a gateway's answer nor one of success has, and with the `statuses` that they come
            with where others use that key, too (`error`). An answer that you cannot tell from a
            gateway's stays undescribed, and counts as unknown.
        """
        manifest = stage.manifest
        require(manifest.atomicity in ("request", "record"), f"atomicity is {manifest.atomicity!r}")
        require(manifest.uniqueness in ("atomic", "checked", "none"), f"uniqueness is {manifest.uniqueness!r}")
        require(manifest.unknown_fields in ("refused", "ignored"), f"unknown_fields is {manifest.unknown_fields!r}")
        for status in foreign.STATUSES:
            for what, body in foreign.BODIES:
                require(
                    not any(refusal.describes(status, body) for refusal in manifest.refusals),
                    f"refusals describe {what} with status {status}, which proves nothing about the write",
                )
        require_own_objects(stage)
        unheard = [status for refusal in manifest.refusals for status in refusal.statuses if not 400 <= status < 600]
        require(not unheard, f"refusals name status {unheard}, which no refusal has")
        require_atomicity(stage)
        require_uniqueness(stage)
        require_told_refusals(stage)
        require_unknown_fields(stage)


def module_of(stage: Stage) -> Any:
    """The plugin's module.

    Raises:
        Broken: it cannot be loaded.
    """
    if stage.subject.module is None:
        broken(f"the plugin cannot be loaded: {stage.subject.broken}")
    return stage.subject.module


def described(stage: Stage) -> Manifest:
    """What the plugin itself says, before core looks at it.

    Raises:
        Broken: it is no manifest.
    """
    describe = vars(module_of(stage)).get("crm_describe")
    try:
        manifest = describe() if callable(describe) else None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        broken(f"crm_describe {name_exception(error)}")
    if not isinstance(manifest, Manifest):
        broken(f"crm_describe gives a {type(manifest).__name__} instead of a manifest")
    return manifest


def _parts(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Parts of a manifest that are instances of classes which are not the spec's, or hold keys that these lack."""
    if isinstance(value, BaseModel):
        kind = type(value)
        known = getattr(spec, kind.__name__, None) is kind
        if not known or value.model_extra or set(vars(value)) - set(kind.model_fields):
            yield place, value
        for name in kind.model_fields:
            yield from _parts(name, getattr(value, name, None))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _parts(str(key), item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _parts(place, item)


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _is_zone(name: str) -> bool:
    importlib.import_module("tzdata")  # where a machine has no zones of its own
    try:
        ZoneInfo(name)
    except Exception:  # what is wrong with a key differs from one to the next
        return False
    return True


def _fault_of_host(pattern: str) -> str:
    bare = pattern.removeprefix("*.")
    labels = bare.split(".")
    if "*" in bare or not all(labels) or len(labels) < 2:
        return "is no pattern; write 'api.acme.example' or '*.acme.example'"
    if is_literal(bare):
        return "is an address"
    if labels[-1] in ("local", "localhost", "internal", "lan", "home"):
        return "is a name of a private network"
    if pattern.startswith("*.") and len(labels) == 2 and labels[0] in _SECOND_LEVEL and len(labels[1]) == 2:
        return "is a public suffix"
    if pattern.startswith("*.") and bare in _SHARED:
        return "is a domain that anybody can get a host under"
    return ""
