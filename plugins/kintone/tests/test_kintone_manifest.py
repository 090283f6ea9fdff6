from __future__ import annotations

import re
from importlib.metadata import entry_points, version

import pytest

from renkei.spec import ENTRY_POINT_GROUP, CapabilityState, Manifest
from renkei_kintone import backend
from renkei_kintone.meanings import MEANINGS

# Codes of the API that a client with an add-only token can meet; each needs a sentence for the admin.
# fmt: off
CODES = [
    "CB_AU01", "CB_WA01", "GAIA_IA02", "GAIA_AP15", "GAIA_NO01", "GAIA_DA03",
    "CB_NO02", "GAIA_AP01", "GAIA_IL23", "CB_IL02", "CB_IJ01", "CB_VA01",
    "GAIA_LO04", "GAIA_LO03", "GAIA_BF02", "GAIA_FU01", "GAIA_UN10", "GAIA_IL26",
    "GAIA_IL28", "GAIA_BL01", "GAIA_DA02", "GAIA_RE18", "GAIA_LT01", "GAIA_TO04",
    "GAIA_TM12", "GAIA_TO03", "GAIA_NO02", "GAIA_SI01",
]
# fmt: on


def test_the_entry_point_is_named_as_the_backend_calls_itself() -> None:
    (point,) = entry_points(group=ENTRY_POINT_GROUP, name="kintone")

    assert point.value == "renkei_kintone.backend"
    assert backend.crm_describe().id == point.name


def test_the_manifest_is_equal_each_time_and_says_the_installed_version() -> None:
    assert backend.crm_describe() == backend.crm_describe()
    assert backend.crm_describe().version == version("renkei-kintone")


def test_the_manifest_survives_the_border_to_core() -> None:
    manifest = backend.crm_describe()

    assert Manifest.model_validate(manifest) == manifest
    assert '"writeOnly":true' in manifest.model_dump_json().replace(" ", "")


def test_the_limits_are_those_of_a_bulk_request() -> None:
    limits = backend.crm_describe().limits

    assert (limits.push_size, limits.request_size, limits.concurrency) == (2_000, 2_000, 100)
    assert limits.request_bytes == 4 * 1024 * 1024
    assert limits.daily is not None
    assert limits.daily.soft


def test_an_error_object_of_kintones_own_is_a_refusal_and_a_strangers_is_none() -> None:
    def refused(status: int, body: bytes) -> bool:
        return any(refusal.describes(status, body) for refusal in backend.crm_describe().refusals)

    assert refused(520, b'{"code":"GAIA_RE18","id":"x","message":"y"}')
    assert refused(520, b'{"results":[{},{"code":"GAIA_RE18","id":"x","message":"y"}]}')
    assert not refused(503, b"Service Unavailable")
    assert not refused(500, b'{"code":500,"message":"Internal Server Error"}')
    assert not refused(504, b'{"code":"GAIA_RE18","id":"x","message":"y"}')
    assert not refused(200, b'{"ids":["1"],"revisions":["1"]}')
    assert not refused(200, b'{"results":[{"ids":["1"],"revisions":["1"]}]}')


def test_files_and_tables_are_written_and_lookups_in_part() -> None:
    states = {name: one.state.value for name, one in backend.crm_describe().capabilities.items()}

    assert (states["files"], states["tables"], states["references"]) == ("supported", "supported", "partial")


def test_what_is_not_supported_says_why_in_both_languages() -> None:
    for capability in backend.crm_describe().capabilities.values():
        assert capability.state is CapabilityState.SUPPORTED or capability.reason is not None


@pytest.mark.parametrize("code", CODES)
def test_every_code_that_an_adding_client_meets_has_a_sentence(code: str) -> None:
    assert code in backend.crm_describe().sentences


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_a_sentence_is_japanese_in_japanese_and_names_no_markup(code: str) -> None:
    text = backend.crm_describe().sentences[code]

    assert re.search(r"[ぁ-ん]", text.ja)
    assert text.ja.endswith("。")
    assert text.en.endswith(".")
    assert "<" not in text.ja + text.en


def test_the_token_sentence_says_to_update_the_app() -> None:
    text = backend.crm_describe().sentences["GAIA_IA02"]

    assert "アプリを更新" in text.ja
    assert "アプリを更新" in text.en
