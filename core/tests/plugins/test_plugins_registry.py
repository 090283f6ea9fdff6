from __future__ import annotations

from datetime import timedelta

import pytest

from renkei import spec
from renkei.plugins import BackendNotReady, LoadState, Registry, parse_routes


def only(registry):
    (state,) = registry.states()
    return state


def test_a_given_module_is_ready_with_its_own_version(toolbox):
    registry = Registry(modules={"acme": toolbox.module()}, scan=False)

    state = only(registry)
    assert (state.id, state.state, state.reason, state.version) == ("acme", LoadState.READY, "", "1.2.3")
    assert state.manifest.id == "acme"
    assert registry.backend("acme").manifest == state.manifest


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        ({"id": "other"}, "broken", "The entry point is called 'acme', but the manifest's id is 'other'"),
        ({"spec": ">=2,<3"}, "incompatible", "written for spec >=2,<3, and this renkei has spec 1.1"),
        ({"spec": "one"}, "broken", "spec range cannot be read"),
        ({"hosts": ()}, "broken", "names no hosts"),
        ({"hosts": ("10.0.0.1",)}, "broken", "is an address"),
        ({"hosts": ("0x7f.1",)}, "broken", "is an address"),
        ({"hosts": ("*.0.0.1",)}, "broken", "is an address"),
        ({"id": "other", "spec": ">=2,<3"}, "incompatible", "written for spec >=2,<3"),
    ],
)
def test_a_manifest_is_held_to_its_word(toolbox, changes, state, reason):
    found = only(Registry(modules={"acme": toolbox.module(toolbox.manifest(**changes))}, scan=False))

    assert found.state == state
    assert reason in found.reason


def test_capabilities_and_hooks_must_agree_both_ways(toolbox):
    async def verify(ctx, request): ...

    claims = toolbox.module(toolbox.manifest(capabilities=toolbox.supporting("verify")))
    hides = toolbox.module(verify=verify)

    assert (
        "says that 'verify' is supported, but there is no crm_verify"
        in only(Registry(modules={"acme": claims}, scan=False)).reason
    )
    assert (
        "There is a crm_verify, but the manifest says that 'verify' is unsupported"
        in only(Registry(modules={"acme": hides}, scan=False)).reason
    )


def test_a_description_must_be_a_checked_manifest_equal_each_time(toolbox):
    answers = iter([toolbox.manifest(), toolbox.manifest(settles_within=timedelta(seconds=1))])
    unchecked = spec.Manifest.model_construct(**{**toolbox.manifest().__dict__, "settles_within": "soon"})

    def fails():
        raise SystemExit(2)

    for describe, reason in (
        (lambda: next(answers), "differently the second time"),
        (lambda: unchecked, "not valid: settles_within"),
        (lambda: {"id": "acme"}, "returned a dict"),
        (lambda: None, "returned a NoneType"),
        (fails, "raised SystemExit"),
    ):
        state = only(Registry(modules={"acme": toolbox.module(describe=describe)}, scan=False))
        assert (state.state, reason in state.reason) == (LoadState.BROKEN, True), state.reason


def test_a_backend_that_is_not_ready_says_why_and_which_ones_are(toolbox):
    bad = toolbox.module()
    del bad.crm_push
    registry = Registry(modules={"acme": toolbox.module(), "bad": bad}, scan=False)

    with pytest.raises(
        BackendNotReady, match=r"'bad' is not ready: The required hook crm_push.*Ready: 'acme'\."
    ) as caught:
        registry.backend("bad")
    assert (caught.value.id, caught.value.ready) == ("bad", ("acme",))
    with pytest.raises(BackendNotReady, match="No installed distribution provides it"):
        registry.backend("unheard-of")


def test_strict_raises_one_error_that_lists_all_that_is_not_ready(toolbox):
    bad, worse = toolbox.module(), toolbox.module()
    del bad.crm_push
    del worse.crm_map

    with pytest.raises(BackendNotReady) as caught:
        Registry(modules={"acme": toolbox.module(), "bad": bad, "worse": worse}, scan=False, strict=True)
    for part in ("'bad'", "crm_push is missing", "'worse'", "crm_map is missing", "Ready: 'acme'"):
        assert part in str(caught.value)
    Registry(modules={"acme": toolbox.module()}, scan=False, strict=True)


def test_nothing_is_loaded_before_the_first_question_and_only_what_is_asked_for(toolbox):
    described = []

    def telling(id):
        def describe():
            described.append(id)
            return toolbox.manifest(id=id)

        return toolbox.module(describe=describe)

    registry = Registry(modules={"acme": telling("acme"), "other": telling("other")}, scan=False)

    assert described == []
    registry.backend("acme")
    assert described == ["acme", "acme"]
    registry.states()
    registry.states()
    assert described == ["acme", "acme", "other", "other"]


def test_one_module_serves_two_registries_apart(toolbox, wire):
    module = toolbox.module()
    first, second = (Registry(modules={"acme": module}, scan=False) for _ in range(2))

    assert first.backend("acme") is not second.backend("acme")
    first.close()
    first.close()
    assert second.backend("acme").manifest.id == "acme"


def test_routes_are_read_from_text():
    assert parse_routes(" a.example.com=http://127.0.0.1:8123/p , b.example.com=http://localhost:1,") == {
        "a.example.com": "http://127.0.0.1:8123/p",
        "b.example.com": "http://localhost:1",
    }
    assert parse_routes("") == {}


@pytest.mark.parametrize(
    "entry",
    [
        "a.example.com",
        "a.example.com=http://10.0.0.1:80/",
        "a.example.com=http://127.0.0.1.evil.com/",
        "a.example.com=http://0.0.0.0/",
        "a.example.com=http://user@127.0.0.1/",
        "a.example.com=http://127.0.0.1/?q=1",
        "a.example.com=http://127.0.0.1/#f",
        "a.example.com=ftp://127.0.0.1/",
        "a.example.com=http://127.0.0.1:99999/",
        "*.example.com=http://127.0.0.1/",
        "A.example.com=http://127.0.0.1/",
        "1.2.3.4=http://127.0.0.1/",
        "localhost=http://127.0.0.1/",
        "=http://127.0.0.1/",
    ],
)
def test_a_route_that_cannot_be_used_is_named(entry):
    with pytest.raises(spec.SettingsError) as caught:
        parse_routes(f"ok.example.com=http://127.0.0.1:1/,{entry}")
    assert repr(entry) in str(caught.value)
    assert caught.value.problems[0].message.ja
    host, _, url = entry.partition("=")
    with pytest.raises(spec.SettingsError):
        Registry(routes={host: url})


def test_a_host_is_routed_once():
    with pytest.raises(spec.SettingsError):
        parse_routes("a.example.com=http://127.0.0.1:1/,a.example.com=http://127.0.0.1:2/")


@pytest.mark.parametrize(
    "entry", ["", "*", "*.com", "10.0.0.1", "Corp.example", "a.example/x", "a.example:x", "10.0.0.1/8"]
)
def test_an_operators_pattern_that_cannot_be_used_is_named(entry):
    with pytest.raises(spec.SettingsError, match="self_hosted"):
        Registry(self_hosted={"acme": [entry]})
