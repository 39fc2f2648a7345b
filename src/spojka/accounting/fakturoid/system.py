"""Fakturoid as an accounting system.

Facts: API documentation v3 (read in November 2026). What it leaves open is survived either way:
whether ``custom_id`` is unique, whether an invoice may have several corrections, who may cancel.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from spojka.accounting.contract import (
    Choice,
    Delivery,
    Email,
    File,
    Issued,
    IssuedState,
    LoadedData,
    Payment,
    PlannedRequest,
    Session,
    Totals,
    WebhookError,
    WebhookHint,
)
from spojka.accounting.fakturoid import advances, checks, loading, mapping, subjects
from spojka.accounting.fakturoid.client import Api, accounts, agent, base, configured_slug
from spojka.accounting.fakturoid.descriptor import DESCRIPTOR
from spojka.accounting.fakturoid.reading import Json, issued, payment, rows, text
from spojka.core.descriptor import Check
from spojka.core.document import Document, Kind
from spojka.core.outcome import RejectedError, Rejection, ThrottledError
from spojka.core.problem import Problem

PDF_SECONDS: Final = 3
"""When to come again for a PDF; their documentation says “a second or two”. Then twice as long each
time, so that one that is never made does not use up the account's calls."""
_MOST_DOUBLED: Final = 6
EVENTS: Final = (
    "invoice_created", "invoice_updated", "invoice_removed", "invoice_restored", "invoice_overdue",
    "invoice_paid", "invoice_payment_added", "invoice_payment_removed", "invoice_sent",
    "invoice_locked", "invoice_unlocked", "invoice_cancelled", "invoice_cancellation_removed",
    "invoice_uncollectible", "invoice_uncollectible_removed",
)  # fmt: skip
_MASK = "***"
_SENT_EVENT = "invoice_sent"
# Names of events are documented for webhooks only; a document is thrown away only where it is gone.
_GONE_EVENTS = ("invoice_removed", "invoice_deleted", "invoice_destroyed")


