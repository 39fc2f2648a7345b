"""What a simulated account accepts as a document: fields, choices, links to other documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from spojka.accounting.fakturoid.simulator_amounts import given_number
from spojka.accounting.fakturoid.simulator_words import Faults
from spojka.accounting.simulator import Json, State

CUSTOM_WAY = 20
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "document_type": ("invoice", "proforma", "correction", "tax_document", "final_invoice"),
    "proforma_followup_document": ("final_invoice_paid", "final_invoice", "tax_document", "none"),
    "payment_method": ("bank", "cash", "cod", "card", "paypal", "custom"),
    "language": ("cz", "sk", "en", "de", "fr", "it", "es", "ru", "pl", "hu", "ro"),
    "oss": ("disabled", "service", "goods"),
    "vat_price_mode": ("without_vat", "from_total_with_vat"),
    "iban_visibility": ("automatically", "always"),
}


class Rules:
    """The rules for documents of ``state``."""

    def __init__(self, state: State, account: Json) -> None:
        self._state = state
        self._account = account

    def check(self, given: Json, *, new: bool) -> None:
        """Look at the body of a request; ``new``: it is to make a document.

        Raises:
            RefusedError: a field is wrong (422).
        """
        faults = Faults(self._account["locale"])
        for name, values in _CHOICES.items():
            if given.get(name) not in (None, *values):
                faults.add(name, "inclusion")
        if "number" in given:
            self._check_number(given, faults)
        if len(str(given.get("custom_payment_method") or "")) > CUSTOM_WAY:
            faults.add("custom_payment_method", "long", most=CUSTOM_WAY)
        for name in ("issued_on", "taxable_fulfillment_due"):
            if given.get(name) is not None and _day(given[name]) is None:
                faults.add(name, "date")
        if given.get("due") is not None and not re.fullmatch(r"[0-9]{1,4}", str(given["due"])):
            faults.add("due", "not_a_number")
        if new or "lines" in given:
            self._check_lines(given, faults)
        if new:
            self._check_new(given, faults)
        elif "number_format_id" in given:
            faults.add("number_format_id", "forbidden")
        faults.check()

    def _check_number(self, given: Json, faults: Faults) -> None:
        """A number has to fit the format; ``null`` does not."""
        formats = self._state["formats"]
        chosen = given.get("number_format_id")
        for one in formats:
            if str(one["id"]) == str(chosen) or (chosen is None and one["default"]):
                pattern = re.escape(one["format"]).replace(r"\#yyyy\#", r"\d{4}")
                pattern = re.sub(r"\\#(d+)\\#", lambda m: rf"\d{{{len(m[1])},}}", pattern)
                if re.fullmatch(pattern, str(given["number"] or "")):
                    return
        faults.add("number", "number")

    def _check_lines(self, given: Json, faults: Faults) -> None:
        lines = given.get("lines")
        if not isinstance(lines, list) or not lines:
            faults.add("lines", "blank")
            return
        for one in lines:
            if one.get("_destroy"):
                continue
            for name in ("name", "unit_price"):
                if not str(one.get(name) or "").strip() and (name in one or not one.get("id")):
                    faults.add(f"lines.{name}", "blank")
            for name in ("unit_price", "quantity", "vat_rate"):
                if one.get(name) is None:
                    continue
                value = given_number(one[name])
                if value is None or (name == "vat_rate" and not 0 <= value <= 100):
                    faults.add(f"lines.{name}", "not_a_number")
                    continue
                if name == "quantity" and value == 0:
                    faults.add("lines.quantity", "zero")
                if name == "vat_rate" and value and given.get("transferred_tax_liability"):
                    faults.add("lines.vat_rate", "must_be_zero")

    def _check_new(self, given: Json, faults: Faults) -> None:
        subjects = self._state["subjects"]
        if _of_id(subjects, given.get("subject_id")) is None:
            if given.get("subject_id") in (None, ""):
                faults.add("subject_id", "blank")
            faults.add("subject_id", "subject")
            if not given.get("client_name"):
                faults.add("client_name", "blank")
        self._check_reference(given, faults, "number_format_id", self._state["all_formats"])
        self._check_reference(given, faults, "bank_account_id", self._state["banks"])
        currency = given.get("currency") or self._account["currency"]
        if not re.fullmatch("[A-Z]{3}", str(currency)):
            faults.add("currency", "inclusion")
        rate = given.get("exchange_rate")
        if rate is None and currency != self._account["currency"]:
            faults.add("exchange_rate", "blank")
        if rate is not None and (given_number(rate) or 0) <= 0:
            faults.add("exchange_rate", "not_a_number")
        custom_id = given.get("custom_id")
        every = [*self._state["invoices"], *self._state["bin"]]
        is_taken = any(custom_id == one["custom_id"] for one in every)
        if custom_id and self._account["unique_custom_id"] and is_taken:
            faults.add("custom_id", "taken")
        self._check_links(given, faults)

    def _check_reference(self, given: Json, faults: Faults, name: str, known: list[Json]) -> None:
        wanted = given.get(name)
        if wanted is not None and _of_id(known, wanted) is None:
            faults.add(name, "inclusion")

    def _check_links(self, given: Json, faults: Faults) -> None:
        if given.get("document_type") == "correction":
            original = _of_id(self._state["invoices"], given.get("correction_id"))
            if original is None or original["document_type"] == "proforma":
                faults.add("correction_id", "missing")
            elif original["correction_id"] and self._account["corrections"] == "one":
                faults.add("correction_id", "corrected")
        if given.get("related_id") is not None:
            proforma = _of_id(self._state["invoices"], given["related_id"])
            if proforma is None or proforma["document_type"] != "proforma":
                faults.add("related_id", "missing")
            elif proforma["related_id"]:
                faults.add("related_id", "settled")
        if given.get("document_type") == "final_invoice":
            ids = given.get("tax_document_ids") or []
            found = [_of_id(self._state["invoices"], one) for one in ids]
            if not found or any(
                one is None or one["document_type"] != "tax_document" or one["related_id"]
                for one in found
            ):
                faults.add("tax_document_ids", "missing")


def _of_id(rows: list[Json], external_id: Any) -> Json | None:
    return next((one for one in rows if str(one["id"]) == str(external_id)), None)


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
