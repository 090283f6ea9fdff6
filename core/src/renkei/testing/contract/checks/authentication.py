"""Checks A: who we are is proven, nothing is changed by it, and what went wrong is called by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from renkei.spec import (
    Account,
    AuthenticationFailed,
    Credentials,
    Permission,
    PermissionDenied,
    PermissionState,
    QuotaExhausted,
    RateLimited,
    RenkeiError,
    Unavailable,
)
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.catalogue import ANYWHERE, check
from renkei.testing.contract.checks.calling import answered, outcome_of
from renkei.testing.contract.checks.holdings import prepared, refused, repeated, untouched
from renkei.testing.contract.checks.needles import needles_in
from renkei.testing.contract.checks.probing import require_none_sent, writes_of
from renkei.testing.contract.checks.refreshing import RefreshChecks
from renkei.testing.contract.connection import Connection, key
from renkei.testing.contract.pushed import Pushed
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Act, Exchange

_ALL_REQUESTS = 1_000_000


class AuthenticationChecks(RefreshChecks):
    """Checks A."""

    @check("A01", sources=ANYWHERE, traffic=True)
    def test_a01_an_account_says_whose_it_is(self, stage: Stage) -> None:
        """Good settings give an account with an id that stays the same, a label, and permissions told once each.

        Why: an admin sees by the label what is connected, and a renewed connection is compared by the id: one that
        changes makes every renewal look like another customer's account.
        Mend: ask the backend who the credentials belong to; take its own stable id, never a secret or a random one.
        """
        account, again = (_asked_account(stage) for _ in range(2))
        require(account.id.strip() and account.label.strip(), "the account has no id or no label")
        require(again.id == account.id, "the account's id is another one each time")
        names = [permission.name for permission in account.permissions]
        require(len(set(names)) == len(names) and all(names), "the account tells a permission twice or without a name")
        ids = [target.id for target in account.targets]
        require(len(set(ids)) == len(ids) and all(ids), "the account names a target twice or without an id")
        require(all(target.label.strip() for target in account.targets), "the account names a target without a label")
        for name, secret in stage.secrets().items():
            shown = account.id + account.label
            require(len(secret) < 4 or secret not in shown, f"the account's id or label holds the secret {name!r}")

    @check("A02", traffic=True)
    def test_a02_bad_credentials_are_called_bad_after_one_request(self, stage: Stage) -> None:
        """Credentials that the backend refuses raise AuthenticationFailed from every hook, after one request.

        Why: only AuthenticationFailed stops the lane and asks the admin to connect anew. Called anything else, the
        same refused credentials are sent for days; sent again and again, they get the account locked.
        Mend: map the backend's refusal of credentials (401 or its own code) to AuthenticationFailed in one place that
        all hooks use, never try again in the plugin, and always prove the settings that were typed: no remembered
        session, no earlier `ctx.credentials` in their place.
        """
        _require_refused(stage, "crm_authenticate")
        good = prepared(stage)
        _require_refused(stage, "crm_authenticate, after good credentials,")
        _require_refused(stage, "crm_authenticate, with earlier credentials at hand,", credentials=good.credentials)
        answered("crm_authenticate, after bad credentials,", stage.connection().authenticate)
        records = good.records(2)

        stage.kit.revoke_credentials()

        _require_refused(stage, "crm_authenticate, once the credentials are revoked,", connection=stage.connection())
        for hook, call in _reading_hooks(stage, good):
            with stage.wire.since_now() as asked:
                refused(f"{hook}, once the credentials are revoked,", call, AuthenticationFailed)
            require(asked, f"{hook} spoke of bad credentials without asking the backend")
            require(not repeated(asked), f"{hook} sent the same {repeated(asked)} again after it was refused")
        _require_verify_does_not_invent(stage, good)
        _require_stopped(stage, good.push(records), AuthenticationFailed, "revoked credentials")

    @check("A03", traffic=True)
    def test_a03_a_missing_permission_is_told(self, stage: Stage) -> None:
        """A permission that is missing is told as missing, or as unknown and then named by the first push.

        Why: "granted" for what is missing lets an admin finish a set-up that never stores a record; a missing
        permission called bad credentials, or a bad record, sends them looking in the wrong place.
        Mend: report `granted` only for what the backend says it granted, `unknown` where it does not say; raise
        PermissionDenied with the permission's name in `resource`, in the words in which `permissions` lists it.
        """
        good = prepared(stage)
        records = good.records(2)
        missing_before = _named(good.account, PermissionState.MISSING)

        stage.kit.revoke_permission()

        fresh = stage.connection()
        account, error = outcome_of(fresh.authenticate)
        if error is not None:
            _require_denied(error, "crm_authenticate, without the permission to add records,")
        told_missing = _named(account, PermissionState.MISSING) - missing_before
        pushed = (good if error else fresh).push(records, schema=good.schema)
        told = error is not None or bool(told_missing)
        if told and pushed.writes and all(one.applied for one in pushed.writes):
            return  # this backend writes the permission into what it gave earlier, and what is missing was told
        denied = _require_stopped(stage, pushed, PermissionDenied, "a missing permission")
        _require_denied(denied, "crm_push, without the permission to add records,")
        if not told and account is not None:
            _require_not_called_granted(account.permissions, getattr(denied, "resource", ""))

    @check("A07", traffic=True)
    def test_a07_a_network_failure_is_no_refusal(self, stage: Stage) -> None:
        """Where the backend cannot be asked, or answers nothing to read, authentication raises Unavailable.

        Why: AuthenticationFailed stops everything until an admin has connected anew. Raised for an outage of a
        minute, it stops every customer's sync at once, and the new token they fetch changes nothing.
        Mend: let the errors of `ctx.http` through as they are, and raise AuthenticationFailed only for an answer in
        which the backend itself refuses the credentials; 5xx, HTML and cut JSON are Unavailable.
        """
        for what, connection, call, requests in _proving_hooks(stage):
            for act in _outages(stage):
                _play(stage, connection, what, call, act, at=0, times=_ALL_REQUESTS, must_raise=True)
                for at in range(requests):
                    _play(stage, connection, what, call, act, at=at, times=1, must_raise=False)
            for act in _overloads(stage):
                for at in range(requests):
                    _play(stage, connection, what, call, act, at=at, times=_ALL_REQUESTS, must_raise=False)
        answered("crm_authenticate, once the backend is there again,", stage.connection().authenticate)

    @check("A08", traffic=True)
    def test_a08_authenticating_changes_nothing(self, stage: Stage) -> None:
        """Authenticating leaves every record and field as it is, good credentials or bad, also for a moment, and sends
        no request of the kind with which a push stores records.

        Why: core probes a lane that failed by authenticating, again and again: a test record each time fills the
        customer's CRM with rubbish, sets off its notifications, and costs its quota.
        Mend: prove settings by reading: who am I, what may I do. Never store a test record, not even to delete it, and
        none without values either: a table without required fields takes it. Where the backend takes many records at
        once, an empty list of them is harmless.
        """
        good = prepared(stage)
        stage.kit.seed(stage.site.target, good.values(1))
        before = good.schema.fields
        writes = writes_of(stage, good, answered("crm_authenticate", lambda: stage.second))
        with untouched(stage, "crm_authenticate", hook="crm_authenticate"), stage.wire.since_now() as asked:
            for target in (None, stage.site.target, stage.site.target):
                answered("crm_authenticate", partial(stage.connection().authenticate, target=target))
            answered("crm_authenticate", stage.second.authenticate)
            answered("crm_authenticate", lambda: stage.second.authenticate(target=stage.kit.second_target))
            outcome_of(stage.connection(stage.kit.wrong_credentials()).authenticate)
            outcome_of(lambda: stage.connection().authenticate(target=stage.kit.missing_target))
        require_none_sent([one for one in asked if one.hook == "crm_authenticate"], writes)
        require(
            answered("crm_discover", good.discover).fields == before, "crm_authenticate changed the target's fields"
        )

    @check("A09", traffic=True)
    def test_a09_credentials_stay_with_their_connection(self, stage: Stage) -> None:
        """No request of one connection carries what belongs to another.

        Why: two customers of the host use one backend in one process. A token remembered in a module is sent for
        whoever comes next, and records land in a stranger's CRM.
        Mend: take settings and credentials from `ctx` in every call, and keep nothing in the module.
        """
        good, second = prepared(stage), answered("crm_authenticate", lambda: stage.second)
        # All that each ever had: what was remembered may be an old one.
        known = {connection.name: _secrets_of(connection) for connection in (good, second)}
        for first, last in ((good, second), (second, good)):
            for connections in ((first,), (last,), (first, last)):
                # Whoever came last is not the one who asks next; and nobody who asks was the only one to come.
                for connection in connections:
                    answered("crm_authenticate", connection.authenticate)
                    known[connection.name] |= _secrets_of(connection)
                for connection in connections:
                    with stage.wire.since_now() as asked:
                        _asks_everything(stage, connection)
                    _require_nothing_foreign(asked, connection, known)
                    known[connection.name] |= _secrets_of(connection)


def _asked_account(stage: Stage) -> Account:
    with stage.wire.since_now() as asked:
        account = answered("crm_authenticate", lambda: stage.connection().authenticate())
    require(asked, "crm_authenticate answered without asking the backend")
    return account


def _require_refused(
    stage: Stage, what: str, *, connection: Connection | None = None, credentials: Credentials | None = None
) -> None:
    wrong = connection or answered("settings", lambda: stage.connection(stage.kit.wrong_credentials()))
    wrong.credentials = credentials
    with stage.wire.since_now() as asked:
        refused(what, wrong.authenticate, AuthenticationFailed)
    require(len(asked) == 1, f"{what} sent {len(asked)} requests with credentials that are refused, instead of one")


def _reading_hooks(stage: Stage, good: Connection) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "crm_discover", good.discover
    if stage.supports("list_targets"):
        yield "crm_list_targets", good.targets


def _require_verify_does_not_invent(stage: Stage, good: Connection) -> None:
    if not stage.supports("verify"):
        return
    report, error = outcome_of(lambda: good.verify(key(1)))
    if error is not None:
        require(isinstance(error, AuthenticationFailed), f"crm_verify, with revoked credentials, {raised(error)}")
    else:
        words = {answer.answer for answer in report.answers}
        require(words == {"cannot_tell"}, f"crm_verify, with revoked credentials, says {sorted(words)}")


def _require_stopped(stage: Stage, pushed: Pushed, kind: type[RenkeiError], why: str) -> RenkeiError:
    """The error that stopped the push: of *kind*, with nothing stored and no record blamed."""
    pushed.require_ours()
    stopped = pushed.stopped_by
    if stopped is None:
        broken(f"crm_push met {why} and its report is not stopped by anything")
    require(isinstance(stopped, kind), f"crm_push met {why} and {raised(stopped)} instead of {kind.__name__}")
    others = sorted(set(pushed.words().values()) - {"not_stored"})
    require(not others, f"crm_push met {why} and calls its records {others} instead of not_stored")
    require(not stage.stored_keys(), f"crm_push met {why}, and records were stored all the same")
    return stopped


def _require_denied(error: RenkeiError, what: str) -> None:
    require(isinstance(error, PermissionDenied), f"{what} {raised(error)} instead of PermissionDenied")
    require(str(getattr(error, "resource", "") or "").strip(), f"{what} raised PermissionDenied without a resource")


def _named(account: Account | None, state: PermissionState) -> set[str]:
    return {one.name for one in account.permissions if one.state is state} if account is not None else set()


def _require_not_called_granted(permissions: Sequence[Permission], resource: str) -> None:
    granted = [one for one in permissions if one.state is PermissionState.GRANTED]
    if not granted:
        return
    named = [one for one in permissions if resource in (one.name, one.label.ja, one.label.en)]
    require(named, f"crm_push calls the missing permission {resource!r}, and the account tells of none by that name")
    for one in named:
        require(one.state is not PermissionState.GRANTED, f"{one.name!r} is missing and the account calls it granted")


def _proving_hooks(stage: Stage) -> Iterator[tuple[str, Connection, Callable[[], object], int]]:
    """Each way to prove credentials, and how many requests it takes when all is well."""
    good = prepared(stage)
    ways: list[tuple[str, Callable[[], object]]] = [
        ("crm_authenticate", good.authenticate),
        ("crm_authenticate", lambda: good.authenticate(target=stage.site.target)),
    ]
    if stage.supports("refresh"):
        ways.append(("crm_refresh", good.refresh))
    for what, call in ways:
        with stage.wire.since_now() as asked:
            answered(what, call)
        yield what, good, call, len(asked)


def _outages(stage: Stage) -> Iterator[Act]:
    for how in ("refused", "name", "certificate", "slow"):
        yield acts.unreachable(how)
    for applied in (False, True):
        yield acts.lost(applied=applied)
    for status in (500, 502, 503, 504, 520):
        yield acts.answer(status, name=f"an empty {status}")
    yield acts.answer(500, {"message": "internal error"}, name="500 with somebody's JSON")
    yield acts.page(200)
    yield acts.page(502)
    yield acts.cut()
    yield acts.broken_off()
    yield acts.redirect()
    if "maintenance" in stage.kit.answers:
        yield acts.words(stage.kit.answers["maintenance"], name="maintenance")


def _overloads(stage: Stage) -> Iterator[Act]:
    yield acts.answer(429, headers={"retry-after": "30"})
    yield acts.answer(429)
    if "rate_limited" in stage.kit.answers:
        yield acts.words(stage.kit.answers["rate_limited"], name="rate_limited")


def _play(
    stage: Stage,
    connection: Connection,
    what: str,
    call: Callable[[], object],
    act: Act,
    *,
    at: int,
    times: int,
    must_raise: bool,
) -> None:
    if what == "crm_refresh":  # what it trades in may have been spent by the call before
        answered("crm_authenticate", connection.authenticate)
    stage.wire.play(act, on="any", hook=what, after=at, times=times)
    try:
        _answer, error = outcome_of(call)
    finally:
        stage.wire.calm()
    name = getattr(act, "__name__", "a fault")
    if error is None:
        require(not must_raise, f"{what} answered as if all were well although every request met: {name}")
        return
    wanted = (Unavailable,) if must_raise else (Unavailable, RateLimited, QuotaExhausted)
    require(isinstance(error, wanted), f"{what} met: {name}, and {raised(error)} instead of Unavailable")


def _asks_everything(stage: Stage, connection: Connection) -> None:
    """Every hook but `crm_authenticate`; what it refreshes is new for the next one who asks."""
    schema = answered("crm_discover", connection.discover)
    connection.push([connection.record(7)], schema=schema)
    if stage.supports("verify"):
        outcome_of(lambda: connection.verify(key(7)))
    if stage.supports("list_targets"):
        answered("crm_list_targets", connection.targets)
    if stage.supports("refresh"):
        answered("crm_refresh", connection.refresh)


def _require_nothing_foreign(asked: Sequence[Exchange], connection: Connection, known: Mapping[str, set[str]]) -> None:
    mine = known[connection.name]
    for other, secrets in known.items():
        foreign = _only_of(secrets, mine) if other != connection.name else []
        for exchange in asked:
            found = needles_in(exchange, foreign)
            require(not found, f"{exchange.hook} of connection {connection.name!r} sent what is {other!r}'s")


def _only_of(owner: set[str], other: set[str]) -> list[str]:
    """Secrets of *owner* that are no part of one of *other*'s."""
    return sorted(secret for secret in owner if not any(secret in one for one in other))


def _secrets_of(connection: Connection) -> set[str]:
    model = type(connection.settings)
    revealed = connection.settings.revealed()
    typed = {str(revealed[name]) for name in model.secret_fields() if revealed.get(name)}
    given = connection.credentials.values.values() if connection.credentials is not None else ()
    return typed | {secret.get_secret_value() for secret in given}
