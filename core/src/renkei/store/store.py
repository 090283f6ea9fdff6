"""One database with its vault: what everything above stands on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType

import sqlalchemy as sa

from renkei.store import installation
from renkei.store.database import Database
from renkei.store.errors import VaultError
from renkei.store.vault import Vault, key_file
from renkei.store.writer import Job, Moment, Pending, T, nowhere


class Store:
    """Opens on first use: the schema is brought up to date and the keys are checked then, once per process.

    Args:
        url: see `Database`.
        keys: key id → key, the current one first; a path of a key file; or None for the embedded default: a key
            file beside the SQLite file, named after it with `.key` at the end, made on first use.
        reached: see `Database`.
    """

    def __init__(
        self,
        url: str,
        keys: Mapping[str, bytes] | Path | None = None,
        reached: Callable[[Moment], None] = nowhere,
    ) -> None:
        self.database = Database(url, reached)
        self._keys = keys
        self._lock = threading.RLock()
        self._vault: Vault | None = None
        self._installation: str | None = None

    @property
    def vault(self) -> Vault:
        """The vault, its keys checked against this database.

        Raises:
            VaultError: no keys, unusable keys, or keys of another database.
        """
        self._ready()
        assert self._vault is not None
        return self._vault

    @property
    def installation(self) -> str:
        """The installation's id, which delivery keys are derived from."""
        self._ready()
        assert self._installation is not None
        return self._installation

    def write(self, job: Job[T]) -> T:
        """Run *job* in a write transaction; its result after the commit."""
        self._ready()
        return self.database.write(job)

    def submit(self, job: Job[T]) -> Pending[T]:
        """Queue a write; `result` waits for its commit."""
        self._ready()
        return self.database.submit(job)

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A connection to read with, in one snapshot."""
        self._ready()
        return self.database.read()

    def result(self, pending: Pending[T]) -> T:
        """Wait for the commit of what was submitted; see `Database.result`."""
        return self.database.result(pending)

    async def aresult(self, pending: Pending[T], task: FrameType) -> T:
        """`result` for a coroutine; see `Database.aresult`."""
        return await self.database.aresult(pending, task)

    def is_behind(self, connection: sa.Connection) -> bool:
        """Whether a host's connection leads to this very database.

        Asked from the database itself: names of servers and paths may differ and mean the same.
        """
        return installation.found_in(connection) == self.installation

    def close(self) -> None:
        """Finish what is queued and close; the next use opens again."""
        self.database.close()

    def _ready(self) -> None:
        if self._installation is not None:
            return
        with self._lock:
            if self._installation is not None:
                return
            # The database first: where it cannot be opened, no key file is left behind.
            with self.database.read() as connection:
                sealed_before = installation.has_vault_check(connection)
            vault = Vault(self._load_keys(make=not sealed_before))

            found = self._checked(vault) if sealed_before else None
            if found is None:
                found = self.database.write(lambda connection: _sealed(connection, vault))
            self._vault, self._installation = vault, found

    def _checked(self, vault: Vault) -> str | None:
        """Without writing: the first use may be inside a transaction of the host's, which it then has to pass."""
        with self.database.read() as connection:
            installation.check_vault(connection, vault)
            return installation.found_in(connection)

    def _load_keys(self, *, make: bool) -> Mapping[str, bytes]:
        if isinstance(self._keys, Path):
            return _keys_in(self._keys, make=make)
        if self._keys is not None:
            return self._keys
        path = self.database.path
        if path is None:
            raise VaultError(
                "no vault keys given: a database server needs them from the environment or the host "
                "(RENKEI_KEYS=id:base64, or Renkei(keys=…))"
            )
        return _keys_in(path.with_name(path.name + ".key"), make=make)


def _sealed(connection: sa.Connection, vault: Vault) -> str:
    installation.check_vault(connection, vault)
    return installation.installation_id(connection)


def _keys_in(path: Path, *, make: bool) -> Mapping[str, bytes]:
    if not make and not path.exists():
        # Made anew, it would only stand in the right one's place.
        raise VaultError(
            f"the key file {path.name} is missing, and this database's secrets were sealed with it; "
            f"restore it from a backup, or name the file that holds the keys"
        )
    return key_file(path)
