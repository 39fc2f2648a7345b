"""The writing half of the certification: small test documents, made, compared, taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from spojka.accounting.certification_parts import (
    Finding,
    Prove,
    Trial,
    UntriedError,
    Verdict,
    with_problem,
)
from spojka.accounting.contract import Capability, Email, Issued, Payment, Session
from spojka.core.document import Document, Kind
from spojka.core.outcome import OutcomeError, RejectedError, ThrottledError, UncertainError
from spojka.core.problem import Problem

T = TypeVar("T")

LOOK_UPS = 4
PDF_TRIES = 8
LONGEST_WAIT = timedelta(seconds=30)


@dataclass
class _Made:
    """A document that exists there because of us."""

    document: Document
    issued: Issued
    payment: Payment | None = None
    gone: bool = False

    @property
    def key(self) -> str:
        return f"{self.document.uuid}:create"

    @property
    def payment_key(self) -> str:
        return f"{self.document.uuid}:pay:1"


class Writing:
    """What is proven by writing; :meth:`clean_up` comes last, whatever happened before."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._system = trial.system
        self._can = trial.system.descriptor.capabilities
        self._made: list[_Made] = []
        self._uncertain: list[str] = []

    @property
    def left_behind(self) -> list[str]:
        """Numbers of test documents that still exist there, and orders whose document may."""
        there = [one.issued.number for one in self._made if not one.gone]
        return [*there, *(f"? ({order})" for order in self._uncertain)]

    @property
    def _settle(self) -> float:
        """How long a request that was cut off may still be under way."""
        return float(self._system.descriptor.settle_seconds)

    def proofs(self) -> Mapping[str, Prove]:
        """Return what is tried, in this order, by its name in the report."""
        proofs: dict[str, Prove] = {
            "invoice": lambda: self._issue(self._trial.sample()),
            "look_up": self._look_up_made,
            "read": self._read,
            "pdf": self._pdf,
            "isdoc": self._isdoc,
            "pay": self._pay,
            "unpay": self._unpay,
            "email": self._email,
            "credit_note": self._credit_note,
            "proforma": self._proforma,
            "final": self._final,
            "tax_document": self._untried,
            "webhook": self._untried,
            "cancel": self._cancel,
            "delete": self._delete,
        }
        needs = {"look_up": Capability.INVOICE, "read": Capability.CHANGES}
        return {
            name: prove
            for name, prove in proofs.items()
            if needs.get(name, Capability._value2member_map_.get(name)) in self._can
        }

    def _issue(self, document: Document) -> Finding:
        """Issue a document that is predicted to be right; look it up where that is not certain."""
        with self._trial.open_session(0) as s:
            other = self._trial.judge.predicted(self._system.predict(s, document), document)
        if other is not None:
            return Finding("nothing was made: it would have been computed otherwise", (other,))
        key = f"{document.uuid}:create"
        note = ""
        try:
            issued = self._trial.do(lambda s: self._system.create(s, document, key))
        except UncertainError as error:
            found = self._found(document, key, settle=self._settle)
            if found is None:
                self._uncertain.append(document.order_number)
                raise
            issued, note = found, f", found after {error.problem.code}"
        self._made.append(_Made(document, issued))
        return Finding(f"{issued.number}{note}", tuple(self._trial.judge.issued(document, issued)))

    def _found(self, document: Document, key: str, *, settle: float) -> Issued | None:
        """Look a document up, again and again where the other side is slow to show it."""
        self._trial.sleep(settle)
        for _ in range(LOOK_UPS):
            found = self._trial.do(lambda s: self._system.look_up(s, document, key), 1)
            if found is not None:
                return found
            self._trial.sleep(5)
        return None

    def _look_up_made(self) -> Finding:
        made = self._invoice()
        found = self._found(made.document, made.key, settle=0)
        if found is None:
            return with_problem("SPJ-CERTIFY-LOST", made.issued.number)
        if found.external_id != made.issued.external_id:
            return with_problem("SPJ-CERTIFY-FOUND", found.number)
        return Finding(found.number)

    def _read(self) -> Finding:
        made = self._invoice()
        kind = made.document.kind
        read = self._trial.do(lambda s: self._system.read(s, made.issued.external_id, kind))
        if read is None:
            return with_problem("SPJ-CERTIFY-LOST", made.issued.number)
        return Finding(read.number, tuple(self._trial.judge.issued(made.document, read)))

    def _pdf(self) -> Finding:
        made = self._invoice()
        file = self._patiently(lambda s: self._system.pdf(s, made.document, made.issued))
        return Finding(f"{file.name}, {len(file.content)} bytes")

    def _isdoc(self) -> Finding:
        made = self._invoice()
        file = self._patiently(lambda s: self._system.isdoc(s, made.document, made.issued))
        return Finding(f"{file.name}, {len(file.content)} bytes")

    def _patiently(self, operation: Callable[[Session], T]) -> T:
        """Ask again while the other side says that it is not ready."""
        for _ in range(PDF_TRIES - 1):
            try:
                return self._trial.do(operation)
            except ThrottledError as error:
                self._trial.sleep(self._wait(error.until).total_seconds())
        return self._trial.do(operation)

    def _wait(self, until: datetime | None) -> timedelta:
        if until is None:
            return timedelta(seconds=2)
        with self._trial.open_session(0) as s:
            return min(max(until - s.now, timedelta(seconds=1)), LONGEST_WAIT)

    def _pay(self) -> Finding:
        made = self._invoice()
        self._pay_in_full(made)
        return Finding(made.issued.number)

    def _pay_in_full(self, made: _Made) -> Payment:
        document, total = made.document, made.document.total
        arguments: tuple[Any, ...] = (
            document, made.issued, made.payment_key, document.issued_on, total,
        )  # fmt: skip
        try:
            made.payment = self._trial.do(lambda s: self._system.pay(s, *arguments))
        except UncertainError:
            self._trial.sleep(self._settle)
            made.payment = self._trial.do(lambda s: self._system.find_payment(s, *arguments), 1)
            if made.payment is None:
                raise
        return made.payment

    def _unpay(self) -> Finding:
        made = self._invoice()
        if made.payment is None:
            raise UntriedError("nothing was paid")
        self._take_back(made)
        return Finding(made.issued.number)

    def _take_back(self, made: _Made) -> None:
        payment = made.payment
        if payment is not None:
            arguments = (made.document, made.issued, made.payment_key, payment.external_id)
            self._trial.do(lambda s: self._system.unpay(s, *arguments))
            made.payment = None

    def _email(self) -> Finding:
        if not self._trial.email:
            raise UntriedError("no address was given")
        made = self._invoice()
        message = Email(self._trial.email, language=made.document.language)
        key = f"{made.document.uuid}:email:1"
        self._trial.do(lambda s: self._system.email(s, made.document, made.issued, key, message))
        return Finding(self._trial.email)

    def _credit_note(self) -> Finding:
        invoice = self._invoice()
        issued = invoice.issued
        note = self._trial.samples().credit_note(
            invoice.document, issued.number, issued.external_id
        )
        return self._issue(note)

    def _proforma(self) -> Finding:
        return self._issue(self._trial.sample(Kind.PROFORMA))

    def _final(self) -> Finding:
        """Pay the proforma and settle it; the system may do so by itself."""
        proforma = next((one for one in self._made if one.document.kind is Kind.PROFORMA), None)
        if proforma is None or Capability.PAY not in self._can:
            raise UntriedError("there is no paid proforma")
        payment = self._pay_in_full(proforma)
        issued = proforma.issued
        final = self._trial.samples().final(proforma.document, issued.number, issued.external_id)
        for produced in payment.produced:
            self._made.append(_Made(final, produced))
            other = tuple(self._trial.judge.issued(final, produced))
            return Finding(f"{produced.number}, made by itself", other)
        return self._issue(final)

    def _untried(self) -> Finding:
        raise UntriedError("not a part of the certification")

    def _invoice(self) -> _Made:
        for made in self._made:
            if made.document.kind is Kind.INVOICE:
                return made
        raise UntriedError("there is no invoice")

    # taking back

    def _cancel(self) -> Finding:
        """Cancel a document that was made for it: the others may be deleted."""
        self._issue(self._trial.sample())
        made = self._latest()
        self._call_off(made)
        return Finding(made.issued.number)

    def _call_off(self, made: _Made) -> None:
        key = f"{made.document.uuid}:cancel"
        self._trial.do(lambda s: self._system.cancel(s, made.document, made.issued, key))
        made.gone = Capability.DELETE not in self._can

    def _latest(self) -> _Made:
        there = [one for one in self._made if not one.gone]
        if not there:
            raise UntriedError("there is no document")
        return there[-1]

    def _delete(self) -> Finding:
        made = self._latest()
        self._remove(made)
        return Finding(made.issued.number)

    def _remove(self, made: _Made) -> None:
        key = f"{made.document.uuid}:delete"

        def remove(s: Session) -> None:
            self._system.delete(s, made.document, made.issued, key)
            if s.reservations is not None:  # its number is free again
                s.reservations.give_back(made.key)

        self._trial.do(remove)
        made.gone = True

    def clean_up(self) -> Finding:
        """Take back what can be, what was made last first; what stays is told."""
        problems: list[Problem] = []
        for made in reversed(self._made):
            if not made.gone:
                try:
                    self._undo(made)
                except OutcomeError as error:
                    problems.append(error.problem)
        left = ", ".join(self.left_behind)
        told = f"left behind: {left}" if left else "nothing is left behind"
        return Finding(told, tuple(problems), Verdict.REFUSED if problems else Verdict.WORKS)

    def _undo(self, made: _Made) -> None:
        if made.payment is not None and Capability.UNPAY in self._can:
            self._take_back(made)
        if Capability.DELETE in self._can:
            try:
                self._remove(made)
                return
            except RejectedError:
                if Capability.CANCEL not in self._can:
                    raise
        if Capability.CANCEL in self._can:
            self._call_off(made)
