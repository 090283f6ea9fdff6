"""Files: kept in memory from their upload on, attached to one record, read back under another key."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from renkei_kintone.simulator import words

MEGABYTE = 1024 * 1024


class TooLarge(Exception):
    """A file that kintone would take and the simulator has no room for."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file and what its upload said of it."""

    name: str
    content_type: str
    data: bytes

    def listed(self, key: str) -> dict[str, str]:
        """As a record lists it; the size is a string."""
        return {"contentType": self.content_type, "fileKey": key, "name": self.name, "size": str(len(self.data))}


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of a record.

    Attributes:
        app: the app whose record holds it; who may view its records may download the file.
    """

    file: StoredFile
    app: str


_Kept = tuple[dict[str, StoredFile], dict[str, Attached]]


@dataclass(slots=True)
class FileStore:
    """All files of a domain.

    Attributes:
        largest: bytes of one file. kintone takes 1 GB; a process in a test need not.
        room: bytes of all files together.
        uploads: by the key that the upload gave, until they are attached.
        attached: by the key under which the record lists them.
    """

    largest: int = 64 * MEGABYTE
    room: int = 512 * MEGABYTE
    uploads: dict[str, StoredFile] = field(default_factory=dict)
    attached: dict[str, Attached] = field(default_factory=dict)

    def upload(self, file: StoredFile) -> str:
        """Keep an uploaded file; its key.

        Raises:
            TooLarge: there is no room for it.
        """
        if len(file.data) > self.largest or self._held() + len(file.data) > self.room:
            raise TooLarge(f"files above {self.largest} bytes, or above {self.room} together")
        key = str(uuid.uuid4())
        self.uploads[key] = file
        return key

    def _held(self) -> int:
        """Bytes of all files; one that is attached twice is there once."""
        files = (*self.uploads.values(), *(attached.file for attached in self.attached.values()))
        return sum({id(file): len(file.data) for file in files}.values())

    def attach(self, key: str, app: str, *, reusable: bool) -> dict[str, str]:
        """Move an uploaded file into a record of *app*; how the record lists it, under a key of its own.

        Raises:
            Refused: there is no such upload, or it was attached already.
        """
        file = self.uploads.get(key)
        if file is None:
            raise words.no_such_file(key)
        if not reusable:
            del self.uploads[key]
        own = str(uuid.uuid4())
        self.attached[own] = Attached(file, app)
        return file.listed(own)

    def forget(self, key: str) -> None:
        """The record no longer holds the file."""
        self.attached.pop(key, None)

    def clear(self) -> None:
        """Forget all files."""
        self.uploads.clear()
        self.attached.clear()

    def kept(self) -> _Kept:
        """What `restore` brings back."""
        return self.uploads.copy(), self.attached.copy()

    def restore(self, kept: _Kept) -> None:
        """Be as when *kept* was taken."""
        self.uploads, self.attached = kept

    def download(self, parameters: Mapping[str, Any], visible_apps: frozenset[str]) -> StoredFile:
        """The file of a download key; *visible_apps* are those whose records the caller may view.

        Raises:
            Refused: the key is missing, unknown, or an upload's; or the caller may not view the record.
        """
        key = parameters.get("fileKey")
        if not key:
            raise words.invalid({"fileKey": [words.PARAMETER_REQUIRED]})
        found = self.attached.get(str(key))
        if found is None:
            raise words.no_such_file(str(key))
        if found.app not in visible_apps:
            raise words.not_permitted()
        return found.file
