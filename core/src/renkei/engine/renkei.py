"""The host's door: one object, `Renkei`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self

import sqlalchemy as sa

from renkei.delivery import Policy, Worker
from renkei.engine.borrowed import HostConnection
from renkei.engine.clocks import clock_of
from renkei.engine.connections import Connections
from renkei.engine.doubts import Doubtful, Doubts, UnknownOutcome
from renkei.engine.host import Helpdesk, Host
from renkei.engine.integrations import Integrations
from renkei.engine.parts import Parts
from renkei.engine.questions import Event, Health, Questions, Status, Story
from renkei.engine.recording import Recorder, Refusal
from renkei.engine.repair import Repair
from renkei.engine.restoring import Restored, Restoring
from renkei.plugins import BackendState, Registry, WrapTransport
from renkei.spec import Clock
from renkei.store import Store, connections, installation
from renkei.store.intake import Receipt
from renkei.store.ledger import Ledger


class Renkei:
    """One inbox, one sync integration, any CRM.

    Nothing is opened, read or started before first use, and everything starts afresh after a fork. Two objects with
    two databases live in one process without seeing each other. All methods may be called from any thread.

    Args:
        database_url: `sqlite:///renkei.db` (or a path), or `postgresql+psycopg://…`.
        keys: the vault's keys: key id → 32 bytes, the current one first; or the path of a key file. Left out with
            SQLite, a key file is made beside the database on first use.
        host: what the app answers; the shipped helpdesk schema with everybody admin if left out.
        routes: for local simulators: host name → loopback URL; nothing else is rerouted.
        self_hosted: for backends that run on their owner's servers: backend → addresses that the operator allows.
        policy: how deliveries are made.
        disabled: backends not to load.
        strict: refuse to work unless every plugin found is ready; for CI.
        plugins: modules given directly, by id, beside those found through entry points.
        scan: False to see *plugins* alone.
        transport: wraps what the guarded client stands on, for recording and fault injection in tests.
        clock: for tests.
    """

    def __init__(
        self,
        database_url: str,
        *,
        keys: Mapping[str, bytes] | Path | None = None,
        host: Host | None = None,
        routes: Mapping[str, str] | None = None,
        self_hosted: Mapping[str, Sequence[str]] | None = None,
        policy: Policy | None = None,
        disabled: Sequence[str] = (),
        strict: bool = False,
        plugins: Mapping[str, ModuleType] | None = None,
        scan: bool = True,
        transport: WrapTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        policy = policy or Policy()
        store = Store(database_url, keys, policy.reached)
        self._parts = Parts(
            store=store,
            registry=Registry(
                disabled=disabled,
                strict=strict,
                routes=routes,
                self_hosted=self_hosted,
                modules=plugins,
                scan=scan,
                transport=transport,
                clock=clock,
            ),
            host=host or Helpdesk(),
            policy=policy,
            clock=clock or clock_of(store),
        )
        self._recorder = Recorder(self._parts, self._wake)
        self._questions = Questions(self._parts)
        self._repair = Repair(self._parts)
        self._doubts = Doubts(self._parts)
        self._restoring = Restoring(self._parts)
        self._lock = threading.Lock()
        self._worker: tuple[int, Worker] | None = None
        self._passing: set[Worker] = set()
        self.connections = Connections(self._parts)
        self.integrations = Integrations(self._parts, self.connections)

    # -- actions ------------------------------------------------------------------------------------------------

    def record(
        self,
        tenant: str,
        inbox: str,
        action: Mapping[str, Any],
        *,
        connection: HostConnection | None = None,
    ) -> Receipt:
        """Write an action down. When this returns, it is on disk; it costs one local commit and no network.

        Idempotent by tenant, inbox and action id. The receipt says whether it was recorded, excluded (and why), or
        is in conflict with another content under the same id.

        Args:
            tenant, inbox: the host's names.
            action: nested or flat, see `renkei.mapping.read_action`.
            connection: write inside this transaction of the host's, on the same database: durable when the host
                commits, and gone when it rolls back. An SQLAlchemy Connection or Session, Django's connection, or a
                plain connection of sqlite3 or psycopg.

        Raises:
            EnvelopeError: no tenant, inbox, id, or time with zone. Never for what the action holds.
            StoreUnavailable: the database refused, or this thread holds a write transaction on it that was not given
                and would wait for itself; nothing was stored.
        """
        return self._recorder.record(tenant, inbox, action, connection)

    async def arecord(self, tenant: str, inbox: str, action: Mapping[str, Any]) -> Receipt:
        """`record` for async hosts: the event loop is free while the disk works.

        A caller that is cancelled may have recorded all the same; ids make a repeat harmless.
        """
        return await self._recorder.arecord(tenant, inbox, action)

    def record_many(self, tenant: str, inbox: str, actions: Iterable[Mapping[str, Any]]) -> list[Receipt | Refusal]:
        """`record` for each, one by one, with a result each; a broken envelope is a `Refusal` and stops nothing."""
        return self._recorder.record_many(tenant, inbox, actions)

    # -- questions ----------------------------------------------------------------------------------------------

    def ledger(self, tenant: str, inbox: str | None = None) -> Ledger:
        """The count of actions by what became of them."""
        return self._questions.ledger(tenant, inbox)

    def status_for(self, tenant: str, inbox: str, action_ids: Iterable[str]) -> list[Status]:
        """For the ticket screen: delivered (link), waiting (why, until when), doubtful, rejected, excluded (why)."""
        return self._questions.status_for(tenant, inbox, action_ids)

    def why(self, tenant: str, action_id: str, *, inbox: str | None = None) -> Story:
        """The whole story of one action."""
        return self._questions.why(tenant, action_id, inbox)

    def log(self, tenant: str, inbox: str, *, most: int = 100) -> list[Event]:
        """What went wrong in an inbox, newest first."""
        return self._questions.log(tenant, inbox, most)

    def unknown_fields(self, tenant: str, inbox: str) -> list[dict[str, Any]]:
        """Fields that actions brought and the host's schema lacks; kept with the action, reported once each."""
        return self._questions.unknown_fields(tenant, inbox)

    def audit(self, tenant: str, *, inbox: str | None = None, most: int = 100) -> list[dict[str, Any]]:
        """Who did what, newest first."""
        return self._questions.audit(tenant, inbox, most)

    def health(self) -> Health:
        """Whether deliveries move; sees a dead worker."""
        return self._questions.health()

    def backends(self) -> tuple[BackendState, ...]:
        """Every plugin found, with its load state and the reason where it is not ready."""
        return self._parts.registry.states()

    def doubtful(self, tenant: str, inbox: str, *, most: int = 100) -> list[Doubtful]:
        """Deliveries that only a person can settle, oldest first, each with what to look for in the CRM."""
        return self._doubts.listed(tenant, inbox, most)

    # -- mending ------------------------------------------------------------------------------------------------

    def settle(self, tenant: str, actor: str, inbox: str, action_id: str, *, remote_id: str | None = None) -> None:
        """A doubtful delivery is there: an admin has looked."""
        self._repair.settle(tenant, actor, inbox, action_id, remote_id)

    def replay(
        self,
        tenant: str,
        actor: str,
        inbox: str,
        action_ids: Sequence[str] | None = None,
        *,
        under: Literal["as_was", "new_settings"] = "as_was",
    ) -> int:
        """Send rejected (all, or those named) or doubtful (named) deliveries again; returns how many."""
        done = self._repair.replay(tenant, actor, inbox, action_ids, under)
        self._wake()
        return done

    def on_unknown_outcome(self, tenant: str, actor: str, inbox: str, do: UnknownOutcome) -> None:
        """Choose what becomes of unknown outcomes of this inbox where no unique field takes the delivery key.

        Args:
            do: `doubtful`, the default: left to a person. `resend`: sent again once `settles_within` has passed;
                most of them are stored already and double. Show `RESEND_WARNING` to whoever chooses it.

        Raises:
            NotAllowed, NotFound.
        """
        self._doubts.choose(tenant, actor, inbox, do)

    def cancel(self, tenant: str, actor: str, inbox: str, action_ids: Sequence[str]) -> int:
        """Give up deliveries that wait, were rejected or are doubtful; returns how many."""
        return self._repair.cancel(tenant, actor, inbox, action_ids)

    # -- work ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run a worker in threads of this process, until `stop`. A second call does nothing."""
        with self._lock:
            if self._worker is not None and self._worker[0] == os.getpid():
                return
            worker = self._new_worker()
            worker.start()
            self._worker = (os.getpid(), worker)

    def stop(self, timeout: float | None = None) -> bool:
        """Finish what is on the wire and end the worker; whether it ended within *timeout* seconds.

        Ends `work_until_idle` in other threads as well.
        """
        for worker in tuple(self._passing):
            worker.stop(timeout)
        with self._lock:
            started, self._worker = self._worker, None
        if started is None or started[0] != os.getpid():
            return True
        return started[1].stop(timeout)

    def work_until_idle(
        self,
        *,
        timeout: float | None = None,
        settled: Callable[[int], None] | None = None,
        due_only: bool = False,
    ) -> bool:
        """Deliver until nothing is left that time alone would bring; whether that was reached within *timeout*.

        Args:
            timeout: seconds.
            due_only: stop when nothing is due now, instead of waiting for what will be.
            settled: called with the number of deliveries that were settled just now, for progress bars.
        """
        worker = self._new_worker(settled)
        self._passing.add(worker)
        try:
            return worker.run_until_idle(timeout, due_only=due_only)
        finally:
            self._passing.discard(worker)

    def restored(self, actor: str, *, backup_of: datetime, at: datetime | None = None) -> Restored:
        """The database was put back from a backup: what the one that is gone may have delivered counts as unknown.

        For operators, before any worker is started and before the host offers its actions again. What waits is sent
        again under its unique key, so that what is there already counts as delivered; without one it is doubtful,
        and never sent by itself. The same goes for actions from before *at* that are offered from now on. Each
        tenant's audit trail has a line of it. Saying it once more, or late, does no harm.

        Args:
            actor: the operator.
            backup_of: when the backup was taken.
            at: when it was put back; now, if left out.

        Raises:
            NotPossible: a time without a zone, or not in this order.
        """
        done = self._restoring.restored(actor, backup_of, at)
        self._wake()
        return done

    def reseal(self) -> int:
        """Seal every secret with the current key; returns how many connections changed. Older keys may go then."""
        store = self._parts.store

        def job(connection: sa.Connection) -> int:
            installation.renew_vault_check(connection, store.vault)
            return connections.reseal(connection, store.vault)

        return store.write(job)

    def close(self) -> None:
        """Stop the worker, end the plugins' threads, write what is queued and close the database."""
        self.stop()
        self._parts.registry.close()
        self._parts.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _new_worker(self, settled: Callable[[int], None] | None = None) -> Worker:
        return Worker(
            self._parts.store,
            self._parts.registry,
            policy=self._parts.policy,
            clock=self._parts.clock,
            entitled=self._parts.host.is_entitled,
            files=self._parts.files,
            settled=settled,
            holds=self._parts.holds,
        )

    def _wake(self) -> None:
        started = self._worker
        if started is not None and started[0] == os.getpid():
            started[1].wake()
