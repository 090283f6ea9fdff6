"""What can go wrong with the store, said so that an operator knows what to do."""

from __future__ import annotations

from renkei.spec import RenkeiError


class StoreUnavailable(RenkeiError):
    """The database cannot be written or read now. What was not confirmed was not stored."""


class StoreTooNew(RenkeiError):
    """The database was migrated by a newer renkei."""


class VaultError(RenkeiError):
    """A sealed value cannot be opened with the keys at hand, or the keys themselves are unusable."""
