"""Documents of the simulated iDoklad: made, shown, changed, deleted, deducted.

A document is kept as it was sent, with amounts as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from spojka.accounting.idoklad import simulator_rules as rules
from spojka.accounting.idoklad import simulator_sums as sums
from spojka.accounting.idoklad.simulator_account import RefusalError, kept, malformed, missing
from spojka.accounting.idoklad.simulator_rules import CREDIT_NOTE, INVOICE, PROFORMA
from spojka.accounting.idoklad.simulator_shown import CHANGEABLE, Shown, digits_of, numbers_of
from spojka.accounting.simulator import Json

ENTITIES = {INVOICE: "IssuedInvoice", PROFORMA: "ProformaInvoice", CREDIT_NOTE: "CreditNote"}
_RUN = re.compile(r"\{(R+|M+|N+)\}")
_OWN = ("items", "kind", "id", "series", "serial", "changed", "created", "sent", "exported", "by")
_NONE = Decimal(0)


class Documents(Shown):
    """Invoices, proformas and credit notes of the agenda."""

    def all_documents(self) -> Iterator[Json]:
        """Yield the documents that are shown: not those that reads do not show yet."""
        for position, document in enumerate(self.state["documents"], start=1):
            if not self.is_hidden(position):
                yield document

    def document(self, kind: int, document_id: int) -> Json:
        """Return a document.

        Raises:
            RefusalError: there is none of this kind and id.
        """
        for document in self.all_documents():
            if (document["kind"], document["id"]) == (kind, document_id):
                return document
        raise missing()

    def payable(self, document_id: int) -> Json:
        """Return a document of any kind.

        Raises:
            RefusalError: there is none.
        """
        for document in self.all_documents():
            if document["id"] == document_id:
                return document
        raise missing()

    # numbers

    def sequences(self) -> list[Json]:
        """Return the number series as they are this year."""
        year = self.now.year
        return [
            {**series, "Year": year, "LastNumber": self.last_number(series["Id"], year)}
            for series in self.state["series"]
        ]

    def last_number(self, series_id: int, year: int) -> int:
        used = [d["serial"] for d in self.state["documents"] if _numbered(d) == (series_id, year)]
        return max(used, default=0)

    def sequence(self, kind: int, series_id: Any) -> Json:
        for series in self.state["series"]:
            if (series["Id"], series["DocumentType"]) == (series_id, kind):
                return dict(series)
        raise malformed("NumericSequenceId does not exist.")

    def document_number(self, series: Json, serial: int, on: date) -> str:
        """Write a number by its series' format."""

        def part(match: re.Match[str]) -> str:
            run = match.group(1)
            if run[0] == "R":
                return f"{on.year:04d}"[-len(run) :]
            return f"{on.month if run[0] == 'M' else serial:0{len(run)}d}"

        return _RUN.sub(part, series["NumberFormat"])

    def is_used(self, number: str, kind: int) -> bool:
        """Tell whether a number is used by a document, shown or not."""
        return any(d["number"] == number and d["kind"] == kind for d in self.state["documents"])

    def numbers(self, kind: int, serial: int | None, series_id: int | None, on: date) -> Json:
        """Tell about a serial number, and which is free."""
        fitting = [s for s in self.state["series"] if s["DocumentType"] == kind]
        chosen = next((s for s in fitting if s["Id"] == series_id), None) or next(
            (s for s in fitting if s["IsDefault"]), None
        )
        if chosen is None:
            raise missing()
        free = self.last_number(chosen["Id"], on.year) + 1
        while self.is_used(self.document_number(chosen, free, on), kind):
            free += 1

        def shown(number: int) -> Json:
            text = self.document_number(chosen, number, on)
            return {
                "DocumentNumber": text,
                "DocumentSerialNumber": number,
                "IsUnique": not self.is_used(text, kind),
                "NumericSequenceId": chosen["Id"],
                "VariableSymbol": digits_of(text),
            }

        return {"Unique": shown(free), "Custom": shown(serial if serial is not None else free)}

    # making

    def make(self, kind: int, body: Json, by: str = "api") -> Json:
        """Make a document.

        Raises:
            RefusalError: the data are wrong, or its number is used.
        """
        rules.check_document(self, kind, body)
        series = self.sequence(kind, body["NumericSequenceId"])
        issued_on = rules.day(body, "DateOfIssue")
        serial = body["DocumentSerialNumber"]
        if isinstance(serial, bool) or not isinstance(serial, int) or serial < 1:
            raise malformed("DocumentSerialNumber is not a number.")
        number = self.document_number(series, serial, issued_on)
        if self.is_used(number, kind):
            raise RefusalError(123, "number")
        if kind == CREDIT_NOTE:
            self.document(INVOICE, body["CreditedInvoiceId"])
        proformas = [self._to_deduct(one) for one in body.get("ProformaInvoices") or []]
        on = rules.day(body, "DateOfTaxing") if body.get("DateOfTaxing") else issued_on
        for item in body.get("Items") or []:
            self.rate(body, item, on)
        document = {
            **kept({name: value for name, value in body.items() if name != "Items"}),
            "id": self.new_id(),
            "kind": kind,
            "series": series["Id"],
            "serial": serial,
            "number": number,
            "items": [{**kept(item), "Id": self.new_id()} for item in body.get("Items") or []],
            "partner": self.partner(body["PartnerId"]),
            "sent": 0,
            "exported": 0,
            "by": by,
            "created": self.stamp(),
            "changed": self.stamp(),
        }
        document.pop("DateOfPayment", None)
        self.state["documents"].append(document)
        for proforma in proformas:
            proforma["accounted_by"] = document["id"]
            self.touch(proforma)
        if body.get("DateOfPayment"):
            left = self.due(document)
            self.record_payment(document, left, rules.day(body, "DateOfPayment"), announce=False)
        self.notify("Insert", ENTITIES[kind], document["id"])
        return document

    def _to_deduct(self, proforma_id: int) -> Json:
        proforma = self.document(PROFORMA, proforma_id)
        if proforma.get("accounted_by"):
            raise RefusalError(133, "accounted")
        return proforma

    def change(self, kind: int, body: Json) -> Json:
        """Change the fields that are sent; items that are not among those sent are removed.

        Raises:
            RefusalError: it cannot be changed.
        """
        document = self.document(kind, body.get("Id") or 0)
        self.check_changeable(document)
        if kind == PROFORMA and document.get("accounted_by"):
            raise RefusalError(128, "accounted")
        document.update(kept({name: body[name] for name in CHANGEABLE if name in body}))
        if body.get("Items") is not None:
            known = {item["Id"]: item for item in document["items"]}
            items = []
            for sent in body["Items"]:
                item = {**known.get(sent.get("Id") or 0, {"Id": self.new_id()}), **kept(sent)}
                rules.check_item(kind, {**item, **sent, **numbers_of(item)})
                items.append(item)
            document["items"] = items
        self.touch(document)
        self.notify("Update", ENTITIES[kind], document["id"])
        return document

    def remove(self, kind: int, document_id: int) -> None:
        """Delete a document.

        Raises:
            RefusalError: something depends on it.
        """
        document = self.document(kind, document_id)
        self.check_changeable(document)
        if kind == PROFORMA and document.get("accounted_by"):
            raise RefusalError(131, "accounted")
        if any(d.get("CreditedInvoiceId") == document_id for d in self.state["documents"]):
            raise RefusalError(105, "credited")
        paid = [p for p in self.state["payments"] if p["InvoiceId"] == document_id]
        if paid and self.account["paid_blocks_delete"]:
            raise RefusalError(106, "payments")
        self.state["payments"] = [p for p in self.state["payments"] if p not in paid]
        self.state["documents"].remove(document)
        for proforma in self.state["documents"]:
            if proforma.get("accounted_by") == document_id:
                proforma["accounted_by"] = None
                self.touch(proforma)
        self.notify("Delete", ENTITIES[kind], document_id)

    def check_changeable(self, document: Json) -> None:
        if document["exported"] and not self.account["allow_edit_exported"]:
            raise RefusalError(107, "exported")

    def touch(self, document: Json) -> None:
        document["changed"] = self.stamp()

    # final invoices

    def for_account(self, proforma_id: int) -> Json:
        """Return the final invoice of a proforma, prefilled.

        Raises:
            RefusalError: it is not paid, or accounted already.
        """
        proforma = self.document(PROFORMA, proforma_id)
        if proforma.get("accounted_by"):
            raise RefusalError(112, "accounted")
        paid = self.paid(proforma)
        if paid <= 0:
            raise RefusalError(113, "not_paid")
        today = self.now.date().isoformat()
        fields = {n: v for n, v in proforma.items() if n not in _OWN and n[0].isupper()}
        items = [{n: v for n, v in i.items() if n != "Id"} for i in self.typed_items(proforma)]
        reduced = {
            "Name": f"Odpočet zálohy {proforma['number']}",
            "Amount": Decimal(1),
            "UnitPrice": -paid,
            "PriceType": sums.WITH_VAT,
            "VatRateType": 1 if self.account["reduce_with_vat"] else 2,
            "IsTaxMovement": False,
            "DiscountPercentage": _NONE,
            "ItemType": sums.REDUCE,
            "InvoiceProformaId": proforma_id,
        }
        number = self.numbers(INVOICE, None, None, self.now.date())["Unique"]
        return {
            **fields,
            "DateOfIssue": today,
            "DateOfTaxing": today,
            "DateOfMaturity": today,
            "NumericSequenceId": number["NumericSequenceId"],
            "DocumentSerialNumber": number["DocumentSerialNumber"],
            "VariableSymbol": proforma.get("VariableSymbol") or digits_of(proforma["number"]),
            "ProformaInvoices": [proforma_id],
            "Items": [*({"DiscountPercentage": _NONE, **item} for item in items), reduced],
        }

    def account_proforma(self, proforma_id: int, by: str = "api") -> Json:
        """Make the final invoice of a paid proforma."""
        return self.make(INVOICE, self.for_account(proforma_id), by)

    # money

    def record_payment(
        self, document: Json, amount: Decimal, on: date, option: int = 1, *, announce: bool = True
    ) -> Json:
        """Record a payment of a document."""
        payment = {
            "Id": self.new_id(),
            "InvoiceId": document["id"],
            "PaymentOptionId": option,
            "DateOfPayment": on.isoformat(),
            "amount": str(amount),
            "created": self.stamp(),
        }
        self.state["payments"].append(payment)
        self.touch(document)
        entity = ENTITIES[document["kind"]]
        if announce:
            self.notify("PaymentCreated", entity, document["id"])
        settled = document["kind"] == PROFORMA and self.due(document) <= 0
        if settled and self.account["auto_invoice"] and not document.get("accounted_by"):
            self.account_proforma(document["id"], by="iDoklad")
        return payment


def _numbered(document: Json) -> tuple[int, int]:
    return document["series"], int(document["DateOfIssue"][:4])
