"""What is deprecated keeps working and says so; what is over is refused; nobody else hears of it."""

from __future__ import annotations

import warnings
from datetime import date, timedelta

import pytest

from renkei import spec
from renkei.plugins import LoadState, Registry, deprecations
from renkei.plugins.deprecations import Deprecation


def hourly(module, manifest):
    return manifest.settles_within.total_seconds() >= 3600


def entry(**changes):
    values = {
        "what": "a settles_within of an hour",
        "since": "0.8",
        "announced": date(2026, 3, 1),
        "remove_in": "1.2",
        "not_before": date(2027, 3, 1),
        "instead": "name the real figure",
        "used_by": hourly,
    }
    return Deprecation(**{**values, **changes})


@pytest.fixture
def old(toolbox):
    """A plugin that uses it."""
    return toolbox.module(toolbox.manifest(settles_within=timedelta(hours=1)))


@pytest.fixture
def table(monkeypatch):
    def put(*entries):
        monkeypatch.setattr(deprecations, "DEPRECATIONS", entries)

    return put


def test_a_plugin_that_uses_something_deprecated_is_ready_with_a_note_and_warned_of_once(toolbox, old, table):
    table(entry())
    registry = Registry(modules={"acme": old}, scan=False)

    with pytest.warns(spec.RenkeiDeprecationWarning) as warned:
        (state,) = registry.states()

    (note,) = state.notes
    assert (state.state, state.reason) == (LoadState.READY, "")
    assert note == (
        "It uses a settles_within of an hour, deprecated since spec 0.8 (2026-03-01): name the real figure. "
        "Spec 1.2 will refuse it, not before 2027-03-01."
    )
    (warning,) = warned
    assert str(warning.message) == f"Backend 'acme', acme_backend 1.2.3: {note}"
    assert warning.filename == "acme_backend"  # the plugin's module: its author's tests show the warning as theirs
    assert registry.states() == (state,)  # a second warning would be an error here
    assert registry.backend("acme").id == "acme"


def test_a_plugin_that_does_not_use_it_hears_nothing_of_it(toolbox, table):
    table(entry())

    (state,) = Registry(modules={"acme": toolbox.module()}, scan=False).states()

    assert (state.state, state.notes) == (LoadState.READY, ())


@pytest.mark.parametrize(("remove_in", "state"), [("1.0", "incompatible"), ("0.10", "incompatible"), ("1.2", "ready")])
def test_a_plugin_that_uses_what_is_over_is_incompatible_and_told_what_to_do(old, table, remove_in, state):
    table(entry(remove_in=remove_in))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", spec.RenkeiDeprecationWarning)
        (found,) = Registry(modules={"acme": old}, scan=False).states()

    assert found.state == state
    if state == "incompatible":
        assert found.notes == ()
        assert f"is refused since spec {remove_in}; this renkei has spec 1.1" in found.reason
        assert "For its author: name the real figure" in found.reason


def test_one_thing_that_is_over_refuses_the_plugin_whatever_else_is_only_deprecated(old, table):
    table(entry(), entry(what="another", remove_in="1.0"))

    (state,) = Registry(modules={"acme": old}, scan=False).states()

    assert state.state == LoadState.INCOMPATIBLE
    assert "another" in state.reason


def test_a_predicate_sees_module_and_manifest(toolbox, table):
    seen = []
    module = toolbox.module()
    table(entry(used_by=lambda *given: seen.append(given)))

    (state,) = Registry(modules={"acme": module}, scan=False).states()

    assert seen == [(module, state.manifest)]


def test_who_makes_errors_of_warnings_gets_each_once_and_the_backend_works(old, table):
    table(entry())
    registry = Registry(modules={"acme": old}, scan=False)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(spec.RenkeiDeprecationWarning, match="name the real figure"):
            registry.backend("acme")
        assert registry.backend("acme").manifest.id == "acme"
    assert issubclass(spec.RenkeiDeprecationWarning, DeprecationWarning)


@pytest.mark.parametrize(
    "changes",
    [
        {"remove_in": "0.9"},
        {"remove_in": "0.8"},
        {"remove_in": "0.7"},
        {"not_before": date(2027, 2, 28)},
        {"not_before": date(2026, 1, 1)},
    ],
)
def test_a_notice_shorter_than_promised_cannot_be_written_down(changes):
    with pytest.raises(ValueError, match="must work"):
        entry(**{"remove_in": "0.10", **changes})


def test_two_minors_and_a_year_or_the_next_major_and_a_year_are_enough():
    assert entry(remove_in="0.10").remove_in == "0.10"
    assert entry(since="0.9", remove_in="1.0").remove_in == "1.0"
