"""Sealed secrets: AES-GCM, each value bound to its row, keys that rotate.

A sealed value is `1 | length of the key's id | key's id | nonce | ciphertext`. The table, row and column are
authenticated with it, so that a ciphertext moved to another row does not open there.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from renkei.store.errors import VaultError

KEY_BYTES = 32
_VERSION = 1
_NONCE_BYTES = 12


class Vault:
    """Seals with the first key, opens with any.

    Args:
        keys: key id → 32 random bytes, the current one first. To rotate, put a new one first, let
            `renkei keys reseal` run, then drop the old one.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise VaultError("no key given: the vault needs at least one")
        for name, key in keys.items():
            if not name or len(name.encode()) > 64:
                raise VaultError("a key's id must have 1 to 64 characters")
            if len(key) != KEY_BYTES:
                raise VaultError(f"key {name!r} has {len(key)} bytes; a key has {KEY_BYTES}, base64-encoded")
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self.current = next(iter(keys))

    def __repr__(self) -> str:
        return f"Vault(keys={list(self._ciphers)})"

    def seal(self, plain: bytes, *, bound_to: str) -> bytes:
        """Seal *plain* for one place, named by *bound_to* (`connections:7:settings`)."""
        name = self.current.encode()
        nonce = os.urandom(_NONCE_BYTES)
        head = bytes([_VERSION, len(name)]) + name
        return head + nonce + self._ciphers[self.current].encrypt(nonce, plain, head + bound_to.encode())

    def open(self, sealed: bytes, *, bound_to: str) -> bytes:
        """Open what `seal` made for the same place.

        Raises:
            VaultError: the key is not at hand, or the value was changed or moved.
        """
        name = self.sealed_with(sealed)
        head_length = 2 + len(name.encode())
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise VaultError(
                f"a secret was sealed with key {name!r}, which is not among the keys given "
                f"({', '.join(self._ciphers)}); give that key as well"
            )
        head, rest = sealed[:head_length], sealed[head_length:]
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head + bound_to.encode())
        except (InvalidTag, ValueError):
            pass
        raise VaultError(
            f"key {name!r} does not open the secret at {bound_to}: it is another key of the same name, "
            f"or the value was changed or moved; give the key that the database was made with"
        )

    @staticmethod
    def sealed_with(sealed: bytes) -> str:
        """Id of the key that sealed this value."""
        if len(sealed) < 2 or sealed[0] != _VERSION:
            raise VaultError("a sealed value is damaged: it does not begin as one")
        return sealed[2 : 2 + sealed[1]].decode("utf-8", "replace")


def parse_keys(text: str) -> dict[str, bytes]:
    """Keys from `id:base64` entries, separated by commas or lines; the first one seals.

    Raises:
        VaultError: an entry is malformed; named by its position, never repeated.
    """
    keys: dict[str, bytes] = {}
    entries = [entry.strip() for entry in text.replace(",", "\n").splitlines()]
    for number, entry in enumerate((entry for entry in entries if entry and not entry.startswith("#")), start=1):
        name, colon, encoded = entry.partition(":")
        try:
            key = base64.b64decode(encoded.strip(), validate=True)
        except ValueError:
            key = b""
        if not colon or len(key) != KEY_BYTES:
            raise VaultError(f"key entry {number} is not 'id:base64 of {KEY_BYTES} bytes'")
        if name.strip() in keys:
            raise VaultError(f"key {name.strip()!r} is given twice; give each id once")
        keys[name.strip()] = key
    return keys


def new_key() -> str:
    """A fresh entry for `parse_keys`."""
    return f"k{secrets.token_hex(4)}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


def key_file(path: Path) -> dict[str, bytes]:
    """The keys in *path*; made there with mode 0600 on first use, once among any number of processes.

    Raises:
        VaultError: it cannot be made or read, is readable by others, or holds no key.
    """
    try:
        if not path.exists():
            _make_key_file(path)
        if path.stat().st_mode & 0o077:
            raise VaultError(f"the key file {path.name} can be read by others; run: chmod 600 {path.name}")
        keys = parse_keys(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise VaultError(f"the key file {path.name} cannot be made or read: {reason}") from None
    if not keys:
        raise VaultError(f"the key file {path.name} holds no key; restore it from a backup")
    return keys


def _make_key_file(path: Path) -> None:
    # Written whole under another name, then linked: nobody ever reads half a file, and only the first link wins.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(
            descriptor, f"# renkei: the vault's keys. Keep a copy apart from the database.\n{new_key()}\n".encode()
        )
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
