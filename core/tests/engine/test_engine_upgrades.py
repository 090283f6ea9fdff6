"""A plugin is replaced under stored connections: by a newer version, a broken one, an older one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr, field_validator

from renkei import Policy, Renkei, spec
from renkei.engine import AnotherAccount
from renkei.spec import SettingsError
from renkei.testing import drain, fake_plugin

HOUR = timedelta(hours=1)
CANARY = "canary-5d1f"
Upgrade = Callable[[spec.UpgradeRequest], Any]


class First(fake_plugin.FakeSettings):
    """What version 1.0 asks for."""

    region: str = spec.setting(ja="地域", en="Region", default="jp")


class Second(fake_plugin.FakeSettings):
    """Version 2.0 calls the region a site, and allows two."""

    site: str = spec.setting(ja="拠点", en="Site")

    @field_validator("site")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in ("tokyo", "osaka"):
            raise spec.SettingProblem("unknown_site", ja="拠点がありません。", en="There is no such site.")
        return value


def plugin(version: str, model: type[spec.Settings] = First, upgrade: Upgrade | None = None) -> ModuleType:
    """The fake's plugin in a *version* with other settings."""
    capabilities = dict(fake_plugin.MANIFEST.capabilities)
    module = ModuleType("fake_of_another_version")
    for name in ("crm_authenticate", "crm_discover", "crm_map", "crm_push"):
        setattr(module, name, getattr(fake_plugin, name))
    if upgrade is not None:
        capabilities["upgrade"] = spec.Capability(state=spec.CapabilityState.SUPPORTED)

        def crm_upgrade(request: spec.UpgradeRequest) -> spec.Upgraded:
            return upgrade(request)

        module.crm_upgrade = spec.upgrade(crm_upgrade)
    changes = {"version": version, "settings": model, "capabilities": capabilities}
    described = spec.Manifest.model_validate(dict(fake_plugin.MANIFEST) | changes)

    def crm_describe() -> spec.Manifest:
        return described

    module.crm_describe = spec.describe(crm_describe)
    return module


def install(world: Any, module: ModuleType) -> Renkei:
    """Start anew on the same database with *module* as the plugin."""
    world.renkei.close()
    arguments = {**world.fake.plug(), "plugins": {"fake": module}}
    policy = Policy(poll=timedelta(milliseconds=5), lanes_at_once=2)
    world.renkei = Renkei(str(world.path), clock=world.clock, host=world.host, policy=policy, **arguments)
    world.made.append(world.renkei)
    return world.renkei


def to_second(request: spec.UpgradeRequest) -> spec.Upgraded:
    data = dict(request.data)
    data["site"] = {"jp": "tokyo"}[data.pop("region")]
    return spec.Upgraded(data=data)


@pytest.fixture
def old(bare: Any) -> Any:
    """A world in which version 1.0 stored the connection, and an integration uses it."""
    install(bare, plugin("1.0"))
    bare.fake.password = CANARY
    bare.connect(password=CANARY)
    bare.set_up()
    return bare


def stored(world: Any) -> tuple[str, dict[str, Any]]:
    with world.renkei._parts.store.read() as connection:
        row = world.connections.row(connection, "t", "fake")
        return row.plugin_version, row.settings


def blocked_by_its_settings(world: Any) -> str:
    """Assert that the lane stands still for its settings and nothing was sent; what the log says of it."""
    before = len(world.fake.requests)
    world.record(1, 2)
    world.drain()
    shown = world.show()
    assert (shown.lane, shown.lane_code, shown.waiting) == ("blocked", "settings_outdated", 2)
    assert "Renew the connection" in shown.lane_reason["en"]
    assert "認証をやり直してください" in shown.lane_reason["ja"]
    assert len(world.fake.requests) == before
    assert world.ledger() == {"offered": 2, "recorded": 2, "waiting": 2}
    return str(world.renkei.log("t", "support")[0].message)


def test_settings_of_an_older_version_are_brought_up_to_date_and_used(old):
    seen = []

    def upgrade(request):
        seen.append((request.kind, request.from_version, dict(request.data)))
        return to_second(request)

    install(old, plugin("2.0", Second, upgrade))
    old.record(1)
    old.drain()

    assert old.status(1).state == "delivered"
    assert old.connections.test("t", "admin", "fake").account == "fake"
    assert {(kind, version, tuple(sorted(data.items()))) for kind, version, data in seen} == {
        ("settings", "1.0", (("account", "fake"), ("region", "jp")))
    }


