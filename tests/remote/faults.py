"""What goes wrong, and when: a plan that is the same for the same seed, whatever comes first.

The fate of a request depends on the seed, on what it is about and on how often that was tried, not
on the order in which requests arrive; so that a run with other timing meets the same faults.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """How a request goes wrong. *Before* and *after* are about the commit in the store."""

    NONE = "none"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    COMMIT_LATE = "commit_late"
    """The connection breaks first; what was asked for is done a moment later."""
    SILENCE_BEFORE = "silence_before"
    SILENCE_AFTER = "silence_after"
    THROTTLED = "throttled"
    THROTTLED_UNTIL = "throttled_until"
    """429 with ``Retry-After``."""
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    TRUNCATED = "truncated"
    HTML_BEFORE = "html_before"
    HTML_AFTER = "html_after"
    EMPTY_BEFORE = "empty_before"
    """Status 200 and an empty document, and nothing was done."""
    EMPTY_AFTER = "empty_after"
    STALE = "stale"
    """Done, no answer, and look-ups do not show it for a while."""


WRITES = tuple(fault for fault in Fault if fault is not Fault.NONE)
READS = (
    Fault.DROP_BEFORE,
    Fault.SILENCE_BEFORE,
    Fault.THROTTLED,
    Fault.ERROR_BEFORE,
    Fault.TRUNCATED,
    Fault.HTML_BEFORE,
)
COMMITTED = frozenset(
    {
        Fault.NONE,
        Fault.DROP_AFTER,
        Fault.COMMIT_LATE,
        Fault.SILENCE_AFTER,
        Fault.ERROR_AFTER,
        Fault.TRUNCATED,
        Fault.HTML_AFTER,
        Fault.EMPTY_AFTER,
        Fault.STALE,
    }
)
"""Faults under which a write is done all the same."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which requests go wrong. ``share`` of them do (0 to 1), the same for the same ``seed``."""

    seed: int = 0
    share: float = 0.0
    most: int = 3
    """The same thing goes wrong at most so often; then it works."""

    def fate(self, what: str, attempt: int, *, writes: bool) -> Fault:
        """Return what becomes of the ``attempt``-th request (from one) about ``what``."""
        if attempt > self.most:
            return Fault.NONE
        text = f"{self.seed}|{what}|{attempt}".encode()
        drawn = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
        chance, choice = (drawn >> 32) / 2**32, drawn & 0xFFFFFFFF
        if chance >= self.share:
            return Fault.NONE
        kinds = WRITES if writes else READS
        return kinds[choice % len(kinds)]
