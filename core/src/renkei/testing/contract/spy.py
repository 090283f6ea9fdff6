"""A plugin with a listener in front of each hook: what it said before core corrected it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from renkei import spec
from renkei.plugins.vetting import HOOKS, hooks_of
from renkei.testing.contract.wire import current_hook


@dataclass(slots=True, kw_only=True)
class Said:
    """One call of a hook: what it was given, and what it answered or raised."""

    hook: str
    request: Any
    context: Any = None
    answer: Any = None
    error: BaseException | None = None


Listener = Callable[[Said], None]


def listened(module: ModuleType, listen: Listener) -> ModuleType:
    """A module with the hooks of *module*, each of which tells *listen* what it said.

    What core would refuse at load is passed on as it is, so that it is refused here too.
    """
    made = ModuleType(module.__name__)
    made.__file__ = module.__file__
    for name, value in vars(module).items():
        if name.startswith("crm_") and name not in HOOKS:
            setattr(made, name, value)
    present = hooks_of(module)
    for hook in HOOKS:
        function = vars(module).get(hook)
        if function is None:
            continue
        if hook not in present:
            setattr(made, hook, function)
        else:
            setattr(made, hook, _wrapped(hook, function, listen))
    return made


def marked(hook: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """*function* decorated as *hook*."""
    function.__name__ = function.__qualname__ = hook
    decorated: Callable[..., Any] = getattr(spec, hook.removeprefix("crm_"))(function)
    return decorated


def _wrapped(hook: str, function: Callable[..., Any], listen: Listener) -> Callable[..., Any]:
    if hook == "crm_describe":
        return function
    if hook in spec.ASYNC_HOOKS:
        return marked(hook, _asynchronous(hook, function, listen))
    return marked(hook, _pure(hook, function, listen))


def _asynchronous(hook: str, function: Callable[..., Any], listen: Listener) -> Callable[..., Any]:
    async def listening(ctx: Any, request: Any) -> Any:
        said = Said(hook=hook, request=request, context=ctx)
        token = current_hook.set(hook)
        try:
            said.answer = await function(ctx=ctx, request=request)
            return said.answer
        except BaseException as error:
            said.error = error
            raise
        finally:
            current_hook.reset(token)
            listen(said)

    return listening


def _pure(hook: str, function: Callable[..., Any], listen: Listener) -> Callable[..., Any]:
    def listening(request: Any) -> Any:
        said = Said(hook=hook, request=request)
        try:
            said.answer = function(request=request)
            return said.answer
        except BaseException as error:
            said.error = error
            raise
        finally:
            listen(said)

    return listening
