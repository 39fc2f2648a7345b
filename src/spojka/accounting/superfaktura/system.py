"""SuperFaktura as an accounting system."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from spojka.accounting.contract import (
    Choice,
    Delivery,
    Email,
    File,
    Issued,
    LoadedData,
    Payment,
    PlannedRequest,
    Session,
    Totals,
    WebhookError,
    WebhookHint,
)
from spojka.accounting.superfaktura import lists, mapping
from spojka.accounting.superfaktura.checks import Checklist
from spojka.accounting.superfaktura.client import Api, base_of, encoded
from spojka.accounting.superfaktura.descriptor import DESCRIPTOR
from spojka.accounting.superfaktura.reading import (
    ZONE,
    Json,
    amount,
    day,
    is_record,
    key_of,
    moment,
    part,
    payments,
    produced_ids,
    proformas_of,
    rows,
    text,
)
from spojka.accounting.superfaktura.reading import (
    issued as read_record,
)
from spojka.core.descriptor import Check
from spojka.core.document import Document, Kind
from spojka.core.outcome import OutcomeError, RejectedError, Rejection, UncertainError
from spojka.core.problem import Problem
from spojka.net.redaction import MASK, redact

GONE = "SPJ-SUPERFAKTURA-GONE"
_PAID = "SPJ-SUPERFAKTURA-PAID"
_PAYMENT_GONE = "SPJ-SUPERFAKTURA-PAYMENT-GONE"
_NOT_CANCELLED = "SPJ-SUPERFAKTURA-NOT-CANCELLED"
_TYPES = "|".join(mapping.TYPES.values())
_TOKEN = re.compile(r"/token:([0-9A-Za-z]+)")
_PLAIN = re.compile(r"[\w.\-]+", re.ASCII)
_RECENT = timedelta(days=1)
_THIS_HOUR = timedelta(minutes=50)
_LAST_HOUR_FILTER, _SINCE_FILTER = 11, 3


class SuperFaktura:
    """Issues documents in SuperFaktura."""

    descriptor = DESCRIPTOR

    # the connection

    def verify(self, s: Session) -> Iterable[Check]:
        """Check the connection row by row; five reads, and one question that changes nothing."""
        return Checklist(s).rows()

    def accounts(self, s: Session) -> list[Choice]:
        """Return the companies of the login, to choose one."""
        found = lists.companies(Api(s))
        return [
            Choice(id=id_, name=text(company.get("company_name")), detail=text(company.get("ico")))
            for id_, company in found.items()
        ]

    def load(self, s: Session) -> LoadedData:
        """Read series, bank accounts, VAT mode and tags; contacts are made with documents."""
        api = Api(s)
        companies = lists.companies(api)
        chosen = s.credentials.get("company_id", "").strip()
        company = companies.get(chosen) or next(iter(companies.values()), {})
        return LoadedData(
            series=lists.series(api),
            bank_accounts=lists.bank_accounts(api),
            payment_methods=tuple(Choice(id=id_, name=name) for id_, name in lists.PAYMENTS),
            vat_mode=lists.vat_mode(company),
            currencies=lists.CURRENCIES,
            facts={"tags": lists.tags(api)},
        )

    # documents

    def predict(self, s: Session, d: Document) -> Totals:
        """Compute what SuperFaktura will compute from our payload."""
        return mapping.predicted(d, mapping.payload(s, d, ""))

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        """Show what ``create`` would send."""
        secrets = [s.webhook_secret, s.credentials.get("api_key", "")]
        body = redact(f"data={encoded(mapping.payload(s, d, key))}", secrets)
        headers = {
            "Authorization": MASK,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return [PlannedRequest("POST", f"{base_of(s)}/invoices/create", headers, body)]

    def create(self, s: Session, d: Document, key: str) -> Issued:
        """Make the document. A final invoice that was made by itself is returned instead."""
        api = Api(s)
        body = mapping.payload(s, d, key)
        if d.kind is Kind.INVOICE and d.deductions and d.deductions[0].external_id:
            made = self._produced(api, d.deductions[0].external_id)
            for one in made:
                # One that we made for the order before was corrected, and is issued anew.
                if one.key in ("", key):
                    return one
        record = part(api.post("create", "/invoices/create", body), "data")
        if not is_record(record):
            raise _no_document(api)
        return read_record(record, api.base)

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        """Ask for the answer that was lost, then for documents of the order that carry our key."""
        api = Api(s)
        record = _innermost(api.kept(mapping.checksum(key)))
        if is_record(record):
            return read_record(record, api.base)
        filters: dict[str, object] = {"type": mapping.TYPES[d.kind]}
        if _PLAIN.fullmatch(d.order_number):
            filters["order_no"] = d.order_number
        else:  # a slash cannot be sent in a path; the day is narrow enough
            on = d.issued_on.isoformat()
            filters |= {"created": _SINCE_FILTER, "created_since": on, "created_to": on}
        found = (row for row in lists.documents(api, "search", **filters) if key_of(row) == key)
        return next((read_record(row, api.base) for row in found if is_record(row)), None)

    def read(self, s: Session, external_id: str, kind: Kind) -> Issued | None:
        """Read one document as it is now."""
        api = Api(s)
        record = self._record(api, external_id)
        return None if record is None else read_record(record, api.base)

    def changes(self, s: Session, since: datetime | None) -> Iterator[Issued]:
        """Yield documents changed since a time. Rows of the list are whole documents."""
        api = Api(s)
        filters: dict[str, object] = {"type": _TYPES}
        if since is not None and s.now - since < _THIS_HOUR:
            filters["modified"] = _LAST_HOUR_FILTER
        elif since is not None:
            today = s.now.astimezone(ZONE).date()
            filters |= {
                "modified": _SINCE_FILTER,
                "modified_since": since.astimezone(ZONE).date().isoformat(),
                "modified_to": (today + timedelta(days=1)).isoformat(),
            }
        for row in lists.documents(api, "list", **filters):
            found = read_record(row, api.base)
            if since is None or found.changed_at is None or found.changed_at >= since:
                yield found

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Mark an invoice or a proforma as one that will not be paid."""
        api = Api(s)
        path = f"/invoices/will_not_be_paid/{issued.external_id}"
        try:
            api.get("cancel", path, write=True)
        except RejectedError as error:
            if error.problem.code == GONE:
                return
            if error.problem.code != _NOT_CANCELLED or d.kind is Kind.CREDIT_NOTE:
                raise
            # Only what is marked already, or paid, cannot be marked.
            record = self._record(api, issued.external_id)
            if record is not None and payments(record):
                raise

    def delete(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Delete the document, and look whether it is gone: locked ones are said to be, too."""
        api = Api(s)
        try:
            api.get("delete", f"/invoices/delete/{issued.external_id}", write=True)
        except RejectedError as error:
            if error.problem.code != GONE:
                raise
            return
        if self._record(api, issued.external_id) is not None:
            problem = Problem.of("SPJ-SUPERFAKTURA-LOCKED", host=api.host, number=issued.number)
            raise RejectedError(problem, Rejection.PERMANENT)

    # payments

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        """Record a payment; of a proforma, tell the invoice that SuperFaktura then made itself."""
        api = Api(s)
        payment = {
            "invoice_id": mapping.number(issued.external_id),
            "payment_type": mapping.payment_type(d) or "transfer",
            "amount": amount,
            "currency": d.currency,
            # The documentation's table says "date", its example "created".
            "created": paid_on.isoformat(),
            "date": paid_on.isoformat(),
        }
        path = "/invoice_payments/add/ajax:1/api:1"
        try:
            answer = api.post("pay", path, {"InvoicePayment": payment})
        except RejectedError as error:
            if error.problem.code != _PAID:
                raise
            paid = self.find_payment(s, d, issued, key, paid_on, amount)
            if paid is None:
                raise
            return paid
        payment_id = text(answer.get("payment_id")) if isinstance(answer, Mapping) else ""
        if not payment_id:
            raise _no_document(api)
        produced = self._produced_now(api, issued) if d.kind is Kind.PROFORMA else ()
        return Payment(payment_id, paid_on, amount, produced)

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        """Find the payment of this amount and day."""
        record = self._record(Api(s), issued.external_id)
        found = _payment_of(record or {}, paid_on, amount)
        return None if found is None else Payment(text(found.get("id")), paid_on, amount)

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        """Delete a payment; one that we recorded in creating is found by its amount and day.

        Raises:
            RejectedError: none of ours is there, and it is not known which of several is meant.
        """
        api = Api(s)
        if not payment_id:
            made = _made_or_only(self._record(api, issued.external_id) or {}, d)
            if made is None:
                return
            payment_id = text(made.get("id"))
        try:
            api.get("unpay", f"/invoice_payments/delete/{payment_id}", write=True)
        except RejectedError as error:
            if error.problem.code != _PAYMENT_GONE:
                raise

    # what the customer gets

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        """Return the PDF. Without the document's token, the login is tried, then the token read."""
        api = Api(s)
        path = f"/{mapping.language_of(d)}/invoices/pdf/{issued.external_id}"
        token = text(part(issued.raw, "Invoice").get("token")) or _token_in(issued.public_url)
        if not token:
            # The vendor's own client sends the login alone; the documentation demands the token.
            try:
                return _file(issued, api.file("pdf", path))
            except RejectedError as error:
                record = self._record(api, issued.external_id) if error.problem.code == GONE else {}
                token = text(part(record, "Invoice").get("token"))
                if not token:
                    raise
        return _file(issued, api.file("pdf", f"{path}/token:{token}"))

    def email(self, s: Session, d: Document, issued: Issued, key: str, message: Email) -> None:
        """Have SuperFaktura send the document; empty texts are its own."""
        language = mapping.LANGUAGES.get(message.language[:2].lower(), mapping.language_of(d))
        email = {
            "invoice_id": mapping.number(issued.external_id),
            "to": message.to,
            "pdf_language": language,
        }
        if message.subject:
            email["subject"] = message.subject
        if message.body:
            email["body"] = message.body
        Api(s).post("send", "/invoices/send", {"Email": email}, as_json=True)

    def find_email(
        self, s: Session, d: Document, issued: Issued, key: str, message: Email
    ) -> bool | None:
        """Tell whether the document was sent to this address within a day.

        ``None``: it is gone, or was sent there longer ago, which may be another e-mail.
        """
        record = self._record(Api(s), issued.external_id)
        if record is None or "InvoiceEmail" not in record:
            return None
        to = message.to.strip().casefold()
        sent = [
            moment(row.get("created"))
            for row in rows(record, "InvoiceEmail")
            if text(row.get("email")).casefold() == to
        ]
        recent = any(at is not None and s.now - at < _RECENT for at in sent)
        return True if recent else None if sent else False

    # their calls

    def read_webhook(self, s: Session, delivery: Delivery) -> list[WebhookHint]:
        """Believe a call that carries our secret; it says that a document was paid."""
        given = delivery.query.get("secret_key", "")
        known = hmac.compare_digest(given.encode(), s.webhook_secret.encode())
        if not s.webhook_secret or not known:
            raise WebhookError("no or wrong secret_key")
        external_id = delivery.query.get("invoice_id", "")
        if not (external_id.isascii() and external_id.isdecimal()):
            raise WebhookError("no invoice_id")
        return [WebhookHint(external_id, topic="payment")]

    def register_webhook(self, s: Session) -> None:
        """Do nothing: the address goes along with each document."""

    # what they share

    def _record(self, api: Api, external_id: str) -> Json | None:
        try:
            record = api.get("view", f"/invoices/view/{external_id}.json")
        except RejectedError as error:
            if error.problem.code == GONE:
                return None
            raise
        if not is_record(record):
            raise api.senseless()  # that it is gone would be said
        found: Json = record
        return found

    def _produced_now(self, api: Api, proforma: Issued) -> tuple[Issued, ...]:
        """Return what SuperFaktura made of a proforma that was just paid, as far as it tells."""
        try:
            found = self._produced(api, proforma.external_id)
        except OutcomeError:
            return ()  # the payment stands; the invoice is found before another is made
        return tuple(one for one in found if not one.key)

    def _produced(self, api: Api, proforma_id: str) -> list[Issued]:
        """Return invoices that SuperFaktura made by itself when the proforma was paid."""
        proforma = self._record(api, proforma_id)
        ids = list(dict.fromkeys(produced_ids(proforma or {})))
        if not ids:
            return []
        answer = api.get("details", f"/invoices/getInvoiceDetails/{','.join(ids)}")
        found = [row for row in rows({"all": answer}, "all") if is_record(row)]
        return [
            read_record(row, api.base)
            for row in found
            if proforma_id in (proformas_of(row) or [proforma_id])
        ]


def _no_document(api: Api) -> UncertainError:
    return UncertainError(Problem.of("SPJ-SUPERFAKTURA-NO-DOCUMENT", host=api.host))


def _innermost(answer: Any) -> Json:
    """Return the record inside a kept answer; how deep it lies there is not documented."""
    while isinstance(answer, Mapping) and not is_record(answer) and "data" in answer:
        answer = answer["data"]
    return answer if isinstance(answer, Mapping) else {}


def _payment_of(record: Json, on: date, paid: Decimal) -> Json | None:
    for row in payments(record):
        made = day(row.get("created")) or day(row.get("date"))
        if made == on and amount(row.get("amount")) == paid:
            return row
    return None


def _made_or_only(record: Json, d: Document) -> Json | None:
    """Return the payment made with a document; of one made unpaid, the only payment it has."""
    if d.paid_amount:
        return _payment_of(record, d.paid_on or d.issued_on, d.paid_amount)
    found = payments(record)
    if len(found) > 1:
        raise RejectedError(Problem.of("SPJ-SUPERFAKTURA-PAYMENTS-MANY"), Rejection.DATA)
    return next(iter(found), None)


def _token_in(address: str) -> str:
    found = _TOKEN.search(address)
    return found.group(1) if found else ""


def _file(issued: Issued, content: bytes) -> File:
    return File(f"{issued.number or issued.external_id}.pdf", "application/pdf", content)


SYSTEM = SuperFaktura()
"""SuperFaktura: Slovakia, Czechia, Austria."""
