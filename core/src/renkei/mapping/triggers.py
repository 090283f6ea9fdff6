"""Which actions an integration syncs: channels, kinds, and whether automatic messages count."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import field_serializer

from renkei.mapping.action import Action
from renkei.mapping.helpdesk import CHANNELS, KINDS
from renkei.spec import Model, Text

_UTTERANCES = ("message_sent", "chat_ended")
_TRANSCRIPT = ("chat_ended", "message_sent")

KINDS_BY_CHANNEL: dict[str, tuple[str, ...]] = {
    "mail": ("mail_sent",),
    "sms": ("sms_sent",),
    "record": ("memo_created",),
    "call": ("call_logged",),
    "line": _UTTERANCES,
    "r_messe": _UTTERANCES,
    "yahoo": _UTTERANCES,
    "chatwork": _UTTERANCES,
    "instagram_dm": _UTTERANCES,
    "messenger": _UTTERANCES,
    "chatplus": _TRANSCRIPT,
    "chat_widget": _TRANSCRIPT,
}
"""What an agent's work is called in each channel; the first kind is the default.

| Channel | Fires by default | Does not fire |
|---|---|---|
| mail, SMS | when it is sent, after approval and its scheduled time | received, draft, approval, scheduled, failed |
| response memo, call memo | when it is saved | draft |
| LINE, R-Messe, Yahoo!, Chatwork, Instagram, Messenger | with each utterance of an agent | bots, auto-replies |
| Chatplus, chat widget | when the conversation ends, with its transcript | while it is running |

Where two kinds stand, they tell the same conversation, so only the first of them that is chosen fires: an utterance
is not synced once by itself and once more in the transcript.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an action is not synced: a stable code and a sentence for an admin."""

    code: str
    text: Text


_UNKNOWN_CHANNEL = Reason(
    code="channel_unknown",
    text=Text(
        ja="行動のチャネルが空か、チケット同期連携の知らないチャネルです。連携アプリが送るaction.channelを確認してください。",
        en="The action's channel is missing or not known to ticket sync. Check the action.channel that the host sends.",
    ),
)
_UNKNOWN_KIND = Reason(
    code="kind_unknown",
    text=Text(
        ja="行動種別が空か、チケット同期連携の知らない種別です。連携アプリが送るaction.kindを確認してください。",
        en="The action's kind is missing or not known to ticket sync. Check the action.kind that the host sends.",
    ),
)
_AUTOMATIC = Reason(
    code="automatic",
    text=Text(
        ja="ボットや自動返信の送信は同期しない設定です。必要であれば、トリガー設定で自動送信を含めてください。",
        en="Messages of bots and auto-replies are not synced. Include automatic messages in the triggers if needed.",
    ),
)


def _channel_not_chosen(channel: str) -> Reason:
    label = CHANNELS[channel]
    return Reason(
        code="channel_not_chosen",
        text=Text(
            ja=f"チャネル「{label.ja}」は同期の対象に選ばれていません。必要であれば、トリガー設定で追加してください。",
            en=f"Channel {label.en!r} is not chosen for syncing. Add it to the triggers if needed.",
        ),
    )


def _kind_not_chosen(kind: str, channel: str) -> Reason:
    what = KINDS.get(kind, Text(ja=kind, en=kind))
    where = CHANNELS.get(channel, Text(ja=channel, en=channel))
    return Reason(
        code="kind_not_chosen",
        text=Text(
            ja=f"チャネル「{where.ja}」の「{what.ja}」は同期の対象に選ばれていません。必要であれば、トリガー設定で追加してください。",
            en=f"{what.en!r} in channel {where.en!r} is not chosen for syncing. Add it to the triggers if needed.",
        ),
    )


class Triggers(Model):
    """The channels and kinds that an integration syncs.

    Attributes:
        channels: an action of another channel is excluded.
        kinds: an action of another kind is excluded, whatever its channel.
        include_automatic: whether what bots and auto-replies send is synced.
    """

    channels: frozenset[str]
    kinds: frozenset[str]
    include_automatic: bool = False

    @field_serializer("channels", "kinds", when_used="json")
    def _in_order(self, names: frozenset[str]) -> list[str]:
        return sorted(names)

    def excludes(self, action: Action) -> Reason | None:
        """Why *action* is not synced, or None where it is."""
        channel, kind = action.channel, action.kind
        if channel is None or (channel not in self.channels and channel not in CHANNELS):
            return _UNKNOWN_CHANNEL
        if channel not in self.channels:
            return _channel_not_chosen(channel)
        if kind is None or (kind not in self.kinds and kind not in KINDS):
            return _UNKNOWN_KIND
        if kind not in self.kinds or self._told_otherwise(kind, channel):
            return _kind_not_chosen(kind, channel)
        if action.automatic and not self.include_automatic:
            return _AUTOMATIC
        return None

    def _told_otherwise(self, kind: str, channel: str) -> bool:
        """Whether another chosen kind already tells what an action of *kind* tells."""
        kinds = KINDS_BY_CHANNEL.get(channel, ())
        return kind in kinds and kind != next(other for other in kinds if other in self.kinds)


DEFAULT_TRIGGERS = Triggers(
    channels=frozenset(KINDS_BY_CHANNEL),
    kinds=frozenset(kinds[0] for kinds in KINDS_BY_CHANNEL.values()),
)
"""All twelve channels with the first kinds of `KINDS_BY_CHANNEL`, without automatic messages."""
