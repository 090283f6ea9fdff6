"""The typed face of one backend: what core calls, from any thread, and nothing else of a plugin.

Nobody else touches pluggy's hook relay: its type is `Any`, it takes keywords alone, and a hook that is missing
answers None.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

import pluggy
from pydantic import BaseModel, SecretStr, ValidationError

from renkei.plugins.calls import Call, PushOutcome, context_of
from renkei.plugins.deadline import Deadline
from renkei.plugins.faults import NotSent, PluginFault, name_exception
from renkei.plugins.guard import Gate, Guard, GuardedClient, GuardRules
from renkei.plugins.loops import Ending, How, LoopThread
from renkei.plugins.pools import Pools
from renkei.plugins.verdicts import Wire, judge, without_report
from renkei.plugins.wire import Outcome
from renkei.spec import (
    Account,
    AuthenticateRequest,
    AuthenticationFailed,
    BackendError,
    Clock,
    Credentials,
    DiscoverRequest,
    ListTargetsRequest,
    Load,
    Manifest,
    MapRequest,
    MapResult,
    OutcomeUnknown,
    PermissionDenied,
    Present,
    Problem,
    PushReport,
    PushRequest,
    QuotaExhausted,
    RateLimited,
    RefreshRequest,
    SchemaDrift,
    Settings,
    SettingsError,
    TargetList,
    TargetNotFound,
    TargetSchema,
    Text,
    Unavailable,
    Upgraded,
    UpgradeRequest,
    VerifyReport,
    VerifyRequest,
)

A = TypeVar("A", bound=BaseModel)
X = TypeVar("X", bound=Exception)

# What the engine knows what to do with. A bare BackendError, or a new branch of it, says nothing.
_KNOWN_ERRORS = (
    AuthenticationFailed,
    PermissionDenied,
    TargetNotFound,
    SchemaDrift,
    RateLimited,
    QuotaExhausted,
    Unavailable,
    OutcomeUnknown,
)

# A hook that finds out only by asking that a setting cannot be meant may say so.
_MAY_BLAME_SETTINGS = frozenset({"crm_authenticate", "crm_discover", "crm_list_targets"})

# Shorter secrets would be found in any sentence.
_SHORTEST_SECRET = 4


class Backend:
    """One ready backend.

    Every method may be called from any thread, also from several at once, but not from inside a hook.

    Attributes:
        id: the backend's id.
        manifest: as it described itself.
        distribution: which distribution it comes from; empty for a module given directly.
        version: of that distribution.
    """

    def __init__(
        self,
        *,
        manager: pluggy.PluginManager,
        manifest: Manifest,
        distribution: str,
        rules: GuardRules,
        loop: LoopThread,
        clock: Clock,
    ) -> None:
        self.id = manifest.id
        self.manifest = manifest
        self.distribution = distribution
        self.version = manifest.version
        self._hook: Any = manager.hook
        self._rules = rules
        self._loop = loop
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Backend {self.id!r} {self.version}>"

    def parse_settings(self, raw: Mapping[str, Any]) -> Settings:
        """Check and canonicalise a connection's settings. Sends nothing.

        Raises:
            SettingsError: each problem names its field and holds no secret, whatever the plugin's validators say.
            PluginFault: they failed otherwise.
        """
        return self._parse(self.manifest.settings, raw)

    def parse_options(self, raw: Mapping[str, Any]) -> Settings:
        """Check and canonicalise a target's options. Raises as `parse_settings` does."""
        return self._parse(self.manifest.options, raw)

    def map(self, request: MapRequest) -> MapResult:
        """One action's values → one wire record, or problems. Runs in the caller's thread, and cannot be timed there.

        Raises:
            PluginFault: it raised, or answered for another record.
        """
        result = self._pure("crm_map", request, MapResult)
        if result.record is not None and result.record.key != request.key:
            raise self._fault("crm_map", "it answered for another record")
        return result

    def upgrade(self, request: UpgradeRequest) -> Upgraded:
        """Stored data of an older version of the plugin → this version.

        Raises:
            PluginFault: it raised, or answered something else.
        """
        self._require("upgrade")
        return self._pure("crm_upgrade", request, Upgraded)

    def authenticate(self, call: Call, request: AuthenticateRequest) -> Account:
        """Prove the settings; changes nothing at the backend.

        Raises:
            BackendError: one of its subclasses, which says what to do next.
            SettingsError: a setting turned out not to be meant so.
            PluginFault: the plugin raised, lied or hung.
            NotSent: `before_send` held a request back.
        """
        return self._ask("crm_authenticate", call, request, Account)

    def discover(self, call: Call, request: DiscoverRequest) -> TargetSchema:
        """The target's fields as they are now. Raises as `authenticate` does."""
        schema = self._ask("crm_discover", call, request, TargetSchema)
        if schema.target != request.target:
            raise self._fault("crm_discover", "it described another target than it was asked for")
        return schema

    def list_targets(self, call: Call, request: ListTargetsRequest) -> TargetList:
        """The account's targets. Raises as `authenticate` does."""
        self._require("list_targets")
        return self._ask("crm_list_targets", call, request, TargetList)

    def refresh(self, call: Call, request: RefreshRequest) -> Credentials:
        """New credentials. Raises as `authenticate` does, but for SettingsError."""
        self._require("refresh")
        return self._ask("crm_refresh", call, request, Credentials)

    def verify(self, call: Call, request: VerifyRequest) -> VerifyReport:
        """What is there, by delivery key: one answer for each. Raises as `authenticate` does, but for SettingsError."""
        self._require("verify")
        gate = self._gate("crm_verify", call)
        report = self._answer("crm_verify", self._run("crm_verify", call, request, gate), gate, VerifyReport)
        if sorted(answer.key for answer in report.answers) != sorted(set(request.keys)):
            raise self._fault("crm_verify", "it must answer exactly once for each key")
        if any(isinstance(answer, Present) and not answer.id.strip() for answer in report.answers):
            raise self._fault("crm_verify", "it says 'present' without the record's id")
        asked = any(entry.outcome is Outcome.ANSWERED for entry in gate.entries)
        if not asked and any(answer.answer != "cannot_tell" for answer in report.answers):
            raise self._fault("crm_verify", "it says what is there without having asked")
        return report

    def push(self, call: Call, request: PushRequest) -> PushOutcome:
        """Store a batch: one verdict for each record, whatever the plugin does.

        Raises:
            ValueError: more records than the manifest's push size, or one key twice: core's mistake.
        """
        keys = [record.key for record in request.records]
        if len(keys) > self.manifest.limits.push_size or len(set(keys)) != len(keys):
            raise ValueError(
                f"a push to {self.id!r} takes at most {self.manifest.limits.push_size} records with distinct keys"
            )
        gate = self._gate("crm_push", call)
        ending = self._run("crm_push", call, request, gate)
        return self._outcome(keys, ending, gate)

    def close(self) -> None:
        """End the backend's loop, thread and sockets; a later call starts afresh."""
        self._loop.close()

    # The way into a hook and out of it.

    def _ask(self, hook: str, call: Call, request: object, answer: type[A]) -> A:
        gate = self._gate(hook, call)
        return self._answer(hook, self._run(hook, call, request, gate), gate, answer)

    def _gate(self, hook: str, call: Call) -> Gate:
        length = call.deadline.total_seconds()
        # Requests end before the hook does: what it has won so far it can then still report.
        margin = min(1.0, length * 0.1)
        return Gate(
            wire=call.wire,
            deadline=Deadline(self._clock, timedelta(seconds=length - margin)),
            writing=hook == "crm_push",
            before_send=call.before_send,
        )

    def _run(self, hook: str, call: Call, request: object, gate: Gate) -> Ending:
        deadline = Deadline(self._clock, call.deadline)

        async def work(pools: Pools) -> object:
            async with pools.lease(call.connection, fresh=call.fresh_connection) as transport:
                http = GuardedClient(Guard(self._rules, gate, transport))
                context = context_of(call, self.id, http, self._clock, deadline)
                try:
                    return await getattr(self._hook, hook)(ctx=context, request=request)
                finally:
                    gate.shut()  # also for what the hook may have left running

        return self._loop.run(work, deadline, shut=gate.shut)

    def _answer(self, hook: str, ending: Ending, gate: Gate, answer: type[A]) -> A:
        """The checked answer of an ending, or what it has to raise.

        Raised here, outside of any except block and without a cause: the chain behind a plugin's error may hold
        requests, headers and bodies.
        """
        if ending.how is How.RETURNED:
            return self._checked(hook, ending.value, answer)
        if gate.held_back is not None:
            raise gate.held_back
        raise self._translated(hook, ending)

    def _translated(self, hook: str, ending: Ending) -> BackendError | SettingsError | PluginFault:
        error = ending.error
        if ending.how is How.STOPPED:
            return Unavailable("stopped", "renkei is stopping.")
        if ending.how is How.RAISED and error is not None:
            if isinstance(error, BackendError) and _is_well_formed(error):
                return _unchained(error)
            if isinstance(error, SettingsError) and hook in _MAY_BLAME_SETTINGS:
                return _unchained(error)
            return self._fault(hook, name_exception(error))
        what = {
            How.HELD_LOOP: "it held the event loop past its deadline; it must await, and never block",
            How.IGNORED_CANCEL: "it passed its deadline and did not end when it was cancelled",
        }
        return self._fault(hook, what.get(ending.how, "it passed its deadline and was cancelled"))

    def _outcome(self, keys: list[str], ending: Ending, gate: Gate) -> PushOutcome:
        wire = Wire(gate.entries)
        requests = sum(1 for entry in gate.entries if entry.outcome is not Outcome.UNSENT)
        stopped_by: BackendError | None = None
        fault: PluginFault | None = None
        verdicts = None
        load: Load | None = None
        try:
            report = self._answer("crm_push", ending, gate, PushReport)
            self._require_well_formed(report.stopped_by)
        except BackendError as error:
            stopped_by = _unchained(error)
        except PluginFault as error:
            fault = error
        except NotSent:
            pass  # told as `not_sent` below
        else:
            judgement = judge(keys, report, wire, request_size=self.manifest.limits.request_size)
            verdicts, stopped_by, load = judgement.verdicts, report.stopped_by, report.load
            if judgement.lies:
                fault = self._fault("crm_push", "; ".join(judgement.lies))
        return PushOutcome(
            verdicts=without_report(keys, wire) if verdicts is None else verdicts,
            stopped_by=_by_the_wire(stopped_by, wire),
            fault=fault and fault.after_a_write(gate.sent()),
            not_sent=gate.held_back,
            requests=requests,
            load=load,
        )

    def _require_well_formed(self, error: BackendError | None) -> None:
        if error is not None and not _is_well_formed(error):
            raise self._fault("crm_push", f"its report was stopped by a {type(error).__name__}, which says nothing")

    def _pure(self, hook: str, request: object, answer: type[A]) -> A:
        try:
            value = getattr(self._hook, hook)(request=request)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            problem = self._fault(hook, name_exception(error))
        else:
            return self._checked(hook, value, answer)
        raise problem

    def _checked(self, hook: str, value: object, answer: type[A]) -> A:
        if isinstance(value, answer):
            try:
                # An instance made by model_construct was never checked; answers revalidate themselves.
                return answer.model_validate(value)
            except ValidationError as error:
                problem = self._fault(hook, f"its {answer.__name__} is not valid ({_where(error)})")
            except Exception as error:
                problem = self._fault(hook, f"its {answer.__name__} cannot be checked ({type(error).__name__})")
        else:
            problem = self._fault(hook, f"it returned a {type(value).__name__} instead of a {answer.__name__}")
        raise problem

    def _parse(self, model: type[Settings], raw: Mapping[str, Any]) -> Settings:
        problem: SettingsError | PluginFault
        try:
            return model.parse(raw)
        except SettingsError as error:
            problem = SettingsError(_without_secrets(error.problems, _secrets_in(model, raw)))
        except Exception as error:
            problem = self._fault("settings", name_exception(error))
        raise problem

    def _require(self, capability: str) -> None:
        if not self.manifest.supports(capability):
            raise ValueError(f"backend {self.id!r} does not support {capability!r}; ask manifest.supports() first")

    def _fault(self, hook: str, what: str) -> PluginFault:
        return PluginFault(self.id, hook, what)


