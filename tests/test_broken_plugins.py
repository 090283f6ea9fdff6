"""Plugins that explode, misspell or squat: each is told apart with its reason, and the rest works beside them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from processes import ADMIN, CONNECTION, INBOX, TENANT, Desk, child, command_line, ended_well

import renkei_template

ENTRY_POINT_GROUP = "renkei.backends.v1"


class Site:
    """A folder of installed distributions, as pip would leave it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def install(self, distribution: str, backend: str, package: str, entry: str | None = None) -> Path:
        """Metadata for *package*, which claims to be *backend*; the package's folder, to be filled."""
        info = self.folder / f"{distribution.replace('-', '_')}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{backend} = {entry or package}\n")
        (info / "RECORD").write_text("")
        folder = self.folder / package
        folder.mkdir()
        return folder

    def install_module(self, distribution: str, backend: str, source: str) -> None:
        """A distribution of one module."""
        package = distribution.replace("-", "_")
        (self.install(distribution, backend, package) / "__init__.py").write_text(source)

    def install_copy_of_the_template(self, backend: str, **replaced: str) -> None:
        """The template under another name, as somebody who starts a plugin would have it."""
        package = f"{backend}_crm"
        folder = self.install(f"{backend}-crm", backend, package, f"{package}.backend")
        shutil.copytree(Path(renkei_template.__file__).parent, folder, dirs_exist_ok=True)
        for path in folder.rglob("*.py"):
            text = path.read_text().replace("renkei_template", package).replace('id="template"', f'id="{backend}"')
            for old, new in replaced.items():
                text = text.replace(old, new)
            path.write_text(text)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An import that ends the process, one that ends in a failed assertion, a hook misspelt, and a good plugin."""
    made = Site(tmp_path / "site")
    made.install_module("renkei-exiting", "exiting", "raise SystemExit('no licence found')\n")
    made.install_module("renkei-asserting", "asserting", "assert 1 > 2, 'one is not more than two'\n")
    made.install_copy_of_the_template("misspelt", crm_push="crm_psuh")
    made.install_copy_of_the_template("good")
    return made


def squat(site: Site) -> None:
    site.install_module("kintone-made-easy", "kintone", "raise SystemExit('imported all the same')\n")


def renkei(desk: Desk, site: Site, *arguments: str) -> Any:
    """What a command prints as JSON, with the site installed."""
    environment = {**command_line(desk), "PYTHONPATH": os.pathsep.join([str(site.folder)])}
    command = [sys.executable, "-m", "renkei", "--json", "--tenant", TENANT, "--as", ADMIN, *arguments]
    with child(command, env=environment) as process:
        return json.loads(ended_well(process))


def backends(desk: Desk, site: Site) -> dict[tuple[str, str], dict[str, Any]]:
    """`renkei backends --json`, by id and distribution."""
    return {(entry["id"], entry["distribution"]): entry for entry in renkei(desk, site, "backends")}


def test_each_broken_plugin_is_listed_with_its_state_and_reason(helpdesk: Desk, site: Site) -> None:
    found = backends(helpdesk, site)

    assert {id: entry["state"] for (id, _), entry in found.items()} == {
        "asserting": "broken",
        "exiting": "broken",
        "good": "ready",
        "kintone": "ready",
        "misspelt": "broken",
        "template": "ready",
    }
    exiting = found["exiting", "renkei-exiting"]["reason"]
    assert "Importing 'renkei_exiting'" in exiting
    assert "SystemExit" in exiting
    assert "no licence found" in exiting
    assert "AssertionError" in found["asserting", "renkei-asserting"]["reason"]
    misspelt = found["misspelt", "misspelt-crm"]["reason"]
    assert "crm_psuh" in misspelt
    assert "crm_push" in misspelt
    assert all(entry["reason"] == "" for entry in found.values() if entry["state"] == "ready")


def test_a_squatter_makes_both_claims_duplicates_that_name_each_other(helpdesk: Desk, site: Site) -> None:
    squat(site)

    found = backends(helpdesk, site)

    claims = {entry["distribution"]: entry for (id, _), entry in found.items() if id == "kintone"}
    assert set(claims) == {"kintone-made-easy", "renkei-kintone"}
    for claim in claims.values():
        assert claim["state"] == "duplicate"
        assert "kintone-made-easy 0.1.0" in claim["reason"]
        assert "renkei-kintone" in claim["reason"]
        assert "Uninstall all but one" in claim["reason"]
    assert found["template", "renkei-template"]["state"] == found["good", "good-crm"]["state"] == "ready"


def test_deliveries_go_on_beside_broken_plugins(helpdesk: Desk, site: Site) -> None:
    helpdesk.set_up()
    helpdesk.record(30)

    renkei(helpdesk, site, "work", "--until-idle")

    assert helpdesk.delivered() == sum(helpdesk.stored().values()) == 30


def test_deliveries_wait_while_their_backend_is_squatted_and_go_on_when_the_squatter_is_gone(
    helpdesk: Desk, site: Site
) -> None:
    helpdesk.set_up()
    helpdesk.record(30)
    squat(site)

    with child(
        [sys.executable, "-m", "renkei", "--json", "work", "--until-idle"],
        env={**command_line(helpdesk), "PYTHONPATH": str(site.folder)},
    ) as process:
        process.communicate(timeout=60)
    shown = helpdesk.renkei.integrations.show(TENANT, ADMIN, INBOX)
    assert (shown.lane, shown.lane_code, shown.waiting) == ("blocked", "backend_missing", 30)

    helpdesk.renkei.connections.test(TENANT, ADMIN, CONNECTION)
    assert helpdesk.renkei.work_until_idle(timeout=30)
    assert helpdesk.delivered() == sum(helpdesk.stored().values()) == 30
