"""Effects and what becomes of them.

An effect is one thing done to the outside world. Its life::

    planned -> sending -> confirmed
                       -> rejected (config | data | permanent)
                       -> throttled (until)
                       -> unavailable (until)
                       -> uncertain -> looking_up -> confirmed
                                                  -> absent -> planned

*unavailable* was refused before anything was sent; *uncertain* may have happened, so that it is
looked up before anything is sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from spojka.core.problem import Problem


class EffectKind(StrEnum):
    """What is done to the outside world."""

    CREATE = "create"
    PAY = "pay"
    UNPAY = "unpay"
    PDF = "pdf"
    EMAIL = "email"
    WRITE_BACK = "write_back"
    CANCEL = "cancel"
    DELETE = "delete"


class EffectState(StrEnum):
    """Where an effect is in its life."""

    PLANNED = "planned"
    SENDING = "sending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    UNCERTAIN = "uncertain"
    LOOKING_UP = "looking_up"
    ABSENT = "absent"
    SKIPPED = "skipped"


class Rejection(StrEnum):
    """Who has to mend a rejected effect."""

    CONFIG = "config"
    """The connection: credentials, plan, rights, series. Pauses the connection."""
    DATA = "data"
    """This document: an address, a rate, a date. Holds the document."""
    PERMANENT = "permanent"
    """It can never be done (for example: already deleted on the other side)."""


class OutcomeError(Exception):
    """Base of everything an adapter raises; carries the catalogue problem and the peer's own words.

    ``technical`` must already be free of secrets: it is stored and shown.
    """

    state: EffectState = EffectState.REJECTED

    def __init__(self, problem: Problem, technical: str = "") -> None:
        super().__init__(f"{problem.code}: {technical}" if technical else problem.code)
        self.problem = problem
        self.technical = technical


class RejectedError(OutcomeError):
    """The other side refused for good; resending the same would be refused again."""

    state = EffectState.REJECTED

    def __init__(self, problem: Problem, rejection: Rejection, technical: str = "") -> None:
        super().__init__(problem, technical)
        self.rejection = rejection


class ThrottledError(OutcomeError):
    """Refused because of a limit; nothing was done; may be resent from ``until`` (aware) on."""

    state = EffectState.THROTTLED

    def __init__(
        self, problem: Problem, until: datetime | None = None, technical: str = ""
    ) -> None:
        super().__init__(problem, technical)
        self.until = until


class UnavailableError(OutcomeError):
    """Nothing was sent (name, connection or TLS failed); it may be resent."""

    state = EffectState.UNAVAILABLE


class UncertainError(OutcomeError):
    """Something was sent and the outcome is not known; it must be looked up before resending."""

    state = EffectState.UNCERTAIN


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again after *unavailable* or *throttled* without a stated time."""

    first: timedelta = timedelta(seconds=10)
    factor: int = 3
    longest: timedelta = timedelta(minutes=10)
    """So that all is done within a quarter of an hour after the other side is well again."""

    def delay(self, attempt: int) -> timedelta:
        """Return the wait after the ``attempt``-th failure, counted from one."""
        seconds = self.first.total_seconds() * self.factor ** min(max(attempt - 1, 0), 12)
        return min(timedelta(seconds=seconds), self.longest)
