from __future__ import annotations

import functools
from types import ModuleType

import pluggy
import pytest

from renkei import spec
from renkei.plugins.vetting import HOOKS, vet


def broken_by(toolbox, **attributes):
    module = toolbox.module()
    for name, value in attributes.items():
        setattr(module, name, value)
    return " ".join(vet(module, own_package=False))


async def crm_push(ctx, request): ...


def test_a_good_module_has_no_problem(toolbox):
    assert vet(toolbox.module(), own_package=False) == []


def test_each_missing_required_hook_is_named(toolbox):
    module = toolbox.module()
    del module.crm_map

    assert vet(module, own_package=False) == [
        "The required hook crm_map is missing: define it and decorate it with @spec.map."
    ]
    assert len(vet(ModuleType("empty"), own_package=True)) == len(spec.REQUIRED_HOOKS)


def test_a_misspelt_hook_is_recognised(toolbox):
    async def crm_psuh(ctx, request): ...

    raw = pluggy.HookimplMarker("renkei_v1")

    assert "crm_psuh carries the decorator @spec.push" in broken_by(toolbox, crm_psuh=spec.push(crm_psuh))
    assert "did you mean crm_push?" in broken_by(toolbox, crm_psuh=raw(_copy(crm_psuh)))
    assert "did you mean crm_push?" in broken_by(toolbox, crm_psuh=_copy(crm_psuh))
    assert "crm_unheard_of is not a hook; the hooks are crm_describe" in broken_by(
        toolbox, crm_unheard_of=raw(_copy(crm_psuh))
    )


def test_a_helper_with_another_name_is_left_alone(toolbox):
    assert broken_by(toolbox, crm_fields_by_code=lambda: None, helper=crm_push) == ""


def test_an_alias_of_a_hook_is_not_registered_twice(toolbox):
    decorated = spec.push(_copy(crm_push))

    assert "push_it carries the decorator @spec.push" in broken_by(toolbox, push_it=decorated)


def test_an_undecorated_hook_is_seen(toolbox):
    assert "crm_push is not decorated: write @spec.push above it." in broken_by(toolbox, crm_push=_copy(crm_push))


def test_a_mark_for_another_project_is_seen(toolbox):
    foreign = pluggy.HookimplMarker("renkei")(_copy(crm_push))

    assert "crm_push is marked for 'renkei', another pluggy project" in broken_by(toolbox, crm_push=foreign)


@pytest.mark.parametrize("option", ["optionalhook", "wrapper", "hookwrapper", "tryfirst", "trylast"])
def test_options_of_the_mark_are_refused(toolbox, option):
    def generator(ctx, request):
        yield

    function = generator if "wrapper" in option else _copy(crm_push)
    marked = pluggy.HookimplMarker("renkei_v1")(**{option: True})(function)

    assert f"crm_push is marked with {option}" in broken_by(toolbox, crm_push=marked)


def test_parameters_must_be_plain_and_of_the_hooks_names(toolbox):
    async def defaults(ctx, request=None): ...
    async def keywords(*, ctx, request): ...
    async def mixed(ctx, *, request): ...
    async def anything(*args, **kwargs): ...
    async def fewer(ctx): ...
    async def more(ctx, request, extra): ...
    async def other(context, request): ...
    async def swapped(request, ctx): ...
    async def positional(ctx, request, /): ...

    for function in (defaults, keywords, mixed, anything, fewer, more, other, swapped, positional):
        problem = broken_by(toolbox, crm_push=spec.push(function))
        assert "crm_push must be written crm_push(ctx, request)" in problem, function


def test_a_default_value_is_not_repeated(toolbox):
    async def defaults(ctx, request="canary"): ...

    assert "canary" not in broken_by(toolbox, crm_push=spec.push(defaults))


def test_the_wrong_colour_is_refused(toolbox):
    def plain(ctx, request): ...

    async def generator(ctx, request):
        yield

    async def pure(request): ...

    def yields(request):
        yield

    assert "crm_push must be 'async def'." in broken_by(toolbox, crm_push=spec.push(plain))
    assert "crm_push is an async generator" in broken_by(toolbox, crm_push=spec.push(generator))
    assert "crm_map must be a plain 'def'" in broken_by(toolbox, crm_map=spec.map(pure))
    assert "crm_map is a generator" in broken_by(toolbox, crm_map=spec.map(yields))


def test_a_plain_decorator_round_an_async_hook_is_explained_and_an_async_one_accepted(toolbox):
    def plainly(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    def properly(function):
        @functools.wraps(function)
        async def wrapper(*args, **kwargs):
            return await function(*args, **kwargs)

        return wrapper

    refused = broken_by(toolbox, crm_push=spec.push(plainly(_copy(crm_push))))

    assert "a decorator wraps it in a plain function" in refused
    assert broken_by(toolbox, crm_push=spec.push(properly(_copy(crm_push)))) == ""


def test_a_hook_must_be_a_function(toolbox):
    assert "crm_push is a partial; write it as a plain function" in broken_by(
        toolbox, crm_push=functools.partial(crm_push)
    )
    assert "crm_push is a int, not a function" in broken_by(toolbox, crm_push=5)


def test_another_packages_hook_is_refused_and_an_own_submodules_is_not(toolbox):
    module = toolbox.module()
    module.__name__ = "mine.backend"
    for name in HOOKS:
        if hasattr(module, name):
            getattr(module, name).__module__ = "mine.hooks"

    assert vet(module, own_package=True) == []
    module.crm_push.__module__ = "theirs.backend"
    assert vet(module, own_package=True) == [
        "crm_push is imported from theirs.backend, another package's hook: write a function of your own that calls it."
    ]


def test_objects_of_the_module_are_not_asked_for_attributes(toolbox):
    class Bites:
        def __getattr__(self, name):
            raise SystemExit(name)

    assert broken_by(toolbox, something=Bites()) == ""


def _copy(function):
    async def copy(ctx, request): ...

    copy.__name__ = function.__name__
    return copy
