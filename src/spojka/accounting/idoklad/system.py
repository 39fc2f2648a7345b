"""iDoklad as an accounting system."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from spojka.accounting.contract import (
    Delivery,
    Email,
    File,
    Issued,
    LoadedData,
    Payment,
    PlannedRequest,
    Session,
    Totals,
    WebhookHint,
)
from spojka.accounting.idoklad import (
    checks,
    client,
    customers,
    issuing,
    loading,
    mapping,
    prediction,
    reading,
    webhooks,
)
from spojka.accounting.idoklad.client import Api, equals, is_gone
from spojka.accounting.idoklad.codes import REPORT_LANGUAGES, RESOURCES
from spojka.accounting.idoklad.facts import Facts, needed
from spojka.accounting.idoklad.form import DESCRIPTOR
from spojka.accounting.simulator import written
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

_PAYMENTS = "IssuedDocumentPayments"
_TO_BE_GIVEN = "…"
"""Stands for what is known only when it is sent: the number, the customer's id."""


class Idoklad:
    """Issues documents in an agenda of iDoklad."""

    descriptor = DESCRIPTOR

    def verify(self, s: Session) -> Iterable[Check]:
        """Check the connection; see :mod:`spojka.accounting.idoklad.checks`."""
        return checks.verify(s)

    def load(self, s: Session) -> LoadedData:
        """Read the agenda, its lists and its contacts."""
        return loading.load(Api(s), s)

    def predict(self, s: Session, d: Document) -> Totals:
        """Compute what iDoklad will make of the payload.

        Raises:
            RejectedError: something in the document cannot be said to iDoklad.
        """
        facts = Facts.of(s.loaded)
        mapping.document(s, d, "", facts)
        return prediction.totals(d, mapping.pictured(s, d, facts), facts)

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        """Show the contact and the document as they would be sent for a new customer."""
        api, facts = Api(s), Facts.of(s.loaded)
        body = {
            **mapping.document(s, d, key, facts),
            "PartnerId": _TO_BE_GIVEN,
            "NumericSequenceId": issuing.series_of(s, d, facts) or _TO_BE_GIVEN,
            "DocumentSerialNumber": _TO_BE_GIVEN,
        }
        sent = (
            (customers.PATH, customers.contact(d, facts)),
            (mapping.resource(d.kind).path, body),
        )
        headers = {"Authorization": "Bearer ***", "Content-Type": "application/json"}
        return [
            PlannedRequest("POST", f"{api.base}/{path}", headers, written(content))
            for path, content in sent
        ]

    def create(self, s: Session, d: Document, key: str) -> Issued:
        """Make the document under its reserved number."""
        return issuing.create(Api(s), s, d, key, Facts.of(s.loaded))

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        """Find the document by the key in its description, and by its reserved number."""
        return issuing.find(Api(s), s, d, key, Facts.of(s.loaded))

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        """Record a payment. iDoklad makes no final invoice by itself when a proforma is paid."""
        option = mapping.option_of(s, d, Facts.of(s.loaded))
        body = {
            "InvoiceId": int(issued.external_id),
            "PaymentAmount": abs(amount),
            "PaymentOptionId": needed(option.id if option else None),
            "DateOfPayment": paid_on.isoformat(),
            "SendPaymentConfirmation": False,
            "CreateIssuedTaxDocument": False,
        }
        data = Api(s).made("pay", "POST", _PAYMENTS, body)
        return Payment(str(data["Id"]), paid_on, amount)

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        """Find a payment of the document by its day and amount: there is nowhere to keep a key."""
        filter_ = equals("InvoiceId", int(issued.external_id))
        for data in Api(s).pages("find_payment", _PAYMENTS, filter=filter_):
            found = reading.payment(data)
            if found is not None and (found.paid_on, found.amount) == (paid_on, abs(amount)):
                return replace(found, amount=amount)
        return None

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        """Delete the payment, or all of them where it was recorded in creating the document."""
        api = Api(s)
        try:
            if payment_id:
                api.write("unpay", "DELETE", f"{_PAYMENTS}/{int(payment_id)}")
            else:
                api.write("unpay", "PUT", f"{_PAYMENTS}/FullyUnpay/{int(issued.external_id)}")
        except RejectedError as error:
            if not is_gone(error):
                raise

    def email(self, s: Session, d: Document, issued: Issued, key: str, message: Email) -> None:
        """Have iDoklad send the document, to its customer or to another address.

        Raises:
            RejectedError: among others, where iDoklad says that it was not sent.
        """
        to_customer = message.to.strip().lower() == d.customer.email.strip().lower()
        body: dict[str, object] = {
            "DocumentId": int(issued.external_id),
            "SendToPartner": to_customer,
            "SendToSelf": False,
            "SendToAccountant": False,
            "OtherRecipients": [] if to_customer else [message.to.strip()],
        }
        if message.subject:
            body["EmailSubject"] = message.subject
        if message.body:
            body["EmailBody"] = message.body
        if message.language in REPORT_LANGUAGES:
            body["ReportLanguage"] = REPORT_LANGUAGES[message.language]
        api = Api(s)
        path = f"Mails/{mapping.resource(d.kind).report}/Send"
        data = api.write("email", "POST", path, body)
        sent, not_sent = _addresses(data, "Sent"), _addresses(data, "NotSent")
        if sent and not not_sent:
            return
        if not sent and not not_sent:
            problem = Problem.of("SPJ-IDOKLAD-UNREADABLE")
            raise UncertainError(problem)
        problem = Problem.of("SPJ-IDOKLAD-EMAIL-NOT-SENT", address=", ".join(not_sent))
        raise RejectedError(problem, Rejection.DATA)

    def find_email(
        self, s: Session, d: Document, issued: Issued, key: str, message: Email
    ) -> bool | None:
        """Tell it by the document's mark *sent to the customer*; other addresses leave none."""
        found = self.read(s, issued.external_id, d.kind)
        if found is None or message.to.strip().lower() != d.customer.email.strip().lower():
            return None
        return found.sent

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        """Return the PDF, which comes as base64 inside of the answer.

        Raises:
            UnavailableError: among others, where what came is no PDF.
        """
        place = mapping.resource(d.kind)
        params = {"compressed": "false"}
        if d.language in REPORT_LANGUAGES:
            params["language"] = str(REPORT_LANGUAGES[d.language])
        path = f"Reports/{place.report}/{int(issued.external_id)}/Pdf"
        data = Api(s).get("pdf", path, **params)
        try:
            content = b64decode(data, validate=True) if isinstance(data, str) else b""
        except binascii.Error:
            content = b""
        if not content.startswith(b"%PDF-"):
            raise UnavailableError(Problem.of("SPJ-IDOKLAD-NO-PDF"))
        return File(f"{issued.number or issued.external_id}.pdf", "application/pdf", content)

    def delete(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Delete the document; its number is free again, for us as well."""
        path = mapping.resource(d.kind).path
        try:
            Api(s).write("delete", "DELETE", f"{path}/{int(issued.external_id)}")
        except RejectedError as error:
            if not is_gone(error):
                raise
        if s.reservations is not None:
            s.reservations.give_back(f"{d.uuid}:create")

    def read(self, s: Session, external_id: str, kind: Kind) -> Issued | None:
        """Read one document; ``None``: it was deleted."""
        path = mapping.resource(kind).path
        try:
            data = Api(s).record("read", f"{path}/{int(external_id)}")
        except OutcomeError as error:
            if is_gone(error):
                return None
            raise
        return reading.issued(data, kind, Facts.of(s.loaded))

    def changes(self, s: Session, since: datetime | None) -> Iterable[Issued]:
        """Yield changed documents of each kind, the earliest change first."""
        api, facts = Api(s), Facts.of(s.loaded)
        for kind, place in RESOURCES.items():
            changed = client.since("DateLastChange", since) if since is not None else ""
            order = "DateLastChange~Asc"
            for data in api.pages("changes", place.path, sort=order, filter=changed):
                yield reading.issued(data, kind, facts)

    def read_webhook(self, s: Session, delivery: Delivery) -> list[WebhookHint]:
        """Verify a delivery and say which documents it hints at."""
        return webhooks.read(s, delivery)

    def register_webhook(self, s: Session) -> None:
        """Switch the webhook on for all events of documents."""
        webhooks.register(Api(s), s)


def _addresses(data: object, name: str) -> list[str]:
    found = data.get(name) if isinstance(data, dict) else None
    return [str(one) for one in found] if isinstance(found, list) else []


SYSTEM = Idoklad()
