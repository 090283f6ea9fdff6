"""Integrations: one per inbox, made from suggestions or from a file, shown as they stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commandline import Run, action, lines

CREATE = ("integrations", "add", "support", "--connection", "kintone")


def test_the_suggested_rules_are_shown_by_label_and_used_where_they_need_no_more_set_up(connected: Run) -> None:
    shown = connected("--lang", "ja", *CREATE)
    mapping = connected("integrations", "show", "support", "--json").json["mapping"]

    assert "お客様名" in shown.out
    assert "初回の同期を待っています" in shown.out
    assert mapping["キー"] == "delivery.key"
    assert "操作ユーザ" not in mapping


def test_a_suggestion_is_taken_or_left_by_name(connected: Run) -> None:
    made = connected(*CREATE, "--with", "操作ユーザ", "--without", "会社名", "--json").json

    assert made["mapping"]["操作ユーザ"] == "operator.user"
    assert "会社名" not in made["mapping"]
    assert (
        "has no field of this code"
        in connected("integrations", "edit", "support", "--suggest", "--with", "無", code=2).err
    )


def test_a_higher_confidence_leaves_more_out(connected: Run) -> None:
    made = connected(*CREATE, "--min-confidence", "0.93", "--json").json

    assert "本文" not in made["mapping"]
    assert "件名" in made["mapping"]


def test_a_second_integration_on_an_inbox_is_refused_in_both_languages(bound: Run) -> None:
    failure = bound(*CREATE, "--json", code=1).failure

    assert failure["type"] == "IntegrationExists"
    assert "すでにチケット同期連携があります" in failure["ja"]
    assert "already has an integration" in failure["en"]


def test_what_show_prints_as_json_can_be_edited_and_fed_back(bound: Run, tmp_path: Path) -> None:
    shown = bound("integrations", "show", "support", "--json").json
    shown["rules"]["rules"] = [rule for rule in shown["rules"]["rules"] if rule["target"] in ("キー", "件名")]
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(shown), encoding="utf-8")

    edited = bound(
        "integrations", "edit", "support", "--mapping", str(path), "--waiting", "new-settings", "--json"
    ).json

    assert set(edited["mapping"]) == {"キー", "件名"}
    assert edited["revision"] == 2


def test_every_problem_of_a_mapping_is_listed_at_once_and_nothing_is_saved(connected: Run, tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    rules = [{"target": "無い", "source": "action.id"}, {"target": "作成者", "source": "operator.user"}]
    path.write_text(json.dumps({"rules": rules}), encoding="utf-8")

    ended = connected("--lang", "ja", *CREATE, "--mapping", str(path), code=1)

    assert "「無い」" in ended.err
    assert "「作成者」" in ended.err
    assert connected("integrations", "list", "--json").json == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "this is not JSON"), ('{"rules": [{"target": "x"}]}', "exactly one of"), ("[]", "a JSON object")],
)
def test_a_mapping_file_that_cannot_be_used_says_why(connected: Run, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(text, encoding="utf-8")

    assert said in connected(*CREATE, "--mapping", str(path), code=None).err


def test_a_mapping_file_that_is_not_there_is_named(connected: Run) -> None:
    assert "nowhere.json: cannot be read" in connected(*CREATE, "--mapping", "nowhere.json", code=2).err
    assert "not both" in connected(*CREATE, "--mapping", "x.json", "--suggest", code=2).err


def test_channels_and_kinds_are_chosen_by_name(bound: Run) -> None:
    edited = bound("integrations", "edit", "support", "--channels", "mail, sms", "--include-automatic", "--json").json

    assert set(edited["triggers"]["channels"]) == {"mail", "sms"}
    assert edited["triggers"]["include_automatic"] is True
    assert "mail_sent" in edited["triggers"]["kinds"]


@pytest.mark.parametrize("option", ["--channels", "--kinds"])
def test_an_unknown_channel_or_kind_is_refused_with_those_there_are(bound: Run, option: str) -> None:
    ended = bound("integrations", "edit", "support", option, "mail_sent,telex", code=2)

    assert "'telex'" in ended.err
    assert "sms" in ended.err


def test_pausing_lets_actions_wait_and_resuming_says_how_many(bound: Run) -> None:
    bound("integrations", "pause", "support")
    bound("record", "-", stdin=lines(action(1), action(2)))

    assert "paused" in bound("integrations", "show", "support").out
    assert "2 waited" in bound("integrations", "resume", "support").out


def test_resuming_may_cancel_what_waited(bound: Run) -> None:
    bound("integrations", "pause", "support")
    bound("record", "-", stdin=lines(action(1)))

    resumed = bound("integrations", "resume", "support", "--cancel-waiting", "--json").json

    assert resumed == {"inbox": "support", "waited": 1, "cancelled": 1}
    assert bound("ledger", "--json").json["cancelled"] == 1


def test_deleting_asks_and_where_nobody_answers_needs_yes(bound: Run) -> None:
    bound("record", "-", stdin=lines(action(1)))

    assert "--yes" in bound("integrations", "delete", "support", code=2).err
    ended = bound("integrations", "delete", "support", "--yes", "--cancel-waiting", "--json")

    assert ended.json == {"inbox": "support", "waited": 1, "cancelled": 1}
    assert "has no integration" in bound("integrations", "show", "support", code=1).err


def test_the_first_sync_confirms_the_mapping(bound: Run) -> None:
    bound("record", "-", stdin=lines(action(1)))
    bound("work", "--until-idle")

    assert "confirmed by the first sync" in bound("integrations", "show", "support").out
    assert "support" in bound("integrations", "list").out


def test_a_blocked_target_is_explained_in_the_language_of_the_reader(bound: Run, kintone: object) -> None:
    bound("record", "-", stdin=lines(action(1)))
    kintone.order("error", times=50, status=403, code="GAIA_NO01", message="x")  # type: ignore[attr-defined]

    worked = bound("work", "--until-idle", "--check", code=3)

    assert "is blocked" in worked.out
    assert "停止中" in bound("--lang", "ja", "integrations", "show", "support").out
    assert bound("integrations", "show", "support", "--json").json["lane_code"] == "GAIA_NO01"
    assert bound("health", code=3).out.startswith("Needs a person")


def test_an_actor_who_is_no_admin_is_refused(bound: Run, surroundings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (surroundings / "strict_host.py").write_text(
        "from renkei import Helpdesk\n\n\nclass Strict(Helpdesk):\n"
        "    def is_inbox_admin(self, tenant, actor, inbox):\n        return actor == 'tanaka'\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(surroundings))
    host = ("--host", "strict_host:Strict")

    assert "'sato' is not an admin" in bound(*host, "integrations", "pause", "support", code=1).err
    assert bound(*host, "--as", "tanaka", "integrations", "pause", "support").code == 0
