"""The host's files, as a plugin may open them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from renkei.spec import FileRef


@dataclass(slots=True)
class HostFiles:
    """Files of the host, by the id of their `FileRef`.

    Attributes:
        opened: ids, each time one was opened.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    chunk: int = 16_384

    def add(self, id: str, name: str, content: bytes) -> FileRef:
        """A file that can be opened from now on."""
        self.contents[id] = content
        return FileRef(id=id, name=name, size=len(content))

    async def open(self, ref: FileRef) -> AsyncIterator[bytes]:
        """Its content in chunks."""
        self.opened.append(ref.id)
        content = self.contents[ref.id]
        for start in range(0, len(content), self.chunk):
            yield content[start : start + self.chunk]
