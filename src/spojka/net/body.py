"""Reading the body of an answer within bounds of size and time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable

# zlib's window bits: the largest window, with the gzip or zlib header detected.
_AUTO_HEADER = 32 + zlib.MAX_WBITS


class BodyError(Exception):
    """The body cannot be read to its end."""


class BodyTooLargeError(BodyError):
    """The body is larger than the limit, as sent or after decompression."""


class BodyTimeoutError(BodyError, TimeoutError):
    """The body did not arrive in time: it trickles."""


def read_body(chunks: Iterable[bytes], encoding: str, *, limit: int, deadline: float) -> bytes:
    """Join the raw chunks of a body and decompress it, never beyond ``limit`` bytes.

    ``deadline`` is a time of :func:`time.monotonic`.

    Raises:
        BodyTooLargeError: the body, packed or unpacked, is larger than ``limit``.
        BodyTimeoutError: the deadline passed.
        BodyError: the compression is unknown, broken or cut short.
    """
    raw = bytearray()
    for chunk in chunks:
        raw += chunk
        if len(raw) > limit:
            raise BodyTooLargeError(f"more than {limit} bytes")
        if time.monotonic() > deadline:
            raise BodyTimeoutError("the answer does not end")
    packing = encoding.strip().lower()
    if packing in ("", "identity") or not raw:
        return bytes(raw)
    if packing not in ("gzip", "x-gzip", "deflate"):
        raise BodyError(f"unknown compression {packing}")
    unpacker = zlib.decompressobj(_AUTO_HEADER)
    try:
        body = unpacker.decompress(bytes(raw), limit + 1)
    except zlib.error as error:
        raise BodyError(f"broken compression: {error}") from None
    if len(body) > limit:
        raise BodyTooLargeError(f"more than {limit} bytes when unpacked")
    if not unpacker.eof:
        raise BodyError("the compressed body is cut short")
    return body
