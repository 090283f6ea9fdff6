"""Real distributions on the path of a child process: good ones beside every kind of bad one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from renkei.plugins.scan import find_claims

GOOD = """
from datetime import timedelta
from renkei import spec

NO = spec.Capability(state="unsupported", reason=spec.Text(ja="なし", en="none"))

@spec.describe
def crm_describe() -> spec.Manifest:
    return spec.Manifest(
        id="{id}", version="{version}", spec="{spec}", name=spec.Text(ja="{id}", en="{id}"), settings=spec.NoOptions,
        hosts=("api.{id}.example",), limits=spec.Limits(push_size=1, request_size=1, concurrency=1),
        atomicity="record", uniqueness="none", settles_within=timedelta(seconds=1), unknown_fields="refused",
        capabilities={{name: NO for name in spec.CAPABILITIES}})

@spec.authenticate
async def crm_authenticate(ctx, request):
    return spec.Account(id="1", label="{id}")

@spec.discover
async def crm_discover(ctx, request): ...

@spec.map
def crm_map(request):
    return spec.MapResult(record=spec.WireRecord(key=request.key, fields={{}}))

@spec.push
async def crm_push(ctx, request): ...
"""


class Site:
    """A folder that looks like site-packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def install(self, name, source, *, id=None, version="1.0", points=None):
        """Put one distribution there: module `plugin_<name>`, and its metadata."""
        module = f"plugin_{name.replace('-', '_')}"
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = points or [f"{id or name} = {module}"]
        (info / "entry_points.txt").write_text("[renkei.backends.v1]\n" + "\n".join(lines) + "\n")

    def good(self, name, *, id=None, claims=None, version="1.0", **changes):
        values = {"id": claims or id or name, "version": version, "spec": ">=1.0,<2", **changes}
        self.install(name, GOOD.format(**values), id=id, version=version)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / "site")


