"""What documents of the simulated iDoklad are worth, and how they are shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from spojka.accounting.idoklad import simulator_lists as lists
from spojka.accounting.idoklad import simulator_sums as sums
from spojka.accounting.idoklad.simulator_account import NO_DATE, Agenda, RefusalError
from spojka.accounting.idoklad.simulator_rules import CREDIT_NOTE, PROFORMA
from spojka.accounting.simulator import Json

_LANGUAGES = {1: "cs", 2: "sk", 3: "en", 4: "de"}
_ROUNDINGS = {"cs": "Zaokrouhlení", "sk": "Zaokrúhlenie", "en": "Rounding", "de": "Runden"}
_NONE = Decimal(0)
CHANGEABLE = (
    "ConstantSymbolId", "CurrencyId", "DateOfIssue", "DateOfMaturity", "DateOfTaxing",
    "Description", "DiscountPercentage", "ExchangeRate", "ExchangeRateAmount", "IsEet",
    "IsIncomeTax", "ItemsTextPrefix", "ItemsTextSuffix", "Note", "OrderNumber", "PartnerId",
    "PaymentOptionId", "ReportLanguage", "VariableSymbol", "VatReverseChargeCodeId",
    "CreditNoteReason",
)  # fmt: skip


class Shown(Agenda):
    """Documents as they are read. Amounts are kept as text and computed whenever they are shown."""

    def rate(self, document: Json, item: Json, on: date) -> Decimal:
        """Return the rate of an item; a custom one has to be what its type is worth on the day."""
        if self.account["vat"] != "payer" and not document.get("HasVatRegimeOss"):
            return _NONE
        country = self.home_country
        if document.get("HasVatRegimeOss"):
            country = self.partner(document["PartnerId"])["CountryId"]
        rate = lists.rate_on(country, item["VatRateType"], on)
        if rate is None:
            raise RefusalError(127, "rate")
        stated = item.get("VatRate")
        if stated is not None and Decimal(str(stated)) != rate:
            raise RefusalError(151, "rate")
        return rate

    def paid(self, document: Json) -> Decimal:
        own = [p for p in self.state["payments"] if p["InvoiceId"] == document["id"]]
        return sum((Decimal(p["amount"]) for p in own), _NONE)

    def due(self, document: Json) -> Decimal:
        """Return what is left to be paid of a document."""
        total: Decimal = self.prices(document)[1]["TotalWithVat"]
        return total - self.paid(document)

    def typed_items(self, document: Json) -> list[Json]:
        """Return the items with their amounts as numbers."""
        return [{**item, **numbers_of(item)} for item in document["items"]]

    def prices(self, document: Json) -> tuple[list[Json], Json]:
        """Return the items as they are shown, rounding included, and the document's prices."""
        on = date.fromisoformat((document.get("DateOfTaxing") or document["DateOfIssue"])[:10])
        cut = self.account["price_decimals"] if self.account["cuts_unit_price"] else None
        ties = (self.account["ties"][0], self.account["ties"][1])
        items = []
        for item in self.typed_items(document):
            rate = self.rate(document, item, on)
            shown = {"DiscountPercentage": _NONE, "ItemType": sums.NORMAL, **item, "VatRate": rate}
            items.append({**shown, "Prices": sums.item_prices(shown, rate, cut, ties)})
        vat_by = self.account["vat_by"]
        prices = sums.document_prices(items, vat_by, ties)
        rounded = self._rounding(document, prices["TotalWithVat"])
        if rounded:
            items.append(rounded)
            prices = sums.document_prices(items, vat_by, ties)
        return items, prices

    def _rounding(self, document: Json, total: Decimal) -> Json | None:
        options = lists.payment_options("cs")
        by_option = any(o["IsRounded"] for o in options if o["Id"] == document["PaymentOptionId"])
        mode = self.account["rounding"]
        if mode == 0 or (mode == 2 and not by_option):
            return None
        currency = self.currency(document["CurrencyId"])
        amount = sums.rounding(total, currency, self.home_currency)
        if not amount:
            return None
        language = _LANGUAGES.get(document.get("ReportLanguage") or 1, "cs")
        item = {
            "Id": document["id"] * 1000,
            "Name": _ROUNDINGS[language],
            "Amount": Decimal(1),
            "UnitPrice": amount,
            "PriceType": sums.WITH_VAT,
            "VatRateType": 2,
            "VatRate": _NONE,
            "ItemType": sums.ROUND,
            "IsTaxMovement": False,
            "DiscountPercentage": _NONE,
        }
        return {**item, "Prices": sums.item_prices(item, _NONE, None, ("up", "up"))}

    def currency(self, currency_id: int) -> str:
        return next(str(c["Code"]) for c in lists.currencies() if c["Id"] == currency_id)

    # showing

    def shown(self, document: Json, *, detail: bool) -> Json:
        """Return a document as a list shows it, or in detail."""
        items, prices = self.prices(document)
        factor = int(self.account["credit_note_sign"]) if document["kind"] == CREDIT_NOTE else 1
        rate = _hc_rate(document)
        paid = self.paid(document)
        total = prices["TotalWithVat"]
        summary = [
            sums.in_home_currency(_times(row, factor), rate) for row in prices["VatRateSummary"]
        ]
        last_paid = max(
            (
                p["DateOfPayment"]
                for p in self.state["payments"]
                if p["InvoiceId"] == document["id"]
            ),
            default="",
        )
        settled = paid >= total and (paid > 0 or any(i["ItemType"] == sums.REDUCE for i in items))
        status = 3 if paid > total else 1 if settled else 2 if paid > 0 else 0
        found = {
            **{name: document.get(name) for name in CHANGEABLE},
            "Id": document["id"],
            "DocumentNumber": document["number"],
            "DocumentSerialNumber": document["serial"],
            "NumericSequenceId": document["series"],
            "VariableSymbol": document.get("VariableSymbol") or digits_of(document["number"]),
            "OrderNumber": document.get("OrderNumber") or "",
            "DateOfIssue": _time(document["DateOfIssue"]),
            "DateOfMaturity": _time(document["DateOfMaturity"]),
            "DateOfTaxing": _time(document.get("DateOfTaxing") or document["DateOfIssue"]),
            "DateOfPayment": _time(last_paid) if status in (1, 3) and last_paid else NO_DATE,
            "DateOfLastReminder": NO_DATE,
            "DateOfAccountingEvent": NO_DATE,
            "DateOfVatApplication": NO_DATE,
            "ExchangeRate": Decimal(document.get("ExchangeRate") or 1),
            "ExchangeRateAmount": Decimal(document.get("ExchangeRateAmount") or 1),
            "DiscountPercentage": Decimal(document.get("DiscountPercentage") or 0),
            "Exported": document["exported"],
            "HasVatRegimeOss": bool(document.get("HasVatRegimeOss")),
            "VatRegime": 1 if self.account["vat"] == "payer" else 0,
            "VatOnPayStatus": 0,
            "IsSentToPurchaser": document["sent"],
            "IsSentToAccountant": False,
            "PaymentStatus": status,
            "IsPaid": status in (1, 3),
            "PartnerAddress": _address(document["partner"]),
            "MyAddress": {"NickName": self.account["name"], "Iban": document.get("Iban")},
            "IssuedTaxDocumentIds": [],
            "Attachments": [],
            "Tags": [],
            "ReminderCount": 0,
            "Items": [
                {
                    **item,
                    "Prices": sums.in_home_currency(_times(item["Prices"], factor), rate),
                }
                for item in items
            ],
            "Prices": {
                **sums.in_home_currency(
                    {**_times(prices, factor), "TotalPaid": factor * paid}, rate
                ),
                "VatRateSummary": summary,
            },
            "Metadata": {
                "DateCreated": document["created"],
                "DateLastChange": document["changed"],
                "UserCreatedId": 1,
                "UserLastChangeId": 1,
            },
        }
        if document["kind"] == PROFORMA:
            found |= {
                "AccountedByInvoiceId": document.get("accounted_by"),
                "IsProformaTaxed": False,
            }
        if document["kind"] == CREDIT_NOTE:
            found["CreditedInvoiceId"] = document["CreditedInvoiceId"]
        if detail:
            code = self.currency(document["CurrencyId"])
            found |= {
                "Currency": {"Id": document["CurrencyId"], "Code": code},
                "Partner": document["partner"],
                "ProformaInvoices": document.get("ProformaInvoices") or [],
            }
        return found


def numbers_of(item: Json) -> Json:
    """Return the amounts of a kept item as numbers."""
    names = ("Amount", "UnitPrice", "DiscountPercentage", "VatRate")
    return {name: Decimal(str(item[name])) for name in names if item.get(name) is not None}


def _times(prices: Json, factor: int) -> Json:
    return {
        name: value * factor if name.startswith(("Total", "UnitPrice")) else value
        for name, value in prices.items()
    }


def _hc_rate(document: Json) -> Decimal:
    amount = Decimal(document.get("ExchangeRateAmount") or 1)
    return Decimal(document.get("ExchangeRate") or 1) / amount


def _time(text: str) -> str:
    return text if "T" in text else f"{text}T00:00:00"


def digits_of(text: str) -> str:
    return "".join(sign for sign in text if sign.isdecimal())[-10:]


def _address(partner: Json) -> Json:
    names = (
        "Street", "City", "PostalCode", "CountryId", "Email", "Phone", "Firstname", "Surname",
        "IdentificationNumber", "VatIdentificationNumber", "VatIdentificationNumberSk",
    )  # fmt: skip
    return {"NickName": partner["CompanyName"], **{name: partner.get(name) for name in names}}
