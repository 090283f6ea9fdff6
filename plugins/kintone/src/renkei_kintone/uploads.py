"""Attachments: from the host to `file.json`, chunk by chunk, and never in memory as a whole.

An upload stores no record: kintone keeps the file for a few days under the key that it answers with, and forgets it
unless a record takes it. So a lost upload leaves all records not stored, and the next push uploads again. A key is used
up by the record that takes it, so each place where a file goes gets an upload of its own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import httpx

from renkei.spec import (
    BackendError,
    Context,
    FieldType,
    FileRef,
    OutcomeUnknown,
    RenkeiError,
    TargetSchema,
    Unavailable,
    WireRecord,
    carrying,
)
from renkei_kintone.manifest import LARGEST_FILE
from renkei_kintone.meanings import MEANINGS
from renkei_kintone.settings import KintoneSettings
from renkei_kintone.wire import (
    Refusal,
    api_url,
    error_for_read,
    error_without_code,
    headers,
    json_in,
    lane_error,
    refusal_in,
)

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")
_STILL: Final = 5.0  # seconds without a chunk taken: then it is not the file's size that takes the time
_OUT_OF_TIME = timedelta(seconds=2)


class FileRefused(Exception):
    """A file that cannot be attached, so that its record is rejected.

    Attributes:
        code: has a sentence in the manifest.
        field: where the file was to go.
    """

    def __init__(self, code: str, *, field: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.field = field


def file_fields(schema: TargetSchema) -> list[str]:
    """Codes of the fields in which a file may stand: those of files, and tables with a column of files."""
    return [
        field.code
        for field in schema.fields
        if field.type is FieldType.FILES or any(column.type is FieldType.FILES for column in field.fields)
    ]


def files_in(value: Any) -> Iterator[FileRef]:
    """Every file in a wire record's value, in order."""
    if isinstance(value, FileRef):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from files_in(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from files_in(inner)


def with_keys(record: WireRecord, keys: Mapping[str, list[str]]) -> WireRecord:
    """*record* with a `fileKey` in the place of each file; *keys* by field code, in the order of `files_in`."""
    fields = dict(record.fields)
    for code, of_field in keys.items():
        fields[code] = _redeemed(fields[code], iter(of_field))
    return WireRecord(key=record.key, fields=fields)


def _redeemed(value: Any, keys: Iterator[str]) -> Any:
    if isinstance(value, FileRef):
        return {"fileKey": next(keys)}
    if isinstance(value, Mapping):
        return {name: _redeemed(inner, keys) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redeemed(inner, keys) for inner in value]
    return value


async def upload(ctx: Context[KintoneSettings], ref: FileRef, *, undisturbed: bool) -> str:
    """Send one file; the key under which a record can take it.

    Args:
        ctx: of the push.
        ref: the file.
        undisturbed: its record had nearly all of a push's time: what does not arrive then is too large for any push.

    Raises:
        FileRefused: the file is why it did not work.
        BackendError: of the lane. No record was stored.
    """
    body = _Multipart(ctx, ref)
    try:
        await body.open()
        response = await ctx.http.post(
            api_url(ctx.settings, "file"),
            content=body.stream(),
            headers=headers(ctx.settings) | body.headers(),
            extensions=carrying([]),
        )
    except BackendError as error:
        if body.trouble:
            raise FileRefused(body.trouble) from None
        if body.is_moving() and ctx.remaining() < _OUT_OF_TIME and undisturbed:
            raise FileRefused("file_too_slow") from None
        if isinstance(error, OutcomeUnknown):
            raise Unavailable("upload_lost", "the answer to an upload was lost; no record was stored") from error
        raise
    finally:
        await body.close()
    refusal = refusal_in(response, ctx.clock, ctx.settings)
    if refusal is not None:
        raise _refused(refusal)
    return _key(response)


def _refused(refusal: Refusal) -> FileRefused | BackendError:
    if refusal.code is None:
        return FileRefused("file_too_large") if refusal.status == 413 else error_without_code(refusal)
    meaning = MEANINGS.get(refusal.code)
    if (meaning is not None and meaning.error is None) or (meaning is None and refusal.status in (400, 404, 413)):
        return FileRefused("file_refused")
    return error_for_read(refusal)


def _key(response: httpx.Response) -> str:
    data = json_in(response)
    key = data.get("fileKey") if isinstance(data, dict) else None
    if not isinstance(key, str) or not key:
        raise lane_error(Unavailable, "unexpected_answer", Refusal(status=response.status_code))
    return key


class _Multipart:
    """The body of an upload: one part named `file`, read from the host while it is sent.

    Attributes:
        trouble: why the file itself stopped it; empty where nothing did.
    """

    def __init__(self, ctx: Context[KintoneSettings], ref: FileRef) -> None:
        self._ref = ref
        self._clock = ctx.clock
        self._chunks: AsyncIterator[bytes] = aiter(ctx.open_file(ref))
        self._first = b""
        self._sent = 0
        self._ended = False
        self._taken_at = 0.0
        boundary = secrets.token_hex(16)
        kind = ref.media_type if _MEDIA_TYPE.fullmatch(ref.media_type) else "application/octet-stream"
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_quoted(ref.name)}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._type = f"multipart/form-data; boundary={boundary}"
        self.trouble = ""

    def headers(self) -> dict[str, str]:
        """With the length where the host knows it: what is sent without one, not every gateway takes."""
        size = self._ref.size
        length = {} if size is None else {"Content-Length": str(len(self._head) + size + len(self._tail))}
        return {"Content-Type": self._type, **length}

    async def open(self) -> None:
        """Read the first chunk, before anything is sent.

        Raises:
            FileRefused: the host cannot open the file.
        """
        try:
            self._first = await anext(self._chunks, b"")
        except RenkeiError:
            raise FileRefused("file_unreadable") from None

    async def stream(self) -> AsyncIterator[bytes]:
        """Head, file, tail."""
        yield self._head
        if self._first:
            yield self._counted(self._first)
        while chunk := await self._next():
            yield self._counted(chunk)
        if self._ref.size not in (None, self._sent):
            self._stop("file_changed")
        self._ended = True
        yield self._tail

    def is_moving(self) -> bool:
        """Whether kintone was still taking the file a moment ago."""
        return not self._ended and self._sent > 0 and self._clock.monotonic() - self._taken_at < _STILL

    async def close(self) -> None:
        """Let go of the host's file, however far it was read."""
        end = getattr(self._chunks, "aclose", None)
        if end is not None:
            await end()

    async def _next(self) -> bytes:
        """The next chunk that holds something; nothing at the end."""
        try:
            while (chunk := await anext(self._chunks, None)) is not None:
                if chunk:
                    return chunk
        except RenkeiError:
            self._stop("file_unreadable")
        return b""

    def _counted(self, chunk: bytes) -> bytes:
        self._sent += len(chunk)
        self._taken_at = self._clock.monotonic()
        if self._sent > LARGEST_FILE:
            self._stop("file_too_large")
        if self._ref.size is not None and self._sent > self._ref.size:
            self._stop("file_changed")
        return chunk

    def _stop(self, code: str) -> None:
        self.trouble = code
        raise Unavailable(code, "the file cannot be sent")


def _quoted(name: str) -> str:
    """A file name between quotes, as browsers write it: UTF-8, and percent signs for what would end it."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
