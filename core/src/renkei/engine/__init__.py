"""The host's door: one object, `Renkei`."""

from renkei.delivery import Policy, PolicyError
from renkei.engine.connections import Connection, Look, Refused
from renkei.engine.doubts import Doubtful, LookFor
from renkei.engine.errors import (
    AnotherAccount,
    Declined,
    IntegrationExists,
    InUse,
    NameTaken,
    NotAllowed,
    NotFound,
    NotPossible,
)
from renkei.engine.host import Helpdesk, Host
from renkei.engine.integrations import Integration, Rehearsed
from renkei.engine.questions import Event, Health, Status, Story
from renkei.engine.recording import Refusal
from renkei.engine.renkei import Renkei
from renkei.engine.restoring import Restored
from renkei.engine.words import RESEND_WARNING
from renkei.mapping import EnvelopeError
from renkei.plugins import BackendNotReady
from renkei.spec import RenkeiError, SettingsError
from renkei.store import StoreTooNew, StoreUnavailable, VaultError
from renkei.store.intake import Receipt
from renkei.store.ledger import Ledger

__all__ = [
    "RESEND_WARNING",
    "AnotherAccount",
    "BackendNotReady",
    "Connection",
    "Declined",
    "Doubtful",
    "EnvelopeError",
    "Event",
    "Health",
    "Helpdesk",
    "Host",
    "InUse",
    "Integration",
    "IntegrationExists",
    "Ledger",
    "Look",
    "LookFor",
    "NameTaken",
    "NotAllowed",
    "NotFound",
    "NotPossible",
    "Policy",
    "PolicyError",
    "Receipt",
    "Refusal",
    "Refused",
    "Rehearsed",
    "Renkei",
    "RenkeiError",
    "Restored",
    "SettingsError",
    "Status",
    "StoreTooNew",
    "StoreUnavailable",
    "Story",
    "VaultError",
]
