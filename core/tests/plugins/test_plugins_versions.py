"""Which plugin is meant for which renkei: what its distribution requires, and what its manifest's range includes."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, version

import pytest

from renkei.plugins import versions
from renkei.plugins.loading import LoadFailure
from renkei.plugins.scan import Claim
from renkei.plugins.versions import Incompatible, other_major, require_renkei, require_spec


def claim(*requires, majors=("v1",)):
    point = EntryPoint(name="acme", value="acme.backend", group=f"renkei.backends.{majors[0]}")
    return Claim(
        id="acme", entry_point=point, distribution="renkei-acme", version="2.0", majors=majors, requires=requires
    )


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Have importlib.metadata find a renkei of that version first."""

    def install(number):
        info = tmp_path / f"renkei-{number}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: renkei\nVersion: {number}\n")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        assert version("renkei") == number

    return install


@pytest.mark.parametrize(
    ("number", "requirement"),
    [
        ("0.1.0", "renkei>=0.1,<1"),
        ("0.9.9", "renkei<1,>=0.1"),
        ("0.3.2", "renkei (>=0.3)"),
        ("0.3.2", "Renkei~=0.3"),
        ("0.3.2", "renkei==0.3.*"),
        ("0.3.2", "renkei"),
        ("0.3.2", "renkei[postgresql]>=0.3"),
        ("0.3.2", "renkei @ https://example.com/renkei.whl"),
        ("0.3.2+site1", "renkei>=0.3.2,<0.4"),
        ("0.3.0rc1", "renkei>=0.2,<1"),
        ("0.3.0.dev5", "renkei>=0.2,<1"),
        ("0.3.2", "renkei>=9; extra == 'future'"),
        ("0.3.2", "renkei>=9; python_version < '3'"),
        ("0.3.2", "renkei-kintone>=9"),
        ("0.3.2", "renkei_kintone>>9"),
        ("0.3.2", "something ~~ else"),
    ],
)
def test_a_claim_that_fits_the_installed_renkei_may_be_loaded(installed, number, requirement):
    installed(number)

    require_renkei(claim("httpx>=0.28", requirement))


@pytest.mark.parametrize(
    ("number", "requirements", "told"),
    [
        ("0.3.2", ["renkei>=0.4,<1"], "requires renkei <1,>=0.4, and renkei 0.3.2 is installed"),
        ("0.3.2", ["renkei<0.3"], "requires renkei <0.3"),
        ("1.0", ["renkei>=0.1,<1"], "renkei 1.0 is installed"),
        ("1.0rc1", ["renkei>=0.1,<1"], "renkei 1.0rc1 is installed"),
        ("0.3.0rc1", ["renkei>=0.3"], "renkei 0.3.0rc1 is installed"),
        ("0.3.2", ["RENKEI!=0.3.2"], "requires renkei !=0.3.2"),
        ("0.3.2", ["renkei[testing]>=0.4"], "requires renkei >=0.4"),
        ("0.3.2", ["renkei>=0.1", "renkei<0.3"], "requires renkei <0.3,>=0.1"),
        ("0.3.2", ["renkei>=0.4; python_version >= '3'"], "requires renkei >=0.4"),
        ("0.3.2", ["renkei>=0.4; extra != 'lenient'"], "requires renkei >=0.4"),
    ],
)
def test_a_claim_for_another_renkei_is_incompatible_and_both_versions_are_named(installed, number, requirements, told):
    installed(number)

    with pytest.raises(Incompatible) as refused:
        require_renkei(claim(*requirements))
    assert told in str(refused.value)
    assert str(refused.value).startswith("renkei-acme 2.0 requires")
    assert "Nothing of it was imported" in str(refused.value)


@pytest.mark.parametrize(
    "requirement", ["renkei>>1", "renkei ==one", "renkei>=0.1; nonsense == 'x'", "renkei>=0.1,<1,,x"]
)
def test_a_requirement_on_renkei_that_cannot_be_read_is_not_taken_for_none(installed, requirement):
    installed("0.3.2")

    with pytest.raises(LoadFailure, match="cannot be read") as refused:
        require_renkei(claim(requirement))
    assert not isinstance(refused.value, Incompatible)
    assert repr(requirement) in str(refused.value)


def test_where_renkei_itself_is_no_distribution_the_manifest_decides_alone(monkeypatch):
    monkeypatch.setattr(sys, "path", [])

    assert versions._installed() is None
    require_renkei(claim("renkei>=99"))


@pytest.mark.parametrize("majors", [("v2",), ("v0",), ("v2", "v3")])
def test_a_claim_for_other_hooks_names_theirs_and_ours(majors):
    told = other_major(claim(majors=majors))

    assert f"It is written for hooks {' and '.join(majors)}; this renkei has v1." in told
    assert "install a version of renkei-acme for v1" in told


@pytest.mark.parametrize(
    ("specifier", "ours", "expected"),
    [
        (">=1.0,<2", "1.0", True),
        (">=1.0,<2", "1.7", True),
        (">=1.0,<2", "2.0", False),
        (">=1.1", "1.0", False),
        ("==1", "1.0", True),
        ("!=1.0", "1", False),
        ("~=1.2", "1.9", True),
        ("~=1.2", "2.0", False),
        ("~=1.2.1", "1.3", False),
        (">1.9", "1.10", True),
        ("<=1.0", "1.0.1", False),
        ("==1.*", "1.4", True),
    ],
)
def test_a_manifests_range_means_what_it_says(toolbox, monkeypatch, specifier, ours, expected):
    monkeypatch.setattr(versions, "SPEC_VERSION", ours)
    described = toolbox.manifest(spec=specifier)

    if expected:
        require_spec(described)
        return
    with pytest.raises(Incompatible) as refused:
        require_spec(described)
    assert f"written for spec {specifier}, and this renkei has spec {ours}" in str(refused.value)


@pytest.mark.parametrize("specifier", ["", " ", ",", "1.0", ">=", ">=1.x", "^1", "~=1", ">=1.0;<2", "any"])
def test_a_range_that_cannot_be_read_admits_nothing_and_is_quoted(toolbox, specifier):
    with pytest.raises(LoadFailure, match="spec range cannot be read") as refused:
        require_spec(toolbox.manifest(spec=specifier))
    assert not isinstance(refused.value, Incompatible)
    assert repr(specifier) in str(refused.value)
    assert "'>=1.0,<2'" in str(refused.value)