def _is_well_formed(error: BackendError) -> bool:
    """Whether the engine knows what to do with *error*, and its parts are what they should be."""
    return (
        isinstance(error, _KNOWN_ERRORS)
        and isinstance(error.code, str)
        and isinstance(error.message, str)
        and isinstance(error.retry_after, (timedelta, type(None)))
        # A subclass written for spec 1.0 may have set the other three by itself.
        and isinstance(getattr(error, "remedy_link", None), (str, type(None)))
    )


def _unchained(error: X) -> X:
    """*error* without what led to it: causes and frames may hold secrets."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _by_the_wire(error: BackendError | None, wire: Wire) -> BackendError | None:
    """`Unavailable` means certainly not applied; where a write's outcome is unknown, it is not that."""
    if isinstance(error, Unavailable) and wire.unknown:
        link = getattr(error, "remedy_link", None)
        return OutcomeUnknown(error.code, error.message, retry_after=error.retry_after, remedy_link=link)
    return error


def _where(error: ValidationError) -> str:
    """Paths and kinds of what is wrong, without values and without validators' own words."""
    items = error.errors(include_url=False, include_input=False, include_context=False)
    return ", ".join(f"{'.'.join(str(part) for part in item['loc']) or 'whole'}: {item['type']}" for item in items[:5])


def _secrets_in(model: type[Settings], raw: Mapping[str, Any]) -> list[str]:
    values = (raw.get(name) for name in model.secret_fields())
    plain = (value.get_secret_value() if isinstance(value, SecretStr) else value for value in values)
    return [value for value in plain if isinstance(value, str) and len(value) >= _SHORTEST_SECRET]


def _without_secrets(problems: tuple[Problem, ...], secrets: list[str]) -> list[Problem]:
    """The problems, each that repeats a secret with a text of our own."""
    return [_hidden(problem) if _repeats(problem, secrets) else problem for problem in problems]


def _repeats(problem: Problem, secrets: list[str]) -> bool:
    text = "\n".join((problem.field, problem.code, problem.message.ja, problem.message.en))
    return any(secret in text or secret.strip() in text for secret in secrets)


def _hidden(problem: Problem) -> Problem:
    message = Text(ja="この値は使えません。入力し直してください。", en="This value cannot be used; enter it again.")
    return Problem(field=problem.field.split(".")[0], code="invalid", message=message)
