"""Sample actions over all twelve channels, each of a kind that the default triggers sync."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from renkei.samples.people import CUSTOMERS, OPERATORS, Customer, Operator
from renkei.samples.words import (
    CATEGORIES,
    INQUIRIES,
    ITEMS,
    LABELS,
    MEMOS,
    PARAGRAPHS,
    QUESTIONS,
    SUBJECTS,
    UTTERANCES,
)

Part = dict[str, Any]

_LONG_EVERY = 5
"""Every how many mails one is long: over 2,000 characters."""


def sample_actions(count: int, *, inbox: str, start: datetime, seed: int = 1) -> Iterator[Part]:
    """Yield *count* nested actions as a helpdesk would record them; JSON data.

    The same arguments give the same actions. Channels come in turn, so twelve actions show them all. Each lies a few
    milliseconds after the one before, the first at *start*: ten thousand stay within minutes of it.

    Args:
        count: how many.
        inbox: id of the inbox, put into `inbox.id`.
        start: when the first one occurred; aware.
        seed: another seed gives other ids and other content.

    Raises:
        ValueError: *start* has no zone.
    """
    if start.utcoffset() is None:
        raise ValueError("start must be a date-time with zone, such as datetime.now(UTC)")
    return _actions(count, inbox, start, seed)


def _actions(count: int, inbox: str, start: datetime, seed: int) -> Iterator[Part]:
    random = Random(seed)  # repeatable, not secret
    occurred_at = start
    for index in range(count):
        channel = SAMPLE_CHANNELS[index % len(SAMPLE_CHANNELS)]
        customer, operator = random.choice(CUSTOMERS), random.choice(OPERATORS)
        kind, parts = _MAKERS[channel](random, index, customer, operator)
        yield {
            "action": {
                "id": f"A{seed}-{index + 1:07d}",
                "kind": kind,
                "channel": channel,
                "direction": "internal" if channel == "record" else "outbound",
                "occurred_at": occurred_at.isoformat(),
                "is_automatic": False,
                "sequence_no": random.randint(1, 9),
            },
            **parts,
            "operator": _operator(operator),
            "ticket": _ticket(random, seed * 10_000_000 + index, parts["message"]["subject"], operator),
            "customer": _customer(customer),
            "inbox": {"id": inbox, "name": "サンプル商店 サポート窓口", "address": "support@shop.example"},
        }
        occurred_at += timedelta(milliseconds=random.randint(1, 20))


def _operator(operator: Operator) -> Part:
    return {
        "user": operator.user,
        "name": operator.name,
        "email": operator.email,
        "department": operator.department,
        "employee_no": f"E-{operator.number:04d}",
    }


def _ticket(random: Random, number: int, title: str, operator: Operator) -> Part:
    return {
        "id": str(number),
        "url": f"https://desk.example/tickets/{number}",
        "title": title.removeprefix("Re: "),
        "status": random.choice(("open", "ongoing", "closed", "closed", "unwanted")),
        "assignee": operator.user,
        "assignee_name": operator.name,
        "labels": random.sample(LABELS, random.randint(0, 3)),
        "categories": [random.choice(CATEGORIES)],
        "priority": random.choice(("high", "normal", "low")),
        "message_count": random.randint(1, 12),
    }


def _customer(customer: Customer) -> Part:
    return {
        "id": str(4000 + customer.number),
        "code": f"C-{customer.number:04d}",
        "name": customer.name,
        "last_name": customer.last_name,
        "first_name": customer.first_name,
        "name_kana": customer.kana,
        "company": customer.company,
        "department": customer.department,
        "email": customer.email,
        "emails": [customer.email, f"{customer.mailbox}@private.example"],
        "phone": customer.phone,
        "phones": [customer.phone, customer.mobile],
        "address": "東京都見本区架空町0-0-0\nサンプルビル8階",
    }


def _mail(random: Random, index: int, customer: Customer, operator: Operator) -> tuple[str, Part]:
    long = index // len(SAMPLE_CHANNELS) % _LONG_EVERY == 1
    paragraphs = [random.choice(PARAGRAPHS) for _ in range(70 if long else random.randint(2, 5))]
    greeting = f"{customer.company}\n{customer.name} 様"
    signature = f"--\nサンプル商店 {operator.name}\nTEL 03-0000-0000 / {operator.email}"
    others = random.sample([other.email for other in CUSTOMERS if other is not customer], random.randint(0, 2))
    message: Part = {
        "id": f"M-{index + 1}",
        "subject": f"Re: {random.choice(SUBJECTS)}",
        "body_text": "\n\n".join([greeting, *paragraphs, signature]),
        "body_new_text": "\n\n".join(paragraphs),
        "body_html": _mail_html(customer, paragraphs, operator),
        "from_address": "support@shop.example",
        "from_name": "サンプル商店サポート",
        "to_addresses": [customer.email, *others],
        "external_id": f"<m{index + 1}@shop.example>",
    }
    if random.random() < 0.3:
        message["cc_addresses"] = ["keiri@example.jp"]
        message["attachment_names"] = "お見積書.pdf\n商品一覧.xlsx"
        message["attachment_count"] = 2
    return "mail_sent", {"message": message}


def _mail_html(customer: Customer, paragraphs: list[str], operator: Operator) -> str:
    body = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
    company, name = html.escape(customer.company), html.escape(customer.name)
    return (
        f'<div style="color:#333"><p>{company}<br><b>{name}</b> 様</p>{body}'
        '<ul><li>お届け先の確認</li><li>お支払い方法の確認</li></ul><p>詳しくは<a href="https://shop.example/guide">'
        f"ご利用ガイド</a>をご覧ください。</p><hr><p>サンプル商店 {html.escape(operator.name)}</p></div>"
    )


def _sms(random: Random, index: int, customer: Customer, _operator: Operator) -> tuple[str, Part]:
    text = "【サンプル商店】ご注文の商品を発送しました。お問い合わせ番号: 0000-0000-0000"
    message = {"id": f"M-{index + 1}", "subject": "SMSのご連絡", "body_text": text, "to_phone": customer.mobile}
    return "sms_sent", {"message": message, "chat": {"account": random.choice(("見本回線", "予備回線"))}}


def _memo(random: Random, index: int, customer: Customer, _operator: Operator) -> tuple[str, Part]:
    category = random.choice(("received_phone", "called_phone", "meeting", "sales", "other"))
    message = {
        "id": f"M-{index + 1}",
        "subject": f"{customer.last_name}様 応対メモ",
        "body_text": random.choice(MEMOS),
    }
    return "memo_created", {"message": message, "memo": {"category": category, "duration_min": random.randint(1, 90)}}


def _call(random: Random, index: int, customer: Customer, operator: Operator) -> tuple[str, Part]:
    message = {
        "id": f"M-{index + 1}",
        "subject": f"{customer.last_name}様とのお電話",
        "body_text": f"{operator.name}が応対。\n{random.choice(MEMOS)}",
        "to_phone": customer.phone,
    }
    call = {
        "direction": random.choice(("in", "out")),
        "recording_url": f"https://desk.example/recordings/{index + 1}",
    }
    return "call_logged", {"message": message, "memo": {"duration_min": random.randint(1, 40)}, "call": call}


def _utterance(account: str) -> Callable[[Random, int, Customer, Operator], tuple[str, Part]]:
    def make(random: Random, index: int, customer: Customer, operator: Operator) -> tuple[str, Part]:
        message = {
            "id": f"M-{index + 1}",
            "subject": f"{account}でのお問い合わせ",
            "body_text": random.choice(UTTERANCES).format(operator=operator.name),
        }
        return "message_sent", {"message": message, "chat": {"account": account, "group_name": f"{customer.name}様"}}

    return make


def _shop(account: str, prefix: str) -> Callable[[Random, int, Customer, Operator], tuple[str, Part]]:
    speak = _utterance(account)

    def make(random: Random, index: int, customer: Customer, operator: Operator) -> tuple[str, Part]:
        kind, parts = speak(random, index, customer, operator)
        number = f"{prefix}-00000000-{index + 1:010d}"
        shop = {
            "order_number": number,
            "order_url": f"https://shop.example/orders/{number}",
            "item_number": f"ITEM-{random.randint(1, 99):04d}",
            "item_name": random.choice(ITEMS),
            "inquiry_category": random.choice(INQUIRIES),
            "inquiry_number": f"INQ-{index + 1:07d}",
        }
        return kind, {**parts, "shop": shop}

    return make


def _chat(account: str) -> Callable[[Random, int, Customer, Operator], tuple[str, Part]]:
    def make(random: Random, index: int, customer: Customer, operator: Operator) -> tuple[str, Part]:
        turns = []
        for _ in range(random.randint(2, 6)):
            turns.append(f"{customer.name}: {random.choice(QUESTIONS)}")
            turns.append(f"{operator.name}: {random.choice(UTTERANCES).format(operator=operator.name)}")
        transcript = "\n".join(turns)
        message = {"id": f"M-{index + 1}", "subject": f"{account}での会話", "body_text": transcript}
        return "chat_ended", {"message": message, "chat": {"account": account, "transcript": transcript}}

    return make


_MAKERS: dict[str, Callable[[Random, int, Customer, Operator], tuple[str, Part]]] = {
    "mail": _mail,
    "sms": _sms,
    "record": _memo,
    "call": _call,
    "line": _utterance("LINE"),
    "r_messe": _shop("R-Messe", "000000"),
    "yahoo": _shop("Yahoo!", "sample-store"),
    "chatplus": _chat("Chatplus"),
    "chatwork": _utterance("Chatwork"),
    "instagram_dm": _utterance("Instagram"),
    "messenger": _utterance("Messenger"),
    "chat_widget": _chat("チャット"),
}
SAMPLE_CHANNELS = tuple(_MAKERS)
"""The channels, in the order in which the samples take them."""
