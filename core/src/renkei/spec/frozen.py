"""Deeply frozen data: what crosses the border between core and a plugin cannot be edited in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A dict that refuses to change; `json.dumps`, `copy` and `pickle` take it as it is.

    A dict subclass and not a `Mapping` of its own, because plugins hand these straight to `httpx` as JSON.
    """

    __slots__ = ()

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("this mapping is frozen: build a new dict from it instead of changing it")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = setdefault = clear = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # dict sets it to None, being mutable
        return hash(frozenset(self.items()))

    def __copy__(self) -> FrozenDict[K, V]:
        return self

    def __deepcopy__(self, _memo: object) -> FrozenDict[K, V]:
        return self

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (FrozenDict, (dict(self),))


_ATOMS = frozenset({str, int, float, bool, bytes, type(None), Decimal, datetime, date, time})


def freeze(value: Any) -> Any:
    """The same data with every mapping a `FrozenDict` and every list a tuple, all the way down."""
    # By exact type first: this runs for every value of every record, and asking an ABC costs ten times as much.
    kind = type(value)
    if kind in _ATOMS or kind is FrozenDict:
        return value
    if kind is dict or isinstance(value, Mapping):
        return FrozenDict({key: item if type(item) in _ATOMS else freeze(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple([item if type(item) in _ATOMS else freeze(item) for item in value])
    if isinstance(value, (set, frozenset)):
        return frozenset(freeze(item) for item in value)
    return value


FrozenMap = Annotated[Mapping[K, V], AfterValidator(freeze)]
"""A mapping field of a model: validated item by item, then frozen deeply."""


class Model(BaseModel):
    """Base of everything in `renkei.spec` that core hands to a plugin: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)


class Answer(Model):
    """Base of everything that a plugin hands back: validated again on receipt.

    Without `revalidate_instances`, an instance made by `model_construct` would pass through core unchecked.
    """

    model_config = ConfigDict(revalidate_instances="always")
