"""What both halves of the certification share: words for what was found, and the account."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

from spojka.accounting.contract import Issued, Session, System, Totals
from spojka.accounting.samples import Samples
from spojka.core.dates import local_date
from spojka.core.document import Document, Kind
from spojka.core.outcome import OutcomeError, RejectedError, ThrottledError
from spojka.core.problem import Problem
from spojka.core.tax import UnknownRatesError

T = TypeVar("T")


class Verdict(StrEnum):
    """What was found out about one thing that a system does."""

    WORKS = "works"
    DIFFERS = "differs"
    """It was done, and the outcome is another than was predicted."""
    REFUSED = "refused"
    """The other side refused, with a reason that the catalogue explains."""
    FAILED = "failed"
    """It broke off, or for a reason that nothing explains."""
    UNTRIED = "untried"
    ABSENT = "absent"
    """The system does not say that it can."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One row of the report."""

    name: str
    """A capability, or ``verify``, ``load``, ``predict``, ``look_up_nothing``, ``look_up``,
    ``read``, ``clean_up``."""
    verdict: Verdict
    detail: str = ""
    """Numbers of documents, counts, their own words; free of secrets."""
    problems: tuple[Problem, ...] = ()
    seconds: float = 0.0


class Finding(NamedTuple):
    """What came of trying one thing; without a verdict, problems mean that it differs."""

    detail: str
    problems: tuple[Problem, ...] = ()
    verdict: Verdict | None = None


Prove = Callable[[], Finding]


class Judge(Protocol):
    """Compares both sides as the ledger does, without knowing it."""

    def predicted(self, totals: Totals, document: Document) -> Problem | None:
        """Return what the system would compute otherwise."""

    def issued(self, document: Document, issued: Issued) -> Sequence[Problem]:
        """Return what the system made otherwise."""


class UntriedError(Exception):
    """There was nothing to try it with; the text says why."""


def with_problem(code: str, number: str) -> Finding:
    """Return the finding that something is wrong with a document."""
    return Finding(number, (Problem.of(code, number=number),))


@dataclass(frozen=True, slots=True)
class Trial:
    """The account, and how it is tried.

    Args:
        system: The adapter.
        open_session: Opens a session for an attempt (0: the first).
        judge: How both sides are compared.
        email: The only address to which the system may send anything; empty: none.
        sleep: Waits; its argument is seconds.
        broke_off: Is told of exceptions that no adapter should raise.
    """

    system: System
    open_session: Callable[[int], AbstractContextManager[Session]]
    judge: Judge
    email: str = ""
    sleep: Callable[[float], None] = time.sleep
    broke_off: Callable[[Exception], None] = lambda _error: None

    def do(self, operation: Callable[[Session], T], attempt: int = 0) -> T:
        """Do one operation in a session of its own."""
        with self.open_session(attempt) as s:
            return operation(s)

    def proof(self, name: str, prove: Prove) -> Proof:
        """Try one thing; whatever is raised is a finding, too."""
        started = time.monotonic()
        try:
            found = prove()
        except UntriedError as why:
            found = Finding(str(why), verdict=Verdict.UNTRIED)
        except ThrottledError as error:  # a limit: it says nothing of what the system can do
            found = Finding(error.technical, (error.problem,), Verdict.UNTRIED)
        except RejectedError as error:
            found = Finding(error.technical, (error.problem,), Verdict.REFUSED)
        except OutcomeError as error:
            found = Finding(error.technical, (error.problem,), Verdict.FAILED)
        except Exception as error:
            # An adapter that breaks off is a finding. Its words may be secret.
            self.broke_off(error)
            found = Finding(type(error).__name__, verdict=Verdict.FAILED)
        verdict = found.verdict or (Verdict.DIFFERS if found.problems else Verdict.WORKS)
        seconds = round(time.monotonic() - started, 2)
        return Proof(name, verdict, found.detail, found.problems, seconds)

    def samples(self) -> Samples:
        """Return samples of the company.

        Raises:
            UntriedError: it is not known, or the VAT rates of its country are not.
        """
        with self.open_session(0) as s:
            if s.seller is None:
                raise UntriedError("the company is not known")
            samples = Samples.of(s.seller, local_date(s.now, ZoneInfo(s.time_zone)))
        try:
            _ = samples.rates
        except UnknownRatesError as error:
            raise UntriedError(str(error)) from error
        return samples

    def sample(self, kind: Kind = Kind.INVOICE) -> Document:
        """Return a small unpaid document of an order that nobody else has."""
        samples = self.samples()
        made = samples.invoice() if kind is Kind.INVOICE else samples.proforma()
        order = str(uuid.UUID(made.uuid).int)[:9]
        return replace(
            made,
            order_number=f"TEST-{order}",
            order_external_id=f"test-{order}",
            variable_symbol=order,
            customer=replace(made.customer, email=self.email),
        )