def test_the_row_keeps_what_was_proven_so_that_going_back_works_until_somebody_renews(old):
    install(old, plugin("2.0", Second, to_second))
    old.connections.test("t", "admin", "fake")
    assert stored(old) == ("1.0", {"account": "fake", "region": "jp"})

    install(old, plugin("1.0"))
    old.record(1)
    old.drain()

    assert old.status(1).state == "delivered"


def test_settings_that_still_fit_need_no_hook(old):
    install(old, plugin("1.1"))
    old.record(1)
    old.drain()

    assert old.status(1).state == "delivered"


def test_the_hook_never_sees_a_secret_also_one_that_is_called_otherwise_now(old):
    class Renamed(spec.Settings):
        account: str = spec.setting(ja="アカウント", en="Account")
        api_token: SecretStr = spec.setting(ja="トークン", en="Token")

    seen = []

    def upgrade(request):
        seen.append(repr(request) + request.model_dump_json())
        return spec.Upgraded(data={"account": request.data["account"]})

    install(old, plugin("2.0", Renamed, upgrade))
    with pytest.raises(SettingsError, match="api_token: This setting is required") as refused:
        old.connections.test("t", "admin", "fake")

    assert len(seen) == 1
    assert CANARY not in seen[0] + str(refused.value)
    assert "password" not in seen[0]


def test_a_secret_does_not_come_back_under_a_name_that_is_public_now(old):
    class Careless(spec.Settings):
        account: str = spec.setting(ja="アカウント", en="Account")
        password: str = spec.setting(ja="パスワード", en="Password")

    keep = {"account": "fake"}
    for upgrade in (None, lambda _request: spec.Upgraded(data=keep)):
        install(old, plugin("2.0", Careless, upgrade))

        with pytest.raises(SettingsError, match="password: This setting is required"):
            old.connections.test("t", "admin", "fake")
        with pytest.raises(SettingsError, match="password: This setting is required"):
            old.connections.renew("t", "admin", "fake", settings={"account": "fake"})

    assert stored(old) == ("1.0", {"account": "fake", "region": "jp"})


def raises(request: spec.UpgradeRequest) -> spec.Upgraded:
    raise KeyError(CANARY)


BAD: Mapping[str, tuple[type[spec.Settings], Upgrade | None, str]] = {
    "raises": (Second, raises, r"version 2\.0 of 'fake' failed to take over the settings that version 1\.0 stored"),
    "answers nothing": (Second, lambda _request: None, "failed to take over"),
    "answers with a value that is refused": (
        Second,
        lambda _request: spec.Upgraded(data={"account": "fake", "site": "atlantis"}),
        r"stored by version 1\.0 of 'fake' and do not fit version 2\.0.*site: There is no such site",
    ),
    "leaves something out": (
        Second,
        lambda _request: spec.Upgraded(data={"account": "fake"}),
        r"do not fit version 2\.0.*site: This setting is required",
    ),
    "is missing": (Second, None, "do not fit.*site: This setting is required.*region: There is no such setting"),
}


@pytest.mark.parametrize("what", BAD)
def test_an_upgrade_that_fails_blocks_the_lane_says_so_at_the_door_and_loses_nothing(old, caplog, what):
    model, upgrade, sentence = BAD[what]
    install(old, plugin("2.0", model, upgrade))

    with pytest.raises(SettingsError, match=f"(?s)Connection 'fake'.*{sentence}") as refused:
        old.connections.test("t", "admin", "fake")
    with caplog.at_level(logging.DEBUG):
        told = blocked_by_its_settings(old)

    assert "Connection 'fake'" in told
    assert "接続「fake」" in refused.value.say("ja")
    assert CANARY not in caplog.text + str(refused.value) + told
    assert stored(old) == ("1.0", {"account": "fake", "region": "jp"})
    install(old, plugin("2.1", Second, to_second))
    old.drain(HOUR)
    assert old.ledger() == {"offered": 2, "recorded": 2, "delivered": 2}


