"""`--host module:object`: the app that embeds renkei, named on the command line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei.cli.failures import CommandError

if TYPE_CHECKING:
    from renkei.engine import Host


def load_host(name: str) -> Host:
    """The host of that name: an instance, or a class or function that makes one. Empty: the shipped helpdesk.

    Raises:
        CommandError: it cannot be imported, is not there, or does not answer what a host must.
    """
    from renkei.engine import Helpdesk, Host

    if not name:
        return Helpdesk()
    found = _imported(name)
    # A class has a host's methods as well, unbound; only what is made of it is one.
    if isinstance(found, type) or not isinstance(found, Host):
        found = _made(name, found)
    if isinstance(found, Host):
        return found
    raise CommandError(
        ja=f"--host {name!r} はホストではありません。renkei.Host のメソッドをすべて実装してください。",
        en=f"--host {name!r} is not a host: it must have every method of renkei.Host.",
    )


def _imported(name: str) -> Any:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise CommandError(
            ja=f"--host {name!r} は「モジュール:オブジェクト」の形で指定してください。例: myapp.sync:host",
            en=f"--host {name!r} must be written module:object, such as myapp.sync:host.",
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # an app's own modules, as other servers of Python apps find them
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise _unusable(name, error) from error
    return found


def _made(name: str, found: Any) -> Any:
    if not callable(found):
        return found
    try:
        return found()
    except Exception as error:
        raise _unusable(name, error) from error


def _unusable(name: str, error: Exception) -> CommandError:
    what = f"{type(error).__name__}: {error}"
    return CommandError(
        ja=f"--host {name!r} を読み込めません（{what}）。",
        en=f"--host {name!r} cannot be loaded ({what}).",
    )
