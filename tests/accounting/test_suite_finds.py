"""The contract suite finds what is planted: each bug fails the test that is there for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from spojka.accounting.contract import (
    Capability,
    Delivery,
    Email,
    File,
    Issued,
    Payment,
    PlannedRequest,
    Recovery,
    Session,
    Totals,
    WebhookHint,
)
from spojka.accounting.simulator import Fault
from spojka.accounting.testing import SystemContract
from spojka.accounting.testing.operations import OPERATIONS
from spojka.core.descriptor import Check
from spojka.core.document import Document, Kind
from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    UnavailableError,
    UncertainError,
)
from spojka.core.problem import Problem
from spojka.net.client import Response
from tests.accounting.denik.client import Client
from tests.accounting.denik.simulator import DenikSimulator
from tests.accounting.denik.system import Denik

pytestmark = pytest.mark.usefixtures("denik")


class ResendsBlindly(Denik):
    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        return None


class PaysTwice(Denik):
    def find_payment(self, *_args: Any) -> Payment | None:
        return None


class WritesTwice(Denik):
    def find_email(self, *_args: Any) -> bool | None:
        return False


class SaysItWasSent(Denik):
    def email(self, s: Session, d: Document, issued: Issued, key: str, message: Email) -> None:
        try:
            super().email(s, d, issued, key, message)
        except UncertainError:
            return


class TakesPaymentsBackNever(Denik):
    def unpay(self, *_args: Any) -> None:
        return


class TakesAnothers(Denik):
    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        same = [one for one in self._listed(s) if one.order_number == d.order_number]
        return next(iter(same), None)


class SettlesWithoutLooking(Denik):
    def create(self, s: Session, d: Document, key: str) -> Issued:
        try:
            return super().create(s, d, key)
        except UncertainError:
            return super().create(s, d, key)


class BelievesAnything(Denik):
    class Client(Client):
        def read(
            self, s: Session, response: Response, operation: str, wanted: str, *, write: bool
        ) -> Any:
            try:
                return super().read(s, response, operation, wanted, write=write)
            except UncertainError:
                if operation == "create":
                    return BLANK
                raise


BLANK = {
    "id": "", "number": "", "kind": "invoice", "total": "0", "currency": "CZK", "payments": [],
    "emails": [], "rows": [], "key": "", "order": "", "customer": "", "made_from": "",
    "cancelled": False, "changed": "2026-01-01T00:00:00+00:00",
}  # fmt: skip


class TakesErrorsForNothingDone(Denik):
    class Client(Client):
        def outcome(
            self, s: Session, response: Response, operation: str, *, write: bool
        ) -> OutcomeError:
            error = super().outcome(s, response, operation, write=write)
            if response.status >= 500:
                return UnavailableError(error.problem, error.technical)
            return error


class GivesUpOnLimits(Denik):
    class Client(Client):
        def outcome(
            self, s: Session, response: Response, operation: str, *, write: bool
        ) -> OutcomeError:
            error = super().outcome(s, response, operation, write=write)
            if response.status == 429:
                return RejectedError(error.problem, Rejection.DATA, error.technical)
            return error


class BlamesTheOrder(Denik):
    class Client(Client):
        def send(self, s: Session, method: str, path: str, body: Any = None) -> Response:
            token = self.token(s)
            headers = {"Authorization": f"Bearer {token}"}
            response = s.client.request(method, self.at(s, path), headers=headers, json=body)
            if response.status == 401 and s.tokens:
                s.tokens.forget(token)
            return response

        def outcome(
            self, s: Session, response: Response, operation: str, *, write: bool
        ) -> OutcomeError:
            error = super().outcome(s, response, operation, write=write)
            if response.status == 401:
                return RejectedError(error.problem, Rejection.DATA, error.technical)
            return error


class TellsTheToken(Denik):
    class Client(Client):
        def outcome(
            self, s: Session, response: Response, operation: str, *, write: bool
        ) -> OutcomeError:
            error = super().outcome(s, response, operation, write=write)
            error.technical = f"Bearer {self.token(s)}"
            return error


class PutsTheTokenIntoAddresses(Denik):
    """And keeps it from being masked, as a client of its own would."""

    class Client(Client):
        def at(self, s: Session, path: str) -> str:
            if path == "/token" or s.tokens is None:
                return super().at(s, path)
            token = s.tokens.get()
            s.client._secrets = frozenset()
            return f"{super().at(s, path)}?token={token}"


class KnowsNoWords(Denik):
    class Client(Client):
        def outcome(
            self, s: Session, response: Response, operation: str, *, write: bool
        ) -> OutcomeError:
            error = super().outcome(s, response, operation, write=write)
            error.problem = Problem.of("SPJ-UNMAPPED", technical=error.technical)
            return error


class ShowsRawWords(Denik):
    class Client(Client):
        def outcome(
            self, s: Session, response: Response, operation: str, *, write: bool
        ) -> OutcomeError:
            error = super().outcome(s, response, operation, write=write)
            error.problem = Problem.of("SPJ-DENIK-REFUSED", said=response.text)
            return error


class RaisesInTheChecklist(Denik):
    def verify(self, s: Session) -> Iterator[Check]:
        self.client.ask(s, "GET", "/company", "login", "company_id")
        yield from super().verify(s)


class IsAlwaysWell(Denik):
    def verify(self, s: Session) -> Iterator[Check]:
        for row in super().verify(s):
            yield Check(row.key, row.label, type(row.status).OK, row.detail)


class CannotReadPdfs(Denik):
    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        response = self.client.send(s, "GET", f"/documents/{issued.external_id}/pdf")
        return File("x.pdf", "application/pdf", response.body)


class PredictsWhatWeWant(Denik):
    def predict(self, s: Session, d: Document) -> Totals:
        return Totals(d.total, d.vat)


class ShowsTheSecret(Denik):
    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        (planned,) = super().requests(s, d, key)
        return [replace(planned, headers={"X-Key": s.credentials["secret"]})]


class ShowsAnotherAddress(Denik):
    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        (planned,) = super().requests(s, d, key)
        return [replace(planned, url=planned.url.replace("/documents", "/invoices"))]


class ShowsAnotherBody(Denik):
    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        return super().requests(s, replace(d, currency="EUR"), key)


class ChargesVatForNonPayers(Denik):
    def create(self, s: Session, d: Document, key: str) -> Issued:
        lines = tuple(replace(line, rate=Decimal(21)) for line in d.lines)
        return super().create(s, replace(d, lines=lines), key)


class BelievesAnybody(Denik):
    descriptor = replace(
        Denik.descriptor, capabilities=Denik.descriptor.capabilities | {Capability.WEBHOOK}
    )

    def read_webhook(self, s: Session, delivery: Delivery) -> list[WebhookHint]:
        return [WebhookHint("")]


class SeesNoChanges(Denik):
    def changes(self, s: Session, since: datetime | None) -> Iterator[Issued]:
        return iter(())


class ReadsWithoutLines(Denik):
    def read(self, s: Session, external_id: str, kind: Kind) -> Issued | None:
        found = super().read(s, external_id, kind)
        return replace(found, lines=None) if found else None


class FindsWhatNeverWas(Denik):
    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        return super().look_up(s, d, key) or Issued("1", "D00001")


class CancelsOnce(Denik):
    def delete(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        self.client.ask(s, "DELETE", f"/documents/{issued.external_id}", "delete", "id")


class AsksTooMuch(Denik):
    def create(self, s: Session, d: Document, key: str) -> Issued:
        self._listed(s)
        return super().create(s, d, key)


class DeclaresMore(Denik):
    descriptor = replace(
        Denik.descriptor, capabilities=Denik.descriptor.capabilities | {Capability.WEBHOOK}
    )


class DeclaresLess(Denik):
    descriptor = replace(
        Denik.descriptor,
        capabilities=Denik.descriptor.capabilities - {Capability.CREDIT_NOTE, Capability.EMAIL},
        recovery=Recovery.SEARCH,
    )


class SpeaksNoSlovak(Denik):
    descriptor = replace(Denik.descriptor, summary={"en": "A toy.", "cs": "Hračka."})


def of(name: str) -> Any:
    return next(named for named in OPERATIONS if named.name == name)


def suite_of(system: type[Denik]) -> SystemContract:
    made = system()
    if "Client" in vars(system):
        made.client = vars(system)["Client"](made.client.errors)
    attributes = {
        "system": made,
        "simulator": DenikSimulator,
        "calls": {"invoice": 1},
        "non_payer": {"vat_mode": "non_payer"},
        "broken": {"plan": {"plan": "free"}, "right": {"right": False}},
    }
    suite: SystemContract = type("Suite", (SystemContract,), attributes)()
    return suite


def under(operation: str, *faults: Fault) -> Callable[[SystemContract], None]:
    def run(suite: SystemContract) -> None:
        for fault in faults:
            suite.test_every_fault_of_every_operation(of(operation), fault)

    return run


S = SystemContract
Run = Callable[[SystemContract], None]
PLANTED: Iterable[tuple[type[Denik], Run, str]] = [
    (ResendsBlindly, under("invoice", Fault.RESET_AFTER), "2 documents"),
    (ResendsBlindly, under("credit_note", Fault.TRUNCATED), "2 documents"),
    (ResendsBlindly, under("proforma", Fault.EMPTY_SUCCESS), "2 documents"),
    (SettlesWithoutLooking, under("invoice", Fault.ERROR_AFTER), "2 documents"),
    (PaysTwice, under("pay", Fault.RESET_AFTER), "is paid"),
    (WritesTwice, under("email", Fault.RESET_AFTER), "2 e-mails"),
    (SaysItWasSent, under("email", Fault.RESET_BEFORE), "0 e-mails"),
    (TakesPaymentsBackNever, under("pay", Fault.LIMIT), "still paid"),
    (TakesAnothers, S.test_what_was_never_made_is_not_found, "another's was taken"),
    (FindsWhatNeverWas, S.test_what_was_never_made_is_not_found, "."),
    (BelievesAnything, under("invoice", Fault.EMPTY_SUCCESS), "was reported"),
    (TakesErrorsForNothingDone, under("invoice", Fault.ERROR_AFTER), "."),
    (GivesUpOnLimits, under("invoice", Fault.LIMIT), "ThrottledError is right"),
    (BlamesTheOrder, under("invoice", Fault.UNAUTHORIZED), "a lost login"),
    (TellsTheToken, under("invoice", Fault.ERROR_BEFORE), "a secret stands in"),
    (PutsTheTokenIntoAddresses, under("invoice", Fault.LIMIT), "a secret stands in a recording"),
    (KnowsNoWords, under("invoice", Fault.ERROR_IN_SUCCESS), "no code of its own"),
    (ShowsRawWords, under("invoice", Fault.ERROR_IN_SUCCESS), "shows raw words"),
    (RaisesInTheChecklist, under("verify", Fault.RESET_BEFORE), "a checklist raised"),
    (IsAlwaysWell, under("verify", Fault.REFUSED), "no row fails"),
    (IsAlwaysWell, under("verify", Fault.LIMIT), "every row is well"),
    (IsAlwaysWell, S.test_each_broken_account_is_told_by_a_code_of_its_own, "passes"),
    (IsAlwaysWell, S.test_a_wrong_secret_is_refused_by_name, "."),
    (CannotReadPdfs, under("pdf", Fault.MAINTENANCE), "there is no PDF"),
    (PredictsWhatWeWant, S.test_what_is_predicted_is_what_is_made, "."),
    (ShowsTheSecret, S.test_what_is_shown_beforehand_is_what_is_sent, "a secret is shown"),
    (ShowsAnotherAddress, S.test_what_is_shown_beforehand_is_what_is_sent, "."),
    (ShowsAnotherBody, S.test_what_is_shown_beforehand_is_what_is_sent, "shown and sent"),
    (ChargesVatForNonPayers, S.test_a_non_payers_document_has_no_vat, "."),
    (BelievesAnybody, S.test_a_delivery_of_anybody_is_not_believed, "."),
    (SeesNoChanges, S.test_changes_tell_what_happened_there, "."),
    (ReadsWithoutLines, S.test_changes_tell_what_happened_there, "."),
    (AsksTooMuch, S.test_it_takes_the_calls_that_it_says, "."),
    (DeclaresMore, S.test_it_has_what_it_declares_and_nothing_else, "read_webhook"),
    (DeclaresLess, S.test_it_has_what_it_declares_and_nothing_else, "email"),
    (DeclaresLess, under("credit_note", Fault.LIMIT), "."),
    (SpeaksNoSlovak, S.test_its_form_explains_itself_in_three_languages, "."),
]


@pytest.mark.parametrize(
    ("system", "run", "says"),
    PLANTED,
    ids=[f"{one[0].__name__}-{n}" for n, one in enumerate(PLANTED)],
)
def test_a_planted_bug_is_found(system: type[Denik], run: Run, says: str) -> None:
    with pytest.raises((AssertionError, OutcomeError, pytest.fail.Exception), match=says):
        run(suite_of(system))


def test_nothing_is_found_where_nothing_is_planted() -> None:
    suite = suite_of(Denik)
    for _, run, _ in PLANTED:
        if run is not S.test_it_takes_the_calls_that_it_says:
            run(suite)
