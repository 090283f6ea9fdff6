"""Which backends there are, in what state each is, and the way to the ready ones."""

from __future__ import annotations

import os
import ssl
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from types import ModuleType

import httpx

from renkei.plugins.backend import Backend
from renkei.plugins.deadline import SystemClock
from renkei.plugins.faults import BackendNotReady, name_exception
from renkei.plugins.guard import GuardRules
from renkei.plugins.hosts import AllowedHosts, read_self_hosted
from renkei.plugins.loops import LoopThread
from renkei.plugins.pinning import PinnedNetwork, PinnedTransport
from renkei.plugins.pools import Pools, Wrapped
from renkei.plugins.routes import read_routes
from renkei.spec import Clock, Manifest, RenkeiDeprecationWarning

WrapTransport = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]


class LoadState(StrEnum):
    """Whether a backend can be used."""

    READY = "ready"
    DISABLED = "disabled"  # the operator said so; nothing of it was imported
    INCOMPATIBLE = "incompatible"  # written for another renkei, another spec, or hooks of another major
    BROKEN = "broken"
    DUPLICATE = "duplicate"  # claimed by several; none of them was imported


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendState:
    """One claim to be a backend, and what came of it.

    Attributes:
        id: the entry point's name.
        state: whether it can be used.
        reason: empty when ready; else a sentence that its author or operator can act on.
        distribution: empty for a module given directly.
        version: of the distribution, where known.
        entry_point: the module.
        manifest: where it could describe itself.
        notes: what is still accepted and will not be; a sentence each, for its author.
    """

    id: str
    state: LoadState
    reason: str
    distribution: str
    version: str
    entry_point: str
    manifest: Manifest | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A claim from an entry point or a module given directly, before anything of it is trusted.

    Attributes:
        elsewhere: why it cannot be meant, where it is for hooks of another major. Such a claim rivals nobody.
    """

    id: str
    load: Callable[[], ModuleType]
    distribution: str
    version: str
    entry_point: str
    given: bool
    elsewhere: str = ""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}" if self.distribution else f"the module {self.entry_point} given"

    def state(
        self, state: LoadState, reason: str, manifest: Manifest | None = None, notes: tuple[str, ...] = ()
    ) -> BackendState:
        return BackendState(
            id=self.id,
            state=state,
            reason=reason,
            distribution=self.distribution,
            version=self.version or (manifest.version if manifest else ""),
            entry_point=self.entry_point,
            manifest=manifest,
            notes=notes,
        )


class Registry:
    """Finds, vets and holds backends. Nothing is scanned or imported before the first question.

    Args:
        disabled: ids that are not imported, though installed.
        strict: load everything now, and raise where something that is not disabled is not ready. For CI.
        routes: host → URL on this machine that answers for it (simulators). See `parse_routes`.
        self_hosted: backend id → host patterns and networks that the operator allows for it.
        transport: wraps the innermost transport of every pool, for fault injection and recording.
        modules: id → module, in addition to what is installed. An id that is installed too is a duplicate, unless
            the installed one is disabled.
        scan: False to see *modules* alone.
        clock: for deadlines and `ctx.clock`.
        grace: how long a hook that is past its deadline may take to end.
        ssl_context: for an operator's own certificate authority; the system's and certifi's otherwise.

    Raises:
        SettingsError: a route or a pattern cannot be used.
        BackendNotReady: *strict*, with all that is not ready.
    """

    def __init__(
        self,
        *,
        disabled: Collection[str] = (),
        strict: bool = False,
        routes: Mapping[str, str] | None = None,
        self_hosted: Mapping[str, Collection[str]] | None = None,
        transport: WrapTransport | None = None,
        modules: Mapping[str, ModuleType] | None = None,
        scan: bool = True,
        clock: Clock | None = None,
        grace: timedelta = timedelta(seconds=1),
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._disabled = frozenset(disabled)
        self._routes = read_routes(routes or {})
        self._self_hosted = dict(self_hosted or {})
        for entries in self._self_hosted.values():
            read_self_hosted(entries)
        self._wrap = transport
        self._modules = dict(modules or {})
        self._scan = scan
        self._clock = clock or SystemClock()
        self._grace = grace
        self._ssl_context = ssl_context
        self._locks: dict[int, threading.RLock] = {}  # by process: a fork may copy one that nobody will release
        self._candidates: dict[str, list[_Candidate]] | None = None
        self._states: dict[str, tuple[BackendState, ...]] = {}
        self._backends: dict[str, Backend] = {}
        if strict:
            self._require_all()

    def states(self) -> tuple[BackendState, ...]:
        """Every claim, sorted by id and distribution. Loads what is not loaded yet."""
        with self._lock():
            found = [state for id in sorted(self._claims()) for state in self._load(id)]
        return tuple(sorted(found, key=lambda state: (state.id, state.distribution, state.entry_point)))

    def backend(self, id: str) -> Backend:
        """The ready backend of *id*. Loads that one alone.

        Raises:
            BackendNotReady: says why, and which ones are ready.
        """
        with self._lock():
            states = self._load(id) if id in self._claims() else ()
            backend = self._backends.get(id)
        if backend is not None:
            return backend
        reason = next((state.reason for state in states), "No installed distribution provides it; install its plugin.")
        raise BackendNotReady(id, reason, self._ready())

    def close(self) -> None:
        """End all loops, threads and sockets. Safe to call twice; a later call of a backend starts afresh."""
        with self._lock():
            backends = list(self._backends.values())
        for backend in backends:
            backend.close()

    def _ready(self) -> tuple[str, ...]:
        return tuple(state.id for state in self.states() if state.state is LoadState.READY)

    def _require_all(self) -> None:
        fine = (LoadState.READY, LoadState.DISABLED)
        wrong = [state for state in self.states() if state.state not in fine]
        if wrong:
            lines = (
                f"{state.id!r} of {state.distribution or state.entry_point} is {state.state}: {state.reason}"
                for state in wrong
            )
            raise BackendNotReady("", "Not all backends are ready. " + " ".join(lines), self._ready())

    def _claims(self) -> dict[str, list[_Candidate]]:
        if self._candidates is None:
            found: dict[str, list[_Candidate]] = defaultdict(list)
            for candidate in self._find():
                found[candidate.id].append(candidate)
            self._candidates = dict(found)
        return self._candidates

    def _find(self) -> Iterator[_Candidate]:
        if self._scan:
            yield from _installed()
        for id, module in self._modules.items():
            yield _given(id, module)

    def _load(self, id: str) -> tuple[BackendState, ...]:
        if id not in self._states:
            self._states[id] = tuple(self._judge(id, self._claims()[id]))
            for state in self._states[id]:  # only now: a host that makes errors of warnings gets each error once
                _warn(state)
        return self._states[id]

    def _judge(self, id: str, candidates: list[_Candidate]) -> Iterator[BackendState]:
        aside = [candidate for candidate in candidates if self._is_disabled(candidate) or candidate.elsewhere]
        rivals = [candidate for candidate in candidates if candidate not in aside]
        if len(rivals) == 1:
            yield self._load_one(rivals[0])
        else:
            yield from _duplicates(id, rivals)
        for candidate in aside:
            if self._is_disabled(candidate):
                yield candidate.state(LoadState.DISABLED, "The operator has disabled it.")
            else:
                yield candidate.state(LoadState.INCOMPATIBLE, candidate.elsewhere)

    def _is_disabled(self, candidate: _Candidate) -> bool:
        return candidate.id in self._disabled and not candidate.given

    def _load_one(self, candidate: _Candidate) -> BackendState:
        from renkei.plugins.deprecations import notes_on
        from renkei.plugins.introduction import describe, register
        from renkei.plugins.loading import LoadFailure
        from renkei.plugins.versions import Incompatible

        try:
            module = candidate.load()
            manager = register(module, candidate.id, own_package=not candidate.given)
            version = None if candidate.given else candidate.version
            manifest = describe(manager, module, candidate.id, version)
            notes = notes_on(module, manifest)
        except Incompatible as failure:
            return candidate.state(LoadState.INCOMPATIBLE, str(failure))
        except LoadFailure as failure:
            return candidate.state(LoadState.BROKEN, str(failure))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module whose attributes bite when they are looked at
            return candidate.state(LoadState.BROKEN, f"Looking at it {name_exception(error)}.")
        hosts = AllowedHosts.of(manifest, self._self_hosted.get(candidate.id, ()))
        self._backends[candidate.id] = Backend(
            manager=manager,
            manifest=manifest,
            distribution=candidate.distribution,
            rules=GuardRules.of(manifest, hosts, self._routes),
            loop=self._loop_for(manifest, hosts),
            clock=self._clock,
        )
        return candidate.state(LoadState.READY, "", manifest, notes)

    def _loop_for(self, manifest: Manifest, hosts: AllowedHosts) -> LoopThread:
        routed = frozenset((route.host, route.port) for route in self._routes.values())

        def pools() -> Pools:
            context = self._tls()  # now, in the caller's thread: on the loop it would hold up other calls

            def make() -> httpx.AsyncBaseTransport:
                network = PinnedNetwork(hosts, routed)
                inner = PinnedTransport(network, ssl_context=context, connections=manifest.limits.concurrency)
                return Wrapped(self._wrap(inner), inner) if self._wrap else inner

            return Pools(make)

        return LoopThread(f"renkei-{manifest.id}", pools, grace=self._grace)

    def _tls(self) -> ssl.SSLContext:
        """One for all: making it reads every trusted certificate (30 ms). Two threads may make two; one stays."""
        if self._ssl_context is None:
            self._ssl_context = httpx.create_ssl_context()
        return self._ssl_context

    def _lock(self) -> threading.RLock:
        return self._locks.setdefault(os.getpid(), threading.RLock())


def _installed() -> Iterator[_Candidate]:
    # Late, because the scan, packaging and stevedore cost what `renkei --help` need not pay.
    from renkei.plugins.loading import load
    from renkei.plugins.scan import Claim, find_all_claims
    from renkei.plugins.versions import other_major, require_renkei

    def load_fitting(claim: Claim) -> ModuleType:
        require_renkei(claim)
        return load(claim.entry_point)

    for claim in find_all_claims():
        yield _Candidate(
            id=claim.id,
            load=partial(load_fitting, claim),
            distribution=claim.distribution,
            version=claim.version,
            entry_point=claim.entry_point.value,
            given=False,
            elsewhere="" if claim.is_ours else other_major(claim),
        )


def _given(id: str, module: ModuleType) -> _Candidate:
    return _Candidate(id=id, load=lambda: module, distribution="", version="", entry_point=module.__name__, given=True)


def _duplicates(id: str, rivals: list[_Candidate]) -> Iterator[BackendState]:
    names = " and ".join(str(rival) for rival in rivals)
    for rival in rivals:
        yield rival.state(
            LoadState.DUPLICATE, f"The id {id!r} is claimed by {names}; none is loaded. Uninstall all but one."
        )


def _warn(state: BackendState) -> None:
    """Warn of what a plugin uses and soon may not, as if its own module did: its author's tests then show it."""
    where = state.entry_point.partition(":")[0]
    for note in state.notes:
        text = f"Backend {state.id!r}, {state.distribution or where} {state.version}: {note}"
        warnings.warn_explicit(text, RenkeiDeprecationWarning, filename=where, lineno=1, module=where)
