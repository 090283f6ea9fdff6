import pytest

from renkei.mapping import CHANNELS, DEFAULT_TRIGGERS, KINDS, KINDS_BY_CHANNEL, Triggers, helpdesk_schema, read_action


def action(channel, kind, *, automatic=False):
    return read_action(
        {
            "action": {
                "id": "A",
                "channel": channel,
                "kind": kind,
                "occurred_at": "2026-04-01T00:00:00Z",
                "is_automatic": automatic,
            }
        },
        helpdesk_schema(),
    )


def code(triggers, *args, **more):
    reason = triggers.excludes(action(*args, **more))
    return reason.code if reason else None


@pytest.mark.parametrize(("channel", "kinds"), KINDS_BY_CHANNEL.items())
def test_by_default_each_channel_fires_on_its_first_kind(channel, kinds):
    assert code(DEFAULT_TRIGGERS, channel, kinds[0]) is None


def test_the_default_covers_twelve_channels():
    assert len(DEFAULT_TRIGGERS.channels) == 12
    assert set(CHANNELS) - DEFAULT_TRIGGERS.channels == {"other"}


@pytest.mark.parametrize("kind", ["received", "status_changed", "assigned", "commented"])
def test_what_is_not_done_towards_a_customer_does_not_fire(kind):
    assert code(DEFAULT_TRIGGERS, "mail", kind) == "kind_not_chosen"


def test_a_conversation_is_told_once():
    assert code(DEFAULT_TRIGGERS, "chat_widget", "message_sent") == "kind_not_chosen"
    assert code(DEFAULT_TRIGGERS, "line", "chat_ended") == "kind_not_chosen"


def test_without_transcripts_a_chat_fires_with_each_utterance():
    triggers = Triggers(channels=frozenset({"chat_widget"}), kinds=frozenset({"message_sent"}))

    assert code(triggers, "chat_widget", "message_sent") is None


def test_bots_fire_only_where_they_are_included():
    included = DEFAULT_TRIGGERS.model_copy(update={"include_automatic": True})

    assert code(DEFAULT_TRIGGERS, "line", "message_sent", automatic=True) == "automatic"
    assert code(included, "line", "message_sent", automatic=True) is None


def test_a_known_channel_that_is_not_chosen_is_named_in_both_languages():
    reason = DEFAULT_TRIGGERS.excludes(action("other", "mail_sent"))

    assert reason is not None
    assert reason.code == "channel_not_chosen"
    assert "その他" in reason.text.ja
    assert "'Other'" in reason.text.en


@pytest.mark.parametrize("channel", ["pigeon", None, 7])
def test_an_unknown_channel_is_its_own_reason(channel):
    assert code(DEFAULT_TRIGGERS, channel, "mail_sent") == "channel_unknown"


@pytest.mark.parametrize("kind", ["sang", None])
def test_an_unknown_kind_is_its_own_reason(kind):
    assert code(DEFAULT_TRIGGERS, "mail", kind) == "kind_unknown"


def test_a_hosts_own_channel_and_kind_can_be_chosen():
    triggers = Triggers(channels=frozenset({"fax"}), kinds=frozenset({"fax_sent"}))

    assert code(triggers, "fax", "fax_sent") is None
    assert code(triggers, "fax", "mail_sent") == "kind_not_chosen"


def test_triggers_survive_json():
    assert Triggers.model_validate_json(DEFAULT_TRIGGERS.model_dump_json()) == DEFAULT_TRIGGERS


def test_every_default_kind_has_a_label():
    assert DEFAULT_TRIGGERS.kinds <= set(KINDS)
