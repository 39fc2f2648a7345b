"""Documents of a simulated SuperFaktura account as the API shows them."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from spojka.accounting.superfaktura import simulator_amounts as amounts
from spojka.accounting.superfaktura.simulator_amounts import NOTHING, as_number
from spojka.accounting.superfaktura.simulator_books import Books, RefusedError
from spojka.accounting.superfaktura.simulator_words import COUNTRIES

Json = dict[str, Any]

_FLAGS = {"2": "partially-paid", "3": "paid", "99": "due"}
_PRICES = (
    "unit_price", "unit_price_vat", "unit_price_discount", "unit_price_vat_no_discount",
    "item_price", "item_price_no_discount", "item_price_vat", "item_price_vat_no_discount",
)  # fmt: skip


class Shown:
    """Writes records of documents, contacts and companies; full ones, in lists, too."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.account = books.account

    def record(self, document: Json) -> Json:
        """Return a document as it is answered."""
        invoice = document["Invoice"]
        bases, taxes = self.books.sums(document)
        total, paid = self.books.total(document), self.books.paid(document)
        positive = self.account["credit_sign"] == "positive" and invoice["type"] == "cancel"
        sign = -1 if positive else 1
        money = {rate: sign * value for rate, value in bases.items()}
        vat = {rate: sign * value for rate, value in taxes.items()}
        net = sum(money.values(), NOTHING)
        tax = sum(vat.values(), NOTHING)
        client = self.client(document["Client"])
        mine = self._mine(document)
        return {
            "0": {
                "to_pay": format(sign * (total - paid), ".6f"),
                "to_pay_in_invoice_currency": format(sign * (total - paid), ".2f"),
                "total": format(sign * total, ".2f"),
            },
            "Client": client,
            "ClientData": client,
            "Invoice": {
                "accounting_date": invoice["created"],
                "amount": format(net, ".2f"),
                "amount_paid": format(sign * paid, ".2f"),
                "client_data": json.dumps({"Client": client}),
                "client_id": client["id"],
                "comment": "",
                "constant": "",
                "country_exchange_rate": "1.00000000000000",
                "delivery_type": "",
                "estimate_id": None,
                "exchange_rate": 1,
                "flag": _FLAGS.get(self.books.status(document), "issued"),
                "header_comment": "",
                "home_currency": self.books.home_currency,
                "internal_comment": None,
                "invoice_no_formatted_raw": re.sub(r"\D", "", invoice["invoice_no_formatted"]),
                "issued_by": "",
                "issued_by_email": "",
                "issued_by_phone": "",
                "issued_by_web": "",
                "items_data": ", ".join(item["name"] for item in document["items"]),
                "lang": document["InvoiceSetting"].get("language"),
                "mask": "YYYYNNN",
                "my_data": json.dumps({"MyData": mine}),
                "order_no": None,
                "paid": format(sign * paid, ".2f"),
                "parent_id": None,
                "payment_type": None,
                "proforma_id": None,
                "recurring": None,
                "specific": "",
                "summary_invoice": None,
                "tags": ",".join(document["Tag"]) or None,
                "taxdate": None,
                "user_id": "1",
                "user_profile_id": "1",
                "variable_raw": invoice["variable"],
                **{k: v for k, v in invoice.items() if k not in ("written_off", "locked")},
                "created": f"{invoice['created']} 00:00:00",
                "delivery": f"{invoice['delivery']} 00:00:00" if invoice["delivery"] else None,
                "paydate": _last_day(document["payments"]),
                "status": self.books.status(document),
                "vat": format(tax, ".2f"),
            },
            "InvoiceEmail": [
                {**row, "id": str(at), "invoice_id": invoice["id"], "email_cc": "[]"}
                for at, row in enumerate(document["emails"], 1)
            ],
            "InvoiceExtra": document["InvoiceExtra"],
            "InvoiceItem": self._shown_items(document, sign),
            "InvoicePayment": [
                {**row, "user_id": "1", "currency": invoice["invoice_currency"]}
                for row in document["payments"]
            ],
            "InvoiceSetting": document["InvoiceSetting"],
            "Logo": [],
            "MyData": mine,
            "Parent": next(iter(self._related([invoice.get("parent_id")])), None),
            "PaymentLink": None,
            "Paypal": False,
            "PostStamp": [],
            "RelatedItems": self._related(document["related"]),
            "Summary": {
                "discount": 0,
                "invoice_total": as_number(sign * total),
                "vat_base_separate": amounts.as_php(money),
                "vat_base_total": as_number(net),
                "vat_separate": amounts.as_php(vat),
                "vat_total": as_number(tax),
            },
            "SummaryInvoice": {
                "vat_base_separate_negative": _half(money, min),
                "vat_base_separate_positive": _half(money, max),
                "vat_separate_negative": _half(vat, min),
                "vat_separate_positive": _half(vat, max),
            },
            "Tag": document["Tag"],
            "UnitCount": [],
        }

    def _find(self, id_: str) -> Json | None:
        try:
            return self.books.find(id_)
        except RefusedError:
            return None

    def _related(self, ids: list[Any]) -> list[Json]:
        found = [self._find(str(id_)) for id_ in ids if id_]
        return [
            {
                "Invoice": {
                    name: other["Invoice"].get(name)
                    for name in ("id", "type", "tax_document", "invoice_no_formatted")
                }
            }
            for other in found
            if other is not None
        ]

    def _shown_items(self, document: Json, sign: int) -> list[Json]:
        rows = zip(document["items"], self.books.priced(document), strict=True)
        return [
            {
                "id": item["id"],
                "invoice_id": document["Invoice"]["id"],
                "name": item["name"],
                "description": item["description"],
                "unit": item["unit"],
                "sku": item["sku"],
                "ordernum": str(at),
                "stock_item_id": None,
                "quantity": None
                if item["quantity"] is None
                else format(Decimal(item["quantity"]), ".5f"),
                "tax": as_number(row["tax"]),
                "discount": as_number(Decimal(item["discount"])),
                **{name: as_number(sign * row[name]) for name in _PRICES},
            }
            for at, (item, row) in enumerate(rows)
        ]

    def client(self, client: Json) -> Json:
        iso = client.get("country_iso_id", "").lower() or self.account["country"].lower()
        country = _country(client["country_id"], iso, client["country"])
        names = (
            "name", "ico", "dic", "ic_dph", "address", "city", "zip", "state", "email", "phone",
            "delivery_name", "delivery_address", "delivery_city", "delivery_zip", "iban", "swift",
        )  # fmt: skip
        return {
            **{name: client.get(name, "") for name in names},
            "id": client["id"],
            "country_id": client["country_id"],
            "country": client["country"],
            "Country": country,
        }

    def _mine(self, document: Json) -> Json:
        iso = self.account["country"]
        id_, name = COUNTRIES.get(iso, (191, "Slovensko"))
        return {
            **self.company("1"),
            "country": _country(str(id_), iso.lower(), name),
            # On a document, flags of accounts are texts.
            "BankAccount": [
                {**row, "default": str(int(row.get("default") is True)), "show_account": "1"}
                for row in document["bank_accounts"] or self.books.state["bank_accounts"]
            ],
        }

    def company(self, id_: str) -> Json:
        country, name = COUNTRIES.get(self.account["country"], (191, "Slovensko"))
        return {
            "id": id_,
            "company_name": self.account["company_name"] + ("" if id_ == "1" else f" {id_}"),
            "address": "Skúšobná 1",
            "city": "Bratislava",
            "zip": "811 01",
            "business_register": "",
            "country_id": str(country),
            "country": name,
            "ico": self.account["ico"],
            "dic": "",
            "ic_dph": "",
            "tax_payer": self.account["tax_payer"],
            "user_id": "1",
        }


def _last_day(payments: list[Json]) -> str | None:
    return f"{payments[-1]['created']} 00:00:00" if payments else None


def _country(id_: str, iso: str, name: str) -> Json:
    return {"id": int(id_) if id_.isdecimal() else 0, "iso": iso, "name": name, "eu": True}


def _half(sums: dict[str, Decimal], choose: Any) -> Any:
    return amounts.as_php({rate: choose(value, NOTHING) for rate, value in sums.items()})
