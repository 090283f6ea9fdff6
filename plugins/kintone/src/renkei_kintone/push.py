"""Push: as few requests as hold the records, and one verdict for each record.

Up to 100 records go to `records.json`, more of them to one `bulkRequest.json`. Records with attachments go after the
others: their files are uploaded first, and however long that takes, the others do not wait for it.

Each push gets further with the attachments, however slow they are: what was uploaded in its first quarter is sent
before anything else is uploaded, and a record whose files began in that quarter and do not arrive in all the time that
is left is too large for any push.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

import httpx

from renkei.spec import (
    BackendError,
    Context,
    FileRef,
    Load,
    NotStored,
    OutcomeUnknown,
    PushReport,
    PushRequest,
    Rejected,
    Unavailable,
    Verdict,
    WireRecord,
    carrying,
)
from renkei_kintone.bulk import Encoded, Envelope, requests_of
from renkei_kintone.manifest import MEGABYTE, RECORDS_PER_REQUEST
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.uploads import FileRefused, file_fields, files_in, upload, with_keys
from renkei_kintone.verdicts import Errand, Outcome, all_unknown, not_stored, outcome_of
from renkei_kintone.wire import checked_app_id, headers, load_in

LEAST_TIME: Final = timedelta(seconds=2)
"""No further request is begun with less: what is cut off on the wire is in doubt, what was not begun is not stored."""

NEARLY_WHOLE: Final = 0.75
"""With so much of a push's time left, the files of one record have as good a chance as they will ever have."""


async def push(ctx: Context[KintoneSettings], request: PushRequest) -> PushReport:
    """Send the records in as few requests as their number and bytes allow; stop at the first error of the lane.

    Raises:
        Unavailable, TargetNotFound: the push itself cannot be sent. Nothing was.
    """
    app = checked_app_id(request.target)
    _check_size(request)
    sending = _Sending(ctx, request, app)
    with_files = sending.with_files()
    await sending.send([record for record in request.records if record.key not in with_files])
    waiting = list(with_files.values())
    # The last half is left for sending: what has no file there by then waits for the next push.
    for share in (NEARLY_WHOLE, 0.5):
        await sending.send(await sending.uploaded(waiting, share))
    return sending.report()


def _check_size(request: PushRequest) -> None:
    if len(request.records) > RECORDS_PER_REQUEST:
        raise Unavailable("push_too_large", f"a push holds at most {RECORDS_PER_REQUEST} records; nothing was sent")
    if len({record.key for record in request.records}) < len(request.records):
        raise Unavailable("repeated_key", "a push holds each delivery key once; nothing was sent")


