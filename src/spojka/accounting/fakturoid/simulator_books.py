"""The documents of a simulated account of Fakturoid: made, changed, paid, thrown away."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from spojka.accounting.fakturoid.simulator_amounts import line, number, shown, totals
from spojka.accounting.fakturoid.simulator_rules import Rules
from spojka.accounting.fakturoid.simulator_words import Faults, refused, refused_fields
from spojka.accounting.simulator import Json, State

HOST = "https://app.fakturoid.cz"
ZONE = ZoneInfo("Europe/Prague")
_NEVER_SET = re.compile(r"(?i)^(id|number|status|token|created_at|updated_at)$")
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
        Rules(self._state, self._account).check(given, new=True)
        document = self._blank(given)
        self._state["invoices"].append(document)
        self._link(document, given)
        totals(document, self._account)
        self._settle(document)
        self._emit("invoice_created", document)
        return document

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
        Rules(self._state, self._account).check(given, new=False)
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
