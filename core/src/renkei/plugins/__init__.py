"""Find, vet and call plugins; the guarded HTTP client."""

from renkei.plugins.backend import Backend
from renkei.plugins.calls import Call, PushOutcome
from renkei.plugins.faults import BackendNotReady, NotSent, PluginFault
from renkei.plugins.registry import BackendState, LoadState, Registry, WrapTransport
from renkei.plugins.routes import parse_routes
from renkei.plugins.wire import WireLog

__all__ = [
    "Backend",
    "BackendNotReady",
    "BackendState",
    "Call",
    "LoadState",
    "NotSent",
    "PluginFault",
    "PushOutcome",
    "Registry",
    "WireLog",
    "WrapTransport",
    "parse_routes",
]
