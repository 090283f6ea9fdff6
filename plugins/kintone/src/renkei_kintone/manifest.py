"""What kintone is, as a backend: limits, manners and what this version of the plugin does with it."""

from __future__ import annotations

from datetime import time, timedelta

from renkei.spec import (
    Capability,
    CapabilityState,
    DailyBudget,
    FrozenDict,
    Limits,
    Manifest,
    Refusal,
    Scope,
    Text,
)
from renkei_kintone import __version__
from renkei_kintone.addresses import DOMAINS
from renkei_kintone.meanings import MEANINGS
from renkei_kintone.settings import KintoneSettings

RECORDS_PER_CALL = 100
"""`POST records.json` refuses the 101st record, and with it the other hundred."""

CALLS_PER_BULK = 20
"""A bulk request takes no more calls. It stores all that they hold, or nothing."""

RECORDS_PER_REQUEST = RECORDS_PER_CALL * CALLS_PER_BULK

MEGABYTE = 1024 * 1024

REQUEST_BYTES = 4 * MEGABYTE
"""Our own cap: kintone documents none. It bounds what one lost answer costs, and memory. A setting moves it."""

OWN_FAILURES = (500, 503, 520)
"""Statuses from 500 on with which kintone's API is believed to speak for itself; it was seen with 520.

With others, 502 and 504 above all, a gateway answers for a request that kintone may have applied, whatever object it
puts into the body.
"""

LARGEST_FILE = 1024 * MEGABYTE
"""kintone's documentation: one file is at most 1 GB."""

# kintone documents no figure. Its web servers give up on a request long before this, and an answer that has not
# come by then is no longer being worked on; core waits so long before it trusts an error on the key field.
SETTLES_WITHIN = timedelta(seconds=60)

LIMITS = Limits(
    push_size=RECORDS_PER_REQUEST,
    request_size=RECORDS_PER_REQUEST,
    request_bytes=REQUEST_BYTES,
    concurrency=100,  # of the whole domain, shared with everything else that calls it
    concurrency_scope=Scope.ACCOUNT,
    # The Standard course. Going over is not refused: the administrator gets a mail the next morning.
    daily=DailyBudget(requests=10_000, resets_at=time(9, 0), zone="Asia/Tokyo", soft=True, scope=Scope.TARGET),
)


def _not(state: CapabilityState, *, ja: str, en: str) -> Capability:
    return Capability(state=state, reason=Text(ja=ja, en=en))


_CAPABILITIES = {
    "list_targets": _not(
        CapabilityState.UNSUPPORTED,
        ja="APIトークンではアプリの一覧を取得できないため、アプリIDを入力します。",
        en="An API token cannot list apps, so the app ID is typed.",
    ),
    "refresh": _not(
        CapabilityState.UNSUPPORTED,
        ja="APIトークンには有効期限がありません。",
        en="API tokens do not expire.",
    ),
    "verify": _not(
        CapabilityState.PARTIAL,
        ja="APIトークンで「レコード閲覧」もでき、接続の設定にそう入力した場合だけ、レコードを連携キーで探せます。"
        "「レコード追加」だけのAPIトークンでは、値の重複を禁止した連携キーのフィールドで重複を防ぎます。",
        en="Records are looked for by their key only where the token may view them and the connection's settings say "
        "so. With 'Add records' alone, a key field that prohibits duplicates prevents doubles instead.",
    ),
    "upgrade": _not(
        CapabilityState.NOT_IMPLEMENTED,
        ja="最初の版なので、移行するデータがありません。",
        en="This is the first version: there is no older data.",
    ),
    "files": Capability(state=CapabilityState.SUPPORTED),
    "tables": Capability(state=CapabilityState.SUPPORTED),
    "references": _not(
        CapabilityState.PARTIAL,
        ja="ルックアップには値を書き込めますが、参照先に値があるかどうかは送信するまで分かりません。参照先のアプリの"
        "APIトークンも必要です。",
        en="A lookup's key is written, but whether the referenced app holds it is known only when it is sent. It takes "
        "a token of that app, too.",
    ),
}

MANIFEST = Manifest(
    id="kintone",
    version=__version__,
    spec=">=1.1,<2",
    name=Text(ja="kintone", en="kintone"),
    settings=KintoneSettings,
    hosts=tuple(f"*.{domain}" for domain in DOMAINS),
    limits=LIMITS,
    # A failed POST of records saves nothing (documentation and observation agree).
    atomicity="request",
    # Nothing documented says that two simultaneous writes cannot both pass the duplicate check.
    uniqueness="checked",
    # kintone's error objects have a code and an id, also those with a status of 500 or more. Many machines give a
    # code, hardly any an id as well, so the id is what tells kintone's own.
    # A refused bulk request has one part for each call, with both in that of the call that failed.
    refusals=(
        Refusal(json_key="id", statuses=OWN_FAILURES),
        Refusal(json_key="results", statuses=OWN_FAILURES),
    ),
    settles_within=SETTLES_WITHIN,
    # 200, and the value is dropped.
    unknown_fields="ignored",
    capabilities=FrozenDict(_CAPABILITIES),
    sentences=FrozenDict({code: meaning.text for code, meaning in MEANINGS.items()}),
)
