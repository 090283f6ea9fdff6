"""What renkei asks of the host app, and the shipped default."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from renkei.mapping import SourceSchema, helpdesk_schema
from renkei.spec import FileRef, Unavailable


@runtime_checkable
class Host(Protocol):
    """Implement this in the app that embeds renkei. Every method may be called from any thread, often; answer fast.

    Users, roles, tenants and inboxes are the host's: renkei passes its names through and never interprets them.
    """

    def source_fields(self, tenant: str, inbox: str) -> SourceSchema:
        """The fields that actions of this inbox bring: key, type, labels ja/en, choices, a sample."""
        ...

    def is_inbox_admin(self, tenant: str, actor: str, inbox: str | None) -> bool:
        """Whether *actor* may set up the sync of *inbox*; of any inbox of the tenant where *inbox* is None."""
        ...

    def is_entitled(self, tenant: str, backend: str) -> bool:
        """Whether the tenant has the option for this backend. Asked again whenever a lane is worked in."""
        ...

    def open_file(self, tenant: str, file: FileRef) -> AsyncIterator[bytes]:
        """The file's bytes, streamed."""
        ...


class Helpdesk:
    """The default host: the shipped helpdesk's source fields, everybody admin of everything, no files."""

    def __init__(self) -> None:
        self._fields = helpdesk_schema()

    def source_fields(self, tenant: str, inbox: str) -> SourceSchema:
        """The shipped schema, the same for every inbox."""
        return self._fields

    def is_inbox_admin(self, tenant: str, actor: str, inbox: str | None) -> bool:
        """Everybody is."""
        return True

    def is_entitled(self, tenant: str, backend: str) -> bool:
        """To all."""
        return True

    async def open_file(self, tenant: str, file: FileRef) -> AsyncIterator[bytes]:
        """There are none.

        Raises:
            Unavailable: always.
        """
        raise Unavailable("no_files", "this host offers no files")
        yield b""
