"""Real distributions for an older and a newer minor and for other majors, beside this renkei and later ones."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import renkei
from renkei import spec
from renkei.plugins.deprecations import DEPRECATIONS, MINORS, NOTICE

ROOT = Path(__file__).parent.parent
GROUP = "renkei.backends.v1"

# What an author wrote for spec 1.0. It is never edited: it stands for the plugins that nobody maintains any more.
WRITTEN_FOR_1_0 = """
from datetime import timedelta
from importlib.metadata import version

from pydantic import SecretStr

from renkei import spec

HOST = "api.{name}.example"
NO = spec.Capability(state=spec.CapabilityState.UNSUPPORTED, reason=spec.Text(ja="ありません。", en="There is none."))


class {name}Settings(spec.Settings):
    token: SecretStr = spec.setting(ja="トークン", en="Token")


@spec.describe
def crm_describe() -> spec.Manifest:
    return spec.Manifest(
        id="{name}",
        version=version("renkei-{name}"),
        spec="{spec}",
        name=spec.Text(ja="{name}", en="{name}"),
        settings={name}Settings,
        hosts=(HOST,),
        limits=spec.Limits(push_size=10, request_size=10, concurrency=1),
        atomicity="request",
        uniqueness="atomic",
        settles_within=timedelta(seconds=60),
        unknown_fields="refused",
        capabilities={{
            name: NO
            for name in ("list_targets", "refresh", "verify", "upgrade", "files", "tables", "references")
        }},
        sentences={{}},
    )


@spec.authenticate
async def crm_authenticate(ctx: spec.Context, request: spec.AuthenticateRequest) -> spec.Account:
    answer = await ctx.http.get(f"https://{{HOST}}/me", headers={{"x": ctx.settings.token.get_secret_value()}})
    return spec.Account(id=spec.json_answer(answer)["id"], label="{name}", targets=(spec.Target(id="1", label="1"),))


@spec.discover
async def crm_discover(ctx: spec.Context, request: spec.DiscoverRequest) -> spec.TargetSchema:
    field = spec.Field(code="key", label="キー", type=spec.FieldType.TEXT, native_type="text", unique=True)
    return spec.TargetSchema(target=request.target, label="1", fields=(field,))


@spec.map
def crm_map(request: spec.MapRequest) -> spec.MapResult:
    return spec.MapResult(record=spec.WireRecord(key=request.key, fields=dict(request.values)))


@spec.push
async def crm_push(ctx: spec.Context, request: spec.PushRequest) -> spec.PushReport:
    body = [dict(record.fields) for record in request.records]
    answer = await ctx.http.post(f"https://{{HOST}}/", json=body, extensions=spec.carrying(request.records))
    ids = spec.json_answer(answer)["ids"]
    verdicts = [spec.Created(key=record.key, id=id) for record, id in zip(request.records, ids, strict=True)]
    return spec.PushReport(verdicts=tuple(verdicts))