class _Sending:
    """One push under way: the verdicts so far, and what has stopped it."""

    def __init__(self, ctx: Context[KintoneSettings], request: PushRequest, app: str) -> None:
        self._ctx = ctx
        self._request = request
        self._errand = Errand(settings=ctx.settings, clock=ctx.clock, request=request, app=app)
        self._envelope = Envelope(settings=ctx.settings, app=app)
        self._most_bytes = ctx.settings.request_megabytes * MEGABYTE
        self._file_fields = file_fields(request.target_schema)
        self._whole = ctx.remaining()
        self._begun = False
        self._failed_in_a_row = 0
        self._verdicts: dict[str, Verdict] = {}
        self._stopped_by: BackendError | None = None
        self._lost_upload: Unavailable | None = None
        self._load: Load | None = None

    def report(self) -> PushReport:
        """One verdict for each record, in the order of the request; what was not reached is not stored."""
        verdicts = (self._verdicts.get(record.key) or NotStored(key=record.key) for record in self._request.records)
        stopped_by = self._stopped_by or self._lost_upload
        return PushReport(verdicts=tuple(verdicts), stopped_by=stopped_by, load=self._load)

    def with_files(self) -> dict[str, WireRecord]:
        """The records that hold a file, by key."""
        if not self._file_fields:
            return {}
        return {record.key: record for record in self._request.records if self._places(record)}

    def _places(self, record: WireRecord) -> list[str]:
        return [code for code in self._file_fields if any(files_in(record.fields.get(code)))]

    async def send(self, records: Sequence[WireRecord]) -> None:
        """Send *records*, until something stops the push."""
        chunks = requests_of(self._encoded(records), self._envelope, most_bytes=self._most_bytes)
        for calls in chunks:
            # Whoever gives a push less than that from the start wants its first request all the same.
            if self._stopped_by is not None or (self._begun and self._is_over()):
                return
            self._take(await self._sent(calls))

    def _is_over(self) -> bool:
        return self._ctx.remaining() < LEAST_TIME

    def _encoded(self, records: Sequence[WireRecord]) -> list[Encoded]:
        encoded: list[Encoded] = []
        for record in records:
            try:
                body = json.dumps(record.fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
            except (TypeError, ValueError):  # a file where none goes, NaN, half of a surrogate pair
                self._reject(record, "not_sendable")
                continue
            if self._envelope.size(1, len(body) + 1) > self._most_bytes:
                self._reject(record, "too_large")
            else:
                encoded.append(Encoded(record=record, body=body))
        return encoded

    async def _sent(self, encoded: Sequence[Sequence[Encoded]]) -> Outcome:
        calls = [[one.record for one in part] for part in encoded]
        records = [record for part in calls for record in part]
        self._begun = True
        try:
            response: httpx.Response = await self._ctx.http.post(
                self._envelope.address(len(calls)),
                content=self._envelope.body(encoded),
                headers=headers(self._ctx.settings) | {"Content-Type": "application/json"},
                extensions=carrying(records),
            )
        except OutcomeUnknown as error:
            return all_unknown(records, error)
        except BackendError as error:
            return not_stored(records, error)
        self._load = load_in(response) or self._load
        return outcome_of(self._errand, calls, response)

    async def uploaded(self, waiting: list[WireRecord], share: float) -> list[WireRecord]:
        """Those whose files kintone has now, with the keys of them; all that were tried are taken from *waiting*.

        None is begun with less than that *share* of the push's time. One upload that fails stops nobody else's; after
        two in a row it is kintone's trouble, and not the file's.
        """
        ready: list[WireRecord] = []
        least = max(self._whole * share, LEAST_TIME)
        while waiting and self._stopped_by is None and self._failed_in_a_row < 2 and self._ctx.remaining() >= least:
            record = waiting.pop(0)
            try:
                redeemed = await self._with_keys(record)
                self._failed_in_a_row = 0
            except Unavailable as error:
                self._lost_upload = error
                self._failed_in_a_row += 1
            except BackendError as error:
                self._stopped_by = error
            except FileRefused as refused:
                self._reject(record, refused.code, field=refused.field)
            else:
                ready += [redeemed] if redeemed is not None else []
        return ready

    async def _with_keys(self, record: WireRecord) -> WireRecord | None:
        """*record* with the keys of its files; None where the time was over before they were all there."""
        undisturbed = self._ctx.remaining() >= self._whole * NEARLY_WHOLE
        keys: dict[str, list[str]] = {}
        for code, ref in self._files(record):
            self._begun = True
            try:
                keys.setdefault(code, []).append(await upload(self._ctx, ref, undisturbed=undisturbed))
            except FileRefused as refused:
                raise FileRefused(refused.code, field=code) from None
            except Unavailable:
                # Where kintone has just taken another file, it is the time that this one lacked.
                if not (any(keys.values()) and self._is_over()):
                    raise
            # The next file has to leave in time as well, and after the last one the record itself.
            if self._is_over():
                if undisturbed:
                    raise FileRefused("file_too_slow", field=code)
                return None
        return with_keys(record, keys)

    def _files(self, record: WireRecord) -> Iterator[tuple[str, FileRef]]:
        return ((code, ref) for code in self._places(record) for ref in files_in(record.fields[code]))

    def _reject(self, record: WireRecord, code: str, field: str | None = None) -> None:
        self._verdicts[record.key] = Rejected(key=record.key, code=code, field=field)

    def _take(self, outcome: Outcome) -> None:
        self._verdicts.update({verdict.key: verdict for verdict in outcome.verdicts})
        self._stopped_by = outcome.stopped_by  # nothing is sent after an error of the lane: there was none before