def in_a_child(site, script, *, paths=None, home=None):
    path = os.pathsep.join(str(item) for item in (paths or [site.folder]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    if home is not None:
        environment.update(HOME=str(home), XDG_CACHE_HOME=str(home / "cache"))
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


STATES = """
    import json
    from renkei.plugins import Registry
    registry = Registry({arguments})
    states = [s for s in registry.states() if not s.distribution.startswith("renkei-")]
    print(json.dumps([[s.id, s.state, s.reason, s.distribution, s.version, s.entry_point] for s in states]))
"""


def states(site, arguments="", **how):
    return in_a_child(site, STATES.format(arguments=arguments), **how)


def test_every_bad_plugin_has_a_state_and_a_sentence_and_the_good_one_works(site):
    site.good("good")
    site.good("squatted")
    site.good("squatter", id="squatted")
    site.good("idlie", claims="somebody-else")
    site.good("future", spec=">=2,<3")
    site.install("wrongversion", GOOD.format(id="wrongversion", version="9.9", spec=">=1.0"))
    site.install("exitbomb", "raise SystemExit(3)")
    site.install("assertbomb", "assert False, 'never'")
    site.install("importbomb", "import does_not_exist_anywhere")
    site.install("syntax", "def crm_push(:")
    site.install("interrupted", "raise GeneratorExit")
    edits = {
        "misspelt": ("async def crm_push", "async def crm_psuh"),
        "undecorated": ("@spec.push\n", ""),
        "defaults": ("crm_push(ctx, request)", "crm_push(ctx, request=None)"),
        "colour": ("async def crm_push", "def crm_push"),
        "exits": ("    return spec.Manifest(", "    raise SystemExit(1)\n    return spec.Manifest("),
    }
    for name, (old, new) in edits.items():
        source = GOOD.format(id=name, version="1.0", spec=">=1.0,<2")
        assert old in source
        site.install(name, source.replace(old, new))
    site.install("notamodule", "class Backend: ...", points=["notamodule = plugin_notamodule:Backend"])
    site.install("importer", GOOD.format(id="importer", version="1.0", spec=">=1.0,<2").replace(
        "@spec.push\nasync def crm_push(ctx, request): ...", "from plugin_good import crm_push"))  # fmt: skip

    found = {(id, distribution): (state, reason) for id, state, reason, distribution, *_ in states(site)}

    expected = {
        "exitbomb": "raised SystemExit at plugin_exitbomb.py:1 in <module> (3)",
        "assertbomb": "raised AssertionError at plugin_assertbomb.py:1 in <module> (never)",
        "importbomb": "No module named 'does_not_exist_anywhere'",
        "syntax": "raised SyntaxError",
        "interrupted": "raised GeneratorExit",
        "misspelt": "crm_psuh carries the decorator @spec.push",
        "undecorated": "crm_push is not decorated",
        "defaults": "it is crm_push(ctx, request=...)",
        "colour": "crm_push must be 'async def'",
        "exits": "crm_describe raised SystemExit",
        "idlie": "the manifest's id is 'somebody-else'",
        "wrongversion": "The distribution has version '1.0', but the manifest says '9.9'",
        "notamodule": "leads to a type; a plugin is a module",
        "importer": "crm_push is imported from plugin_good",
    }
    for name, reason in expected.items():
        state, said = found.pop((name, name))
        assert (state, reason in said) == ("broken", True), (name, said)
    assert found.pop(("future", "future"))[0] == "incompatible"
    for distribution in ("squatted", "squatter"):
        state, said = found.pop(("squatted", distribution))
        assert state == "duplicate"
        assert "claimed by squatted 1.0 and squatter 1.0" in said
    assert found == {("good", "good"): ("ready", "")}


def test_the_good_plugin_can_be_called_beside_a_bomb(site):
    site.good("good")
    site.install("exitbomb", "raise SystemExit(3)")

    label = in_a_child(site, """
        import json
        from renkei import spec
        from renkei.plugins import BackendNotReady, Call, Registry
        registry = Registry()
        try:
            registry.backend("exitbomb")
        except BackendNotReady as error:
            assert "SystemExit" in str(error) and "'good'" in str(error)
        backend = registry.backend("good")
        account = backend.authenticate(Call(settings=backend.parse_settings({})), spec.AuthenticateRequest())
        registry.close()
        print(json.dumps([account.label, backend.distribution, backend.version]))
    """)  # fmt: skip

    assert label == ["good", "good", "1.0"]


def test_a_duplicate_is_not_even_imported_and_neither_is_a_disabled_one(site):
    site.install("one", "raise SystemExit(1)", id="twin")
    site.install("two", "raise SystemExit(1)", id="twin")
    site.install("three", "raise SystemExit(1)")

    found = states(site, "disabled={'three'}")

    assert [(id, state) for id, state, *_ in found] == [
        ("three", "disabled"),
        ("twin", "duplicate"),
        ("twin", "duplicate"),
    ]


def test_one_distribution_that_claims_an_id_twice_is_refused_too(site):
    source = GOOD.format(id="twice", version="1.0", spec=">=1.0,<2")
    site.install("twice", source, points=["twice = plugin_twice", "twice = plugin_other"])

    assert {state for _, state, *_ in states(site)} == {"duplicate"}


def test_a_distribution_that_is_on_the_path_twice_counts_once_and_the_first_one_wins(site, tmp_path):
    site.good("good")
    older = Site(tmp_path / "older")
    older.good("Good", id="good", version="0.9")

    found = states(site, paths=[site.folder, older.folder, site.folder])

    assert [(id, state, version) for id, state, _, _, version, _ in found] == [("good", "ready", "1.0")]


def test_a_module_given_for_an_installed_id_is_a_duplicate_unless_the_installed_one_is_disabled(site):
    site.good("good")
    given = """
        import json, plugin_good
        from renkei.plugins import Registry
        for disabled in ((), ("good",)):
            found = Registry(modules={"good": plugin_good}, disabled=disabled).states()
            print(json.dumps([s.state for s in found if s.id == "good"]), end="," if not disabled else "]")
    """

    found = in_a_child(site, "print('[', end='')\n" + textwrap.dedent(given))

    assert found == [["duplicate", "duplicate"], ["ready", "disabled"]]


def test_a_plugin_split_over_modules_of_its_package_is_ready(site):
    package = site.folder / "splitplugin"
    package.mkdir()
    source = GOOD.format(id="split", version="1.0", spec=">=1.0,<2")
    (package / "hooks.py").write_text(source, encoding="utf-8")
    (package / "__init__.py").write_text("")
    (package / "backend.py").write_text(
        "from splitplugin.hooks import crm_authenticate, crm_describe, crm_discover, crm_map, crm_push\n"
    )
    site.install("split", "", points=["split = splitplugin.backend"])

    assert [state for _, state, *_ in states(site)] == ["ready"]


def test_stevedores_cache_neither_decides_nor_is_written(site, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    site.good("good")

    found = in_a_child(site, """
        import json
        from stevedore import _cache
        from stevedore.extension import ExtensionManager
        ExtensionManager.ENTRY_POINT_CACHE["renkei.backends.v1"] = []  # what a long-lived process may have seen
        from renkei.plugins import Registry
        print(json.dumps([s.state for s in Registry().states() if s.id == "good"]))
    """, home=home)  # fmt: skip

    assert found == ["ready"]
    assert list(home.rglob("*")) == []


def test_a_damaged_distribution_does_not_hide_the_others(site):
    site.good("good")
    nameless = site.folder / "nameless-1.dist-info"
    nameless.mkdir()
    (nameless / "entry_points.txt").write_text("[renkei.backends.v1]\nnameless = x\n")
    site.install("binary", "raise SystemExit(1)")
    (site.folder / "binary-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe\x00")
    found = {id: state for id, state, *_ in states(site)}

    assert found.pop("good") == "ready"
    assert found == {}


def test_entry_points_that_cannot_be_read_hide_those_of_no_other(site, monkeypatch):
    site.good("good")
    site.install("unreadable", "raise SystemExit(1)", points=["unreadable"])
    monkeypatch.setattr(sys, "path", [str(site.folder)])  # in this process: pydantic reads them too, at its import

    assert [claim.id for claim in find_claims()] == ["good"]


def test_strict_is_fatal_for_what_is_installed_too(site):
    site.install("exitbomb", "raise SystemExit(3)")

    said = in_a_child(site, """
        import json
        from renkei.plugins import BackendNotReady, Registry
        try:
            Registry(strict=True)
        except BackendNotReady as error:
            print(json.dumps(str(error)))
    """)  # fmt: skip

    assert "'exitbomb' of exitbomb is broken" in said


def test_importing_the_package_scans_and_loads_nothing(site):
    loaded = in_a_child(site, """
        import json, sys
        import renkei.plugins
        registry = renkei.plugins.Registry()
        print(json.dumps([name for name in ("stevedore", "sqlalchemy", "renkei_kintone") if name in sys.modules]))
    """)  # fmt: skip

    assert loaded == []
