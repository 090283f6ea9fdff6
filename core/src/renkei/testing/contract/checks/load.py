"""Checks D: a plugin can be loaded beside others, and its import only defines it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from importlib.metadata import version
from types import FunctionType, ModuleType
from typing import Any, Final

import pluggy
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from renkei import spec
from renkei.plugins.faults import name_exception
from renkei.plugins.scan import find_claims
from renkei.plugins.vetting import HOOKS, hooks_of, vet
from renkei.spec import ASYNC_HOOKS, PROJECT, REQUIRED_HOOKS, RenkeiError
from renkei.testing.contract import installed
from renkei.testing.contract.broken import Broken, broken, require
from renkei.testing.contract.catalogue import ANYWHERE, check
from renkei.testing.contract.checks.manifest import described, module_of
from renkei.testing.contract.imported import imported
from renkei.testing.contract.stage import Stage

_MOST_SECONDS: Final = 1.0
_MARK: Final = f"{PROJECT}_impl"
# Servers and their frameworks, and what only tests need.
_HEAVY_NAMES: Final = (
    "aiohttp bottle cherrypy daphne django falcon fastapi flask gradio gunicorn hypercorn hypothesis litestar "
    "pyramid pytest quart robyn sanic starlette streamlit tornado twisted uvicorn vcr waitress werkzeug"
)
_HEAVY: Final = frozenset(_HEAVY_NAMES.split())
_FREE_TO_MOVE: Final = ("pluggy", "httpx", "pydantic", "stevedore", "renkei")


class LoadChecks:
    """Checks D."""

    @check("D01", sources=ANYWHERE)
    def test_d01_imports_only_what_is_declared(self, stage: Stage) -> None:
        """The plugin imports only the standard library, itself, and what its distribution requires.

        Why: on the author's machine everything is installed; on a user's, only what is declared, and there the plugin
            does not load, or breaks at the first record that needs the module.
        Mend: name the module's distribution under `dependencies` in your pyproject.toml, or do without it. What only
            the kit or the simulator needs belongs into an extra, and those modules into `Kit.test_only`.
        """
        missed = imported(stage.subject).undeclared
        require(not missed, f"importing it needs {missed!r}, which its distribution does not require")
        known = installed.declared(stage.subject.claim) | sys.stdlib_module_names
        missing = [
            f"{found.module!r} ({found.place})"
            for file in installed.source_files(stage.subject)
            for found in file.imports()
            if not found.optional and found.module and not _is_there(found.module, known)
        ]
        require(not missing, f"it imports what its distribution does not require: {_some(missing)}")

    @check("D02", sources=ANYWHERE)
    def test_d02_import_only_defines(self, stage: Stage) -> None:
        """Importing the plugin does nothing but define it: it sends, writes, starts, reads, prints and changes nothing.

        Why: a host imports every installed plugin, whether it uses it or not; what one import does to the process,
            all the others live with, and what it waits for, the host's first page waits for.
        Mend: move what is named into the hook that needs it. Settings come in `ctx.settings` and never from the
            environment; requests go through `ctx.http`; heavy modules are imported in the function that uses them.
        """
        seen = imported(stage.subject)
        require(not seen.done, f"importing it does more than define it: {_some(seen.done)}")
        require(
            seen.seconds <= _MOST_SECONDS,
            f"importing it takes {seen.seconds:.1f} seconds of processor time; at most {_MOST_SECONDS:g} are allowed",
        )

    @check("D03", sources=ANYWHERE)
    def test_d03_import_stays_small(self, stage: Stage) -> None:
        """Of renkei the plugin imports `renkei.spec` alone; no web framework, and neither its kit nor its simulator.

        Why: whatever of renkei is not exported by `renkei.spec` changes without notice, and a plugin that leans on it
            breaks with the next release; a simulator that is loaded in production is a server nobody asked for.
        Mend: import from `renkei.spec` only, and let nothing that `backend` imports import the modules of
            `Kit.test_only`.
        """
        loaded = imported(stage.subject).loaded
        heavy = sorted({name.split(".")[0] for name in loaded} & _HEAVY)
        require(not heavy, f"importing it loads {_some(heavy)}")
        tests = [name for name in loaded if _is_there(name, stage.subject.kit.test_only)]
        require(not tests, f"importing it loads what is only for tests: {_some(tests)}")
        inner = [name for name in loaded if _is_inside(name)]
        require(not inner, f"importing it loads modules of renkei that are not the plugin's: {_some(inner)}")
        wrong = [
            f"{module!r} ({found.place})"
            for file in installed.source_files(stage.subject)
            for found in file.imports()
            for module in _meant(found)
            if _is_inside(module) or module == "renkei" or _is_there(module, stage.subject.kit.test_only)
        ]
        require(not wrong, f"it imports what is not for plugins: {_some(wrong)}")

    @check("D04", sources=ANYWHERE)
    def test_d04_one_distribution_owns_the_id(self, stage: Stage) -> None:
        """One distribution claims the id; entry point and manifest agree on it; its version is known.

        Why: where two distributions claim an id, nobody can know which of them customers' records would go to, so
            core loads neither, and every inbox that used the backend stands still.
        Mend: give the entry point, in group `renkei.backends.v1`, the id that your manifest has, claim no other id,
            and choose one that is not taken. Uninstall what else claims it here.
        """
        subject = stage.subject
        rivals = [str(claim) for claim in subject.claims]
        require(len(rivals) == 1, f"the id {subject.id!r} is claimed more than once: {_some(rivals)}")
        own = canonicalize_name(subject.claim.distribution)
        claims = find_claims()
        for claim in claims:
            if canonicalize_name(claim.distribution) == own:
                others = [str(other) for other in claims if other.id == claim.id and other != claim]
                require(not others, f"it also claims the id {claim.id!r}, which belongs to {_some(others)}")
        require(_version(subject.claim.version), f"the distribution's version {subject.claim.version!r} is none")
        manifest = described(stage)
        require(
            manifest.id == subject.id,
            f"the entry point is called {subject.id!r}, and the manifest's id is {manifest.id!r}",
        )

    @check("D05", sources=ANYWHERE)
    def test_d05_every_hook_is_one_of_the_spec(self, stage: Stage) -> None:
        """Every decorated function is a hook of the spec under its own name, and every required hook is there.

        Why: a misspelt hook is never called, and what it should have done is never done, without any error.
        Mend: name the function as the decorator says: `@spec.push` stands above `crm_push`. Name helpers otherwise
            than `crm_…`.
        """
        module = module_of(stage)
        wrong = list(_misnamed(module))
        require(not wrong, f"not every hook is one of the spec: {_some(wrong)}")
        missing = [hook for hook in REQUIRED_HOOKS if hook not in hooks_of(module)]
        require(not missing, f"required hooks are missing or not decorated: {_some(missing)}")

    @check("D06", sources=ANYWHERE)
    def test_d06_hooks_have_plain_parameters_and_their_colour(self, stage: Stage) -> None:
        """Each hook has plain positional parameters of the spec's names without defaults, and is async where it must.

        Why: pluggy passes by name what it finds in the signature: a parameter with a default is never filled, so the
            hook works on the default for ever; a coroutine that nobody awaits does nothing at all.
        Mend: write the signature as the spec has it, `async def` for what talks to the backend and `def` for
            `crm_describe`, `crm_map` and `crm_upgrade`; await what you call, and return the answer itself.
        """
        module = module_of(stage)
        wrong = [problem for hook in HOOKS if hook in vars(module) for problem in _misshapen(hook, vars(module)[hook])]
        require(not wrong, f"hooks are not written as the spec has them: {_some(wrong)}")
        others = vet(module, own_package=module.__spec__ is not None) if not list(_misnamed(module)) else []
        require(not others, f"core refuses a hook: {_some(others)}")
        for hook, answer in _answers(stage):
            require(
                not _is_late(answer),
                f"{hook} returned a {type(answer).__name__} that somebody else would have to await",
            )

    @check("D07", sources=ANYWHERE)
    def test_d07_registers_twice_and_unregisters(self, stage: Stage) -> None:
        """The plugin can be registered with two managers of one process, and unregistered from one of them.

        Why: two hosts may live in one process, and a test makes a new one each time; a plugin that counts on being
            the only one breaks the second.
        Mend: keep no state in the module, and do nothing at registration.
        """
        module, id = module_of(stage), stage.subject.id
        try:
            first, second = _manager(module, id), _manager(module, id)
            one, other = first.hook.crm_describe(), second.hook.crm_describe()
            first.unregister(name=id)
            after = second.hook.crm_describe()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            broken(f"registering it in two managers of one process {name_exception(error)}")
        left = [hook for hook in HOOKS if getattr(first.hook, hook).get_hookimpls()]
        require(one == other == after, "it describes itself differently in two managers of one process")
        require(not left, f"hooks stay after it was unregistered: {_some(left)}")
        require(not first.get_plugins(), "something of it stays in the manager after it was unregistered")

    @check("D08", sources=ANYWHERE)
    def test_d08_dependencies_leave_room(self, stage: Stage) -> None:
        """The distribution requires a range of renkei that ends before its next major, and pins nothing of the host's.

        Why: plugins of several authors share one environment with the host; one exact pin on a shared library makes
            them impossible to install together, and an open range breaks with the next major.
        Mend: write `renkei>=0.1,<1`, and ranges such as `httpx>=0.28.1,<0.29` for what you share with the host.
        """
        wanted = list(_requirements(stage))
        ours = [one for one in wanted if canonicalize_name(one.name) == "renkei"]
        require(ours, "the distribution does not require renkei")
        pinned = [str(one) for one in wanted if canonicalize_name(one.name) in _FREE_TO_MOVE and _is_pinned(one)]
        require(not pinned, f"exact pins on what the host has, too: {_some(pinned)}")
        here = _renkei()
        for one in ours:
            require(one.specifier.contains(here, prereleases=True), f"{one} leaves out the installed renkei {here}")
            require(not one.specifier.contains("0.0.0"), f"{one} has no lower bound")
            require(not one.specifier.contains(f"{here.major + 2}.0"), f"{one} has no upper bound")
            beyond = f"{here.major + 1}.1"
            require(not one.specifier.contains(beyond), f"{one} reaches past renkei's next major")

    @check("D10", sources=ANYWHERE)
    def test_d10_import_comes_to_its_end(self, stage: Stage) -> None:
        """Importing the plugin raises nothing, not `SystemExit` or a failed assertion either, and comes back.

        Why: core contains what an import raises and shows it beside the backend, so that the host goes on without
            it; but the inboxes of this backend stand still, and an import that ends the process or never returns
            takes the host along.
        Mend: do what may fail in the hook that needs it. A licence, a file, a service that is missing is told by
            `crm_authenticate`, as a BackendError.
        """
        seen = imported(stage.subject)
        if seen.undeclared and seen.error:
            broken(f"importing it in a process of its own {seen.error}; {seen.undeclared!r} is not declared either")
        require(not seen.error, f"importing it in a process of its own {seen.error}")
        require(not stage.subject.broken, f"it cannot be loaded: {stage.subject.broken}")


def _some(found: Collection[object]) -> str:
    shown = [str(one) for one in found]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _is_there(module: str, names: Collection[str]) -> bool:
    """Whether *module* is one of *names* or below one."""
    parts = module.split(".")
    return any(".".join(parts[:end]) in names for end in range(1, len(parts) + 1))


def _is_inside(module: str) -> bool:
    return module.startswith("renkei.") and module != "renkei.spec" and not module.startswith("renkei.spec.")


def _meant(found: installed.Import) -> Iterator[str]:
    """The modules that an import statement may mean: `from renkei import spec` is `renkei.spec`."""
    if found.module == "renkei" and found.names:
        yield from (f"renkei.{name}" for name in found.names)
        return
    yield found.module
    yield from (f"{found.module}.{name}" for name in found.names if not found.module.startswith("renkei."))


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except (InvalidVersion, TypeError):
        return None


def _marked(value: object) -> bool:
    return isinstance(value, FunctionType) and isinstance(getattr(value, _MARK, None), dict)


def _misnamed(module: ModuleType) -> Iterator[str]:
    for name, value in sorted(vars(module).items()):
        meant = getattr(value, "__renkei_hook__", name) if _marked(value) else name
        if (_marked(value) or (name.startswith("crm_") and callable(value))) and name not in HOOKS:
            yield f"{name} is no hook"
        elif name in HOOKS and not _marked(value):
            yield f"{name} is not decorated"
        elif _marked(value) and meant != name:
            yield f"{name} has the decorator of {meant}"


def _misshapen(hook: str, function: Any) -> Iterator[str]:
    if not isinstance(function, FunctionType):
        yield f"{hook} is a {type(function).__name__} and no function"
        return
    wanted = list(inspect.signature(getattr(spec.BackendHooks, hook)).parameters)[1:]
    given = inspect.signature(function).parameters
    outer = inspect.signature(function, follow_wrapped=False).parameters
    if any(item.default is not item.empty for item in (*given.values(), *outer.values())):
        yield f"{hook} has a parameter with a default"
    elif list(given) != wanted or any(item.kind is not item.POSITIONAL_OR_KEYWORD for item in given.values()):
        yield f"{hook} takes ({', '.join(given)}) instead of ({', '.join(wanted)})"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        yield f"{hook} yields"
    elif inspect.iscoroutinefunction(function) != (hook in ASYNC_HOOKS):
        yield f"{hook} must be {'async def' if hook in ASYNC_HOOKS else 'a plain def'}"
    options = [name for name, value in (getattr(function, _MARK, None) or {}).items() if value]
    if options:
        yield f"{hook} is marked with {', '.join(options)}"


def _answers(stage: Stage) -> Iterator[tuple[str, Any]]:
    """What each hook returns when it is called once; how well it works is for other checks."""
    with suppress(RenkeiError, Broken, ValueError):
        _use(stage)
    for said in stage.heard:
        yield said.hook, said.answer


def _use(stage: Stage) -> None:
    connection = stage.good
    record = connection.record(1)
    if stage.site.source == "simulator":
        connection.push([record])
    for capability, call in (
        ("list_targets", connection.targets),
        ("verify", lambda: connection.verify(record.key)),
        ("refresh", connection.refresh),
    ):
        if stage.supports(capability):
            call()


def _is_late(answer: Any) -> bool:
    if inspect.iscoroutine(answer):
        answer.close()
    return inspect.isawaitable(answer) or inspect.isgenerator(answer) or inspect.isasyncgen(answer)


def _manager(module: ModuleType, id: str) -> pluggy.PluginManager:
    made = pluggy.PluginManager(PROJECT)
    made.add_hookspecs(spec.BackendHooks)
    made.register(module, name=id)
    return made


def _requirements(stage: Stage) -> Iterator[Requirement]:
    for line in stage.subject.claim.requires:
        try:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                yield wanted
        except (InvalidRequirement, ValueError):
            broken(f"the requirement {line!r} cannot be read")


def _is_pinned(wanted: Requirement) -> bool:
    return any(
        part.operator == "===" or (part.operator == "==" and not part.version.endswith(".*"))
        for part in wanted.specifier
    )


def _renkei() -> Version:
    return Version(version("renkei"))
