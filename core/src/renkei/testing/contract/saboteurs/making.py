"""How a saboteur is made: a good plugin with some of its hooks replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from renkei.plugins.vetting import HOOKS
from renkei.spec import Manifest
from renkei.testing.contract.spy import marked
from renkei.testing.contract.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Saboteur:
    """One defect.

    Attributes:
        number: of the list in the docs; those from 100 on were thought of later.
        name: of the defect.
        does: what is wrong with it, one sentence.
        killed_by: ids of the checks that each have to find it.
        damage: makes the bad subject from a good one.
        several: it does damage only where one push takes several requests.
    """

    number: int
    name: str
    does: str
    killed_by: tuple[str, ...]
    damage: Callable[[Subject], Subject]
    several: bool = False


def module_saboteur(
    number: int,
    name: str,
    does: str,
    killed_by: tuple[str, ...],
    damage: Callable[[ModuleType], ModuleType],
    *,
    several: bool = False,
) -> Saboteur:
    """A saboteur whose defect is in the plugin's module."""

    def of(subject: Subject) -> Subject:
        assert subject.module is not None
        return subject.instead(damage(subject.module))

    return Saboteur(number=number, name=name, does=does, killed_by=killed_by, damage=of, several=several)


def damaged(module: ModuleType, **hooks: Callable[..., Any]) -> ModuleType:
    """A module with the hooks of *module*, but for those given: `push=…` replaces `crm_push`.

    The given ones are marked as hooks here; take the good ones from `module.crm_push` and so on.
    """
    made = ModuleType(module.__name__)
    made.__file__ = module.__file__
    for hook in HOOKS:
        if hook in vars(module):
            setattr(made, hook, vars(module)[hook])
    for short, function in hooks.items():
        setattr(made, f"crm_{short}", marked(f"crm_{short}", function))
    return made


def described(module: ModuleType, **changes: Any) -> ModuleType:
    """The same plugin with another manifest: *changes* by field."""
    good: Manifest = module.crm_describe()
    fields = {name: getattr(good, name) for name in Manifest.model_fields}
    bad = Manifest(**{**fields, **changes})

    def crm_describe() -> Manifest:
        return bad

    return damaged(module, describe=crm_describe)
