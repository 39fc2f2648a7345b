"""What is done with documents of a simulated account: payments, e-mails, actions, subjects."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from spojka.accounting.fakturoid.simulator_amounts import cents, given_number, number, shown
from spojka.accounting.fakturoid.simulator_books import HOST, Books, Emit, paid
from spojka.accounting.fakturoid.simulator_words import Faults, refused
from spojka.accounting.simulator import Json, State

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ACTIONS = ("mark_as_sent", "cancel", "undo_cancel", "lock", "unlock", "mark_as_uncollectible",
            "undo_uncollectible")  # fmt: skip
_SUBJECT = (
    "custom_id", "full_name", "email", "email_copy", "phone", "web", "street", "city", "zip",
    "country", "delivery_name", "delivery_street", "delivery_city", "delivery_zip",
    "delivery_country", "due", "currency", "language", "private_note", "registration_no", "vat_no",
    "local_vat_no", "legal_form", "vat_mode", "bank_account", "iban", "swift_bic",
    "variable_symbol",
)  # fmt: skip


class Deeds:
    """Everything but making and changing documents; see :class:`Books` for the arguments."""

    def __init__(self, books: Books, state: State, account: Json, emit: Emit) -> None:
        self._books = books
        self._state = state
        self._account = account
        self._emit = emit

    # payments

    def pay(self, document: Json, given: Json) -> Json:
        """Record a payment; what follows a paid proforma is made at once."""
        if document["cancelled_at"]:
            raise refused(403, "forbidden", "Payments cannot be changed on a cancelled invoice")
        remaining = number(document["remaining_amount"])
        if document["status"] == "paid":
            raise refused(403, "forbidden", "Payment cannot be added to already paid invoice")
        amount = self._payment_amount(given, remaining)
        exchange = number(document["exchange_rate"])
        native = given.get("native_amount")
        record: Json = {
            "id": self._books.next_id(),
            "paid_on": str(given.get("paid_on") or self._books.today()),
            "currency": document["currency"],
            "amount": shown(amount),
            # By default that of the whole rest, not that of the amount.
            "native_amount": shown(number(native) if native else cents(remaining * exchange)),
            "variable_symbol": str(given.get("variable_symbol") or document["variable_symbol"]),
            "bank_account_id": given.get("bank_account_id") or self._default_bank(),
            "tax_document_id": None,
            "created_at": self._books.stamp(),
            "updated_at": self._books.stamp(),
        }
        document["payments"].append(record)
        settled = abs(amount) >= abs(remaining)
        if given.get("mark_document_as_paid", settled):
            document["paid_on"] = record["paid_on"]
            self._thank(document, given)
            self._follow(document, record, given)
        self._books.changed(document, "invoice_payment_added", payment=record)
        if document["paid_on"]:
            self._emit("invoice_paid", document, payment=record)
        return record

    def _payment_amount(self, given: Json, remaining: Decimal) -> Decimal:
        faults = Faults(self._account["locale"])
        for name in ("amount", "native_amount"):
            if name in given and _is_blank(given[name]):
                faults.add(name, "blank")
            if name in given and not _is_number(given[name]):
                faults.add(name, "not_a_number")
        if "amount" in given and not _is_number(given["amount"]) and "native_amount" not in given:
            # The other one is computed from it.
            faults.add("native_amount", "blank" if _is_blank(given["amount"]) else "not_a_number")
            if _is_blank(given["amount"]):
                faults.add("native_amount", "not_a_number")
        if _is_number(given.get("amount")) and number(given["amount"]) == 0:
            faults.add("amount", "zero")
        try:
            date.fromisoformat(str(given.get("paid_on") or self._books.today()))
        except ValueError:
            faults.add("paid_on", "date")
        banks = {str(one["id"]) for one in self._state["banks"]}
        if given.get("bank_account_id") is not None and str(given["bank_account_id"]) not in banks:
            faults.add("bank_account_id", "inclusion")
        faults.check()
        return number(given["amount"]) if "amount" in given else remaining

    def _thank(self, document: Json, given: Json) -> None:
        wanted = given.get("send_thank_you_email")
        default = self._account["send_thank_you_email"]
        if default if wanted is None else wanted:
            self._mail(document, self._email_of(document), "invoice_paid_with_thank_you_note")

    def _follow(self, document: Json, record: Json, given: Json) -> None:
        if document["document_type"] != "proforma":
            return
        follow = given.get("proforma_followup_document") or document["proforma_followup_document"]
        if follow == "tax_document":
            self.tax_document(document, record)
        if follow == "final_invoice_paid" and not document["related_id"]:
            made = self._copy(document, "invoice", record["paid_on"])
            made["payments"] = [{**record, "id": self._books.next_id()}]
            made["paid_on"] = record["paid_on"]
            made["related_id"], document["related_id"] = document["id"], made["id"]
            if self._account["copies_custom_id"]:
                made["custom_id"] = document["custom_id"]
            self._books.changed(made, "invoice_updated")

    def _copy(self, document: Json, kind: str, on: str, share: Decimal | None = None) -> Json:
        """Make a document with the lines of another one, or with a share of each of its rates."""
        price = "unit_price_with_vat" if document["_gross"] else "unit_price_without_vat"
        mode = document["vat_price_mode"]
        lines = [{**one, "unit_price": one[price]} for one in document["lines"]]
        if share is not None:
            mode = "from_total_with_vat"
            lines = [_part(document, row, share) for row in document["vat_rates_summary"]]
        kept = (
            "subject_id", "currency", "exchange_rate", "language", "payment_method", "oss",
            "order_number", "transferred_tax_liability",
        )  # fmt: skip
        return self._books.create(
            {
                **{name: document[name] for name in kept},
                **{name: value for name, value in document.items() if name.startswith("client_")},
                "document_type": kind,
                "issued_on": on,
                "taxable_fulfillment_due": on,
                "vat_price_mode": mode if mode in {"without_vat", "from_total_with_vat"} else None,
                "round_total": document["_round_total"],
                "lines": lines,
            }
        )

    def tax_document(self, document: Json, record: Json) -> Json:
        """Make the tax document of a payment of a proforma."""
        is_taxed = self._account["vat_mode"] == "vat_payer"
        if (
            document["document_type"] != "proforma"
            or record["tax_document_id"]
            or document["related_id"]
            or not is_taxed
        ):
            faults = Faults(self._account["locale"])
            faults.add("document", "no_tax_document")
            faults.check()
        share = number(record["amount"]) / number(document["total"])
        is_copy = share == 1 and self._account["advance_vat"] == "proforma"
        made = self._copy(document, "tax_document", record["paid_on"], None if is_copy else share)
        made["paid_on"] = record["paid_on"]
        record["tax_document_id"] = made["id"]
        self._books.changed(made, "invoice_updated")
        return made

    def payment(self, document: Json, external_id: str) -> Json:
        for one in document["payments"]:
            if str(one["id"]) == external_id:
                found: Json = one
                return found
        raise refused(404, "not_found", "Payment was not found")

    def unpay(self, document: Json, record: Json) -> None:
        """Take a payment back."""
        if document["cancelled_at"]:
            raise refused(403, "forbidden", "Payments cannot be changed on a cancelled invoice")
        if record["tax_document_id"] or (
            document["document_type"] == "proforma" and document["related_id"]
        ):
            raise refused(403, "forbidden", "Payment cannot be removed")
        document["payments"].remove(record)
        document["paid_on"] = None
        self._books.changed(document, "invoice_payment_removed", payment=record)

    # e-mail

    def email(self, document: Json, given: Json) -> None:
        """Send a document, where the plan and the day's quota allow it."""
        if self._account["plan_price"] == 0:
            raise refused(
                403, "upgrade_required", "Email delivery is only available for paid plans"
            )
        if self._account["email_disabled"]:
            raise refused(
                403,
                "email_delivery_disabled",
                "Email delivery disabled (too many spam complaints)",
            )
        today = self._books.today()
        sent_today = [one for one in self._state["mails"] if one["on"] == today]
        if len(sent_today) >= self._account["emails_a_day"]:
            raise refused(
                403, "quota_exhausted", "You have reached maximum daily quota of sent emails"
            )
        to = str(given.get("email") or self._email_of(document))
        if not _EMAIL.fullmatch(to):
            faults = Faults(self._account["locale"])
            faults.add("email", "email")
            faults.check()
        document["sent_at"] = self._books.stamp()
        self._mail(document, to, "invoice_sent", str(given.get("subject") or ""))
        self._books.changed(document, "invoice_sent")

    def _mail(self, document: Json, to: str, event: str, subject: str = "") -> None:
        self._state["mails"].append(
            {
                "document": document["id"],
                "subject_id": document["subject_id"],
                "to": to,
                "subject": subject,
                "on": self._books.today(),
                "event": event,
                "at": self._books.stamp(),
            }
        )

    def _email_of(self, document: Json) -> str:
        for subject in self._state["subjects"]:
            if subject["id"] == document["subject_id"]:
                return str(subject["email"] or "")
        return ""

    # actions

    def fire(self, document: Json, event: str) -> None:
        """Do what ``fire.json`` is asked for."""
        if event not in _ACTIONS or not self._may(document, event):
            faults = Faults(self._account["locale"])
            faults.add("event", "event", event=event or "event")
            faults.check()
        now = self._books.stamp()
        field, value, told = {
            "mark_as_sent": ("sent_at", now, "invoice_sent"),
            "cancel": ("cancelled_at", now, "invoice_cancelled"),
            "undo_cancel": ("cancelled_at", None, "invoice_cancellation_removed"),
            "lock": ("locked_at", now, "invoice_locked"),
            "unlock": ("locked_at", None, "invoice_unlocked"),
            "mark_as_uncollectible": ("uncollectible_at", now, "invoice_uncollectible"),
            "undo_uncollectible": ("uncollectible_at", None, "invoice_uncollectible_removed"),
        }[event]
        document[field] = value
        self._books.changed(document, told)

    def _may(self, document: Json, event: str) -> bool:
        if event in {"cancel", "undo_cancel"}:
            who = self._account["cancel_for"]
            is_payer = self._account["vat_mode"] == "vat_payer"
            if who != "all" and (who == "payer") != is_payer:
                return False
        is_open = not (paid(document) or document["cancelled_at"] or document["locked_at"])
        return {
            "mark_as_sent": not document["sent_at"] and is_open,
            "cancel": is_open and document["status"] != "paid",
            "undo_cancel": bool(document["cancelled_at"]),
            "lock": not document["locked_at"],
            "unlock": bool(document["locked_at"]),
            "mark_as_uncollectible": is_open,
            "undo_uncollectible": bool(document["uncollectible_at"]),
        }[event]

    # contacts

    def subject(self, given: Json) -> Json:
        """Add a contact."""
        self._check_subject(given, None)
        most = self._account["subject_limit"]
        if most is not None and len(self._state["subjects"]) >= most:
            raise refused(
                403, "quota_exhausted", "You have reached maximum number of contacts in your plan"
            )
        slug, external_id, stamp = self._account["slug"], self._books.next_id(), self._books.stamp()
        made: Json = {
            "id": external_id,
            "user_id": 5,
            "type": given.get("type") or "customer",
            "name": str(given["name"]),
            **{name: given.get(name) for name in _SUBJECT},
            "country": given.get("country") or self._account["country"],
            "has_delivery_address": bool(given.get("has_delivery_address")),
            "unreliable": None,
            "unreliable_checked_at": None,
            "setting_update_from_ares": given.get("setting_update_from_ares") or "inherit",
            "ares_update": given.get("setting_update_from_ares") == "on",
            "setting_invoice_pdf_attachments": "inherit",
            "setting_estimate_pdf_attachments": "inherit",
            "setting_invoice_send_reminders": "inherit",
            "suggestion_enabled": True,
            "custom_email_text": None,
            "overdue_email_text": None,
            "invoice_from_proforma_email_text": None,
            "thank_you_email_text": None,
            "custom_estimate_email_text": None,
            "webinvoice_history": None,
            "html_url": f"{HOST}/{slug}/subjects/{external_id}",
            "url": f"{HOST}/api/v3/accounts/{slug}/subjects/{external_id}.json",
            "created_at": stamp,
            "updated_at": stamp,
        }
        self._state["subjects"].append(made)
        return made

    def update_subject(self, found: Json, given: Json) -> Json:
        """Change a contact; its documents keep what stands on them."""
        self._check_subject({"name": found["name"], **given}, found)
        found |= {name: value for name, value in given.items() if name in (*_SUBJECT, "name")}
        self.touch_subject(found)
        return found

    def touch_subject(self, found: Json) -> None:
        found["updated_at"] = self._books.stamp()

    def delete_subject(self, found: Json) -> None:
        """Delete a contact that has no documents."""
        if any(one["subject_id"] == found["id"] for one in self._books.all()):
            faults = Faults(self._account["locale"])
            faults.add("document", "undeletable")
            faults.check()
        self._state["subjects"].remove(found)

    def _check_subject(self, given: Json, found: Json | None) -> None:
        faults = Faults(self._account["locale"])
        name = str(given.get("name") or "").strip()
        if not name:
            faults.add("name", "blank")
        if len(name) < 2:
            faults.add("name", "short")
        if given.get("email") and not _EMAIL.fullmatch(str(given["email"])):
            faults.add("email", "email")
        if given.get("type") not in (None, "customer", "supplier", "both"):
            faults.add("type", "inclusion")
        for field in ("name", "street", "city"):
            if len(str(given.get(field) or "")) > self._account["longest_text"]:
                faults.add(field, "long", most=self._account["longest_text"])
        wanted = given.get("custom_id")
        others = (one for one in self._state["subjects"] if one is not found)
        if (
            wanted
            and self._account["unique_subject_custom_id"]
            and any(one["custom_id"] == wanted for one in others)
        ):
            faults.add("custom_id", "taken")
        faults.check()

    def _default_bank(self) -> Any:
        banks = self._state["banks"]
        return next((one["id"] for one in banks if one["default"]), None)


def _part(document: Json, row: Json, share: Decimal) -> Json:
    """Return a line for a part of all that is in one rate."""
    whole = number(row["base"]) + number(row["vat"])
    return {
        "name": document["number"],
        "unit_price": shown(cents(whole * share)),
        "vat_rate": row["vat_rate"],
    }


def _is_blank(value: Any) -> bool:
    return value is None or not str(value).strip()


def _is_number(value: Any) -> bool:
    return given_number(value) is not None
