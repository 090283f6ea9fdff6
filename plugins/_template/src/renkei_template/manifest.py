"""What Atelier is: said once, without settings and without network.

Core believes the manifest: it paces by the limits, decides what may be sent twice by `uniqueness`, `refusals` and
`settles_within`, and lets requests go to `hosts` alone. Claim less rather than more where a vendor's page is silent.
"""

from __future__ import annotations

from datetime import time, timedelta

from renkei import spec
from renkei.spec import Capability, CapabilityState, Scope, Text
from renkei_template.codes import SENTENCES
from renkei_template.settings import DOMAIN, AtelierOptions, AtelierSettings

PUSH_SIZE = 50
REQUEST_BYTES = 65_536

LIMITS = spec.Limits(
    push_size=PUSH_SIZE,
    request_size=1,  # Atelier takes one record a request
    request_bytes=REQUEST_BYTES,
    concurrency=4,
    concurrency_scope=Scope.ACCOUNT,
    windows=(spec.Window(requests=100, per=timedelta(seconds=1), scope=Scope.ACCOUNT),),
    daily=spec.DailyBudget(requests=200_000, resets_at=time(0, 0), zone="UTC", soft=False, scope=Scope.ACCOUNT),
)

# Each capability has a state and, unless it is there in full, a reason: `UNSUPPORTED` where the backend cannot,
# `NOT_IMPLEMENTED` where only the plugin does not. What is claimed here is checked.
_SUPPORTED = Capability(state=CapabilityState.SUPPORTED)
CAPABILITIES = {
    "list_targets": _SUPPORTED,
    "refresh": _SUPPORTED,
    "verify": _SUPPORTED,
    "upgrade": Capability(
        state=CapabilityState.NOT_IMPLEMENTED,
        reason=Text(
            ja="最初のバージョンのため、引き継ぐ古いデータがありません。",
            en="This is the first version: no older one has stored anything yet.",
        ),
    ),
    "files": Capability(
        state=CapabilityState.UNSUPPORTED,
        reason=Text(ja="Atelierにファイルのフィールドはありません。", en="Atelier has no fields for files."),
    ),
    "tables": Capability(
        state=CapabilityState.UNSUPPORTED,
        reason=Text(ja="Atelierのレコードは表を持てません。", en="A record of Atelier cannot hold a table."),
    ),
    "references": Capability(
        state=CapabilityState.UNSUPPORTED,
        reason=Text(ja="Atelierに参照のフィールドはありません。", en="Atelier has no fields that refer to others."),
    ),
}

MANIFEST = spec.Manifest(
    id="template",  # the entry point's name, too
    version="0.1.0",  # the distribution's version, too
    spec=">=1.0,<2",
    name=Text(ja="Atelier", en="Atelier"),
    settings=AtelierSettings,
    options=AtelierOptions,
    hosts=(f"*.{DOMAIN}",),
    limits=LIMITS,
    # One record a request: what one of them meets says nothing about the next.
    atomicity="record",
    # Two records may hold one key. Core then never resends what may have been written, unless `crm_verify` says
    # that nothing is there and `settles_within` has passed.
    uniqueness="none",
    # A 5xx to a write counts as "may have been written", unless it is described here: Atelier answers 503 with an
    # error object before it looks at the request. A 503 from a proxy in between has no such object.
    refusals=(spec.Refusal(statuses=(503,), json_key="error"),),
    settles_within=timedelta(seconds=30),
    unknown_fields="refused",
    capabilities=CAPABILITIES,
    sentences=SENTENCES,
)