def test_an_upgrade_that_raises_for_one_connection_stops_no_other(old):
    def upgrade(request):
        if request.data["account"] == "fake":
            raise KeyError("account")
        return to_second(request)

    old.fake.account = "other"
    old.connect("other", password=CANARY, account="other")
    old.integrations.create("t", "admin", "sales", connection="other", mapping=old.fake.mapping())
    install(old, plugin("2.0", Second, upgrade))
    old.record(1, inbox="support")
    for number in range(4):
        old.record(f"s{number}", inbox="sales")
        old.drain(HOUR)

    assert old.show("support").lane_code == "settings_outdated"
    assert [old.status(f"s{number}", "sales").state for number in range(4)] == ["delivered"] * 4


def test_settings_that_a_newer_version_stored_are_not_read_by_an_older_one(old):
    install(old, plugin("2.0.1"))
    old.connections.renew("t", "admin", "fake", settings={"region": "us"})
    install(old, plugin("2.0", First, lambda request: pytest.fail("the older version cannot know the newer one's")))

    with pytest.raises(SettingsError, match=r"stored by version 2\.0\.1 of 'fake', and the older 2\.0") as refused:
        old.connections.test("t", "admin", "fake")
    told = blocked_by_its_settings(old)

    assert "Install 2.0.1 or newer again, or renew the connection" in told
    assert "2.0.1 以降に戻すか" in refused.value.say("ja")
    install(old, plugin("2.0.1"))
    old.drain(HOUR)
    assert old.ledger() == {"offered": 2, "recorded": 2, "delivered": 2}


def test_a_renewal_under_the_older_version_makes_them_its_own_again(old):
    install(old, plugin("2.0", Second, to_second))
    old.connections.renew("t", "admin", "fake", settings={"site": "osaka"})
    assert stored(old) == ("2.0", {"account": "fake", "site": "osaka"})

    install(old, plugin("1.0"))
    old.connections.renew("t", "admin", "fake", settings={"password": CANARY})
    old.record(1)
    old.drain()

    assert stored(old) == ("1.0", {"account": "fake", "region": "jp"})
    assert old.status(1).state == "delivered"


@pytest.mark.parametrize("upgrade", [None, raises, to_second], ids=["no hook", "a hook that raises", "a good hook"])
def test_a_renewal_is_the_way_out_whatever_became_of_the_upgrade(old, upgrade):
    install(old, plugin("2.0", Second, upgrade))
    old.record(1)

    old.connections.renew("t", "admin", "fake", settings={"site": "osaka"})
    old.drain()

    assert stored(old) == ("2.0", {"account": "fake", "site": "osaka"})
    assert old.status(1).state == "delivered"


def test_a_renewal_asks_for_what_the_new_version_needs_and_names_it(old):
    install(old, plugin("2.0", Second))

    with pytest.raises(SettingsError) as refused:
        old.connections.renew("t", "admin", "fake", settings={"password": CANARY})

    assert [problem.field for problem in refused.value.problems] == ["site"]
    assert stored(old) == ("1.0", {"account": "fake", "region": "jp"})


def test_a_renewal_after_an_upgrade_is_still_held_to_the_same_account(old):
    install(old, plugin("2.0", Second, lambda _request: spec.Upgraded(data={"account": "else", "site": "tokyo"})))

    with pytest.raises(AnotherAccount):
        old.connections.renew("t", "admin", "fake", settings={"site": "osaka"})


@pytest.mark.parametrize(("was", "now"), [("1.0+site3", "1.0"), ("1.0", "1.0+site3"), ("1.0rc1", "1.0")])
def test_a_build_of_the_same_release_or_its_candidate_is_not_newer(bare, was, now):
    install(bare, plugin(was))
    bare.connect()

    install(bare, plugin(now))

    assert bare.connections.test("t", "admin", "fake").account == "fake"


def test_what_is_waiting_is_taken_up_by_itself_once_a_mended_plugin_is_there(old):
    install(old, plugin("2.0", Second, raises))
    blocked_by_its_settings(old)
    engine = install(old, plugin("2.0.1", Second, to_second))

    old.clock.forward(HOUR)
    drain(engine)

    assert old.show().lane == "open"
    assert old.ledger() == {"offered": 2, "recorded": 2, "delivered": 2}
