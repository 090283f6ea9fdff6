"""The process in which the checks run: our own pytest configuration, nobody else's plugins, no way out but loopback.

python -m renkei.testing.contract.child ORDER.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest

from renkei.testing.contract.errand import Errand, Order
from renkei.testing.contract.ledger import Ledger
from renkei.testing.contract.subject import NotProvable

NOT_PROVABLE: Final = 64
_INI = """\
[pytest]
xfail_strict = true
addopts =
filterwarnings = default
"""


def main(arguments: Sequence[str]) -> int:
    """Carry out the order in the file named first."""
    order = Order.read(Path(arguments[0]).read_text(encoding="utf-8"))
    try:
        errand = Errand.of(order)
    except NotProvable as error:
        with Path(order.results).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"not_provable": str(error)}) + "\n")
        return NOT_PROVABLE
    if order.source != "live":
        sys.addaudithook(_only_loopback)
    with tempfile.TemporaryDirectory(prefix="renkei-verify-") as folder:
        ini = Path(folder) / "pytest.ini"
        ini.write_text(_INI, encoding="utf-8")
        return int(pytest.main(_pytest_arguments(order, ini), plugins=[Ledger(errand)]))


def _pytest_arguments(order: Order, ini: Path) -> list[str]:
    shared = ["-c", str(ini), "-p", "no:cacheprovider", "--import-mode=importlib", "--strict-markers", "-q"]
    quiet = ["--tb=short" if order.only else "--tb=line", "--no-header", "-rN"]
    if order.paths:
        return [*shared, *quiet, *order.pytest, *order.paths]
    shipped = Path(__file__).with_name("shipped.py")
    return [*shared, *quiet, *order.pytest, "--noconftest", "--rootdir", str(ini.parent), str(shipped)]


def _only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse whatever leaves this machine, whoever asks: an exception in an audit hook ends what was begun."""
    if event == "socket.connect" and isinstance(arguments[1], tuple) and not _is_here(str(arguments[1][0])):
        raise ConnectionRefusedError("the contract suite is offline: only loopback may be connected to")
    if event == "socket.getaddrinfo" and not _is_here(str(arguments[0])):
        raise ConnectionRefusedError("the contract suite is offline: no name is looked up")


def _is_here(host: str) -> bool:
    if host in ("localhost", "", "None"):
        return True
    try:
        return ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
