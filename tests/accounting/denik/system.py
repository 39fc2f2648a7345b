"""Deník as an accounting system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from spojka.accounting import checklist
from spojka.accounting.contract import (
    Capability,
    Choice,
    Descriptor,
    Email,
    File,
    Issued,
    Limit,
    LoadedData,
    Payment,
    PlannedRequest,
    Recovery,
    Session,
    Totals,
)
from spojka.accounting.errors import ErrorBook
from spojka.core.descriptor import Check, FieldKind, FieldSpec
from spojka.core.document import Document, Kind
from spojka.core.outcome import OutcomeError, RejectedError
from spojka.core.problem import Problem

from . import mapping
from .client import Client


def text(english: str, czech: str, slovak: str = "") -> dict[str, str]:
    return {"en": english, "cs": czech, "sk": slovak or czech}


class Denik:
    descriptor = Descriptor(
        key="denik",
        name="Deník",
        markets=("CZ",),
        summary=text("Documents in a toy.", "Doklady na hraní.", "Doklady na hranie."),
        fields=(
            FieldSpec(
                "email", text("Login e-mail", "Přihlašovací e-mail", "Prihlasovací e-mail"),
                FieldKind.EMAIL, example="jana@example.com",
            ),
            FieldSpec(
                "secret", text("Secret key", "Tajný klíč", "Tajný kľúč"), FieldKind.SECRET,
                help=text("Is shown once.", "Zobrazí se jednou.", "Zobrazí sa raz."),
                where=text("Settings › API", "Nastavení › API", "Nastavenia › API"),
            ),
            FieldSpec(
                "address", text("Address", "Adresa"), FieldKind.URL, required=False, advanced=True,
                help=text("Usually empty.", "Obvykle prázdné.", "Obvykle prázdne."),
            ),
        ),
        capabilities=frozenset(Capability) - {
            Capability.WEBHOOK, Capability.ISDOC, Capability.TAX_DOCUMENT, Capability.OWN_NUMBERS,
        },
        recovery=Recovery.SEARCH,
        limits=(Limit(1000, 60),),
        settings=(
            FieldSpec(
                "series_invoice", text("Series of invoices", "Řada faktur", "Rad faktúr"),
                FieldKind.CHOICE, required=False, options="series:invoice",
            ),
        ),
        links={"home": "https://denik.example/", "api_keys": "https://denik.example/keys"},
    )  # fmt: skip

    def __init__(self) -> None:
        self.client = Client(ErrorBook.of(__package__))

    def verify(self, s: Session) -> Iterator[Check]:
        link, host = self.descriptor.links["api_keys"], self.client.at(s, "")
        try:
            company = self.client.ask(s, "GET", "/company", "login", "company_id")
        except OutcomeError as error:
            yield from checklist.reached(error, host)
            if checklist.was_reached(error):
                row = "plan" if error.problem.code == "SPJ-DENIK-PLAN" else "login"
                yield checklist.fail(row, error.problem, error.technical, link=link)
            return
        yield from checklist.reached(None, host)
        yield checklist.ok("login", s.credentials["email"])
        yield checklist.ok("company", f"{company['company_name']}, {company['company_id']}")
        if company["right"]:
            yield checklist.ok("rights")
        else:
            yield checklist.fail("rights", Problem.of("SPJ-DENIK-RIGHT"), link=link)
        try:
            lists = self.client.ask(s, "GET", "/lists", "read", "series")
        except OutcomeError as error:
            yield checklist.fail("read", error.problem, error.technical)
            return
        yield checklist.ok("series", ", ".join(row["name"] for row in lists["series"]))
        if not lists["banks"]:
            yield checklist.warn("bank_account", Problem.of("SPJ-DENIK-BANK"))

    def load(self, s: Session) -> LoadedData:
        lists = self.client.ask(s, "GET", "/lists", "load", "series")
        return LoadedData(
            series=tuple(Choice(str(row["id"]), row["name"]) for row in lists["series"]),
            bank_accounts=tuple(Choice(str(row["id"]), row["name"]) for row in lists["banks"]),
            currencies=("CZK", "EUR"),
            contacts_complete=True,
        )

    def predict(self, s: Session, d: Document) -> Totals:
        return mapping.predict(d)

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        headers = {"Authorization": "Bearer ***", "Content-Type": "application/json"}
        body = json.dumps(mapping.payload(d, key), ensure_ascii=False)
        return [PlannedRequest("POST", self.client.at(s, "/documents"), headers, body)]

    def create(self, s: Session, d: Document, key: str) -> Issued:
        if d.deductions:  # it may have been made over there by itself
            for found in self._listed(s, f"?made_from={d.deductions[0].external_id}"):
                if found.made_from == d.deductions[0].external_id:
                    return found
        body = mapping.payload(d, key)
        return mapping.issued(self.client.ask(s, "POST", "/documents", "create", "id", body))

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        return next(iter(self._listed(s, f"?key={key}")), None)

    def _listed(self, s: Session, query: str = "") -> list[Issued]:
        rows = self.client.ask(s, "GET", f"/documents{query}", "list", "documents")["documents"]
        return [mapping.issued(row) for row in rows]

    def pay(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        body = {"amount": str(amount), "paid_on": paid_on.isoformat(), "key": key}
        path = f"/documents/{issued.external_id}/payments"
        made = self.client.ask(s, "POST", path, "pay", "id", body)
        produced = (mapping.issued(made["produced"]),) if made.get("produced") else ()
        return Payment(str(made["id"]), paid_on, amount, produced)

    def find_payment(
        self, s: Session, d: Document, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        found = self.client.ask(s, "GET", f"/documents/{issued.external_id}", "read", "id")
        for one in found["payments"]:
            if one["key"] == key:
                return Payment(str(one["id"]), paid_on, amount)
        return None

    def unpay(self, s: Session, d: Document, issued: Issued, key: str, payment_id: str) -> None:
        path = f"/documents/{issued.external_id}/payments/{payment_id}"
        self._take_away(s, "DELETE", path, "unpay")

    def email(self, s: Session, d: Document, issued: Issued, key: str, message: Email) -> None:
        body = {"to": message.to, "subject": message.subject, "key": key}
        self.client.ask(s, "POST", f"/documents/{issued.external_id}/emails", "email", "id", body)

    def find_email(
        self, s: Session, d: Document, issued: Issued, key: str, message: Email
    ) -> bool | None:
        found = self.client.ask(s, "GET", f"/documents/{issued.external_id}", "read", "id")
        return any(one["key"] == key for one in found["emails"])

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        response = self.client.send(s, "GET", f"/documents/{issued.external_id}/pdf")
        if response.status != 200 or not response.body.startswith(b"%PDF"):
            self.client.read(s, response, "pdf", "a file", write=False)
        return File(f"{issued.number}.pdf", "application/pdf", response.body)

    def cancel(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        self.client.ask(s, "POST", f"/documents/{issued.external_id}/cancel", "cancel", "id")

    def delete(self, s: Session, d: Document, issued: Issued, key: str) -> None:
        self._take_away(s, "DELETE", f"/documents/{issued.external_id}", "delete")

    def _take_away(self, s: Session, method: str, path: str, operation: str) -> None:
        try:
            self.client.ask(s, method, path, operation, "id")
        except RejectedError as error:
            if not self.client.gone(error):
                raise

    def read(self, s: Session, external_id: str, kind: Kind) -> Issued | None:
        try:
            found = self.client.ask(s, "GET", f"/documents/{external_id}", "read", "id")
        except RejectedError as error:
            if self.client.gone(error):
                return None
            raise
        return mapping.issued(found)

    def changes(self, s: Session, since: datetime | None) -> Iterator[Issued]:
        asked = f"?since={since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}%2B00:00" if since else ""
        yield from self._listed(s, asked)


SYSTEM = Denik()