class Fakturoid:
    """Documents in one account of Fakturoid."""

    descriptor = DESCRIPTOR

    # the connection

    def verify(self, s: Session) -> Iterator[Check]:
        """Look at everything that issuing needs, row by row."""
        return checks.verify(s)

    def load(self, s: Session) -> LoadedData:
        """Read account, number formats, bank accounts, how VAT is computed, and the contacts."""
        return loading.load(s)

    def accounts(self, s: Session) -> list[Choice]:
        """List the accounts that the login may use, for the choice of one."""
        user = Api(s).user()
        default = text(user, "default_account")
        return [
            Choice(
                id=text(row, "slug"),
                name=text(row, "name") or text(row, "slug"),
                detail=text(row, "registration_no"),
                default=text(row, "slug") == default,
            )
            for row in accounts(user)
        ]

    # documents

    def predict(self, s: Session, d: Document) -> Totals:
        """Compute what Fakturoid will, from the very lines that ``create`` sends."""
        if d.kind is Kind.TAX_DOCUMENT:
            return Totals(d.total, d.vat)  # no lines are sent; see advances
        return mapping.shape(s, d).totals

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        """Show the requests of a document for a new customer."""
        account = f"{base(s)}/accounts/{configured_slug(s) or '{slug}'}"
        if d.kind is Kind.TAX_DOCUMENT:
            proforma = d.original.external_id if d.original else ""
            path = f"invoices/{proforma or '{proforma}'}/payments/{{payment}}/{advances.MAKE}"
            return [self._planned(s, f"{account}/{path}", None)]
        return [
            self._planned(s, f"{account}/subjects.json", mapping.subject(d)),
            self._planned(s, f"{account}/invoices.json", mapping.invoice(s, d, key, "{subject}")),
        ]

    def _planned(self, s: Session, url: str, body: Any) -> PlannedRequest:
        headers = {"User-Agent": agent(s), "Authorization": f"Bearer {_MASK}"}
        if body is None:
            return PlannedRequest("POST", url, headers, "")
        headers["Content-Type"] = "application/json"
        return PlannedRequest("POST", url, headers, json.dumps(body, ensure_ascii=False))

    def create(self, s: Session, d: Document, key: str) -> Issued:
        """Make the document, and its customer's contact where there is none."""
        api = Api(s)
        if d.kind is Kind.TAX_DOCUMENT:
            return advances.create(api, s, d)
        made = self._made_by_itself(api, d)
        if made is not None:
            return made
        subject_id = subjects.ensure(api, s, d)
        try:
            return self._post(api, s, d, key, subject_id)
        except RejectedError as error:
            if error.problem.code == "SPJ-FAKTUROID-KEY-TAKEN":
                found = self.look_up(s, d, key)
                if found is not None:
                    return found
            if error.problem.code != "SPJ-FAKTUROID-CONTACT-GONE" or s.contacts is None:
                raise
        s.contacts.forget(subject_id)
        return self._post(api, s, d, key, subjects.ensure(api, s, d))

    def _post(self, api: Api, s: Session, d: Document, key: str, subject_id: str) -> Issued:
        body = mapping.invoice(s, d, key, subject_id)
        response = api.write("create", "POST", "invoices.json", body)
        return issued(api.made("create", response, needs="number"))

    def _made_by_itself(self, api: Api, d: Document) -> Issued | None:
        """Find the invoice that Fakturoid made of a paid proforma before it was asked to."""
        paid = next((one for one in d.deductions if one.external_id), None)
        if d.kind is not Kind.INVOICE or paid is None or paid.tax_document_id:
            return None
        return self._followed(api, api.find("read", f"invoices/{paid.external_id}.json"))

    def _followed(self, api: Api, proforma: Json | None) -> Issued | None:
        related = text(proforma or {}, "related_id")
        found = api.find("read", f"invoices/{related}.json") if related else None
        if found is None or text(found, "status") == "cancelled":
            return None
        return issued(found)

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        """Find the document by our key, or a tax document by the payment that it was made for."""
        api = Api(s)
        if d.kind is Kind.TAX_DOCUMENT:
            return advances.look_up(api, d)
        for row in api.rows("look_up", "invoices.json", {"custom_id": key}):
            found = issued(row)
            # A document made of another one may have inherited its key.
            if found.key == key and found.kind is d.kind:
                return found
        return None

    def read(self, s: Session, external_id: str, kind: Kind) -> Issued | None:
        """Read one document as it is now."""
        found = Api(s).find("read", f"invoices/{external_id}.json")
        return None if found is None else issued(found)

    # payments

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        """Record a payment; no thanks are sent. One that is recorded there already is that one."""
        api = Api(s)
        body = {
            "paid_on": paid_on.isoformat(),
            "amount": mapping.plain(amount),
            "native_amount": self._native(s, d, amount),
            "send_thank_you_email": False,
        }
        sent = {name: value for name, value in body.items() if value is not None}
        path = f"invoices/{issued.external_id}/payments.json"
        try:
            response = api.write("pay", "POST", path, sent)
        except RejectedError as error:
            if error.problem.code != "SPJ-FAKTUROID-PAID-ALREADY":
                raise
            return self._paid_already(api, issued, paid_on, amount, error)
        recorded = payment(api.made("pay", response))
        if recorded is None:
            raise api.failure("pay", response, write=True)
        produced = self._produced(api, s, d, issued, text(response.json(), "tax_document_id"))
        return Payment(recorded.external_id, recorded.paid_on, recorded.amount, produced)

    def _native(self, s: Session, d: Document, amount: Decimal) -> str | None:
        """Return the amount in the account's currency: by default it would be that of the whole."""
        rate = d.exchange_rate
        if rate is None or d.currency == mapping.account_currency(s, d):
            return None
        return mapping.plain((amount * rate.rate / rate.amount).quantize(Decimal("0.01")))

    def _paid_already(
        self, api: Api, asked: Issued, paid_on: date, amount: Decimal, error: RejectedError
    ) -> Payment:
        """Return the payment there, made by a person, a bank, or us with the answer lost."""
        data = api.find("read", f"invoices/{asked.external_id}.json") or {}
        now = issued(data)
        if now.state is IssuedState.CANCELLED:
            problem = Problem("SPJ-FAKTUROID-CANCELLED", error.problem.facts)
            raise RejectedError(problem, Rejection.PERMANENT, error.technical)
        if now.state is not IssuedState.PAID:
            raise error
        recorded = [found for row in rows(data, "payments") if (found := payment(row))]
        same = [found for found in recorded if found.amount == amount]
        chosen = (same or recorded)[-1:]
        return Payment(
            chosen[0].external_id if chosen else "",
            chosen[0].paid_on if chosen else now.paid_on or paid_on,
            amount,
        )

    def _produced(
        self, api: Api, s: Session, d: Document, asked: Issued, tax_document_id: str
    ) -> tuple[Issued, ...]:
        """Return what Fakturoid made of the payment of a proforma."""
        if d.kind is not Kind.PROFORMA:
            return ()
        if tax_document_id:
            made = api.find("read", f"invoices/{tax_document_id}.json")
            return (issued(made),) if made else ()
        if mapping.follow_up(s) != "final_invoice_paid":
            return ()
        made_of = self._followed(api, api.find("read", f"invoices/{asked.external_id}.json"))
        return (made_of,) if made_of else ()

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        """Find a payment of this day and amount; a payment there has no place for our key."""
        api = Api(s)
        data = api.find("read", f"invoices/{issued.external_id}.json")
        for row in rows(data or {}, "payments"):
            found = payment(row)
            if found and (found.paid_on, found.amount) == (paid_on, amount):
                produced = self._produced(api, s, d, issued, text(row, "tax_document_id"))
                return Payment(found.external_id, found.paid_on, found.amount, produced)
        return None

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        """Take a payment back. Without an id it is the only one there is."""
        api = Api(s)
        path = f"invoices/{issued.external_id}"
        if not payment_id:
            recorded = rows(api.find("read", f"{path}.json") or {}, "payments")
            if len(recorded) > 1:
                raise RejectedError(Problem.of("SPJ-FAKTUROID-PAYMENTS-MANY"), Rejection.DATA)
            payment_id = text(recorded[0], "id") if recorded else ""
        if payment_id:
            target = f"{path}/payments/{payment_id}.json"
            api.write("unpay", "DELETE", target, expected={204, 404})

    # e-mail and files

    def email(self, s: Session, d: Document, issued: Issued, key: str, message: Email) -> None:
        """Have Fakturoid send the document; empty texts are its own."""
        body = {"email": message.to, "subject": message.subject, "message": message.body}
        sent = {name: value for name, value in body.items() if value}
        path = f"invoices/{issued.external_id}/message.json"
        Api(s).write("email", "POST", path, sent, expected={204})

    def find_email(
        self, s: Session, d: Document, issued: Issued, key: str, message: Email
    ) -> bool | None:
        """Look for the message among the events of the document."""
        api = Api(s)
        data = api.find("read", f"invoices/{issued.external_id}.json")
        if data is None or not text(data, "sent_at"):
            return False
        for event in api.rows("events", "events.json", {"subject_id": text(data, "subject_id")}):
            params = event.get("params")
            to = text(params, "email") if isinstance(params, dict) else ""
            is_sent = text(event, "name") == _SENT_EVENT and to.lower() == message.to.lower()
            if is_sent and issued.external_id in _invoices_of(event):
                return True
        return None

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        """Fetch the PDF; it is made some seconds after the document."""
        api = Api(s)
        path = f"invoices/{issued.external_id}/download.pdf"
        response = api.send("pdf", "GET", path, expected={200, 204})
        if response.status == 204:
            until = s.now + timedelta(seconds=PDF_SECONDS * 2 ** min(s.attempt, _MOST_DOUBLED))
            raise ThrottledError(Problem.of("SPJ-FAKTUROID-PDF-LATER", number=issued.number), until)
        if not response.body.startswith(b"%PDF"):
            raise api.failure("pdf", response, write=False)
        return File(f"{issued.number or issued.external_id}.pdf", "application/pdf", response.body)

    # the end of a document

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Cancel the document, where Fakturoid allows that for this account."""
        path = f"invoices/{issued.external_id}/fire.json"
        try:
            Api(s).write("cancel", "POST", path, params={"event": "cancel"}, expected={204})
        except RejectedError as error:
            if error.problem.code != "SPJ-FAKTUROID-CANCEL-REFUSED":
                raise
            now = self.read(s, issued.external_id, d.kind)
            if now is None or now.state is not IssuedState.CANCELLED:
                raise

    def delete(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        """Move the document to Fakturoid's bin."""
        path = f"invoices/{issued.external_id}.json"
        Api(s).write("delete", "DELETE", path, expected={204, 404})

    # what happened there

    def changes(self, s: Session, since: datetime | None) -> Iterator[Issued]:
        """Yield documents changed since, and after them those moved to the bin since."""
        api = Api(s)
        params = {"updated_since": since.isoformat()} if since else {}
        for page in api.pages("changes", "invoices.json", params):
            yield from map(issued, page)
        if since is not None:
            yield from self._removed(api, since)

    def _removed(self, api: Api, since: datetime) -> Iterator[Issued]:
        """Yield documents that were thrown away since and are not there now."""
        thrown: dict[str, None] = {}
        for page in api.pages("events", "events.json", {"since": since.isoformat()}):
            for event in page:
                if text(event, "name") in _GONE_EVENTS:
                    thrown |= dict.fromkeys(_invoices_of(event))
        for external_id in thrown:
            if api.find("read", f"invoices/{external_id}.json") is None:
                yield Issued(external_id=external_id, number="", state=IssuedState.DELETED)

    def read_webhook(self, s: Session, delivery: Delivery) -> list[WebhookHint]:
        """Believe a delivery that carries the secret we gave; it hints at one document."""
        given = delivery.headers.get("authorization", "")
        if not s.webhook_secret or not hmac.compare_digest(given.encode(), _secret(s).encode()):
            raise WebhookError("the Authorization header is not the one that was agreed")
        try:
            data = json.loads(delivery.body)
        except ValueError:
            raise WebhookError("the body is not JSON") from None
        body = data.get("body") if isinstance(data, dict) else None
        invoice = body.get("invoice") if isinstance(body, dict) else None
        if not isinstance(invoice, dict) or not text(invoice, "id"):
            return []
        kind = issued(invoice).kind
        return [WebhookHint(text(invoice, "id"), kind, text(data, "event_name"))]

    def register_webhook(self, s: Session) -> None:
        """Have deliveries sent to our address, unless they are already."""
        api = Api(s)
        wanted = {
            "webhook_url": s.webhook_address,
            "auth_header": _secret(s),
            "active": True,
            "events": list(EVENTS),
        }
        for row in api.rows("webhook", "webhooks.json"):
            if text(row, "webhook_url") == s.webhook_address:
                if any(row.get(name) != value for name, value in wanted.items()):
                    path = f"webhooks/{text(row, 'id')}.json"
                    api.write("webhook", "PATCH", path, wanted, expected={200})
                return
        api.made("webhook", api.write("webhook", "POST", "webhooks.json", wanted))


def _secret(s: Session) -> str:
    return f"Bearer {s.webhook_secret}"


def _invoices_of(event: Json) -> Iterable[str]:
    return [
        text(one, "id") for one in rows(event, "related_objects") if text(one, "type") == "Invoice"
    ]


SYSTEM = Fakturoid()
