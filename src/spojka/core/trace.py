"""The trace: one id from what came in to everything that was done because of it.

It is given when something arrives (or taken from the caller's header), stored with the event and
the order's version, and stands in every log line, recorded request and row of the life line that
follows from it. Work in one context (a thread, a request) has one trace at a time.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LENGTH = 32
"""Hexadecimal digits of a trace, as in the W3C recommendation *Trace Context*."""

_current: ContextVar[str] = ContextVar("spojka_trace", default="")
_ON_ERROR = "spojka_trace"
_ID = re.compile(r"[0-9a-f]{32}\Z")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?\Z")


def new() -> str:
    """Return a new trace."""
    return secrets.token_hex(LENGTH // 2)


def current() -> str:
    """Return the trace of what is being done now; empty where nothing began one."""
    return _current.get()


@contextmanager
def bound(trace: str) -> Iterator[str]:
    """Do something under a trace; an empty one changes nothing.

    An error that leaves it takes the trace along, for whoever logs it: see :func:`of`.
    """
    if not trace:
        yield current()
        return
    token = _current.set(trace)
    try:
        yield trace
    except BaseException as error:
        error.__dict__.setdefault(_ON_ERROR, trace)
        raise
    finally:
        _current.reset(token)


def of(error: BaseException) -> str:
    """Return the trace under which an error arose; empty where there was none."""
    return str(error.__dict__.get(_ON_ERROR, ""))


def from_header(traceparent: str) -> str:
    """Return the trace that a ``traceparent`` header names, or an empty string.

    Anything else than the form of the recommendation is left alone: what a stranger sends must not
    stand in our log.
    """
    found = _TRACEPARENT.match(traceparent.strip().lower())
    trace = found.group(1) if found else ""
    return trace if _ID.match(trace) and trace.strip("0") else ""
