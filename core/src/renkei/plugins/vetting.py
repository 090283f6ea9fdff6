"""Read a plugin module before pluggy does, and say in words its author can act on what pluggy would not.

pluggy accepts much that fails only when it is called: keyword-only parameters, `*args` (called with nothing),
defaults (never passed), fewer parameters than the hook has, `optionalhook` on a misspelt name, wrappers without
anything to wrap. An undecorated function or one marked for another project it does not see at all.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from renkei.spec import ASYNC_HOOKS, OPTIONAL_HOOKS, PROJECT, REQUIRED_HOOKS, BackendHooks

HOOKS: Final = (*REQUIRED_HOOKS, *OPTIONAL_HOOKS)

_MARK: Final = f"{PROJECT}_impl"
_PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    hook: tuple(inspect.signature(getattr(BackendHooks, hook)).parameters)[1:] for hook in HOOKS
}
_PLAIN: Final = inspect.Parameter.POSITIONAL_OR_KEYWORD


def vet(module: ModuleType, *, own_package: bool) -> list[str]:
    """Everything that is wrong with the hooks of *module*, a sentence each; empty where it may be registered.

    Args:
        module: the plugin.
        own_package: whether its hooks must be defined in its own package. An import of someone else's decorated
            hook would register it here as well. Modules that a test builds by hand hold functions from anywhere.
    """
    problems: list[str] = []
    for name, value in sorted(vars(module).items()):
        problems.extend(_vet_attribute(module, name, value, own_package=own_package))
    if not problems:
        problems.extend(_missing(module))
    return problems


def hooks_of(module: ModuleType) -> frozenset[str]:
    """The hooks that *module* implements."""
    return frozenset(hook for hook in HOOKS if _is_marked(vars(module).get(hook)))


def _vet_attribute(module: ModuleType, name: str, value: object, *, own_package: bool) -> Iterator[str]:
    if _is_marked(value):
        if isinstance(value, FunctionType):
            yield from _vet_marked(module, name, value, own_package=own_package)
        else:
            yield f"{name} is a {type(value).__name__}; write it as a plain function of the module."
    elif name in HOOKS:
        yield _unseen(name, value)
    elif isinstance(value, FunctionType) and name.startswith("crm_") and (meant := _nearest(name)):
        yield f"{name} is no hook and not decorated; did you mean {meant}? If it is a helper, name it otherwise."


def _vet_marked(module: ModuleType, name: str, function: FunctionType, *, own_package: bool) -> Iterator[str]:
    hook = getattr(function, "__renkei_hook__", name)
    if hook not in HOOKS:
        meant = _nearest(name)
        yield f"{name} is not a hook" + (
            f"; did you mean {meant}?" if meant else f"; the hooks are {', '.join(HOOKS)}."
        )
        return
    if name != hook:
        yield (
            f"{name} carries the decorator @spec.{_decorator(hook)}, which is for {hook}: "
            f"name the function {hook}, or take the decorator of the hook you mean."
        )
        return
    if own_package and not _same_package(function, module):
        yield (
            f"{name} is imported from {function.__module__}, another package's hook: "
            f"write a function of your own that calls it."
        )
        return
    yield from _vet_options(name, function)
    yield from _vet_signature(name, function)
    yield from _vet_colour(name, function)


def _vet_options(name: str, function: FunctionType) -> Iterator[str]:
    options = getattr(function, _MARK)
    given = [option for option, value in sorted(options.items()) if value]
    if given:
        yield f"{name} is marked with {', '.join(given)}; a hook takes no options: use @spec.{_decorator(name)}."


def _vet_signature(name: str, function: FunctionType) -> Iterator[str]:
    wanted = _PARAMETERS[name]
    # The innermost function is what pluggy reads names from; the outermost is what is then called with them.
    inner = inspect.signature(function)
    outer = inspect.signature(function, follow_wrapped=False)
    plain = all(item.kind is _PLAIN and item.default is item.empty for item in inner.parameters.values())
    if not plain or tuple(inner.parameters) != wanted or not _takes(outer, wanted):
        yield (
            f"{name} must be written {name}({', '.join(wanted)}): plain positional parameters of these names, "
            f"no defaults, no keyword-only ones, no *args; it is {name}{_without_types(inner)}."
        )


def _vet_colour(name: str, function: FunctionType) -> Iterator[str]:
    if name in ASYNC_HOOKS:
        if inspect.isasyncgenfunction(function):
            yield f"{name} is an async generator (it has a yield); return the answer instead."
        elif not inspect.iscoroutinefunction(function):
            yield f"{name} must be 'async def'{_decorated_by_sync(function)}."
    elif inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield f"{name} must be a plain 'def': it is pure and gets no client."
    elif inspect.isgeneratorfunction(function):
        yield f"{name} is a generator (it has a yield); return the answer instead."


def _decorated_by_sync(function: FunctionType) -> str:
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        return "; it is, but a decorator wraps it in a plain function: make that wrapper 'async def' too"
    return ""


def _unseen(name: str, value: object) -> str:
    if not callable(value):
        return f"{name} is a {type(value).__name__}, not a function."
    if not isinstance(value, FunctionType):
        return (
            f"{name} is a {type(value).__name__}; write it as a plain function decorated with @spec.{_decorator(name)}."
        )
    others = [mark.removesuffix("_impl") for mark in vars(value) if mark.endswith("_impl")]
    if others:
        return f"{name} is marked for {others[0]!r}, another pluggy project: decorate it with @spec.{_decorator(name)}."
    return f"{name} is not decorated: write @spec.{_decorator(name)} above it."


def _missing(module: ModuleType) -> Iterator[str]:
    present = hooks_of(module)
    for hook in REQUIRED_HOOKS:
        if hook not in present:
            yield f"The required hook {hook} is missing: define it and decorate it with @spec.{_decorator(hook)}."


def _is_marked(value: object) -> bool:
    # Only what pluggy looks at: asking any object for the attribute could run its __getattr__.
    if not isinstance(value, (FunctionType, MethodType, staticmethod, classmethod)):
        return False
    return isinstance(getattr(value, _MARK, None), dict)


def _same_package(function: Callable[..., Any], module: ModuleType) -> bool:
    return (function.__module__ or "").split(".")[0] == module.__name__.split(".")[0]


def _takes(signature: inspect.Signature, names: tuple[str, ...]) -> bool:
    try:
        signature.bind(*names)
    except TypeError:
        return False
    return True


def _without_types(signature: inspect.Signature) -> str:
    # Default values are not shown: only that there is one.
    parameters = [
        item.replace(annotation=item.empty, default=item.empty if item.default is item.empty else ...)
        for item in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty)).replace("Ellipsis", "...")


def _nearest(name: str) -> str:
    found = difflib.get_close_matches(name, HOOKS, n=1, cutoff=0.75)
    return found[0] if found else ""


def _decorator(hook: str) -> str:
    return hook.removeprefix("crm_")
