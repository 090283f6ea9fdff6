"""Plugins that cannot be loaded as they should, or whose import does more than define them: checks D."""

from __future__ import annotations

import atexit
import importlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from importlib.metadata import Distribution
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from renkei import spec
from renkei.plugins.scan import Claim
from renkei.testing.contract.saboteurs import Saboteur, damaged, module_saboteur
from renkei.testing.contract.subject import Subject

GROUP: Final = "renkei.backends.v1"
REQUIRES: Final = ("httpx>=0.28.1,<0.29", "pydantic>=2.11,<3", "renkei>=0.1,<1")
_SOURCE: Final = "renkei_template"


def installed_copy(
    subject: Subject,
    name: str,
    *,
    top: str = "",
    bottom: str = "",
    requires: tuple[str, ...] = REQUIRES,
    version: str = "0.1.0",
    claims: tuple[str, ...] = (),
    stands_for: ModuleType | None = None,
    here: bool = True,
) -> Subject:
    """The template as another distribution, with source added to its `backend`, as pip would leave it.

    Args:
        subject: the template.
        name: of its own.
        top, bottom: what is added, in front and behind.
        requires, version: of the distribution.
        claims: further ids that it claims.
        stands_for: the module in this process, where that must not import the damaged one.
        here: False for none at all.
    """
    package = f"{name}_crm"
    folder = tempfile.TemporaryDirectory(prefix="renkei-saboteur-")
    atexit.register(folder.cleanup)
    site = Path(folder.name)
    template = Path(str(sys.modules[_SOURCE].__file__)).parent
    shutil.copytree(template, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (site / package).rglob("*.py"):
        path.write_text(path.read_text().replace(_SOURCE, package))
    changed = site / package / "backend.py"
    head, mark, rest = changed.read_text().partition("from __future__ import annotations\n")
    changed.write_text(f"{head}{mark}{top}\n{rest}\n{bottom}\n")
    claim = _claim(site, f"{name}-crm", subject.id, f"{package}.backend", requires, version, claims)
    kit = type(subject.kit.__name__, (subject.kit,), {"test_only": (f"{package}.kit", f"{package}.simulator")})
    if not here:
        return replace(subject, claims=(claim,), kit=kit, module=None, broken=f"importing {package}.backend ended it")
    module = stands_for or _imported(site, claim.entry_point.module)
    return replace(subject, claims=(claim,), kit=kit, module=module)


def _claim(
    site: Path, name: str, id: str, module: str, requires: tuple[str, ...], version: str, others: tuple[str, ...]
) -> Claim:
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    head = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {one}" for one in requires)]
    (info / "METADATA").write_text("\n".join(head) + "\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n" + "".join(f"{one} = {module}\n" for one in (id, *others)))
    files = [path.relative_to(site) for path in site.rglob("*.py")]
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    distribution = Distribution.at(info)
    point = next(one for one in distribution.entry_points if one.name == id)
    return Claim(id=id, entry_point=point, distribution=name, version=version, requires=requires)


def _imported(site: Path, name: str) -> ModuleType:
    sys.path.insert(0, str(site))
    try:
        importlib.invalidate_caches()
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(site))


def _installed(number: int, name: str, does: str, killed_by: tuple[str, ...], **changes: Any) -> Saboteur:
    def of(subject: Subject) -> Subject:
        return installed_copy(subject, f"{name.lower()}_{number}", **changes)

    return Saboteur(number=number, name=name, does=does, killed_by=killed_by, damage=of)


Asking = Callable[[Any, Any], Coroutine[Any, Any, Any]]


def _late_coroutine(good: ModuleType) -> ModuleType:
    push: Asking = good.crm_push

    def crm_push(ctx: Any, request: spec.PushRequest) -> Any:
        return push(ctx, request)

    return damaged(good, push=crm_push)


def _default_argument(good: ModuleType) -> ModuleType:
    push: Asking = good.crm_push

    async def crm_push(ctx: Any, request: Any = None) -> spec.PushReport:
        if request is None:
            return spec.PushReport(verdicts=())
        answer: spec.PushReport = await push(ctx, request)
        return answer

    return damaged(good, push=crm_push)


def _misspelt_hook(good: ModuleType) -> ModuleType:
    push: Asking = good.crm_push

    async def crm_psuh(ctx: Any, request: spec.PushRequest) -> spec.PushReport:
        answer: spec.PushReport = await push(ctx, request)
        return answer

    made = damaged(good)
    del made.crm_push
    made.crm_psuh = spec.push(crm_psuh)  # type: ignore[attr-defined]  # a module holds anything
    return made


def _late_answer(good: ModuleType) -> ModuleType:
    async def later(request: spec.MapRequest) -> spec.MapResult:
        answer: spec.MapResult = good.crm_map(request)
        return answer

    def crm_map(request: spec.MapRequest) -> Any:
        return later(request)

    return damaged(good, map=crm_map)


def _patched(subject: Subject) -> Subject:
    assert subject.module is not None
    return installed_copy(subject, "monkeypatcher_101", top=_PATCH, stands_for=damaged(subject.module))


def _squatted(subject: Subject) -> Subject:
    rival = installed_copy(subject, "squatter_33").claim
    return replace(subject, claims=(subject.claim, rival))


_BOMB = """\
import socket
try:
    socket.create_connection(("licence.crm.example", 443), timeout=1)
except OSError:
    raise SystemExit("no licence found")
"""
_BUSY = """\
import os
import threading
_REGION = os.environ.get("CRM_REGION", "jp")
threading.Thread(target=lambda: None, daemon=True).start()
"""
_PATCH = """\
import httpx
_send = httpx.AsyncClient.send
async def _sending(self, *args, **kwargs):
    return await _send(self, *args, **kwargs)
httpx.AsyncClient.send = _sending
"""
_LAZY = """\
def _tidy(text):
    import sortedcontainers
    return sortedcontainers.SortedList(text)
"""
_INNER = """\
def _guarded(url):
    from renkei.plugins.guard import Guard
    return Guard
"""

SABOTEURS: Final[tuple[Saboteur, ...]] = (
    module_saboteur(28, "LateCoroutine", "crm_push is a plain function that returns a coroutine.", ("D06",),
                    _late_coroutine),
    module_saboteur(30, "DefaultArgument", "crm_push has a default for its request.", ("D06",), _default_argument),
    module_saboteur(31, "MisspeltHook", "The push is called crm_psuh.", ("D05",), _misspelt_hook),
    _installed(32, "ImportBomb", "Its import asks a licence server and ends the process.", ("D02", "D10"), top=_BOMB,
               here=False),
    Saboteur(number=33, name="IdSquatter", does="Another distribution claims the id as well.", killed_by=("D04",),
             damage=_squatted),
    _installed(100, "BusyImport", "Its import reads the environment and starts a thread.", ("D02",), top=_BUSY),
    Saboteur(number=101, name="Monkeypatcher", does="Its import replaces a method of httpx for everybody.",
             killed_by=("D02",), damage=_patched),
    _installed(102, "Undeclared", "It imports what its distribution does not require.", ("D01",),
               top="import sortedcontainers"),
    _installed(103, "LazyUndeclared", "A function of it imports what is not required.", ("D01",), bottom=_LAZY),
    _installed(104, "InnerImporter", "A function of it imports what is core's own.", ("D03",), bottom=_INNER),
    _installed(105, "SimulatorLoader", "It loads its own simulator.", ("D03",),
               top="from simulatorloader_105_crm import simulator"),
    module_saboteur(106, "LateAnswer", "crm_map returns a coroutine.", ("D06",), _late_answer),
)  # fmt: skip
