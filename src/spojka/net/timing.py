"""An end for whatever trickles: the deadline of a request holds for every byte of it.

Time-outs of sockets start anew with each byte. A server that sends one byte of its headers every
twenty seconds never exceeds them, and would hold a thread for ever.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore2

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(at: float) -> Iterator[None]:
    """Have all that is read and written inside end by a time of :func:`time.monotonic`."""
    token = _deadline.set(at)
    try:
        yield
    finally:
        _deadline.reset(token)


class TimedStream(httpcore2.NetworkStream):
    """A connection on which no single wait outlasts the deadline of the request under way."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some bytes.

        Raises:
            ReadTimeout: none came in time.
        """
        left = _left(timeout)
        if left is not None and left <= 0:
            raise httpcore2.ReadTimeout("the answer does not end")
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all bytes.

        Raises:
            WriteTimeout: they were not taken in time.
        """
        left = _left(timeout)
        if left is not None and left <= 0:
            raise httpcore2.WriteTimeout("the request is not taken")
        self._stream.write(buffer, left)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Return the same connection with TLS above it."""
        return TimedStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection below says of itself."""
        return self._stream.get_extra_info(info)


def _left(timeout: float | None) -> float | None:
    at = _deadline.get()
    if at is None:
        return timeout
    left = at - time.monotonic()
    return left if timeout is None else min(left, timeout)
