"""The documents of a simulated account of Fakturoid: made, changed, paid, thrown away."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from spojka.accounting.fakturoid.simulator_amounts import line, number, shown, totals
from spojka.accounting.fakturoid.simulator_words import Faults, refused, refused_fields
from spojka.accounting.simulator import Json, State

HOST = "https://app.fakturoid.cz"
ZONE = ZoneInfo("Europe/Prague")
CUSTOM_WAY = 20
_NEVER_SET = re.compile(r"(?i)^(id|number|status|token|created_at|updated_at)$")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "document_type": ("invoice", "proforma", "correction", "tax_document", "final_invoice"),
    "proforma_followup_document": ("final_invoice_paid", "final_invoice", "tax_document", "none"),
    "payment_method": ("bank", "cash", "cod", "card", "paypal", "custom"),
    "language": ("cz", "sk", "en", "de", "fr", "it", "es", "ru", "pl", "hu", "ro"),
    "oss": ("disabled", "service", "goods"),
    "vat_price_mode": ("without_vat", "from_total_with_vat"),
    "iban_visibility": ("automatically", "always"),
}
_TEXTS = (
    "custom_id", "variable_symbol", "order_number", "note", "footer_note", "private_note",
    "supply_code", "custom_payment_method",
)  # fmt: skip
_CLIENT = (
    "name", "street", "city", "zip", "country", "registration_no", "vat_no", "local_vat_no",
    "has_delivery_address", "delivery_name", "delivery_street", "delivery_city", "delivery_zip",
    "delivery_country",
)  # fmt: skip
_GROSS = frozenset({"from_total_with_vat", "with_vat", "numerical_with_vat"})
Emit = Callable[..., None]


class Books:
    """The documents of ``state``; ``emit`` is told what happens to each."""

    def __init__(self, state: State, account: Json, now: datetime, emit: Emit) -> None:
        self._state = state
        self._account = account
        self._now = now
        self._emit = emit

    # finding

    def all(self) -> list[Json]:
        documents: list[Json] = self._state["invoices"]
        return documents

    def get(self, external_id: Any) -> Json:
        """Return a document.

        Raises:
            RefusedError: there is none of this id (404).
        """
        for document in self.all():
            if str(document["id"]) == str(external_id):
                return document
        raise refused(404, "not_found", "Document was not found")

    # making

    def create(self, given: Json) -> Json:
        """Issue a document from the body of a request; it has its number at once."""
        if not self._account["bank_account"]:
            slug = self._account["slug"]
            text = (
                f"Please set up a bank account in your Fakturoid account {HOST}/{slug}"
                "/settings/bank_accounts to create an invoice."
            )
            raise refused_fields(403, {"bank_account": [text]})
        faults = Faults(self._account["locale"])
        self._check(given, faults, new=True)
        faults.check()
        document = self._blank(given)
        self._state["invoices"].append(document)
        self._link(document, given)
        totals(document, self._account)
        self._settle(document)
        self._emit("invoice_created", document)
        return document

    def _check(self, given: Json, faults: Faults, *, new: bool) -> None:
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
        if given.get("due") is not None and not str(given["due"]).isdecimal():
            faults.add("due", "not_a_number")
        if new or "lines" in given:
            self._check_lines(given, faults)
        if new:
            self._check_new(given, faults)
        elif "number_format_id" in given:
            faults.add("number_format_id", "forbidden")

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
                try:
                    value = number(one[name])
                except ArithmeticError:
                    faults.add(f"lines.{name}", "not_a_number")
                    continue
                if name == "quantity" and value == 0:
                    faults.add("lines.quantity", "zero")
                if name == "vat_rate" and value and given.get("transferred_tax_liability"):
                    faults.add("lines.vat_rate", "must_be_zero")

    def _check_new(self, given: Json, faults: Faults) -> None:
        subject = self._subject(given.get("subject_id"))
        if subject is None:
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
        if currency != self._account["currency"] and not given.get("exchange_rate"):
            faults.add("exchange_rate", "blank")
        custom_id = given.get("custom_id")
        every = [*self.all(), *self._state["bin"]]
        is_taken = any(custom_id == one["custom_id"] for one in every)
        if custom_id and self._account["unique_custom_id"] and is_taken:
            faults.add("custom_id", "taken")
        self._check_links(given, faults)

    def _check_reference(self, given: Json, faults: Faults, name: str, known: list[Json]) -> None:
        wanted = given.get(name)
        if wanted is not None and all(str(one["id"]) != str(wanted) for one in known):
            faults.add(name, "inclusion")

    def _check_links(self, given: Json, faults: Faults) -> None:
        if given.get("document_type") == "correction":
            original = self._find(given.get("correction_id"))
            if original is None or original["document_type"] == "proforma":
                faults.add("correction_id", "missing")
            elif original["correction_id"] and self._account["corrections"] == "one":
                faults.add("correction_id", "corrected")
        if given.get("related_id") is not None:
            proforma = self._find(given["related_id"])
            if proforma is None or proforma["document_type"] != "proforma":
                faults.add("related_id", "missing")
            elif proforma["related_id"]:
                faults.add("related_id", "settled")
        if given.get("document_type") == "final_invoice":
            ids = given.get("tax_document_ids") or []
            found = [self._find(one) for one in ids]
            if not found or any(
                one is None or one["document_type"] != "tax_document" or one["related_id"]
                for one in found
            ):
                faults.add("tax_document_ids", "missing")

    def _blank(self, given: Json) -> Json:
        account, external_id = self._account, self.next_id()
        subject = self._subject(given.get("subject_id")) or {}
        bank = self._bank(given.get("bank_account_id"))
        kind = given.get("document_type") or "invoice"
        text, format_id = self._number(kind, given)
        issued_on = str(given.get("issued_on") or self.today())
        token = f"{external_id:010x}"
        root = f"{HOST}/api/v3/accounts/{account['slug']}"
        mode = given.get("vat_price_mode") or account["vat_price_mode"]
        is_taxed = account["vat_mode"] == "vat_payer"
        follow_up = given.get("proforma_followup_document") or "final_invoice_paid"
        stamp = self.stamp()
        document: Json = {
            "id": external_id,
            **{name: _text(given.get(name)) for name in _TEXTS},
            "document_type": kind,
            "proforma_followup_document": follow_up if kind == "proforma" else None,
            "correction_id": None,
            "number": text,
            "number_format_id": format_id,
            "variable_symbol": _text(given.get("variable_symbol")) or re.sub(r"\D", "", text)[-10:],
            **{f"your_{name}": account[name] for name in ("name", "registration_no", "vat_no")},
            "your_street": "Zkušební 1",
            "your_city": "Praha",
            "your_zip": "11000",
            "your_country": account["country"],
            "your_local_vat_no": None,
            **{f"client_{name}": self._client(given, subject, name) for name in _CLIENT},
            "subject_id": subject.get("id"),
            "subject_custom_id": subject.get("custom_id"),
            "generator_id": None,
            "related_id": None,
            "paypal": bool(given.get("paypal")),
            "gopay": bool(given.get("gopay")),
            "token": token,
            "status": "open",
            "issued_on": issued_on,
            "taxable_fulfillment_due": given.get("taxable_fulfillment_due")
            or (issued_on if is_taxed and kind != "proforma" else None),
            "due": int(given["due"]) if given.get("due") is not None else account["due"],
            **dict.fromkeys(
                (
                    "sent_at",
                    "paid_on",
                    "reminder_sent_at",
                    "last_reminder_sent_at",
                    "cancelled_at",
                    "uncollectible_at",
                    "locked_at",
                    "webinvoice_seen_on",
                ),
            ),
            "tags": list(given.get("tags") or []),
            "bank_account": bank.get("number"),
            "iban": bank.get("iban"),
            "swift_bic": bank.get("swift_bic"),
            "iban_visibility": given.get("iban_visibility") or "automatically",
            "show_already_paid_note_in_pdf": bool(given.get("show_already_paid_note_in_pdf")),
            "payment_method": given.get("payment_method") or "bank",
            "hide_bank_account": bool(given.get("hide_bank_account")),
            "currency": given.get("currency") or account["currency"],
            "exchange_rate": shown(number(given.get("exchange_rate") or 1)),
            "language": given.get("language") or account["invoice_language"],
            "transferred_tax_liability": bool(given.get("transferred_tax_liability")),
            "oss": given.get("oss") or "disabled",
            "vat_price_mode": mode,
            "eet_records": [],
            "lines": [],
            "paid_advances": [],
            "payments": [],
            "attachments": None,
            "html_url": f"{HOST}/{account['slug']}/invoices/{external_id}",
            "public_html_url": f"{HOST}/{account['slug']}/p/{token}/{text}",
            "url": f"{root}/invoices/{external_id}.json",
            "pdf_url": f"{root}/invoices/{external_id}/download.pdf",
            "subject_url": f"{root}/subjects/{subject.get('id')}.json",
            "created_at": stamp,
            "updated_at": stamp,
            "_gross": is_taxed and mode in _GROSS and not given.get("transferred_tax_liability"),
            "_round_total": bool(given.get("round_total")),
            "_advance": "0",
        }
        if document["payment_method"] != "custom":
            document["custom_payment_method"] = None
        document["lines"] = [self._line(one, document) for one in given["lines"]]
        self._due(document)
        return document

    def _client(self, given: Json, subject: Json, name: str) -> Any:
        sent = given.get(f"client_{name}")
        return subject.get(name) if sent is None else sent

    def _line(self, given: Json, document: Json) -> Json:
        sent = dict(given)
        if self._account["vat_mode"] != "vat_payer":
            sent["vat_rate"] = 0
        exchange = number(document["exchange_rate"])
        made = line(sent, document["_gross"], exchange, self._account["half"])
        return {"id": self.next_id(), **made}

    def _number(self, kind: str, given: Json) -> tuple[str, int]:
        wanted = given.get("number_format_id")
        formats = self._state["all_formats"]
        own = [one for one in formats if one["kind"] == kind]
        plain = [one for one in formats if one["default"]]
        given_one = [one for one in formats if str(one["id"]) == str(wanted)]
        chosen = (given_one or own or plain)[0]
        if given.get("number"):
            return str(given["number"]), chosen["id"]
        year = str(given.get("issued_on") or self.today())[:4]
        counters = self._state["counters"]
        counter = f"{chosen['id']}:{year}"
        counters[counter] = counters.get(counter, 0) + 1
        text = chosen["format"].replace("#yyyy#", year)
        return (
            re.sub(r"#(d+)#", lambda m: str(counters[counter]).zfill(len(m[1])), text),
            chosen["id"],
        )

    def _link(self, document: Json, given: Json) -> None:
        """Tie a new document to what it corrects or settles, both ways."""
        if document["document_type"] == "correction":
            original = self.get(given["correction_id"])
            document["correction_id"], original["correction_id"] = original["id"], document["id"]
            self.touch(original)
        if given.get("related_id") is not None:
            proforma = self.get(given["related_id"])
            document["related_id"], proforma["related_id"] = proforma["id"], document["id"]
            document["_advance"] = shown(paid(proforma))
            self.touch(proforma)
        for one in given.get("tax_document_ids") or []:
            advance = self.get(one)
            advance["related_id"] = document["id"]
            total = number(document["_advance"]) + number(advance["total"])
            document["_advance"] = shown(total)
            document["paid_advances"] += [
                {
                    "id": advance["id"],
                    "number": advance["number"],
                    "variable_symbol": advance["variable_symbol"],
                    "paid_on": advance["issued_on"],
                    "vat_rate": row["vat_rate"],
                    "price": row["base"],
                    "vat": row["vat"],
                }
                for row in advance["vat_rates_summary"]
            ]

    # changing

    def update(self, document: Json, given: Json) -> Json:
        """Change a document; lines without an id are added to those that are there."""
        if document["locked_at"]:
            raise refused(
                403,
                "document_locked",
                "Document first needs to be unlocked to perform the action",
            )
        faults = Faults(self._account["locale"])
        self._check(given, faults, new=False)
        faults.check()
        for name, value in given.items():
            if name in document and name != "lines" and not _NEVER_SET.match(name):
                document[name] = value
        for one in given.get("lines", []):
            at = [x for x in document["lines"] if str(x["id"]) == str(one.get("id"))]
            if one.get("_destroy"):
                document["lines"] = [x for x in document["lines"] if x not in at]
            elif at:
                price = "unit_price_with_vat" if document["_gross"] else "unit_price_without_vat"
                made = self._line({**at[0], "unit_price": at[0][price], **one}, document)
                at[0].update({**made, "id": at[0]["id"]})
            else:
                document["lines"].append(self._line(one, document))
        self._due(document)
        self.changed(document, "invoice_updated")
        return document

    def changed(self, document: Json, event: str, **more: Any) -> None:
        """Compute a document anew after something happened to it, and tell so."""
        totals(document, self._account)
        self._settle(document)
        self.touch(document)
        self._emit(event, document, **more)

    def touch(self, document: Json) -> None:
        document["updated_at"] = self.stamp()

    def delete(self, document: Json) -> None:
        """Move a document to the bin, unless another one hangs on it."""
        kind = document["document_type"]
        hangs = document["related_id"] and kind in {"proforma", "tax_document"}
        advanced = any(one["tax_document_id"] for one in document["payments"])
        corrected = document["correction_id"] and kind != "correction"
        if document["locked_at"] or hangs or advanced or corrected:
            faults = Faults(self._account["locale"])
            faults.add("document", "undeletable")
            faults.check()
        self._state["invoices"].remove(document)
        self._state["bin"].append(document)
        for other in self.all():
            for name in ("related_id", "correction_id"):
                if other[name] == document["id"]:
                    other[name] = None
        self._emit("invoice_removed", document)

    def restore(self, external_id: Any) -> None:
        """Take a document out of the bin, to its old place."""
        found = [one for one in self._state["bin"] if str(one["id"]) == str(external_id)]
        for document in found:
            self._state["bin"].remove(document)
            self._state["invoices"].append(document)
            self._state["invoices"].sort(key=lambda one: one["id"])
            self.changed(document, "invoice_restored")

    def _settle(self, document: Json) -> None:
        """Find the state out anew."""
        if document["cancelled_at"] or document["uncollectible_at"]:
            document["status"] = "cancelled" if document["cancelled_at"] else "uncollectible"
            return
        settled = number(document["_advance"]) and number(document["remaining_amount"]) <= 0
        if settled and not document["paid_on"] and not document["payments"]:
            document["paid_on"] = document["issued_on"]
        if document["paid_on"]:
            document["status"] = "paid"
        elif document["due_on"] < self.today():
            document["status"] = "overdue"
        else:
            document["status"] = "sent" if document["sent_at"] else "open"

    def _due(self, document: Json) -> None:
        issued_on = date.fromisoformat(document["issued_on"])
        document["due_on"] = (issued_on + timedelta(days=int(document["due"]))).isoformat()

    # small things

    def stamp(self) -> str:
        """Return the time as they write it, in the local zone with milliseconds."""
        return self._now.astimezone(ZONE).isoformat(timespec="milliseconds")

    def today(self) -> str:
        return self._now.astimezone(ZONE).date().isoformat()

    def next_id(self) -> int:
        self._state["last_id"] += 1
        last: int = self._state["last_id"]
        return last

    def _find(self, external_id: Any) -> Json | None:
        return next((one for one in self.all() if str(one["id"]) == str(external_id)), None)

    def _subject(self, external_id: Any) -> Json | None:
        found = (one for one in self._state["subjects"] if str(one["id"]) == str(external_id))
        return next(found, None)

    def _bank(self, external_id: Any) -> Json:
        banks: list[Json] = self._state["banks"]
        wanted = [one for one in banks if str(one["id"]) == str(external_id)]
        return next(iter([*wanted, *(one for one in banks if one["default"]), *banks]), {})


def paid(document: Json) -> Decimal:
    """Return what was paid of a document so far."""
    return sum((number(one["amount"]) for one in document["payments"]), Decimal(0))


def public(document: Json) -> Json:
    """Return a document as the API shows it."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
