"""Calls of the SuperFaktura simulator's API, one method each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from spojka.accounting.simulator import Answer, Asked, pdf_of
from spojka.accounting.superfaktura import simulator_lists as lists
from spojka.accounting.superfaktura.simulator_amounts import as_number
from spojka.accounting.superfaktura.simulator_books import Books, RefusedError
from spojka.accounting.superfaktura.simulator_records import Shown
from spojka.accounting.superfaktura.simulator_words import COUNTRIES, SYMBOLS, say

Json = dict[str, Any]

EMAIL = "simulator+spojka@example.com"


class Account(Protocol):
    """The simulator, as its calls need it."""

    state: Json
    account: Json

    @property
    def now(self) -> datetime: ...

    @property
    def local(self) -> datetime: ...

    def say(self, name: str) -> str: ...

    def open_books(self) -> Books: ...

    def is_hidden(self, position: int) -> bool: ...


class Calls:
    """Carries out requests that were let in."""

    def __init__(self, simulator: Account) -> None:
        self.simulator = simulator

    def answer(self, route: str, asked: Asked, rest: list[str]) -> Answer:
        """Carry out the call named by the first two segments of its path."""
        handler = self._routes().get(route)
        if handler is None:
            return Answer.html("<html><body><h1>404 Not Found</h1></body></html>", 404)
        try:
            return handler(asked, rest)
        except RefusedError as refusal:
            return refusal_answer(refusal)

    def _routes(self) -> Mapping[str, Callable[[Asked, list[str]], Answer]]:
        return {
            "users/getUserCompaniesData": self._companies,
            "users/company_switcher": self._switcher,
            "sequences/index": self._sequences,
            "bank_accounts/index": self._bank_accounts,
            "tags/index": self._tags,
            "tags/add": self._add_tag,
            "countries": self._countries,
            "countries/index": self._countries,
            "invoices/create": self._create,
            "invoices/edit": self._edit,
            "invoices/index": self._list,
            "invoices/view": self._view,
            "invoices/getInvoiceDetails": self._details,
            "invoices/pdf": self._pdf,
            "invoices/send": self._send,
            "invoices/mark_sent": self._mark_sent,
            "invoices/mark_as_sent": self._mark_as_sent,
            "invoices/delete": self._delete,
            "invoices/will_not_be_paid": self._will_not_be_paid,
            "invoice_payments/add": self._pay,
            "invoice_payments/delete": self._unpay,
            "clients/index": self._clients,
            "api_logs/getResponseByChecksum": self._replay,
        }

    # the account

    def _companies(self, asked: Asked, rest: list[str]) -> Answer:
        shown = Shown(self.simulator.open_books())
        count = self.simulator.account["companies"] if rest[:1] == ["1"] else 1
        accounts = self.simulator.state["bank_accounts"]
        data = {
            str(at): {"UserProfile": shown.company(str(at)), "BankAccount": accounts}
            for at in range(1, count + 1)
        }
        return Answer.json({"error": 0, "error_message": "", "data": data})

    def _switcher(self, asked: Asked, rest: list[str]) -> Answer:
        shown = Shown(self.simulator.open_books())
        companies = {
            str(at): {
                "UserProfile": shown.company(str(at)),
                "Multiaccount": {
                    "enabled": True,
                    "id": str(at),
                    "role": self.simulator.account["role"],
                },
            }
            for at in range(1, self.simulator.account["companies"] + 1)
        }
        return Answer.json({"companies": companies, "email": EMAIL, "language": "slo"})

    def _sequences(self, asked: Asked, rest: list[str]) -> Answer:
        year = str(self.simulator.local.year)
        found: Json = {}
        for row in self.simulator.state["sequences"]:
            number = row["last"].get(year, 0) + 1
            formatted = row["mask"].replace("RRRR", year).replace("CCC", f"{number:03d}")
            shown = {k: v for k, v in row.items() if k != "last"}
            found.setdefault(row["item_type"], []).append(
                {
                    **shown,
                    "period_type": "yearly",
                    "sequence": str(number),
                    "sequence_formatted": formatted,
                    "user_profile_id": "1",
                }
            )
        return Answer.json(found or [])

    def _bank_accounts(self, asked: Asked, rest: list[str]) -> Answer:
        rows = [{"BankAccount": row} for row in self.simulator.state["bank_accounts"]]
        return Answer.json({"BankAccounts": rows, "error": 0})

    def _tags(self, asked: Asked, rest: list[str]) -> Answer:
        return Answer.json(self.simulator.state["tags"] or [])

    def _add_tag(self, asked: Asked, rest: list[str]) -> Answer:
        if self.simulator.account["role"] == "guest":
            return said("tag_right", self.simulator.account, 403)
        name = str(self._data(asked).get("name") or "")
        if not name:
            return said("tag_missing", self.simulator.account, 400)
        if name in self.simulator.state["tags"].values():
            return said("tag_exists", self.simulator.account, 409)
        id_ = str(len(self.simulator.state["tags"]) + 1)
        self.simulator.state["tags"][id_] = name
        told = {
            "error": 0,
            "message": self.simulator.say("tag_saved"),
            "tag_id": id_,
            "tag_name": name,
        }
        return Answer.json(told, 201)

    def _countries(self, asked: Asked, rest: list[str]) -> Answer:
        if lists.named(rest).get("view_full") == "1":
            full = {
                str(id_): {
                    "id": id_,
                    "name": name,
                    "iso": iso.lower(),
                    "eu": iso not in {"US", "GB"},
                }
                for iso, (id_, name) in COUNTRIES.items()
            }
            return Answer.json(full)
        return Answer.json({str(id_): name for id_, name in COUNTRIES.values()})

    def _clients(self, asked: Asked, rest: list[str]) -> Answer:
        filters, shown = lists.named(rest), Shown(self.simulator.open_books())
        words = lists.searched(filters["search"]) if filters.get("search") else ""
        rows = [
            {"Client": shown.client(client)}
            for client in self.simulator.state["clients"]
            if words in f"{client.get('name', '')} {client.get('ico', '')}".lower()
        ]
        page, told = lists.page_of(rows, filters)
        return Answer.json({**told, "items": page} if filters.get("listinfo") == "1" else page)

    # documents

    def _create(self, asked: Asked, rest: list[str]) -> Answer:
        if asked.method != "POST":
            return said("post_only", self.simulator.account, 200)
        if self.simulator.account["role"] != "admin":
            return said("no_right_create", self.simulator.account, 403)
        data = self._data(asked)
        checksum = str(data.get("checksum") or "")[:32]
        if (
            checksum in self.simulator.state["log"]
            and self.simulator.account["repeated_checksum"] == "refused"
        ):
            return said("checksum", self.simulator.account, 200)
        books = self.simulator.open_books()
        try:
            document = books.create(data)
            answer = self._made(books, document)
        except RefusedError as refusal:
            answer = refusal_answer(refusal)
        if checksum:
            # Kept answers are amounts and all: text, so that the state stays plain.
            made = len(self.simulator.state["documents"])
            self.simulator.state["log"][checksum] = {"text": answer.body.decode(), "made": made}
        return answer

    def _made(self, books: Books, document: Json) -> Answer:
        record = Shown(books).record(document)
        return Answer.json({"error": 0, "error_message": "Invoice created", "data": record})

    def _edit(self, asked: Asked, rest: list[str]) -> Answer:
        self._may_change()
        data = self._data(asked)
        fields, items = data.get("Invoice"), data.get("InvoiceItem")
        if not isinstance(fields, dict) or not str(fields.get("id", "")).isdecimal():
            raise RefusedError(1, self.simulator.say("bad_format"), shape="message")
        books = self.simulator.open_books()
        try:
            document = books.edit(fields, items if isinstance(items, list) else [])
        except RefusedError:
            raise RefusedError(2, self.simulator.say("id_not_found"), shape="message") from None
        record = Shown(books).record(document)
        return Answer.json({"error": 0, "error_message": "", "status": True, "data": record})

    def _list(self, asked: Asked, rest: list[str]) -> Answer:
        filters, books = lists.named(rest), self.simulator.open_books()
        documents = [
            document
            for at, document in enumerate(self.simulator.state["documents"], 1)
            if not self.simulator.is_hidden(at)
        ]
        found = lists.chosen(
            documents, filters, self.simulator.local, lambda d: (books.total(d), books.status(d))
        )
        page, told = lists.page_of(found, filters)
        shown = Shown(books)
        rows = [shown.record(document) for document in page]
        if filters.get("listinfo") == "1":
            return Answer.json({**told, "items": rows, "filtered": bool(filters)})
        return Answer.json(rows)

    def _view(self, asked: Asked, rest: list[str]) -> Answer:
        books = self.simulator.open_books()
        document = books.find(rest[0].removesuffix(".json") if rest else "")
        return Answer.json(Shown(books).record(document))

    def _details(self, asked: Asked, rest: list[str]) -> Answer:
        books = self.simulator.open_books()
        shown = Shown(books)
        ids = rest[0].split(",")[:100] if rest else []
        known = [d for d in self.simulator.state["documents"] if d["Invoice"]["id"] in ids]
        return Answer.json({d["Invoice"]["id"]: shown.record(d) for d in known} or [])

    def _pdf(self, asked: Asked, rest: list[str]) -> Answer:
        books = self.simulator.open_books()
        document = books.find(rest[0] if rest else "")
        token = lists.named(rest).get("token", "")
        by_login = not token and self.simulator.account["pdf_by_login"]
        if token != document["Invoice"]["token"] and not by_login:
            return said("not_found", self.simulator.account, 404)
        content = pdf_of(document["Invoice"]["invoice_no_formatted"])
        return Answer(200, content, {"Content-Type": "application/pdf"})

    def _delete(self, asked: Asked, rest: list[str]) -> Answer:
        self._may_change()
        self.simulator.open_books().delete(rest[0] if rest else "")
        return Answer.json({"error": 0, "message": "Invoice deleted"})

    def _will_not_be_paid(self, asked: Asked, rest: list[str]) -> Answer:
        self._may_change()
        books = self.simulator.open_books()
        document = books.write_off(rest[0] if rest else "")
        message = 'Document marked as "will not be paid"'
        # This answer comes straight from the database: the rate is a text here.
        record = Shown(books).record(document)["Invoice"]
        data = {"Invoice": {**record, "exchange_rate": "1.00000000000000"}}
        return Answer.json({"error": 0, "error_message": message, "data": data})

    def _replay(self, asked: Asked, rest: list[str]) -> Answer:
        """Return the answer kept under a checksum; an unknown one is an empty list."""
        kept = self.simulator.state["log"].get(rest[0] if rest else "")
        if kept is None or self.simulator.is_hidden(kept["made"]):
            return Answer.json([])
        answer = json.loads(kept["text"], parse_float=Decimal)
        return Answer.json(
            {"data": answer} if self.simulator.account["replay"] == "wrapped" else answer
        )

    # payments and e-mails

    def _pay(self, asked: Asked, rest: list[str]) -> Answer:
        self._may_change()
        sent = self._data(asked).get("InvoicePayment")
        books = self.simulator.open_books()
        document, payment, _called = books.pay(sent if isinstance(sent, dict) else {})
        invoice = document["Invoice"]
        symbol = SYMBOLS.get(invoice["invoice_currency"], invoice["invoice_currency"])
        left = books.total(document) - books.paid(document)
        return Answer.json(
            {
                "error": 0,
                "payment_id": payment["id"],
                "invoice_id": int(invoice["id"]),
                "invoice_type": invoice["type"],
                "status": int(books.status(document)),
                "paid": as_number(books.paid(document)),
                "to_pay": as_number(left),
                "to_pay_home_cur": as_number(left),
                "currency": symbol,
                "home_currency": SYMBOLS.get(books.home_currency, ""),
                "invoice_currency": symbol,
                "exchange_rate": 1,
                "country_exchange_rate": 1,
                "created": payment["created"],
                "overdue": False,
                "parent_id": None,
                "flash_message": {"text": self.simulator.say("saved"), "type": "success"},
            }
        )

    def _unpay(self, asked: Asked, rest: list[str]) -> Answer:
        self._may_change()
        books = self.simulator.open_books()
        document = books.unpay(rest[0] if rest else "")
        left = books.total(document) - books.paid(document)
        return Answer.json(
            {
                "error": 0,
                "invoice_id": document["Invoice"]["id"],
                "paid": format(books.paid(document), ".2f"),
                "status": int(books.status(document)),
                "to_pay": as_number(left),
            }
        )

    def _send(self, asked: Asked, rest: list[str]) -> Answer:
        self._may_change()
        sent = self._data(asked).get("Email")
        email = sent if isinstance(sent, dict) else {}
        books = self.simulator.open_books()
        try:
            document = books.find(email.get("invoice_id"))
        except RefusedError:
            raise RefusedError(4, self.simulator.say("not_found"), shape="error_message") from None
        to = str(email.get("to") or "")
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", to):
            raise RefusedError(13, self.simulator.say("recipient"), shape="error_message")
        since = (self.simulator.now - timedelta(hours=1)).isoformat()
        recent = [at for at in self.simulator.state["emails"] if at > since]
        if len(recent) >= self.simulator.account["emails_per_hour"]:
            raise RefusedError(1, self.simulator.say("emails"), shape="error_message")
        self.simulator.state["emails"] = [*recent, self.simulator.now.isoformat()]
        number = document["Invoice"]["invoice_no_formatted"]
        subject = str(email.get("subject") or f"{self.simulator.say('regular')} {number}")
        body = str(email.get("body") or "…")
        books.email(document, to, subject, body)
        told = {
            "invoice_id": document["Invoice"]["id"],
            "email": to,
            "recipient": to,
            "cc": json.dumps(email.get("cc") or []),
            "subject": subject,
            "message": body,
            "invoice_lang": email.get("pdf_language") or self.simulator.account["language"],
        }
        return Answer.json({"error": 0, "error_message": "", "data": {"Invoice": told}})

    def _mark_sent(self, asked: Asked, rest: list[str]) -> Answer:
        """Mark a document as sent, or take the mark away again."""
        books = self.simulator.open_books()
        try:
            document = books.find(rest[0] if rest else "")
        except RefusedError:
            raise RefusedError(1, self.simulator.say("foreign"), shape="error_message") from None
        marked = not document["Invoice"].get("marked_sent", False)
        document["Invoice"]["marked_sent"] = marked
        books.touch(document)
        return Answer.json({"error": 0, "error_message": "", "marked": marked})

    def _mark_as_sent(self, asked: Asked, rest: list[str]) -> Answer:
        if asked.method != "POST":
            raise RefusedError(2, self.simulator.say("post_only"), shape="error_message")
        sent = self._data(asked).get("InvoiceEmail")
        if not isinstance(sent, dict) or not sent.get("email"):
            raise RefusedError(4, "Invalid email data", shape="error_message")
        books = self.simulator.open_books()
        try:
            document = books.find(sent.get("invoice_id"))
        except RefusedError:
            raise RefusedError(5, "Invalid invoice id", shape="error_message") from None
        books.email(document, str(sent["email"]), str(sent.get("subject") or ""), "")
        return Answer.json({"error": 0, "error_message": "Invoice marked as sent"})

    # what they share

    def _may_change(self) -> None:
        if self.simulator.account["role"] == "guest":
            raise RefusedError(1, self.simulator.say("guest"), 403)
        if self.simulator.account["role"] != "admin":
            raise RefusedError(1, self.simulator.say("no_right_change"), 403)

    def _data(self, asked: Asked) -> Json:
        """Return what was sent: JSON in the form field ``data``, or as the body."""
        text: str | bytes = asked.body
        if "json" not in asked.headers.get("content-type", ""):
            text = asked.form().get("data", "")
        try:
            data = json.loads(text, parse_float=str)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise RefusedError(1, self.simulator.say("bad_format"))
        return data


def said(name: str, account: Json, status: int) -> Answer:
    """Return a refusal in the account's language."""
    return refusal_answer(RefusedError(1, say(account["language"], name), status))


def refusal_answer(refusal: RefusedError) -> Answer:
    """Return a refusal in the shape that this error has there: there are three of them."""
    body: Json = {"error": refusal.error}
    if refusal.shape in ("error_message", "both"):
        body["error_message"] = refusal.message
    if refusal.shape in ("message", "both", "messages"):
        body["message"] = refusal.message
    if refusal.shape == "messages":
        body["error_messages"] = []
    if refusal.error == 5 and isinstance(refusal.message, dict):
        body["error_data"] = {"Invoice": {"id": 0, "my_data": '{"MyData":{"id":"1"}}'}}
    return Answer.json(body, refusal.status)
