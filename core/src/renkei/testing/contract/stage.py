"""One check's world: the plugin behind core's real dispatcher and guard, the wire in between, the simulator behind it.

Nothing of core is left out: hooks are vetted, called on their own loop, timed and corrected exactly as in production.
A listener in front of each hook keeps what the plugin itself said, so that a check can hold it against what core made
of it, against the wire, and against what the probe reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from renkei.plugins import Backend, BackendNotReady, Registry
from renkei.plugins.vetting import vet
from renkei.spec import Account, Created, Credentials, Manifest, PushReport, RenkeiError
from renkei.testing.clock import ManualClock
from renkei.testing.contract.broken import broken, raised, require
from renkei.testing.contract.connection import Connection
from renkei.testing.contract.files import HostFiles
from renkei.testing.contract.sources import Site, simulator_of
from renkei.testing.contract.spy import Said, listened
from renkei.testing.contract.subject import Subject
from renkei.testing.contract.wire import SuiteWire, WireTransport
from renkei.testing.kit import Kit, SeenRecord

if TYPE_CHECKING:
    from renkei.testing.contract.saboteurs.making import Saboteur

_START = datetime(2026, 4, 1, 1, 2, 3, tzinfo=UTC)
_MODULE_SEAT = timedelta(milliseconds=300)  # grace for a hook that is past its deadline


class Stage:
    """See the module. A context manager: what it opened is closed at the end.

    Args:
        subject: the plugin.
        kit: its kit, for the whole run.
        site: where the other end of the wire is; the kit's simulator by default.

    Attributes:
        wire: what is seen on it, and what goes wrong on it.
        heard: what the hooks said, in order.
        clock: `ctx.clock`; it stands still.
        files: of the host.
        finished: ids of the checks that came to their end on it.
        notes: what a check has to tell besides, for the report.
    """

    def __init__(self, subject: Subject, kit: Kit, site: Site | None = None) -> None:
        self.subject = subject
        self.kit = kit
        self.site = site or simulator_of(kit)
        self.wire = SuiteWire()
        self.heard: list[Said] = []
        self.clock = ManualClock(_START)
        self.files = HostFiles()
        self.finished: list[str] = []
        self.notes: dict[str, Any] = {}
        self._begun: list[str] = []
        self._registry: Registry | None = None
        if self.site.witness is not None:
            self.site.witness.begin(self.secrets)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._registry is not None:
            self._registry.close()
        self.site.clean_up([verdict.id for said in self.heard for verdict in _stored(said.answer)])
        if self.site.witness is not None:
            self.site.witness.end(passed=kind is None)

    def begin_check(self, id: str) -> None:
        """Called by the check itself."""
        self._begun.append(id)

    def end_check(self, id: str) -> None:
        """Called by the check itself, when nothing was broken."""
        self.finished.append(id)

    # The plugin.

    @cached_property
    def registry(self) -> Registry:
        """Core's, with this plugin alone."""
        if self.subject.module is None:
            broken(f"the plugin cannot be loaded: {self.subject.broken}")
        # Looked at here too: behind the listener, a parameter of a wrong name would only be found when it is called.
        wrong = vet(self.subject.module, own_package=False)
        if wrong:
            broken(f"core does not load the plugin: {' '.join(wrong)}")
        self._registry = Registry(
            modules={self.subject.id: listened(self.subject.module, self.heard.append)},
            scan=False,
            transport=lambda network: WireTransport(self.wire, self.site.inner(network)),
            routes=self.site.routes,
            self_hosted={self.subject.id: self.kit.self_hosted} if self.kit.self_hosted else None,
            clock=self.clock,
            grace=_MODULE_SEAT,
        )
        return self._registry

    @cached_property
    def backend(self) -> Backend:
        """The plugin behind core's dispatcher.

        Raises:
            Broken: core does not load it.
        """
        try:
            return self.registry.backend(self.subject.id)
        except BackendNotReady as error:
            broken(f"core does not load the plugin: {error.reason}")

    @property
    def manifest(self) -> Manifest:
        """As it describes itself."""
        return self.backend.manifest

    def supports(self, capability: str) -> bool:
        """Whether the plugin says so."""
        return self.manifest.supports(capability)

    @property
    def wrappers(self) -> Sequence[Saboteur]:
        """The defects that can be put round any plugin."""
        from renkei.testing.contract.saboteurs.wrappers import WRAPPERS

        return WRAPPERS

    # Connections.

    def connection(
        self,
        typed: Mapping[str, Any] | None = None,
        *,
        target: str | None = None,
        options: Mapping[str, Any] | None = None,
        name: str = "first",
    ) -> Connection:
        """A connection that has not authenticated yet; the good one unless other settings are given."""
        settings = self.site.settings if typed is None else typed
        return Connection(
            stage=self,
            name=name,
            typed=settings,
            target=self.site.target if target is None else target,
            options=self.backend.parse_options(self.site.options if options is None else options),
            settings=self.backend.parse_settings(settings),
        )

    @cached_property
    def good(self) -> Connection:
        """The good connection, authenticated.

        Raises:
            Broken: it cannot be; then no check that needs it can say anything better.
        """
        try:
            return self.connection().connected()
        except RenkeiError as error:
            broken(f"crm_authenticate {raised(error)} with good settings")

    @cached_property
    def second(self) -> Connection:
        """The kit's second connection, authenticated."""
        kit = self.kit
        made = self.connection(
            kit.second_settings(), target=kit.second_target, options=kit.second_options, name="second"
        )
        try:
            return made.connected()
        except RenkeiError as error:
            broken(f"crm_authenticate {raised(error)} with the settings of the second connection")

    # The probe.

    def read(self, target: str | None = None) -> list[SeenRecord]:
        """What the simulator holds."""
        return list(self.kit.read(self.site.target if target is None else target))

    def stored_keys(self, target: str | None = None) -> list[str]:
        """Delivery keys of what it holds; an empty text for a record without one."""
        return [str(record.values.get(self.kit.key_field, "")) for record in self.read(target)]

    @property
    def is_keyed(self) -> bool:
        """Whether the key field is unique and the backend enforces it."""
        field = self.good.schema.field(self.kit.key_field)
        require(field is not None, f"discovery does not show the kit's key field {self.kit.key_field!r}")
        assert field is not None
        return field.unique and self.manifest.uniqueness != "none"

    def secrets(self) -> dict[str, str]:
        """Name → secret, of the connections' settings and of all that the backend gave for them so far."""
        found: dict[str, str] = {}
        typed_in = {"good": self.site.settings, "second": self.kit.second_settings()}
        if self.site.source == "live":
            typed_in["simulated"] = self.kit.good_settings()
        for name, typed in typed_in.items():
            for setting in sorted(self.manifest.settings.secret_fields()):
                if isinstance(typed.get(setting), str) and typed[setting]:
                    found[f"{name} {setting}"] = typed[setting]
        for connection in (self.__dict__.get("good"), self.__dict__.get("second")):
            if connection is not None and connection.credentials is not None:
                for name, secret in connection.credentials.values.items():
                    found[f"{connection.name} {name}"] = secret.get_secret_value()
        given = (one.answer for one in tuple(self.heard) if isinstance(one.answer, (Account, Credentials)))
        for number, answer in enumerate(given, 1):
            credentials = answer.credentials if isinstance(answer, Account) else answer
            for name, secret in credentials.values.items() if credentials is not None else ():
                if secret.get_secret_value() not in found.values():
                    found[f"{name} number {number}"] = secret.get_secret_value()
        return found


def _stored(answer: Any) -> list[Created]:
    found = answer.verdicts if isinstance(answer, PushReport) else ()
    return [verdict for verdict in found if isinstance(verdict, Created)]
