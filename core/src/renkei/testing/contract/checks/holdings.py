"""What the simulator holds, looked at after every request: also what is made and taken away again is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from renkei.spec import RenkeiError
from renkei.testing.contract import acts
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.checks.calling import answered, outcome_of
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.stage import Stage
from renkei.testing.contract.wire import Exchange
from renkei.testing.kit import SeenRecord

_EVERY_REQUEST = 1_000_000


@dataclass(slots=True)
class _Watch:
    stage: Stage
    before: dict[str, Sequence[SeenRecord]]
    changed: set[str] = field(default_factory=set)
    failed: list[Exception] = field(default_factory=list)

    def look(self) -> None:
        # Called in the middle of a plugin's request: what goes wrong here is not the plugin's to hear.
        try:
            self.changed |= {target for target, held in self.before.items() if self.stage.read(target) != held}
        except Exception as error:
            self.failed.append(error)


@contextmanager
def untouched(stage: Stage, what: str, *, hook: str) -> Iterator[None]:
    """Nothing that the simulator holds may change inside the block.

    Raises:
        Broken: it did, if only for a while.
    """
    watch = _Watch(stage, _held(stage))
    stage.wire.play(acts.then(watch.look, "watched"), on="any", hook=hook, times=_EVERY_REQUEST)
    try:
        yield
    finally:
        stage.wire.calm()
    watch.look()
    if watch.failed:
        raise watch.failed[0]
    require(not watch.changed, f"{what} changed the records of target {_listed(watch.changed)}")


def _held(stage: Stage) -> dict[str, Sequence[SeenRecord]]:
    held: dict[str, Sequence[SeenRecord]] = {
        target: stage.read(target) for target in (stage.site.target, stage.kit.target, stage.kit.second_target)
    }
    listed, _error = outcome_of(stage.good.targets) if stage.supports("list_targets") else ((), None)
    for target in listed or ():
        # The probe has to know two targets; where it knows more, they are looked at as well.
        with suppress(Exception):
            held.setdefault(target.id, stage.read(target.id))
    return held


def prepared(stage: Stage) -> Connection:
    """The good connection, authenticated and with its target's schema.

    Raises:
        Broken: the plugin cannot do that much.
    """
    connection = answered("crm_authenticate", lambda: stage.good)
    schema = answered("crm_discover", lambda: connection.schema)
    key_field = stage.kit.key_field
    require(schema.field(key_field), f"discovery does not show the kit's key field {key_field!r}")
    return connection


def refused(what: str, call: Callable[[], object], *allowed: type[RenkeiError]) -> RenkeiError:
    """The error with which *call* refuses.

    Raises:
        Broken: it answered, or raised something else than *allowed*.
    """
    wanted = " or ".join(kind.__name__ for kind in allowed)
    _answer, error = outcome_of(call)
    if error is None:
        broken(f"{what} answered as if all were well, instead of raising {wanted}")
    require(isinstance(error, allowed), f"{what} {raised(error)} instead of {wanted}")
    return error


def core_refuses(stage: Stage, capability: str, call: Callable[[], object]) -> None:
    """Core does not even ask for a capability that is not declared.

    Raises:
        Broken: something was asked or sent.
    """
    heard = len(stage.heard)
    with stage.wire.since_now() as asked:
        try:
            call()
        except ValueError:
            pass
        except RenkeiError as error:
            broken(f"{capability!r} is not declared, and a call of it {raised(error)}")
        else:
            broken(f"{capability!r} is not declared, and a call of it was answered")
    require(not asked and len(stage.heard) == heard, f"{capability!r} is not declared, and the plugin was asked for it")


def repeated(exchanges: Sequence[Exchange]) -> list[str]:
    """Requests that were sent more than once, by method; the wire's own words would hold ids."""
    sent = [(one.request.method, one.target, one.body) for one in exchanges]
    return sorted({method for method, target, body in sent if sent.count((method, target, body)) > 1})


def _listed(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
