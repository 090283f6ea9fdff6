"""Import one plugin through stevedore, whatever its import does."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

from stevedore.named import NamedExtensionManager

from renkei import spec
from renkei.plugins.faults import name_exception


class LoadFailure(Exception):  # an outcome with a sentence, never shown as a traceback
    """The plugin cannot be used; the text says why and what to do."""


class _OneBackend(NamedExtensionManager[Any]):
    """stevedore for exactly the entry point that our scan found.

    Its own list comes from a cache in the user's home directory, keyed by modification times, and from a class
    attribute that lives as long as the process: both can be stale, and both merge equal names of different
    distributions. Giving it the list leaves the loading to stevedore, reads no cache and writes none.
    """

    def __init__(self, entry_point: EntryPoint) -> None:
        self._given = entry_point
        self.failures: list[BaseException] = []
        super().__init__(
            entry_point.group,
            [entry_point.name],
            on_load_failure_callback=lambda _manager, _entry_point, error: self.failures.append(error),
            on_missing_entrypoints_callback=None,
        )

    def list_entry_points(self) -> list[EntryPoint]:
        return [self._given]


def load(entry_point: EntryPoint) -> ModuleType:
    """The plugin's module.

    One name at a time and in a fence of its own: stevedore lets `SystemExit` through and re-raises
    `AssertionError`, so that in one sweep over the group the first bomb would take all plugins with it.

    Raises:
        LoadFailure: whatever went wrong.
        KeyboardInterrupt: it came from a person.
    """
    try:
        manager = _OneBackend(entry_point)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise LoadFailure(_sentence(entry_point, error)) from None
    if manager.failures:
        raise LoadFailure(_sentence(entry_point, manager.failures[0]))
    if not manager.extensions:
        raise LoadFailure(f"stevedore loaded nothing for {entry_point.value!r}.")
    module = manager.extensions[0].plugin
    if not isinstance(module, ModuleType):
        kind = type(module).__name__
        raise LoadFailure(
            f"The entry point {entry_point.value!r} leads to a {kind}; a plugin is a module: write 'package.module'."
        )
    return module


def _sentence(entry_point: EntryPoint, error: BaseException) -> str:
    # At import there are no settings and no records yet, so the message can hold none and the author needs it.
    said = " ".join(str(error).split())[:200]
    detail = f" ({said})" if said else ""
    what = f"Importing {entry_point.value!r} {name_exception(error)}{detail}."
    if isinstance(error, ImportError) and error.name == spec.__name__:
        return (
            f"{what} This renkei has spec {spec.SPEC_VERSION}, without that name: install a version of the plugin for "
            "it, or a newer renkei; its author says which ones fit in the distribution's requirement on renkei."
        )
    return f"{what} A plugin's import must only define it: mend the error, and move what it does into the hooks."
