"""The checks, by letter: a module for each, put together in `Contract`."""

from __future__ import annotations

from renkei.testing.contract.checks.authentication import AuthenticationChecks
from renkei.testing.contract.checks.capabilities import CapabilityChecks
from renkei.testing.contract.checks.failure import FailureChecks
from renkei.testing.contract.checks.isolation import IsolationChecks
from renkei.testing.contract.checks.kits import KitChecks
from renkei.testing.contract.checks.load import LoadChecks
from renkei.testing.contract.checks.manifest import ManifestChecks
from renkei.testing.contract.checks.mapping import MappingChecks
from renkei.testing.contract.checks.markup import MarkupChecks
from renkei.testing.contract.checks.proof import ProofChecks
from renkei.testing.contract.checks.pushing import PushChecks
from renkei.testing.contract.checks.resources import ResourceChecks
from renkei.testing.contract.checks.schema import SchemaChecks
from renkei.testing.contract.checks.security import SecurityChecks
from renkei.testing.contract.checks.settings import SettingsChecks


class Contract(
    LoadChecks,
    ManifestChecks,
    SettingsChecks,
    AuthenticationChecks,
    SchemaChecks,
    MappingChecks,
    PushChecks,
    FailureChecks,
    ResourceChecks,
    SecurityChecks,
    MarkupChecks,
    IsolationChecks,
    CapabilityChecks,
    KitChecks,
    ProofChecks,
):
    """Every check of the suite, each a method. What a check requires stands in its docstring."""


__all__ = ["Contract"]
