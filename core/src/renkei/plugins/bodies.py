"""Read an answer's body whole, under a cap that counts what it unpacks to."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

import httpx

DEFAULT_CAP = 32 * 1024 * 1024
"""Most bytes of one answer. A schema with a thousand fields is under 2 MiB."""

_AUTOMATIC = zlib.MAX_WBITS | 32  # gzip or zlib, by its header


class BadBody(Exception):  # becomes one of our errors at the guard's edge
    """The body is too large, packed in a way that was not asked for, or cut off."""


async def read_body(response: httpx.Response, *, head: bool, cap: int) -> bytes:
    """The unpacked body.

    httpx unpacks above its transports, where a cap would count packed bytes and a small answer could become any
    size; so it is done here.

    Raises:
        BadBody: nothing of it can be used.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    unpack = _Unpacker(encoding, cap)
    assert isinstance(response.stream, AsyncIterable)
    received = 0
    parts: list[bytes] = []
    async for chunk in response.stream:
        received += len(chunk)
        parts.append(unpack.feed(chunk))
    if not head:
        _require_length(response, received)
    unpack.finish(empty=not received)
    return b"".join(parts)


def _require_length(response: httpx.Response, received: int) -> None:
    # The HTTP library checks this on a real wire; an answer from a recorder or injector comes as it is.
    told = response.headers.get("content-length")
    if told is not None and told.isdecimal() and int(told) != received and response.status_code not in (204, 304):
        raise BadBody(f"the answer was cut off after {received} of {told} bytes")


class _Unpacker:
    def __init__(self, encoding: str, cap: int) -> None:
        if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
            raise BadBody("the answer is packed in a way that was not asked for")
        self._packed = encoding not in ("identity", "")
        self._stream = zlib.decompressobj(_AUTOMATIC)
        self._left = cap
        self._cap = cap

    def feed(self, chunk: bytes) -> bytes:
        data = self._unpack(chunk) if self._packed else chunk
        self._left -= len(data)
        if self._left < 0:
            raise BadBody(f"the answer is larger than {self._cap} bytes")
        return data

    def finish(self, *, empty: bool) -> None:
        if self._packed and not empty and (not self._stream.eof or self._stream.unused_data):
            raise BadBody("the packed answer is not whole")

    def _unpack(self, chunk: bytes) -> bytes:
        try:
            # One byte more than allowed is enough to know; the rest of the bomb is never unpacked.
            return self._stream.decompress(chunk, self._left + 1)
        except zlib.error:
            raise BadBody("the packed answer cannot be read") from None
