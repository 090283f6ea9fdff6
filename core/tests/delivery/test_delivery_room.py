"""A backend that says it is crowded gets a moment to itself, and a refusal says where it is put right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from renkei import spec
from renkei.delivery import Policy
from renkei.delivery.pacing import Pacing, Place
from renkei.delivery.reasons import explain, refused_at_the_door, rejection
from renkei.testing import fake_plugin

PAGE = "https://crm.example/settings?app=1#tokens"
PAUSE = timedelta(seconds=2)
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def test_a_lane_makes_room_when_the_backend_says_that_it_is_crowded(world):
    world.record(*range(250))
    world.fake.load = (80, 100)

    pushes = []
    for _ in range(3):  # a worker each, and none of them goes on after its first push
        world.drain(after=PAUSE)
        pushes.append(world.pushes())

    assert pushes == [[100], [100], [50]]
    assert world.lane() == ("open", None)
    assert world.ledger()["delivered"] == 250


def test_after_a_moment_it_goes_on_by_itself(make_world):
    world = make_world(crowded_pause=timedelta(milliseconds=20), poll=timedelta(milliseconds=5))
    world.set_up()
    world.record(*range(250))
    world.fake.load = (100, 100)
    world.clock.now = lambda: datetime.now(UTC)

    assert world.renkei.work_until_idle(timeout=30)

    assert world.pushes() == [100, 100, 50]


def test_a_crowd_is_no_failure_and_leaves_no_line_in_the_log(world):
    world.record(1, 2)
    world.fake.load = (100, 100)

    world.drain()

    assert world.ledger() == {"offered": 2, "recorded": 2, "delivered": 2}
    assert world.renkei.log("t", "support") == []


@pytest.mark.parametrize("load", [(79, 100), (1, 1)])
def test_a_lane_goes_on_at_once_where_there_is_room_or_nothing_is_said(world, load):
    world.record(*range(250))
    world.fake.load = load

    world.drain()

    assert world.pushes() == [100, 100, 50]


def pacing(target, crowds, **policy):
    place = Place(backend="fake", account="a", connection=1, target=target)
    return Pacing(place, fake_plugin.MANIFEST.limits, Policy(**policy), crowds)


def test_what_one_lane_hears_is_heard_by_all_of_its_account_for_a_moment():
    crowds = {}
    one, other = pacing("1", crowds), pacing("2", crowds)

    one.hear(spec.Load(running=80, limit=100), NOW)

    hold = other.make_room(NOW)
    assert hold is not None
    assert NOW + PAUSE / 2 <= hold.until <= NOW + PAUSE
    assert other.make_room(NOW + PAUSE) is None
    assert pacing("1", {}).make_room(NOW) is None


def test_a_clock_that_is_put_back_does_not_make_the_moment_longer():
    crowds = {}
    one = pacing("1", crowds)
    one.hear(spec.Load(running=100, limit=100), NOW)

    assert one.make_room(NOW - timedelta(hours=1)) is None


def test_the_pause_and_where_it_begins_are_settings():
    one = pacing("1", {}, crowded_at=0.5, crowded_pause=timedelta(minutes=1))

    one.hear(spec.Load(running=49, limit=100), NOW)
    assert one.make_room(NOW) is None

    one.hear(spec.Load(running=50, limit=100), NOW)
    assert one.make_room(NOW + timedelta(seconds=29)) is not None


@pytest.mark.parametrize("load", [{"running": -1, "limit": 1}, {"running": 1, "limit": 0}])
def test_a_load_that_cannot_be_is_refused(load):
    with pytest.raises(ValueError, match="greater than"):
        spec.Load(**load)


# -- where it is put right ---------------------------------------------------------------------------------------


def test_a_sentence_is_followed_by_the_page_where_it_is_put_right():
    error = spec.AuthenticationFailed("wrong_password", "refused", remedy_link=PAGE)

    words = refused_at_the_door(fake_plugin.MANIFEST, error)

    assert words == {
        "ja": f"パスワードが違います。 確認・設定する画面: {PAGE}",
        "en": f"The password is wrong; renew the connection. The page for it: {PAGE}",
    }


def test_a_rejected_record_names_the_page_behind_the_backends_own_words():
    named = spec.Text(ja="「件名」(subject)", en="'Subject' (subject)")

    words = rejection(fake_plugin.MANIFEST, "refused", named, "too long", link=PAGE)

    assert words["en"] == f"'Subject' (subject): The CRM refused the record. [too long] The page for it: {PAGE}"


@pytest.mark.parametrize("link", [None, "", "javascript:alert(1)", "ftp://crm.example/", "https://crm.example/ a"])
def test_what_is_no_web_address_is_not_shown(link):
    error = spec.PermissionDenied("wrong_password", "refused", remedy_link=link)

    assert explain(fake_plugin.MANIFEST, error.code, error)["en"] == "The password is wrong; renew the connection."


def test_an_error_class_that_was_written_for_spec_1_0_has_no_page_and_is_shown_all_the_same():
    class Old(spec.Unavailable):
        def __init__(self):
            self.code, self.message, self.retry_after = "wrong_password", "old", None

    assert explain(fake_plugin.MANIFEST, "wrong_password", Old())["ja"] == "パスワードが違います。"