"""

# Leaves a mark and ends the process, so that being imported cannot go unnoticed.
MINE = """
from pathlib import Path
Path(__file__).with_suffix(".imported").touch()
raise SystemExit("it was imported")
"""


class Shelf:
    """A folder of installed distributions, and of later versions of renkei itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self, name: str, source: str, *, requires: str | None = None, offers: dict[str, str] | None = None
    ) -> None:
        """A distribution `renkei-<name>` of one module.

        Args:
            requires: its range of renkei; None for no requirement.
            offers: group → id; this renkei's hooks and the name if left out.
        """
        module = f"plugin_{name.replace('-', '_')}"
        (self.folder / f"{module}.py").write_text(source, encoding="utf-8")
        groups = offers or {GROUP: name}
        points = "".join(f"[{group}]\n{id} = {module}\n" for group, id in groups.items())
        needs = f"Requires-Dist: renkei{requires}\n" if requires is not None else ""
        self._describe(f"renkei-{name}", "2.0", needs, points)

    def good(self, name: str, *, spec_range: str = ">=1.0,<2", **how: Any) -> None:
        """A plugin as one wrote it for 1.0."""
        self.install(name, WRITTEN_FOR_1_0.format(name=name, spec=spec_range), **how)

    def later(self, version: str, **edits: tuple[str, str]) -> Path:
        """This renkei as it may be one day: *version*, with *edits* (old text, new text) in `spec/hooks.py` and so on.

        Args:
            edits: path with `__` for `/` → what is replaced by what.
        """
        folder = self.folder / f"later-{version}"
        shutil.copytree(Path(renkei.__file__).parent, folder / "renkei", ignore=shutil.ignore_patterns("__pycache__"))
        for path, (old, new) in edits.items():
            file = folder / "renkei" / (path.replace("__", "/") + ".py")
            text = file.read_text(encoding="utf-8")
            assert text.count(old) == 1
            file.write_text(text.replace(old, new), encoding="utf-8")
        Shelf(folder)._describe("renkei", version, "", "")
        return folder

    def imported(self) -> list[str]:
        """Names of the mines that went off."""
        return [path.stem for path in self.folder.rglob("*.imported")]

    def _describe(self, name: str, version: str, needs: str, points: str) -> None:
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        (info / "entry_points.txt").write_text(points)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def run(shelf: Shelf, *command: str, beside: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Python with the shelf on its path, with the renkei in *beside* instead of this one."""
    path = [str(folder) for folder in (beside, shelf.folder) if folder is not None]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=120, cwd=shelf.folder
    )
    assert done.returncode == 0, done.stderr
    return done


def backends(shelf: Shelf, beside: Path | None = None) -> dict[str, dict[str, Any]]:
    """`renkei backends --json`, by distribution."""
    found = json.loads(run(shelf, "-m", "renkei", "--json", "backends", beside=beside).stdout)
    return {entry["distribution"]: entry for entry in found}


def states(shelf: Shelf, beside: Path | None = None) -> dict[str, tuple[str, str]]:
    """State and reason of what is on the shelf, by the distribution's name without `renkei-`."""
    found = backends(shelf, beside)
    return {
        name.removeprefix("renkei-"): (entry["state"], entry["reason"])
        for name, entry in found.items()
        if name not in ("renkei-kintone", "renkei-template")
    }


SPEC_1_3 = {"spec__hooks": ('SPEC_VERSION = "1.1"', 'SPEC_VERSION = "1.3"')}

WORKS = """
import json, sys
import httpx
from renkei import spec
from renkei.plugins import Call, Registry

def answer(request):
    return httpx.Response(200, json={"id": "7", "ids": ["1", "2"]})

registry = Registry(transport=lambda _network: httpx.MockTransport(answer))
backend = registry.backend(sys.argv[1])
call = Call(settings=backend.parse_settings({"token": "not-a-real-token"}))
account = backend.authenticate(call, spec.AuthenticateRequest())
schema = backend.discover(call, spec.DiscoverRequest(target="1", options=spec.NoOptions()))
records = tuple(spec.WireRecord(key=key, fields={"key": key}) for key in ("a", "b"))
request = spec.PushRequest(
    target="1", options=spec.NoOptions(), records=records, key_field="key", target_schema=schema
)
outcome = backend.push(call, request)
registry.close()
print(json.dumps([spec.SPEC_VERSION, account.id, [one.verdict for one in outcome.verdicts.values()]]))
"""


# -- minors ----------------------------------------------------------------------------------------------------------


def test_a_plugin_for_an_older_minor_works_with_a_later_renkei(shelf):
    shelf.good("acme", requires=">=0.1,<1")
    later = shelf.later("0.4.0", **SPEC_1_3)

    assert states(shelf, later) == {"acme": ("ready", "")}
    assert json.loads(run(shelf, "-W", "error", "-c", WORKS, "acme", beside=later).stdout) == [
        "1.3",
        "7",
        ["created", "created"],
    ]


def test_the_same_plugin_works_with_this_renkei(shelf):
    shelf.good("acme", requires=">=0.1,<1")

    done = run(shelf, "-W", "error", "-c", WORKS, "acme")

    assert json.loads(done.stdout) == [spec.SPEC_VERSION, "7", ["created", "created"]]


def test_a_plugin_for_a_newer_minor_is_incompatible_and_not_imported(shelf):
    shelf.install("newer", MINE, requires=">=0.4,<1")
    shelf.install("candidate", MINE, requires=f">{renkei.__version__},<1")
    shelf.install("older", MINE, requires=f"<{renkei.__version__}")

    found = states(shelf)

    assert {name: state for name, (state, _) in found.items()} == dict.fromkeys(found, "incompatible")
    assert set(found) == {"newer", "candidate", "older"}
    assert found["newer"][1].startswith(
        f"renkei-newer 2.0 requires renkei <1,>=0.4, and renkei {renkei.__version__} is installed: "
    )
    assert shelf.imported() == []


def test_a_mine_goes_off_where_it_is_imported_so_that_its_silence_proves_something(shelf):
    shelf.install("control", MINE, requires=">=0.1,<1")

    state, reason = states(shelf)["control"]

    assert (state, shelf.imported()) == ("broken", ["plugin_control"])
    assert "SystemExit" in reason


def test_that_plugin_is_ready_once_the_renkei_that_it_needs_is_there(shelf):
    shelf.good("newer", requires=">=0.4,<1", spec_range=">=1.3,<2")

    assert states(shelf)["newer"][0] == "incompatible"
    assert states(shelf, shelf.later("0.4.0", **SPEC_1_3)) == {"newer": ("ready", "")}


def test_a_pre_release_of_renkei_counts_as_what_it_is(shelf):
    shelf.good("meant", requires=">=0.3,<1")
    shelf.install("final", MINE, requires=">=0.4,<1")
    shelf.install("before", MINE, requires="<0.4")

    found = states(shelf, shelf.later("0.4.0rc1"))

    assert {name: state for name, (state, _) in found.items()} == {
        "meant": "ready",
        "final": "incompatible",
        "before": "incompatible",
    }
    assert "renkei 0.4.0rc1 is installed" in found["final"][1]
    assert shelf.imported() == []


def test_without_a_requirement_on_renkei_the_manifest_decides(shelf):
    shelf.good("fitting")
    shelf.good("newer", spec_range=">=1.3,<2")
    shelf.good("unbounded", spec_range="")
    shelf.good("extra", requires=">=9; extra == 'future'")

    found = states(shelf)

    assert {name: state for name, (state, _) in found.items()} == {
        "fitting": "ready",
        "extra": "ready",
        "newer": "incompatible",
        "unbounded": "broken",
    }
    assert f"It is written for spec >=1.3,<2, and this renkei has spec {spec.SPEC_VERSION}" in found["newer"][1]
    assert "'' is not a version range" in found["unbounded"][1]


def test_a_plugin_that_asks_for_a_name_of_a_later_spec_is_told_what_that_means(shelf):
    shelf.install("eager", "from renkei.spec import Stream\n")

    state, reason = states(shelf)["eager"]

    assert state == "broken"
    assert "cannot import name 'Stream'" in reason
    assert f"This renkei has spec {spec.SPEC_VERSION}, without that name" in reason


def test_a_requirement_that_cannot_be_read_is_broken_and_not_imported(shelf):
    shelf.install("odd", MINE, requires=" >> 1")

    state, reason = states(shelf)["odd"]

    assert (state, shelf.imported()) == ("broken", [])
    assert "'renkei >> 1'" in reason


# -- majors ----------------------------------------------------------------------------------------------------------


def test_plugins_for_other_majors_are_seen_named_and_not_imported(shelf):
    shelf.install("future", MINE, offers={"renkei.backends.v2": "future"})
    shelf.install("past", MINE, offers={"renkei.backends.v0": "past"})
    shelf.install("beyond", MINE, offers={"renkei.backends.v2": "beyond", "renkei.backends.v3": "beyond"})

    found = states(shelf)

    assert {name: state for name, (state, _) in found.items()} == dict.fromkeys(found, "incompatible")
    assert found["future"][1].startswith("It is written for hooks v2; this renkei has v1. Nothing of it was imported")
    assert found["past"][1].startswith("It is written for hooks v0; this renkei has v1.")
    assert found["beyond"][1].startswith("It is written for hooks v2 and v3; this renkei has v1.")
    assert shelf.imported() == []


def test_one_that_offers_our_major_among_others_is_used_and_nothing_is_said_of_the_others(shelf):
    shelf.good("acme", offers={"renkei.backends.v2": "acme", GROUP: "acme", "renkei.backends.v0": "acme"})

    found = json.loads(run(shelf, "-m", "renkei", "--json", "backends").stdout)

    (entry,) = [entry for entry in found if entry["id"] == "acme"]
    assert (entry["state"], entry["distribution"]) == ("ready", "renkei-acme")


def test_an_id_that_a_distribution_has_for_another_major_alone_is_shown_beside_those_it_has_for_ours(shelf):
    shelf.good("acme", offers={GROUP: "acme", "renkei.backends.v2": "acme-streams"})

    found = json.loads(run(shelf, "-m", "renkei", "--json", "backends").stdout)

    mine = {entry["id"]: entry["state"] for entry in found if entry["distribution"] == "renkei-acme"}
    assert mine == {"acme": "ready", "acme-streams": "incompatible"}


def test_a_claim_for_another_major_does_not_rival_a_good_plugin_of_that_id(shelf):
    shelf.good("acme")
    shelf.install("acme2", MINE, offers={"renkei.backends.v2": "acme"})
    shelf.install("aacme", MINE, offers={"renkei.backends.v0": "acme"})

    found = states(shelf)
    works = json.loads(run(shelf, "-c", WORKS, "acme").stdout)

    assert found["acme"] == ("ready", "")
    assert found["acme2"][0] == found["aacme"][0] == "incompatible"
    assert works[-1] == ["created", "created"]
    assert shelf.imported() == []


def test_two_claims_for_our_major_are_duplicates_even_where_one_needs_another_renkei(shelf):
    shelf.install("one", MINE, offers={GROUP: "acme"}, requires=">=0.1,<1")
    shelf.install("two", MINE, offers={GROUP: "acme"}, requires=">=9")

    found = states(shelf)

    assert {state for state, _ in found.values()} == {"duplicate"}
    assert "claimed by renkei-one 2.0 and renkei-two 2.0" in found["one"][1]
    assert shelf.imported() == []


def test_a_renkei_of_another_major_sees_todays_plugins_and_leaves_them_alone(shelf):
    shelf.install("acme", MINE, requires=">=0.1,<1")
    later = shelf.later("1.0.0", spec__hooks=('ENTRY_POINT_GROUP = "renkei.backends.v1"',) * 2)
    hooks = later / "renkei" / "spec" / "hooks.py"
    hooks.write_text(hooks.read_text(encoding="utf-8").replace("backends.v1", "backends.v2"), encoding="utf-8")

    found = backends(shelf, later)

    assert {entry["state"] for entry in found.values()} == {"incompatible"}
    assert {"renkei-acme", "renkei-kintone", "renkei-template"} <= set(found)
    assert found["renkei-kintone"]["reason"].startswith("It is written for hooks v1; this renkei has v2.")
    assert shelf.imported() == []


# -- what is deprecated ----------------------------------------------------------------------------------------------

TABLE = """DEPRECATIONS: tuple[Deprecation, ...] = (
    Deprecation(
        what="an atomicity of 'request'", since="1.{since}", announced=date(2027, 4, 1), remove_in="1.{remove_in}",
        not_before=date(2028, 4, 1), instead="say 'record'",
        used_by=lambda module, manifest: manifest.atomicity == "request",
    ),
)
"""


def deprecating(shelf: Shelf, version: str, since: int, remove_in: int) -> Path:
    table = TABLE.format(since=since, remove_in=remove_in)
    return shelf.later(
        version, **SPEC_1_3, plugins__deprecations=("DEPRECATIONS: tuple[Deprecation, ...] = ()\n", table)
    )


def test_what_a_later_minor_deprecates_still_works_there_with_a_note_for_people_and_programs(shelf):
    shelf.good("acme", requires=">=0.1,<1")
    later = deprecating(shelf, "0.4.0", 2, 4)

    entry = backends(shelf, later)["renkei-acme"]
    table = run(shelf, "-m", "renkei", "backends", beside=later).stdout
    warned = run(shelf, "-W", "default", "-c", WORKS, "acme", beside=later)

    sentence = (
        "It uses an atomicity of 'request', deprecated since spec 1.2 (2027-04-01): say 'record'. "
        "Spec 1.4 will refuse it, not before 2028-04-01."
    )
    assert (entry["state"], entry["reason"], entry["notes"]) == ("ready", "", [sentence])
    assert sentence in " ".join(re.sub(r"[^\x21-\x7e]+", " ", table).split())
    assert json.loads(warned.stdout)[-1] == ["created", "created"]
    assert warned.stderr.count(f"RenkeiDeprecationWarning: Backend 'acme', renkei-acme 2.0: {sentence}") == 1


def test_once_its_time_is_over_only_those_who_use_it_are_refused(shelf):
    shelf.good("acme", requires=">=0.1,<1")
    shelf.install("modern", WRITTEN_FOR_1_0.format(name="modern", spec=">=1.0,<2").replace('"request"', '"record"', 1))
    later = deprecating(shelf, "0.4.0", 1, 3)

    found = states(shelf, later)

    assert found["modern"] == ("ready", "")
    assert found["acme"][0] == "incompatible"
    assert "is refused since spec 1.3; this renkei has spec 1.3" in found["acme"][1]


# -- what was promised ----------------------------------------------------------------------------------------------


def test_everything_that_spec_1_0_had_is_still_there_and_asks_for_no_more():
    floor = json.loads((ROOT / "tests" / "spec_1_0.json").read_text(encoding="utf-8"))

    def now(model: str, *, required: bool) -> set[str]:
        fields = getattr(spec, model).model_fields.items()
        return {name for name, field in fields if field.is_required() is required}

    assert set(floor["exports"]) <= set(spec.__all__)
    assert list(spec.CAPABILITIES) == floor["capabilities"]  # a later one is not asked of manifests that lack it
    assert list(spec.REQUIRED_HOOKS) == floor["required_hooks"]
    for hook, parameters in floor["hooks"].items():
        assert list(inspect.signature(getattr(spec.BackendHooks, hook)).parameters) == ["self", *parameters]
    for model, fields in floor["required_fields"].items():
        assert now(model, required=True) <= set(fields) <= now(model, required=True) | now(model, required=False)
    for model, fields in floor["optional_fields"].items():
        assert set(fields) <= now(model, required=False)


def test_the_page_lists_what_later_minors_brought():
    floor = json.loads((ROOT / "tests" / "spec_1_0.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "versioning.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`([\w.]+)", page.split("### What each minor brought")[1].split("## ")[0]))

    exports = set(spec.__all__) - set(floor["exports"])
    fields = {
        f"{model}.{name}"
        for model in floor["optional_fields"].keys() | floor["required_fields"].keys()
        for name in getattr(spec, model).model_fields
        if name not in (*floor["optional_fields"].get(model, ()), *floor["required_fields"].get(model, ()))
    }

    assert exports | fields <= listed
    assert "PushReport.load" in fields


def test_the_page_states_what_the_code_has():
    page = (ROOT / "docs" / "versioning.md").read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "core" / "src" / "renkei").rglob("*.py"))

    assert f"| {renkei.__version__} |" in page
    assert f"| {spec.SPEC_VERSION} |" in page
    assert f"`{spec.ENTRY_POINT_GROUP}`" in page
    assert f"`{spec.PROJECT}`" in page
    assert f"at least two minors of the spec and at least {NOTICE.days} days" in page
    assert MINORS == 2
    assert "The seven of 1.0" in page
    assert len(spec.CAPABILITIES) == 7
    for state in re.findall(r"^\| \d \|.*?\| `(\w+)`", page, flags=re.MULTILINE):
        assert f'"{state}"' in source
    for word in ("settings_outdated", "not_implemented", "RenkeiDeprecationWarning"):
        assert word in page
        assert word in source


def test_the_page_lists_what_is_deprecated():
    page = (ROOT / "docs" / "versioning.md").read_text(encoding="utf-8")
    section = page.split("## Deprecation")[1].split("## ")[0]
    rows = [row.strip("| ").split(" | ")[0] for row in section.splitlines() if row.startswith("| ")][1:]

    assert rows == ([entry.what for entry in DEPRECATIONS] or ["nothing so far"])
