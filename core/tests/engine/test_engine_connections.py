"""Connections at the door: stored only when proven, shown without secrets, deleted only when nobody needs them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from renkei.engine import AnotherAccount, BackendNotReady, InUse, NameTaken, NotAllowed, NotFound, Refused
from renkei.spec import SettingsError

HOUR = timedelta(hours=1)


def _stored(world):
    with world.renkei._parts.store.read() as connection:
        return connection.execute(sa.text("SELECT count(*) FROM connections")).scalar()


def test_a_connection_is_stored_once_the_backend_has_accepted_it(bare):
    made = bare.connect("osaka")

    assert (made.name, made.backend, made.account) == ("osaka", "fake", "fake")
    assert [target.id for target in made.targets] == ["cases"]
    assert bare.connections.all("t", "admin") == [made]
    assert bare.events() == ["connection.added"]


@pytest.mark.parametrize("fault", ["unauthorised", "refuse_connection", "server_error", "html", "busy", "lose_answer"])
def test_what_the_backend_does_not_accept_is_not_stored(bare, fault):
    bare.fake.fail(fault, on="/account")

    with pytest.raises(Refused) as refused:
        bare.connect()

    assert refused.value.ja
    assert refused.value.en
    assert (_stored(bare), bare.events()) == (0, [])


def test_a_wrong_password_is_refused_with_the_backends_sentence_and_shows_nowhere(bare):
    with pytest.raises(Refused, match="The password is wrong; renew the connection") as refused:
        bare.connect(password="canary")

    assert "パスワードが違います" in refused.value.ja
    assert "canary" not in repr(refused.value) + str(refused.value)
    assert _stored(bare) == 0


@pytest.mark.parametrize("settings", [{}, {"password": "x", "typo": "y"}, {"password": ["x"]}])
def test_settings_that_cannot_be_understood_are_refused_and_nothing_is_sent(bare, settings):
    with pytest.raises(SettingsError):
        bare.connections.add("t", "admin", "fake", backend="fake", settings=settings)

    assert bare.fake.requests == []
    assert _stored(bare) == 0


def test_an_unknown_backend_is_named(bare):
    with pytest.raises(BackendNotReady, match="'nothing'"):
        bare.connections.add("t", "admin", "x", backend="nothing", settings={})


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "\ud800", "x" * 201])
def test_an_empty_or_absurd_name_is_refused_before_anything_is_asked(bare, name):
    with pytest.raises(NotFound):
        bare.connect(name)

    assert bare.fake.requests == []


def test_a_name_is_given_once_in_a_tenant_and_again_after_deletion(bare):
    bare.connect()
    with pytest.raises(NameTaken, match="choose another name, or renew that one"):
        bare.connect()
    bare.connect(tenant="u")

    bare.connections.delete("t", "admin", "fake")

    assert bare.connect().name == "fake"


def test_a_name_taken_while_the_backend_was_asked_is_refused_all_the_same(bare, monkeypatch):
    proven = bare.connections._prove

    def prove_while_another_is_quicker(*given):
        account = proven(*given)
        monkeypatch.undo()
        bare.connect()
        return account

    monkeypatch.setattr(bare.connections, "_prove", prove_while_another_is_quicker)

    with pytest.raises(NameTaken):
        bare.connect()
    assert _stored(bare) == 1


def test_a_renamed_connection_goes_on_under_its_new_name(world):
    world.connections.rename("t", "admin", "fake", "tokyo")
    world.record(1)
    world.drain()

    assert world.show().connection == "tokyo"
    assert world.status(1).state == "delivered"
    with pytest.raises(NotFound):
        world.connections.get("t", "admin", "fake")


def test_renaming_to_a_name_that_is_taken_changes_nothing(bare):
    bare.connect("one")
    bare.connect("two")

    with pytest.raises(NameTaken, match="'two'"):
        bare.connections.rename("t", "admin", "one", "two")

    assert [made.name for made in bare.connections.all("t", "admin")] == ["one", "two"]


def test_renewing_takes_a_new_secret_for_the_same_account(bare):
    bare.connect()
    bare.fake.password = "another"

    bare.connections.renew("t", "admin", "fake", settings={"password": "another"})

    assert bare.connections.test("t", "admin", "fake").account == "fake"
    renewed = next(line for line in bare.renkei.audit("t") if line["event"] == "connection.renewed")
    assert renewed["changed"] == ["password"]


def test_renewing_with_a_wrong_secret_keeps_the_one_that_works(bare):
    bare.connect()

    with pytest.raises(Refused):
        bare.connections.renew("t", "admin", "fake", settings={"password": "wrong"})

    assert bare.connections.test("t", "admin", "fake").account == "fake"


def test_renewing_for_another_account_is_refused_because_records_would_go_elsewhere(bare):
    bare.connect()

    with pytest.raises(AnotherAccount, match="belongs to 'fake', and these settings lead to 'other'"):
        bare.connections.renew("t", "admin", "fake", settings={"account": "other"})

    assert bare.connections.get("t", "admin", "fake").account == "fake"


def test_a_test_says_when_the_stored_secret_no_longer_holds_and_when_it_was_last_good(bare):
    made = bare.connect()
    bare.clock.forward(HOUR)
    assert bare.connections.test("t", "admin", "fake").tested_at == made.tested_at + HOUR

    bare.fake.password = "another"
    bare.clock.forward(HOUR)
    with pytest.raises(Refused):
        bare.connections.test("t", "admin", "fake")

    assert bare.connections.get("t", "admin", "fake").tested_at == made.tested_at + HOUR


def test_a_connection_that_an_integration_uses_is_not_deleted_and_the_inbox_is_named(world):
    with pytest.raises(InUse, match="used by the integration of 'support'; edit or delete that first"):
        world.connections.delete("t", "admin", "fake")


@pytest.mark.parametrize("state", ["waiting", "rejected", "doubtful"])
def test_a_connection_that_open_deliveries_need_is_not_deleted_until_they_are_settled(bare, state):
    bare.set_up(keyed=state != "doubtful")
    bare.record(1)
    if state == "rejected":
        bare.fake.refuses = lambda record: ("odd", "subject")
    if state == "doubtful":
        bare.fake.fail("lose_answer")
    if state != "waiting":
        bare.drain()
    assert bare.status(1).state == state
    bare.integrations.delete("t", "admin", "support", deliver_waiting=True)

    with pytest.raises(InUse, match="needed by 1 deliveries that are not settled"):
        bare.connections.delete("t", "admin", "fake")
    bare.renkei.cancel("t", "admin", "support", ["a1"])

    bare.connections.delete("t", "admin", "fake")
    assert bare.connections.all("t", "admin") == []


def test_a_deleted_connections_secrets_are_gone_from_the_database(bare):
    bare.connect()
    bare.connections.delete("t", "admin", "fake")

    with bare.renkei._parts.store.read() as connection:
        row = connection.execute(sa.text("SELECT sealed_settings, sealed_credentials FROM connections")).one()

    assert tuple(row) == (None, None)


def test_another_tenants_connection_is_not_found_whatever_is_asked_of_it(world):
    ask = world.connections
    for question in (
        lambda: ask.get("u", "admin", "fake"),
        lambda: ask.test("u", "admin", "fake"),
        lambda: ask.rename("u", "admin", "fake", "mine"),
        lambda: ask.renew("u", "admin", "fake", settings={"password": "x"}),
        lambda: ask.delete("u", "admin", "fake"),
        lambda: ask.targets("u", "admin", "fake"),
        lambda: ask.fields("u", "admin", "fake"),
        lambda: world.integrations.create("u", "admin", "i", connection="fake", mapping=world.fake.mapping()),
    ):
        with pytest.raises(NotFound, match="There is no connection 'fake'"):
            question()

    assert ask.all("u", "admin") == []
    assert world.events("u") == []


def test_whoever_is_no_admin_may_do_nothing_with_connections(world):
    ask = world.connections
    before = len(world.fake.requests)
    for question in (
        lambda: ask.add("t", "stranger", "x", backend="fake", settings={"password": "x"}),
        lambda: ask.all("t", "stranger"),
        lambda: ask.get("t", "stranger", "fake"),
        lambda: ask.test("t", "stranger", "fake"),
        lambda: ask.rename("t", "stranger", "fake", "mine"),
        lambda: ask.renew("t", "stranger", "fake", settings={"password": "x"}),
        lambda: ask.delete("t", "stranger", "fake"),
        lambda: ask.targets("t", "stranger", "fake"),
        lambda: ask.fields("t", "stranger", "fake"),
    ):
        with pytest.raises(NotAllowed, match="'stranger' is not an admin"):
            question()

    assert len(world.fake.requests) == before


def test_a_tenant_without_the_option_can_neither_add_nor_use_a_connection(bare):
    bare.connect()
    bare.host.not_entitled.add("t")

    for question in (
        lambda: bare.connect("second"),
        lambda: bare.connections.test("t", "admin", "fake"),
        lambda: bare.connections.fields("t", "admin", "fake"),
        lambda: bare.set_up(),
    ):
        with pytest.raises(NotAllowed, match="is not entitled to backend 'fake'; order the option first"):
            question()

    assert _stored(bare) == 1
    bare.connections.delete("t", "admin", "fake")


def test_no_connection_shows_its_secret(bare):
    bare.fake.password = "canary"
    made = bare.connect(password="canary")

    assert "canary" not in repr(made) + repr(bare.connections.all("t", "admin")) + repr(bare.renkei.audit("t"))
    assert "password" not in made.settings
    assert b"canary" not in b"".join(path.read_bytes() for path in bare.path.parent.iterdir())


def test_the_fields_of_a_target_are_asked_for_anew_each_time(bare):
    bare.connect()
    first = bare.connections.fields("t", "admin", "fake")
    del bare.fake.fields[1]

    second = bare.connections.fields("t", "admin", "fake")

    assert len(first.fields) == len(second.fields) + 1
    assert first.fingerprint != second.fingerprint
