"""What the host's door says no to, and why. Each text names the remedy."""

from __future__ import annotations

from renkei.spec import RenkeiError, Text


class NotAllowed(RenkeiError):
    """The actor may not do this (the host says who is inbox admin), or the tenant is not entitled to the backend."""


class NotFound(RenkeiError):
    """There is no such connection, integration, action or delivery in this tenant."""


class IntegrationExists(RenkeiError):
    """An inbox has at most one integration, whatever the backend.

    Attributes:
        inbox: the inbox.
        connection, target: what the existing integration is bound to.
    """

    def __init__(self, inbox: str, connection: str, backend: str, target: str) -> None:
        self.inbox = inbox
        self.connection = connection
        self.backend = backend
        self.target = target
        self.text = Text(
            ja=f"受信箱「{inbox}」にはすでにチケット同期連携があります（接続「{connection}」、{backend}、{target}）。"
            f"編集するか、削除してから追加してください。",
            en=f"Inbox {inbox!r} already has an integration: connection {connection!r} ({backend}), target {target!r}. "
            f"Edit that one, or delete it first.",
        )
        super().__init__(self.text.en)


class NameTaken(RenkeiError):
    """Another connection of the tenant has this name."""


class InUse(RenkeiError):
    """A connection that standing integrations or open deliveries need cannot be deleted."""


class AnotherAccount(RenkeiError):
    """Renewing must come to the same account: records would go elsewhere."""


class NotPossible(RenkeiError):
    """The delivery's or integration's state does not allow this now; the text says what does."""
