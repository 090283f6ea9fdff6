"""Checks A04 to A06: credentials that expire, and new ones for old."""

from __future__ import annotations

from renkei.plugins import PluginFault
from renkei.spec import AuthenticationFailed, Credentials
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.checks.calling import answered, outcome_of
from renkei.testing.contract.checks.holdings import core_refuses, prepared, refused, repeated
from renkei.testing.contract.checks.lifetimes import require_end_as_answered
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.stage import Stage


class RefreshChecks:
    """Checks A04 to A06."""

    @check("A04", traffic=True)
    def test_a04_one_refresh_is_one_exchange(self, stage: Stage) -> None:
        """A refresh is one request and gives credentials that work; refused, it says AuthenticationFailed and stops.

        Where `refresh` is not declared: nothing expires that nobody could renew, and refused credentials are asked
        about once.
        Why: core refreshes for all workers at once and counts on one exchange: a loop gets the account locked, a
        second exchange spends a refresh token that can be used once, and the customer has to connect anew.
        Mend: send the refresh grant once, return what came back, raise AuthenticationFailed where the backend refuses
        it. No other hook refreshes by itself: they raise AuthenticationFailed, and core refreshes.
        """
        good = prepared(stage)
        if not stage.supports("refresh"):
            _require_nothing_expires(stage, good)
            return
        require(good.credentials is not None, "'refresh' is declared, and crm_authenticate gives no credentials")
        _require_one_exchange(stage, good)
        answered("crm_discover, with refreshed credentials,", good.discover)

        _expire(stage)
        _require_no_hidden_refresh(stage, good)
        _require_one_exchange(stage, good)
        answered("crm_discover, with credentials refreshed after they expired,", good.discover)
        good.push([good.record(3)]).require_all_created()

        stage.kit.revoke_credentials()
        with stage.wire.since_now() as asked:
            refused("crm_refresh, once it is revoked,", good.refresh, AuthenticationFailed)
        require(len(asked) == 1, f"crm_refresh sent {len(asked)} requests although it was refused, instead of one")

    @check("A05", traffic=True)
    def test_a05_new_credentials_stand_by_themselves(self, stage: Stage) -> None:
        """Refreshed credentials are new ones, work time after time, and disturb no other connection.

        Where `refresh` is not declared: authenticating again leaves what was given before in working order.
        Why: core numbers credentials and drops the old ones; a refresh that returns the old ones again, or that works
        once only, ends in an admin who has to connect anew every day.
        Mend: return what the backend's answer holds, the new refresh token included, and nothing of `ctx.credentials`
        that the answer replaces.
        """
        good, second = prepared(stage), answered("crm_authenticate", lambda: stage.second)
        if not stage.supports("refresh"):
            answered("crm_authenticate", stage.connection().authenticate)
            answered("crm_discover, with what was given before,", good.discover)
            return
        for _ in range(3):
            old = good.credentials
            new = answered("crm_refresh", good.refresh)
            require(old is not None and _plain(old) != _plain(new), "crm_refresh gave the old credentials back")
            answered("crm_discover, with refreshed credentials,", good.discover)
            answered("crm_discover, with another connection's credentials,", second.discover)

    @check("A06", traffic=True)
    def test_a06_expiry_is_told(self, stage: Stage) -> None:
        """When credentials expire is told with a time zone, by a refresh as by authenticating, and as the backend says.

        Where `refresh` is not declared: no credentials have an end.
        Why: core refreshes a while before the end; an end without a zone is hours off, and one that only the first
        credentials have lets the second run out in the middle of a push.
        Mend: set `expires_at` from the backend's answer and `ctx.clock`, aware, in both hooks.
        """
        good = prepared(stage)
        if not stage.supports("refresh"):
            _require_no_end(good.credentials)
            core_refuses(stage, "refresh", good.refresh)
            return
        first = good.credentials
        require(first is not None, "'refresh' is declared, and crm_authenticate gives no credentials")
        second = answered("crm_refresh", good.refresh)
        for credentials in (first, second):
            end = credentials.expires_at if credentials is not None else None
            require(end is None or end.utcoffset() is not None, "the credentials' end has no time zone")
        assert first is not None
        told = (first.expires_at is not None, second.expires_at is not None)
        require(
            told[0] == told[1], "the end of the credentials is told by one of crm_authenticate and crm_refresh alone"
        )
        for credentials in (first, second):
            require_end_as_answered(credentials, stage.wire.exchanges, stage.clock.now())
        good.credentials = None
        _answer, error = outcome_of(good.refresh)
        require(not isinstance(error, PluginFault), "crm_refresh, without credentials to refresh, breaks down")


def _require_nothing_expires(stage: Stage, good: Connection) -> None:
    _require_no_end(good.credentials)
    core_refuses(stage, "refresh", good.refresh)
    stage.kit.revoke_credentials()
    with stage.wire.since_now() as asked:
        refused("crm_discover, once the credentials are revoked,", good.discover, AuthenticationFailed)
    require(not repeated(asked), "crm_discover sent the same request again after its credentials were refused")


def _require_no_end(credentials: Credentials | None) -> None:
    require(
        credentials is None or credentials.expires_at is None,
        "crm_authenticate gives credentials that expire, and 'refresh' is not declared",
    )


def _require_one_exchange(stage: Stage, good: Connection) -> None:
    with stage.wire.since_now() as asked:
        answered("crm_refresh", good.refresh)
    require(len(asked) == 1, f"crm_refresh sent {len(asked)} requests instead of one")


def _expire(stage: Stage) -> None:
    try:
        stage.kit.expire_credentials()
    except NotImplementedError:
        broken("'refresh' is declared, and the kit lacks expire_credentials")


def _require_no_hidden_refresh(stage: Stage, good: Connection) -> None:
    """What has expired is refused by the backend, and the hooks say so."""
    record = good.record(2)
    with stage.wire.since_now() as asked:
        refused("crm_discover, with expired credentials,", good.discover, AuthenticationFailed)
    require(not repeated(asked), "crm_discover sent the same request again after its credentials were refused")
    pushed = good.push([record])
    pushed.require_ours()
    stopped = pushed.stopped_by
    said = raised(stopped) if stopped is not None else "was not stopped by it"
    require(isinstance(stopped, AuthenticationFailed), f"crm_push, with expired credentials, {said}")
    require(not stage.stored_keys(), "crm_push stored a record with expired credentials")


def _plain(credentials: Credentials) -> dict[str, str]:
    return {name: secret.get_secret_value() for name, secret in credentials.values.items()}
