"""From a module to a plugin that may be called: register it, let it describe itself, hold it to its word."""

from __future__ import annotations

from types import ModuleType

import pluggy
from pydantic import ValidationError

from renkei.plugins.addresses import is_literal
from renkei.plugins.faults import name_exception
from renkei.plugins.loading import LoadFailure
from renkei.plugins.versions import require_spec
from renkei.plugins.vetting import hooks_of, vet
from renkei.spec import OPTIONAL_HOOKS, PROJECT, BackendHooks, Manifest


def register(module: ModuleType, id: str, *, own_package: bool) -> pluggy.PluginManager:
    """Vet *module* and put it alone into a plugin manager.

    One manager per backend: selection, not broadcast. No hook of one can reach another's.

    Raises:
        LoadFailure: every problem, a sentence each.
    """
    problems = vet(module, own_package=own_package)
    if problems:
        raise LoadFailure(" ".join(problems))
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(BackendHooks)
    try:
        manager.register(module, name=id)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise LoadFailure(f"pluggy refuses it: {error}.") from None
    return manager


def describe(manager: pluggy.PluginManager, module: ModuleType, id: str, version: str | None) -> Manifest:
    """Ask for the manifest twice and check what it claims.

    Args:
        manager: holds the plugin alone.
        module: the plugin.
        id: what its entry point is called.
        version: of its distribution; None for a module that belongs to none.

    Raises:
        Incompatible: its range excludes this spec.
        LoadFailure: anything else.
    """
    first, second = _ask(manager), _ask(manager)
    if first != second:
        raise LoadFailure(
            "crm_describe answered differently the second time: build the manifest once, at import, and return it."
        )
    require_spec(first)  # first: a manifest for another spec cannot be held to the rules of this one
    problems = [*_identity(first, id, version), *_hosts(first), *_capabilities(first, hooks_of(module))]
    if problems:
        raise LoadFailure(" ".join(problems))
    return first


def _ask(manager: pluggy.PluginManager) -> Manifest:
    try:
        answer = manager.hook.crm_describe()
        if not isinstance(answer, Manifest):
            raise LoadFailure(f"crm_describe returned a {type(answer).__name__}; it must return a spec.Manifest.")
        # An instance from model_construct was never checked.
        return Manifest.model_validate(answer)
    except (LoadFailure, KeyboardInterrupt):
        raise
    except ValidationError as error:
        raise LoadFailure(f"crm_describe gave a manifest that is not valid: {_explain(error)}.") from None
    except BaseException as error:
        raise LoadFailure(f"crm_describe {name_exception(error)}; it needs nothing and must not fail.") from None


def _explain(error: ValidationError) -> str:
    items = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in items)


def _identity(manifest: Manifest, id: str, version: str | None) -> list[str]:
    problems = []
    if manifest.id != id:
        problems.append(
            f"The entry point is called {id!r}, but the manifest's id is {manifest.id!r}: make them the same."
        )
    if version is not None and manifest.version != version:
        problems.append(
            f"The distribution has version {version!r}, but the manifest says {manifest.version!r}: "
            "read it with importlib.metadata.version()."
        )
    return problems


def _hosts(manifest: Manifest) -> list[str]:
    if not manifest.hosts and not manifest.self_hosted:
        return ["The manifest names no hosts, so nothing could be reached: list them, or set self_hosted."]
    return [
        f"The manifest's host {host!r} is an address; hosts are names, and addresses are judged when connecting."
        for host in manifest.hosts
        if is_literal(host.removeprefix("*."))
    ]


def _capabilities(manifest: Manifest, hooks: frozenset[str]) -> list[str]:
    problems = []
    for hook in OPTIONAL_HOOKS:
        capability = hook.removeprefix("crm_")
        state = manifest.capabilities[capability].state
        if manifest.supports(capability) and hook not in hooks:
            problems.append(f"The manifest says that {capability!r} is {state}, but there is no {hook}.")
        if not manifest.supports(capability) and hook in hooks:
            problems.append(f"There is a {hook}, but the manifest says that {capability!r} is {state}.")
    return problems
