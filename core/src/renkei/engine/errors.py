"""What the host's door says no to, and why. Each text names the remedy, in both languages."""

from __future__ import annotations

from renkei.spec import RenkeiError, Text


class Declined(RenkeiError):
    """The door says no; nothing was changed.

    Attributes:
        text: what happened and what to do, for an inbox admin.
    """

    def __init__(self, *, ja: str, en: str) -> None:
        self.text = Text(ja=ja, en=en)
        super().__init__(en)


class NotAllowed(Declined):
    """The actor may not do this (the host says who is inbox admin), or the tenant is not entitled to the backend."""


class NotFound(Declined):
    """There is no such connection, integration, action or delivery in this tenant."""


class IntegrationExists(Declined):
    """An inbox has at most one integration, whatever the backend.

    Attributes:
        inbox: the inbox.
        connection, backend, target: what the existing integration is bound to.
    """

    def __init__(self, inbox: str, connection: str, backend: str, target: str) -> None:
        self.inbox = inbox
        self.connection = connection
        self.backend = backend
        self.target = target
        super().__init__(
            ja=f"受信箱「{inbox}」にはすでにチケット同期連携があります（接続「{connection}」、{backend}、{target}）。"
            f"編集するか、削除してから追加してください。",
            en=f"Inbox {inbox!r} already has an integration: connection {connection!r} ({backend}), target {target!r}. "
            f"Edit that one, or delete it first.",
        )


class NameTaken(Declined):
    """Another connection of the tenant has this name."""


class InUse(Declined):
    """A connection that standing integrations or open deliveries need cannot be deleted."""


class AnotherAccount(Declined):
    """Renewing must come to the same account: records would go elsewhere."""


class NotPossible(Declined):
    """The delivery's or integration's state does not allow this now; the text says what does."""
