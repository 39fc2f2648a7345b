"""Books of a simulated SuperFaktura account: documents, payments, e-mails, contacts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from spojka.accounting.superfaktura import simulator_amounts as amounts
from spojka.accounting.superfaktura.simulator_amounts import NOTHING, cents, number
from spojka.accounting.superfaktura.simulator_words import (
    COUNTRIES,
    CURRENCIES,
    HOME,
    PAYABLE,
    TYPES,
)

Json = dict[str, Any]
Say = Callable[[str], str]

ZONE = ZoneInfo("Europe/Bratislava")
_PLUS_DAYS = re.compile(r"\+(\d{1,4}) days?")
_ENGLISH_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_EPOCH = date(1970, 1, 1)
"""What a day that cannot be read becomes."""


class RefusedError(Exception):
    """What was sent is refused: number of the error, the message, and where it stands."""

    def __init__(self, error: int, message: Any, status: int = 200, shape: str = "both") -> None:
        super().__init__(str(message))
        self.error = error
        self.message = message
        self.status = status
        self.shape = shape
        """``error_message``, ``message`` or ``both``."""


class Books:
    """Works on the state of a simulator; holds nothing else."""

    def __init__(self, state: Json, account: Json, now: datetime, say: Say) -> None:
        self.state = state
        self.account = account
        self.now = now.astimezone(ZONE)
        self.say = say

    # finding

    def find(self, id_: Any) -> Json:
        """Return a document.

        Raises:
            RefusedError: there is none of this id.
        """
        for document in self.state["documents"]:
            if str(document["Invoice"]["id"]) == str(id_):
                found: Json = document
                return found
        raise RefusedError(1, self.say("not_found"), 404)

    def stamp(self) -> str:
        return self.now.strftime("%Y-%m-%d %H:%M:%S")

    def next_id(self, name: str) -> str:
        self.state["ids"][name] = self.state["ids"].get(name, 0) + 1
        return str(self.state["ids"][name])

    # making

    def create(self, data: Any) -> Json:
        """Make a document of a request's data.

        Raises:
            RefusedError: it is refused.
        """
        sent = data if isinstance(data, dict) else {}
        invoice = sent.get("Invoice")
        if not isinstance(invoice, dict):
            invoice = {}
        client = self._client(sent.get("Client"))
        items = sent.get("InvoiceItem")
        rows = [row for row in items if isinstance(row, dict)] if isinstance(items, list) else []
        if not rows:
            why = {"type": [self.say("no_items")]}
            raise RefusedError(5, why, shape="error_message")
        kind = str(invoice.get("type") or "regular")
        if kind not in TYPES:
            raise RefusedError(5, {"type": [self.say("type")]}, shape="error_message")
        currency = str(invoice.get("invoice_currency") or self.home_currency)
        if currency not in CURRENCIES:
            raise RefusedError(1, self.say("currency"), shape="error_message")
        dates = self._dates(invoice)
        if self.account["locked_until"] and dates["created"] <= self.account["locked_until"]:
            raise RefusedError(5, {"created": [self.say("period")]}, shape="error_message")
        sequence = self._sequence(kind, invoice.get("sequence_id"))
        document = self._document(kind, currency, invoice, client, dates, sequence)
        document["items"] = [self._kept(row) for row in rows]
        settings = sent.get("InvoiceSetting")
        if isinstance(settings, dict):
            document["InvoiceSetting"].update(settings)
        extra = sent.get("InvoiceExtra")
        document["InvoiceExtra"] = extra if isinstance(extra, dict) else {}
        document["Tag"] = self._tags(sent.get("Tag"))
        self._number(document, sequence, str(invoice.get("invoice_no_formatted") or ""))
        if str(invoice.get("add_rounding_item") or 0) in ("1", "True"):
            self._round(document)
        self.state["documents"].append(document)
        self._relate(document)
        if str(invoice.get("already_paid") or 0) in ("1", "True"):
            on = str(invoice.get("paydate") or dates["created"])[:10]
            self._add_payment(document, self.total(document) - self.paid(document), on,
                              str(invoice.get("payment_type") or "transfer"))  # fmt: skip
        return document

    @property
    def home_currency(self) -> str:
        return HOME.get(self.account["country"], "EUR")

    def _client(self, sent: Any) -> Json:
        if not isinstance(sent, dict) or not (
            sent.get("name") or sent.get("id") or sent.get("ico")
        ):
            why = {"data_bad_format": self.say("no_client")}
            raise RefusedError(4, why, shape="error_message")
        text = {name: str(value) for name, value in sent.items() if value is not None}
        text.setdefault("name", f"Firma {text.get('ico', '')}".strip())
        iso = text.get("country_iso_id", "").upper() or self.account["country"]
        id_, country = COUNTRIES.get(iso, (0, iso))
        text["country_id"] = text.get("country_id") or str(id_)
        text["country"] = text.get("country") or country
        same = ["name", "ico"] + (["address"] if text.get("match_address") == "1" else [])
        for known in self.state["clients"]:
            if all(known.get(n, "").lower() == text.get(n, "").lower() for n in same):
                if text.get("update_addressbook") == "1":
                    known.update(text)
                return {**text, "id": known["id"]}
        made = {**text, "id": self.next_id("client")}
        self.state["clients"].append(dict(made))
        return made

    def _dates(self, invoice: Json) -> Json:
        today = self.now.date().isoformat()
        wrong = {}
        found: Json = {}
        for name in ("created", "delivery"):
            value = invoice.get(name)
            if name == "delivery" and str(value) == "-1":
                found[name] = None
            elif value in (None, ""):
                found[name] = found.get("created", today)
            else:
                found[name] = self._day(value)
                if found[name] is None:
                    wrong[name] = [self.say("date")]
        if wrong:
            raise RefusedError(5, wrong, shape="error_message")
        due = invoice.get("due")
        later = date.fromisoformat(found["created"]) + timedelta(days=14)
        # What is no date at all becomes the beginning of time, and another error.
        found["due"] = later.isoformat() if due in (None, "") else self._day(due) or str(_EPOCH)
        if found["due"] < found["created"]:
            raise RefusedError(5, {"due": [self.say("due")]}, shape="error_message")
        return found

    def _day(self, value: Any) -> str | None:
        """Read a day as PHP's ``strtotime`` does, as far as anybody uses it."""
        text = str(value).strip()
        if match := _PLUS_DAYS.fullmatch(text):
            return (self.now.date() + timedelta(days=int(match.group(1)))).isoformat()
        try:
            if match := _ENGLISH_DAY.fullmatch(text):
                return date(int(match[3]), int(match[1]), int(match[2])).isoformat()
            return date.fromisoformat(text[:10]).isoformat()
        except ValueError:
            return None

    def _sequence(self, kind: str, id_: Any) -> Json:
        every = [row for row in self.state["sequences"] if row["item_type"] == kind]
        if id_ in (None, "", 0, "0"):
            chosen = next((row for row in every if row["default"]), None)
            if chosen is None:
                chosen = {
                    "id": self.next_id("sequence"), "item_type": kind, "name": kind,
                    "mask": "RRRRCCC", "default": True, "last": {},
                }  # fmt: skip
                self.state["sequences"].append(chosen)
            return chosen
        for row in every:
            if row["id"] == str(id_):
                found: Json = row
                return found
        raise RefusedError(5, {"sequence_id": [self.say("sequence")]}, shape="error_message")

    def _document(
        self, kind: str, currency: str, sent: Json, client: Json, dates: Json, sequence: Json
    ) -> Json:
        mode = str(sent.get("rounding") or self.account["rounding"])
        text = {
            name: str(sent[name])
            for name in (
                "order_no", "constant", "specific", "comment", "header_comment", "issued_by",
                "internal_comment", "payment_type", "parent_id", "proforma_id", "variable", "name",
            )
            if sent.get(name) not in (None, "")
        }  # fmt: skip
        id_ = self.next_id("invoice")
        return {
            "Invoice": {
                **text,
                "id": id_,
                "type": kind,
                "created": dates["created"],
                "delivery": dates["delivery"],
                "due": dates["due"],
                "invoice_currency": currency,
                "rounding": mode if mode in ("document", "item", "item_ext") else "item_ext",
                "discount": str(number(sent.get("discount"))),
                "vat_transfer": str(sent["vat_transfer"]) if sent.get("vat_transfer") else None,
                "deposit": format(cents(number(sent.get("deposit"))), "f"),
                "tax_document": str(sent["tax_document"]) if sent.get("tax_document") else None,
                "sequence_id": sequence["id"],
                "token": f"{(int(id_) * 2654435761) % 2**32:08x}",
                "modified": self.stamp(),
                "written_off": False,
                "locked": False,
            },
            "Client": client,
            "items": [],
            "payments": [],
            "emails": [],
            "related": [],
            "InvoiceSetting": {"language": self.account["language"], "payment_info": True},
            "bank_accounts": self._named_accounts(sent.get("bank_accounts")),
        }

    def _named_accounts(self, sent: Any) -> list[Json]:
        """Return the accounts that stand on a document: own ones by id, or as they were sent."""
        rows = [row for row in sent if isinstance(row, dict)] if isinstance(sent, list) else []
        known = {row["id"]: row for row in self.state["bank_accounts"]}
        return [known.get(str(row.get("id")), {k: str(v) for k, v in row.items()}) for row in rows]

    def _kept(self, row: Json) -> Json:
        tax = row.get("tax")
        if self.account["tax_payer"] != "1":
            tax = 0  # who is no payer sends full prices and no VAT
        return {
            "id": self.next_id("item"),
            "name": str(row.get("name") or ""),
            "description": str(row.get("description") or ""),
            "quantity": None if row.get("quantity") in (None, "") else str(row["quantity"]),
            "unit": str(row.get("unit") or ""),
            "unit_price": str(number(row.get("unit_price"))),
            "tax": str(number(tax)),
            "discount": str(number(row.get("discount"))),
            "sku": None if row.get("sku") in (None, "") else str(row["sku"]),
        }

    def _tags(self, sent: Any) -> list[str]:
        """Keep tags of known ids; names are lost without a word."""
        ids = sent.get("Tag") if isinstance(sent, dict) else None
        known = self.state["tags"]
        return [str(id_) for id_ in ids if str(id_) in known] if isinstance(ids, list) else []

    def _number(self, document: Json, sequence: Json, own: str) -> None:
        invoice = document["Invoice"]
        taken = {d["Invoice"].get("invoice_no_formatted") for d in self.state["documents"]}
        if own:
            if own in taken:
                why = {"invoice_no_formatted": [self.say("number")]}
                raise RefusedError(5, why, shape="error_message")
            invoice["invoice_no"], formatted = "0", own
        else:
            year = invoice["created"][:4]
            last = sequence["last"].get(year, 0) + 1
            sequence["last"][year] = last
            invoice["invoice_no"] = str(last)
            formatted = sequence["mask"].replace("RRRR", year).replace("CCC", f"{last:03d}")
        invoice["invoice_no_formatted"] = formatted
        invoice.setdefault("variable", re.sub(r"\D", "", formatted)[-10:])
        invoice.setdefault("name", f"{self.say_kind(invoice['type'])} {formatted}".strip())

    def say_kind(self, kind: str) -> str:
        return self.say(kind) if kind in PAYABLE else kind

    def _round(self, document: Json) -> None:
        total = self.total(document)
        missing = amounts.coins(total, document["Invoice"]["invoice_currency"]) - total
        if missing:
            row = {"name": self.say("rounding"), "unit_price": missing, "tax": 0, "quantity": 1}
            document["items"].append(self._kept(row))

    def _relate(self, document: Json) -> None:
        """Bind a document to its proformas, whose payments it takes over, or to its invoice."""
        invoice = document["Invoice"]
        if invoice["type"] == "regular":
            for id_ in filter(None, map(str.strip, invoice.get("proforma_id", "").split(","))):
                proforma = self._known(id_)
                if proforma is None or proforma["Invoice"]["type"] != "proforma":
                    continue
                if self.account["produced_in"] == "parent":
                    proforma["Invoice"]["parent_id"] = invoice["id"]
                else:
                    proforma["related"].append(invoice["id"])
                for payment in proforma["payments"]:
                    self._add_payment(
                        document, Decimal(payment["amount"]), payment["created"],
                        payment["payment_type"],
                    )  # fmt: skip
        if invoice["type"] == "cancel" and invoice.get("parent_id"):
            original = self._known(invoice["parent_id"])
            if original is not None:
                left = self.total(original) - self.paid(original)
                off = min(abs(self.total(document)), left)
                if off > 0:
                    self._add_payment(original, off, invoice["created"], "accreditation")
                original["related"].append(invoice["id"])

    def _known(self, id_: str) -> Json | None:
        try:
            return self.find(id_)
        except RefusedError:
            return None

    # sums

    def priced(self, document: Json) -> list[Json]:
        invoice = document["Invoice"]
        places = self.account["unit_places"]
        discount = Decimal(invoice["discount"])
        return [
            amounts.priced(item, invoice["rounding"], places, discount)
            for item in document["items"]
        ]

    def sums(self, document: Json) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
        return amounts.summed(self.priced(document), document["Invoice"]["rounding"])

    def total(self, document: Json) -> Decimal:
        bases, taxes = self.sums(document)
        return sum(bases.values(), NOTHING) + sum(taxes.values(), NOTHING)

    def paid(self, document: Json) -> Decimal:
        payments = sum((Decimal(row["amount"]) for row in document["payments"]), NOTHING)
        return payments + Decimal(document["Invoice"]["deposit"])

    def status(self, document: Json) -> str:
        if document["Invoice"]["written_off"]:
            return str(self.account["written_off_status"])
        total, paid = self.total(document), self.paid(document)
        if total and abs(paid) >= abs(total):
            return "3"
        if paid:
            return "2"
        return "99" if document["Invoice"]["due"] < self.now.date().isoformat() else "1"

    # what happens to documents

    def touch(self, document: Json) -> None:
        document["Invoice"]["modified"] = self.stamp()

    def pay(self, sent: Json) -> tuple[Json, Json, str]:
        """Record a payment; return the document, the payment, and the address to be called.

        Raises:
            RefusedError: it is refused.
        """
        document = self._known(str(sent.get("invoice_id", "")))
        if document is None:
            raise RefusedError(1, self.say("payment"), shape="message")
        if document["Invoice"]["type"] not in PAYABLE:
            raise RefusedError(1, self.say("type"), shape="message")
        left = self.total(document) - self.paid(document)
        if not left:
            raise RefusedError(1, self.say("paid"), shape="messages")
        amount = number(sent.get("amount"), left)
        on = self._day(sent.get("date") or sent.get("created") or "") or str(self.now.date())
        made = self._add_payment(document, amount, on, str(sent.get("payment_type") or "transfer"))
        self.touch(document)
        called = self.called(document)
        if called:
            self.state["callbacks"].append(called)
        self._settle(document)
        return document, made, called

    def called(self, document: Json) -> str:
        """Return the address that is called after a payment; empty: none was given."""
        address = str(document["InvoiceSetting"].get("callback_payment") or "")
        joint = "&" if "?" in address else "?"
        return f"{address}{joint}invoice_id={document['Invoice']['id']}" if address else ""

    def _add_payment(self, document: Json, amount: Decimal, on: str, kind: str) -> Json:
        made = {
            "id": self.next_id("payment"),
            "amount": format(cents(amount), "f"),
            "created": on,
            "payment_type": kind,
            "invoice_id": document["Invoice"]["id"],
        }
        document["payments"].append(made)
        return made

    def _settle(self, proforma: Json) -> None:
        """Make the invoice of a paid proforma, where the account does so by itself."""
        invoice = proforma["Invoice"]
        paid = self.status(proforma) == "3"
        if invoice["type"] != "proforma" or not paid or not self.account["automatic_invoice"]:
            return
        copied = ["order_no", "invoice_currency", "rounding", "payment_type", "variable"]
        if self.account["copies_comment"]:
            copied.append("internal_comment")
        self.create(
            {
                "Invoice": {
                    **{name: invoice[name] for name in copied if name in invoice},
                    "type": "regular",
                    "proforma_id": invoice["id"],
                },
                "InvoiceItem": proforma["items"],
                "Client": proforma["Client"],
                "InvoiceSetting": proforma["InvoiceSetting"],
            }
        )

    def unpay(self, id_: str) -> Json:
        """Delete a payment and return its document.

        Raises:
            RefusedError: there is none of this id.
        """
        if not id_.isdecimal():
            raise RefusedError(1, self.say("payment_id"), shape="message")
        for document in self.state["documents"]:
            for payment in document["payments"]:
                if payment["id"] == id_:
                    document["payments"].remove(payment)
                    self.touch(document)
                    found: Json = document
                    return found
        raise RefusedError(1, self.say("payment_gone"), shape="message")

    def write_off(self, id_: str) -> Json:
        """Mark a document as one that will not be paid."""
        document = self.find(id_)
        invoice = document["Invoice"]
        again = invoice["written_off"] and self.account["written_off_again"] == "refused"
        if invoice["type"] not in ("regular", "proforma") or self.paid(document) or again:
            raise RefusedError(1, self.say("not_cancelled"), shape="error_message")
        invoice["written_off"] = True
        self.touch(document)
        return document

    def delete(self, id_: str) -> None:
        """Delete a document; of a locked one it is only said, or not even that."""
        document = self.find(id_)
        if document["Invoice"]["locked"]:
            if self.account["locked_delete"] == "refused":
                raise RefusedError(1, self.say("not_deleted"), 404)
            return
        self.state["documents"].remove(document)

    def edit(self, fields: Mapping[str, Any], items: list[Any]) -> Json:
        """Change a document; items without an id are added to those that are there."""
        document = self.find(fields.get("id"))
        kept = {"id", "type", "token", "invoice_no"}
        for name, value in fields.items():
            if name not in kept:
                document["Invoice"][name] = str(number(value) if name == "discount" else value)
        for row in items:
            if not isinstance(row, dict):
                continue
            old = next((i for i in document["items"] if i["id"] == str(row.get("id"))), None)
            if old is None:
                document["items"].append(self._kept(row))
            else:
                old.update(self._kept({**old, **row}), id=old["id"])
        self.touch(document)
        return document

    def email(self, document: Json, to: str, subject: str, body: str) -> None:
        """Send a document."""
        document["emails"].append(
            {"email": to, "subject": subject, "message": body, "created": self.stamp()}
        )
        self.touch(document)
