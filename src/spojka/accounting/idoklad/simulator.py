"""iDoklad as a simulator: one agenda behind ``identity.idoklad.cz`` and ``api.idoklad.cz/v3``.

Both hosts are told apart by the path only. What is not confirmed about iDoklad is a setting of the
account; see :meth:`Agenda.defaults`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from spojka.accounting.idoklad import simulator_lists as lists
from spojka.accounting.idoklad import simulator_query as query
from spojka.accounting.idoklad import simulator_rules as rules
from spojka.accounting.idoklad.simulator_account import (
    RefusalError,
    body_of,
    kept,
    malformed,
    missing,
    unauthorized,
)
from spojka.accounting.idoklad.simulator_documents import ENTITIES
from spojka.accounting.idoklad.simulator_query import COMPARED, CONTAINED, SAME, SEARCHED
from spojka.accounting.idoklad.simulator_rules import CREDIT_NOTE, INVOICE, PROFORMA
from spojka.accounting.idoklad.simulator_services import Services, id_in
from spojka.accounting.idoklad.simulator_sums import in_home_currency
from spojka.accounting.simulator import Answer, Asked, Json, Kept

_KINDS = {"IssuedInvoices": INVOICE, "ProformaInvoices": PROFORMA, "CreditNotes": CREDIT_NOTE}
_OUR_KINDS = {INVOICE: "invoice", PROFORMA: "proforma", CREDIT_NOTE: "credit_note"}
_DOCUMENT_TYPES = {"IssuedInvoice": 0, "ProformaInvoice": 1, "CreditNote": 3}
_KEY = re.compile(r"\[([0-9a-f]{12})\]")

_DOCUMENT_FILTER = {
    "Id": SAME, "ConstantSymbolId": SAME, "CurrencyId": SAME, "DateLastChange": COMPARED,
    "DateOfIssue": COMPARED, "DateOfMaturity": COMPARED, "DateOfPayment": COMPARED,
    "DateOfTaxing": COMPARED, "Description": SEARCHED, "DocumentNumber": CONTAINED,
    "Exported": SAME, "IsPaid": SAME, "PaymentStatus": SAME, "NickName": CONTAINED,
    "NumericSequenceId": SAME, "PartnerId": SAME, "RecurringInvoiceId": SAME, "TagIds": SAME,
}  # fmt: skip
_CREDIT_NOTE_FILTER = {
    name: CONTAINED if name == "Description" else ops
    for name, ops in _DOCUMENT_FILTER.items()
    if name != "RecurringInvoiceId"
}
_CONTACT_FILTER = {
    "Id": SAME, "DateLastChange": COMPARED, "IdentificationNumber": CONTAINED,
    "CompanyName": SEARCHED, "Email": CONTAINED, "VatIdentificationNumber": CONTAINED,
    "VatIdentificationNumberSk": CONTAINED,
}  # fmt: skip
_LIST_FILTER = {"Id": SAME, "Code": CONTAINED, "CountryId": SAME, "DateLastChange": COMPARED}
_SERIES_FILTER = {"DocumentType": SAME, "IsDefault": SAME}


class IdokladSimulator(Services):
    """One agenda of iDoklad."""

    def answer(self, asked: Asked) -> Answer:
        """Answer a request in iDoklad's own words."""
        match asked.path.rstrip("/"):
            case "/server/v2/connect/token":
                return self.login(asked, with_application=True)
            case "/server/connect/token":
                return self.login(asked, with_application=False)
        if not asked.path.startswith("/v3/"):
            return Answer.html("<html><body><h1>404</h1></body></html>", 404)
        if not self.is_logged_in(asked):
            return unauthorized()
        if not self.may_go_on():
            return self.limited(asked)
        try:
            if "application/pdf" in asked.headers.get("accept", ""):
                raise RefusalError(0, "format", 406, "Accept")
            self.check_allowed(asked)
            return self.ok(self._route(asked))
        except RefusalError as why:
            return self.refused(asked, why)
        except query.QueryError as why:
            return self.refused(asked, RefusalError(400, "format", detail=str(why)))

    def _route(self, asked: Asked) -> Any:
        parts = asked.path.removeprefix("/v3/").rstrip("/").split("/")
        first, rest = parts[0], parts[1:]
        routes: Mapping[str, Callable[[Asked, list[str]], Any]] = {
            "Account": self._account,
            "System": lambda _asked, _rest: {"Version": "3"},
            "NumericSequences": self._sequences,
            "BankAccounts": self._bank_accounts,
            "Contacts": self._contacts,
            "IssuedDocumentPayments": self.payments,
            "Mails": self.mail,
            "Reports": self.report,
            "Webhooks": self.webhooks,
            "Batch": self.batch,
        }
        if first in routes:
            return routes[first](asked, rest)
        if first in _KINDS:
            return self._documents(asked, _KINDS[first], rest)
        code_lists: Mapping[str, Callable[[], Sequence[Json]]] = {
            "Currencies": lists.currencies,
            "Countries": lists.countries,
            "PaymentOptions": lambda: lists.payment_options(self.language(asked)),
            "VatRates": lists.vat_rate_rows,
            "VatReverseChargeCodes": lists.reverse_charge_codes,
            "ConstantSymbols": lists.constant_symbols,
        }
        if first in code_lists and not rest and asked.method == "GET":
            return self.page(asked, list(code_lists[first]()), _LIST_FILTER)
        raise missing()

    # the agenda

    def _account(self, asked: Asked, rest: list[str]) -> Any:
        match rest:
            case ["CurrentAgenda"]:
                return self._agenda()
            case ["Agendas"]:
                return self.page(asked, [self._agenda()], {"Id": SAME})
            case ["CurrentUser"]:
                return {"Id": 1, "Email": "majitel@example.com", "UserRight": self.account["role"]}
        raise missing()

    def _agenda(self) -> Json:
        account = self.account
        registrations = {"non_payer": 0, "payer": 1, "identified": 2}
        ends = account["plan_ends"]
        return {
            "Id": 77,
            "Name": account["name"],
            "AllowEditExported": account["allow_edit_exported"],
            "Contact": {
                "IdentificationNumber": account["company_id"],
                "CountryId": self.home_country,
                "City": "Praha",
                "Street": "Ukázková 1",
                "PostalCode": "11000",
                "Email": "majitel@example.com",
            },
            "CountOfDecimalsForAmount": account["amount_decimals"],
            "CountOfDecimalsForPrice": account["price_decimals"],
            "DefaultCurrencyId": 1 if self.home_currency == "CZK" else 2,
            "HasVatCode": False,
            "HasVatRegimeOss": account["oss"],
            "IsPriceWithVat": True,
            "IsRegisteredForVat": account["vat"] == "payer",
            "PreferredPriceType": 0,
            "PreferredVatRate": 1,
            "RoundingDifference": account["rounding"],
            "Subscription": {
                "Type": account["plan"],
                "IsTrial": False,
                "DateFrom": "2020-01-01T00:00:00",
                "DateTo": f"{ends}T00:00:00" if ends else None,
            },
            "TaxSubjectType": 1,
            "VatRegistrationType": registrations[account["vat"]],
        }

    def _sequences(self, asked: Asked, rest: list[str]) -> Any:
        if not rest:
            return self.page(asked, self.sequences(), _SERIES_FILTER)
        if rest[0] != "DocumentNumbers" or len(rest) != 2:
            raise missing()
        named = _DOCUMENT_TYPES.get(rest[1], rest[1])
        if not str(named).isdecimal():
            raise malformed("documentType")
        serial = asked.query.get("documentSerialNumber", "")
        series = asked.query.get("numericSequenceId", "")
        on = rules.day(asked.query, "date") if "date" in asked.query else self.now.date()
        return self.numbers(
            int(named),
            int(serial) if serial.isdecimal() else None,
            int(series) if series.isdecimal() else None,
            on,
        )

    def _bank_accounts(self, asked: Asked, rest: list[str]) -> Any:
        rows: list[Json] = []
        if self.account["bank_accounts"]:
            rows = [
                {"Id": 31, "Name": "Hlavní účet", "AccountNumber": "19-2000145399", "BankId": 4,
                 "CurrencyId": 1, "Iban": "CZ6508000000192000145399", "Swift": "GIBACZPX",
                 "IsDefault": self.home_currency == "CZK"},
                {"Id": 32, "Name": "EUR", "AccountNumber": "", "BankId": 4, "CurrencyId": 2,
                 "Iban": "SK3112000000198742637541", "Swift": "GIBASKBX",
                 "IsDefault": self.home_currency == "EUR"},
            ]  # fmt: skip
        return self.page(asked, rows, {"Id": SAME})

    # contacts

    def _contacts(self, asked: Asked, rest: list[str]) -> Any:
        if rest and asked.method in {"PATCH", "PUT"}:
            raise RefusalError(0, "format", 405, "UnsupportedApiVersion")
        match asked.method, rest:
            case "GET", []:
                return self.page(asked, self.state["contacts"], _CONTACT_FILTER)
            case "GET", ["Default"]:
                return {"CountryId": self.home_country}
            case "POST", []:
                body = body_of(asked)
                rules.check_contact(self, body, ("CompanyName", "CountryId"))
                contact = {**kept(body), "Id": self.new_id(), **self._changed()}
                self.state["contacts"].append(contact)
                return contact
            case "PATCH", []:
                body = body_of(asked)
                rules.check_contact(self, body, ("Id",))
                contact = self._contact(body["Id"])
                contact.update({**kept(body), **self._changed()})
                return contact
        contact = self._contact(id_in(rest))
        if asked.method == "DELETE":
            self.state["contacts"].remove(contact)
            return True
        return contact

    def _contact(self, contact_id: int) -> Json:
        for contact in self.state["contacts"]:
            if contact["Id"] == contact_id:
                found: Json = contact
                return found
        raise missing()

    def _changed(self) -> Json:
        return {"Metadata": {"DateCreated": self.stamp(), "DateLastChange": self.stamp()}}

    # documents

    def _documents(self, asked: Asked, kind: int, rest: list[str]) -> Any:
        match asked.method, rest:
            case "GET", []:
                fields = _CREDIT_NOTE_FILTER if kind == CREDIT_NOTE else _DOCUMENT_FILTER
                rows = [
                    self.shown(one, detail=False)
                    for one in self.all_documents()
                    if one["kind"] == kind
                ]
                return self.page(asked, rows, fields)
            case "GET", ["Default"] if kind != CREDIT_NOTE:
                return self._default(kind)
            case "GET", ["Default", invoice]:
                return self._credit_default(id_in([invoice]))
            case "POST", []:
                return self.shown(self.make(kind, body_of(asked)), detail=True)
            case "POST", ["Recount"]:
                return self._recount(body_of(asked))
            case "PATCH", []:
                return self.shown(self.change(kind, body_of(asked)), detail=True)
            case "PUT", ["Account"] if kind == PROFORMA:
                made = self.account_proforma(int((body_of(asked).get("ProformaIds") or [0])[0]))
                return self.shown(made, detail=True)
            case "GET", [proforma, "Account"] if kind == PROFORMA:
                return self.for_account(id_in([proforma]))
            case "PUT", [proforma, "Account"] if kind == PROFORMA:
                return self.shown(self.account_proforma(id_in([proforma])), detail=True)
            case "PUT", [note, "Offset"] if kind == CREDIT_NOTE:
                return self._offset(id_in([note]))
            case "DELETE", [document]:
                self.remove(kind, id_in([document]))
                return True
            case "GET", [document]:
                return self.shown(self.document(kind, id_in([document])), detail=True)
        raise missing()

    def _default(self, kind: int) -> Json:
        number = self.numbers(kind, None, None, self.now.date())["Unique"]
        today = self.now.date().isoformat()
        return {
            "CurrencyId": 1 if self.home_currency == "CZK" else 2,
            "DateOfIssue": today,
            "DateOfTaxing": today,
            "DateOfMaturity": today,
            "Description": "",
            "DocumentSerialNumber": number["DocumentSerialNumber"],
            "NumericSequenceId": number["NumericSequenceId"],
            "PaymentOptionId": 1,
            "IsEet": False,
            "IsIncomeTax": True,
            "Items": [],
        }

    def _credit_default(self, invoice_id: int) -> Json:
        invoice = self.document(INVOICE, invoice_id)
        return {
            **self._default(CREDIT_NOTE),
            "CreditedInvoiceId": invoice_id,
            "PartnerId": invoice["PartnerId"],
            "Items": self.typed_items(invoice),
        }

    def _recount(self, body: Json) -> Json:
        today = self.now.date().isoformat()
        document = {
            "id": 0, "PartnerId": 0, "DateOfIssue": today, **kept(body), "Items": None,
            "items": [
                {"IsTaxMovement": False, "PriceType": 0, **kept(item)}
                for item in body.get("Items") or []
            ],
        }  # fmt: skip
        items, prices = self.prices(document)
        return {**body, "Items": items, "Prices": in_home_currency(prices, Decimal(1))}

    def _offset(self, note_id: int) -> Json:
        note = self.document(CREDIT_NOTE, note_id)
        invoice = self.document(INVOICE, note["CreditedInvoiceId"])
        if self.due(note) <= 0 or self.due(invoice) < self.due(note):
            raise RefusalError(111, "offset")
        amount, today = self.due(note), self.now.date()
        self.record_payment(note, amount, today)
        self.record_payment(invoice, amount, today)
        return self.shown(note, detail=True)

    # what tests and people see and do

    def books(self) -> list[Kept]:
        """Return all documents that exist, hidden ones too."""
        return [self._kept(document) for document in self.state["documents"]]

    def _kept(self, document: Json) -> Kept:
        items, prices = self.prices(document)
        reduced = sum(
            (-i["Prices"]["TotalWithVat"] for i in items if i["ItemType"] == 2), Decimal(0)
        )
        factor = -1 if document["kind"] == CREDIT_NOTE else 1
        key = _KEY.search(document.get("Description") or "")
        made_from = document.get("CreditedInvoiceId") or next(
            iter(document.get("ProformaInvoices") or []), ""
        )
        return Kept(
            external_id=str(document["id"]),
            kind=_OUR_KINDS[document["kind"]],
            number=document["number"],
            key=key.group(1) if key else "",
            order_number=document.get("OrderNumber") or "",
            currency=self.currency(document["CurrencyId"]),
            total=factor * (prices["TotalWithVat"] + reduced),
            paid=self.paid(document),
            emails=tuple(m["to"] for m in self.state["mails"] if m["document"] == document["id"]),
            made_from=str(made_from),
        )

    def act(self, what: str, **details: Any) -> Any:
        """Let something happen on iDoklad's own pages, and return the webhooks that it causes.

        ``pay``, ``unpay``, ``edit`` (``fields``), ``delete``, ``send``, ``export``, ``account`` (of
        a proforma), ``issue`` (a document by hand, ``body``), ``delete_contact`` (``contact``).

        Raises:
            ValueError: nothing of the kind can be done, or iDoklad refuses it.
        """
        before = len(self.state["deliveries"])
        try:
            self._act(what, details)
        except RefusalError as why:
            raise ValueError(f"iDoklad refuses: {why.code} {why.word} {why.detail}") from None
        return self.state["deliveries"][before:]

    def _act(self, what: str, details: Mapping[str, Any]) -> None:
        if what == "issue":
            self.make(_KINDS[details.get("resource", "IssuedInvoices")], details["body"], "person")
            return
        if what == "delete_contact":
            self.state["contacts"].remove(self._contact(int(details["contact"])))
            return
        document = self.payable(int(details["external_id"]))
        match what:
            case "pay":
                amount = Decimal(str(details.get("amount") or self.due(document)))
                on = date.fromisoformat(details.get("on") or self.now.date().isoformat())
                self.record_payment(document, amount, on)
            case "unpay":
                for one in [p for p in self.state["payments"] if p["InvoiceId"] == document["id"]]:
                    self.unpay(one)
            case "edit":
                self.change(document["kind"], {"Id": document["id"], **details["fields"]})
            case "delete" | "cancel":
                self.remove(document["kind"], document["id"])
            case "send":
                document["sent"] = 1
                self.touch(document)
                self.notify("Update", ENTITIES[document["kind"]], document["id"])
            case "export":
                document["exported"] = 1
            case "account":
                self.account_proforma(document["id"], by="person")
            case _:
                super().act(what, **details)


SIMULATOR = IdokladSimulator
