"""*Kasa*: a toy accounting system as a connector is written, with a form and a checklist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spojka.accounting import checklist
from spojka.accounting.contract import (
    Capability,
    Choice,
    Descriptor,
    File,
    Issued,
    Limit,
    LoadedData,
    PlannedRequest,
    Recovery,
    Session,
    Totals,
)
from spojka.accounting.errors import ErrorBook
from spojka.core.descriptor import Check, FieldKind, FieldSpec
from spojka.core.document import Document
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem
from spojka.net.client import Response

HOST = "https://api.kasa.example"


def text(english: str, czech: str, slovak: str = "") -> dict[str, str]:
    return {"en": english, "cs": czech, "sk": slovak or czech}


class Kasa:
    descriptor = Descriptor(
        key="kasa",
        name="Kasa",
        markets=("CZ", "SK"),
        summary=text("Invoices of a toy.", "Faktury na hraní."),
        fields=(
            FieldSpec(
                "email", text("Login e-mail", "Přihlašovací e-mail"), FieldKind.EMAIL,
                help=text("As you log in with.", "Kterým se přihlašujete."),
                example="jana@example.com",
            ),
            FieldSpec(
                "api_key", text("API key", "Klíč API"), FieldKind.SECRET,
                where=text("Kasa › Settings › API", "Kasa › Nastavení › API"),
            ),
            FieldSpec(
                "account", text("Account", "Účet"), FieldKind.CHOICE, required=False,
                options="accounts",
            ),
            FieldSpec(
                "address", text("Address of the server", "Adresa serveru"), FieldKind.URL,
                required=False, advanced=True, help=text("Usually empty.", "Obvykle prázdné."),
            ),
        ),
        capabilities=frozenset({Capability.INVOICE, Capability.CREDIT_NOTE, Capability.PDF}),
        recovery=Recovery.SEARCH,
        limits=(Limit(1000, 60), Limit(1000, 86400)),
        settings=(
            FieldSpec(
                "series_invoice", text("Series of invoices", "Řada faktur"), FieldKind.CHOICE,
                required=False, options="series:invoice",
            ),
            FieldSpec(
                "bank_account", text("Bank account", "Bankovní účet"), FieldKind.CHOICE,
                required=False, options="bank_accounts",
            ),
        ),
        links={"home": "https://kasa.example/", "api_keys": "https://kasa.example/keys"},
        hosts=("api.kasa.example",),
        settle_seconds=1,
    )  # fmt: skip

    def __init__(self) -> None:
        self._errors: ErrorBook | None = None

    @property
    def errors(self) -> ErrorBook:
        if self._errors is None:
            self._errors = ErrorBook.of(__package__)
        return self._errors

    def _ask(
        self, s: Session, method: str, path: str, operation: str, json: Any = None
    ) -> Response:
        base = s.credentials.get("address") or HOST
        headers = {"X-Key": s.credentials["api_key"]}
        response = s.client.request(method, f"{base}{path}", headers=headers, json=json)
        if response.status >= 400:
            raise self.errors.outcome(
                response, operation, write=method == "POST", redact=s.client.redact
            )
        return response

    def verify(self, s: Session) -> Iterator[Check]:
        link = self.descriptor.links["api_keys"]
        try:
            me = self._ask(s, "GET", "/me", "login").json()
        except OutcomeError as error:
            yield from checklist.reached(error, s.credentials.get("address") or HOST)
            if checklist.was_reached(error):
                row = "plan" if error.problem.code == "SPJ-KASA-PLAN" else "login"
                yield checklist.fail(row, error.problem, error.technical, link=link)
            return
        yield from checklist.reached(None, s.credentials.get("address") or HOST)
        yield checklist.ok("login", s.credentials["email"])
        found = f"{me['company_name']}, {me['company_id']}"
        if s.seller is not None and s.seller.company_id != me["company_id"]:
            problem = Problem.of("SPJ-KASA-COMPANY", theirs=me["company_id"])
            yield checklist.warn("company", problem, found)
        else:
            yield checklist.ok("company", found)
        try:
            self._ask(s, "GET", "/lists", "read")
        except OutcomeError as error:
            yield checklist.fail("rights", error.problem, error.technical, link=link)
            return
        yield checklist.ok("rights")

    def accounts(self, s: Session) -> list[Choice]:
        rows = self._ask(s, "GET", "/accounts", "accounts").json()
        return [Choice(row["id"], row["name"]) for row in rows]

    def load(self, s: Session) -> LoadedData:
        lists = self._ask(s, "GET", "/lists", "load").json()
        return LoadedData(
            series=tuple(Choice(str(n), f"Řada {n}", kind="invoice") for n in lists["series"]),
            bank_accounts=tuple(Choice(name, f"Účet {name}") for name in lists["banks"]),
            currencies=("CZK", "EUR"),
            vat_mode="payer",
            contacts=tuple((row["name"], str(row["id"])) for row in lists["contacts"]),
            contacts_complete=True,
        )

    def predict(self, s: Session, d: Document) -> Totals:
        return Totals(d.total, d.vat)

    def requests(self, s: Session, d: Document, key: str) -> list[PlannedRequest]:
        return []

    def create(self, s: Session, d: Document, key: str) -> Issued:
        body = {
            "key": key, "kind": d.kind.value, "order": d.order_number, "currency": d.currency,
            "total": str(d.total),
        }  # fmt: skip
        made = self._ask(s, "POST", "/invoices", "create", body).json()
        return Issued(made["number"], made["number"], made["number"].strip("K"), total=d.total)

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        for row in self._ask(s, "GET", "/invoices", "look_up").json():
            if row["key"] == key:
                return Issued(row["number"], row["number"], row["number"].strip("K"))
        return None

    def pdf(self, s: Session, d: Document, issued: Issued) -> File:
        content = self._ask(s, "GET", f"/invoices/{issued.external_id}.pdf", "pdf").body
        return File(f"{issued.number}.pdf", "application/pdf", content)


SYSTEM = Kasa()
