"""A copy of a plugin of ours with a few words of its source changed: for defects deep inside of it."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

# In the order in which they import each other.
_MODULES: Final[Mapping[str, Sequence[str]]] = {
    "renkei_template": ("codes", "settings", "manifest", "fields", "answers", "api", "records", "backend"),
    "renkei_kintone": (
        *("addresses", "typed", "settings", "remedies", "lane_meanings", "record_meanings", "meanings", "manifest"),
        *("wire", "validation", "field_types", "writing", "tables", "records", "account", "fields", "verify"),
        *("blame", "bulk", "verdicts", "uploads", "push", "backend"),
    ),
}
_copies = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Change:
    """*old* becomes *new*, wherever it stands in *module*; it has to stand there."""

    module: str
    old: str
    new: str


def rewritten(*changes: Change, of: str = "renkei_template") -> ModuleType:
    """The backend of package *of*, from a copy of its modules with these *changes*."""
    good = importlib.import_module(of)
    name = f"damaged_{of.removeprefix('renkei_')}_{next(_copies)}"
    package = ModuleType(name)
    package.__path__ = []
    package.__dict__["__version__"] = getattr(good, "__version__", "")
    sys.modules[name] = package
    for module in _MODULES[of]:
        setattr(package, module, _copied(good, name, module, [change for change in changes if change.module == module]))
    backend: ModuleType = package.backend
    return backend


def with_changes(*changes: Change, of: str = "renkei_template") -> Callable[[ModuleType], ModuleType]:
    """Damage for `module_saboteur`: whatever the good module is, the changed copy."""
    return lambda _good: rewritten(*changes, of=of)


def _copied(good: ModuleType, package: str, module: str, changes: list[Change]) -> ModuleType:
    assert good.__file__ is not None
    path = Path(good.__file__).parent / f"{module}.py"
    source = path.read_text(encoding="utf-8")
    for change in changes:
        assert change.old in source, f"{good.__name__}'s {module}.py no longer has {change.old!r}"
        source = source.replace(change.old, change.new)
    name = f"{package}.{module}"
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    made.__file__ = str(path)
    sys.modules[name] = made  # where pydantic looks for a model's names
    exec(compile(source.replace(good.__name__, package), str(path), "exec"), vars(made))
    return made
