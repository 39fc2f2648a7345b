"""The other side of Fakturoid: one account, as its API v3 documents it.

What the documentation leaves open is a setting of the account (``defaults``), so that a connector
can be shown to survive either way. Sources: API documentation v3 (November 2026) and what other
projects saw of real accounts: 415 without ``Accept`` on the token, a token that ends the one
before, 404 for number formats, lines of no quantity refused, rounding by the account.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from spojka.accounting.fakturoid.simulator_amounts import number
from spojka.accounting.fakturoid.simulator_api import Routes, body_of
from spojka.accounting.fakturoid.simulator_books import paid
from spojka.accounting.fakturoid.simulator_words import RefusedError, refused
from spojka.accounting.simulator import Answer, Asked, Fault, Json, Kept, Simulator, State
from spojka.core.document import Seller, VatMode

WINDOW = 60
TOKEN_SECONDS = 7200
_ROOT = "/api/v3"
_KINDS = {"correction": "credit_note", "final_invoice": "invoice"}


class FakturoidSimulator(Simulator):
    """An account with one login, a bank account and three number series."""

    key = "fakturoid"

    @classmethod
    def defaults(cls) -> Json:
        return {
            "client_id": "spojka-client",
            "client_secret": "zkusebni-tajemstvi",
            "slug": "zkusebni",
            "other_accounts": [],
            "name": "Zkušební s.r.o.",
            "registration_no": "27082440",
            "vat_no": "CZ27082440",
            "country": "CZ",
            "currency": "CZK",
            "plan": "Na maximum",
            "plan_price": 460,
            "permission": "owner",
            "allowed_scope": ["invoices", "expenses", "reports"],
            "vat_mode": "vat_payer",
            "vat_price_mode": "without_vat",
            "invoice_language": "cz",
            "locale": "cs",
            "due": 14,
            "bank_account": True,
            "send_thank_you_email": False,
            "emails_a_day": 200,
            "email_disabled": False,
            "subject_limit": None,
            "limit": 400,
            "blocked": False,
            "read_only": False,
            "pdf_delay": 1,
            "longest_text": 255,
            # Not confirmed by the documentation: either may be true of the real one.
            "user_agent_status": 400,
            "strict_user_agent": False,
            "number_formats": "list",
            "unique_custom_id": False,
            "unique_subject_custom_id": True,
            "copies_custom_id": False,
            "corrections": "one",
            "cancel_for": "payer",
            "rounding": "asked",
            "vat_by": "line",
            "half": "base",
            "advance_vat": "proforma",
        }

    @classmethod
    def fitting(cls, seller: Seller) -> Json:
        """Return settings of an account that could be the seller's."""
        modes = {VatMode.NON_PAYER: "non_vat_payer", VatMode.IDENTIFIED: "identified_person"}
        return {
            "name": seller.name,
            "registration_no": seller.company_id,
            "vat_no": seller.vat_id,
            "country": seller.country,
            "currency": "EUR" if seller.country == "SK" else "CZK",
            "vat_mode": modes.get(seller.vat_mode, "vat_payer"),
            "invoice_language": "sk" if seller.country == "SK" else "cz",
            "locale": "sk" if seller.country == "SK" else "cs",
        }

    def begin(self) -> State:
        stamp = "2026-01-01T08:00:00.000+01:00"
        times = {"created_at": stamp, "updated_at": stamp}
        formats = [
            {"id": 31, "format": "#yyyy#-#dddd#", "default": True, "kind": "invoice", **times},
            {"id": 32, "format": "ESHOP#yyyy##ddddd#", "default": False, "kind": "", **times},
        ]
        hidden = [
            {"id": 41, "format": "#yyyy#-Z#dddd#", "default": False, "kind": "proforma", **times},
            {"id": 42, "format": "#yyyy#-D#dddd#", "default": False, "kind": "correction", **times},
            {"id": 43, "format": "#yyyy#-P#dddd#", "default": False, "kind": "tax_document",
             **times},
        ]  # fmt: skip
        bank = {
            "id": 11,
            "name": "Běžný účet",
            "currency": self.account["currency"],
            "number": "2000145399/0800",
            "iban": "CZ6508000000192000145399",
            "swift_bic": "GIBACZPX",
            "pairing": True,
            "expense_pairing": False,
            "payment_adjustment": False,
            "default": True,
            **times,
        }
        return {
            "last_id": 1000,
            "formats": formats,
            "all_formats": [*formats, *hidden],
            "counters": {},
            "banks": [bank],
            "subjects": [],
            "invoices": [],
            "bin": [],
            "mails": [],
            "events": [],
            "webhooks": [],
            "deliveries": [],
            "delivered": 0,
            "logins": 0,
            "token": {"value": "", "until": ""},
            "window": {"until": "", "count": 0},
            "pdf": {},
        }

    def credentials(self, address: str) -> Mapping[str, str]:
        return {
            "client_id": self.account["client_id"],
            "client_secret": self.account["client_secret"],
            "slug": "",
            "address": address,
        }

    def books(self) -> list[Kept]:
        return [
            Kept(
                external_id=str(one["id"]),
                kind=_KINDS.get(one["document_type"], one["document_type"]),
                number=one["number"],
                key=one["custom_id"] or "",
                order_number=one["order_number"] or "",
                currency=one["currency"],
                total=number(one["total"]),
                paid=paid(one),
                emails=tuple(
                    mail["to"] for mail in self.state["mails"] if mail["document"] == one["id"]
                ),
                cancelled=bool(one["cancelled_at"]),
                made_from=_made_from(one),
            )
            for one in self.state["invoices"]
        ]

    # answering

    def answer(self, asked: Asked) -> Answer:
        headers = self._count()
        try:
            if int(headers["X-RateLimit"].split("r=")[1].split(";")[0]) < 0:
                raise refused(429, "too_many_requests", "Rate limit exceeded")
            answer = self._route(asked)
        except RefusedError as refusal:
            answer = refusal.answer
        limit = headers["X-RateLimit"].replace("r=-1", "r=0")
        return Answer(
            answer.status, answer.body, {**answer.headers, **headers, "X-RateLimit": limit}
        )

    def _count(self) -> dict[str, str]:
        """Count the request; the headers stand on every answer."""
        window = self.state["window"]
        if not window["until"] or datetime.fromisoformat(window["until"]) <= self.now:
            window["until"] = (self.now + timedelta(seconds=WINDOW)).isoformat()
            window["count"] = 0
        window["count"] += 1
        left = max(self.account["limit"] - window["count"], -1)
        seconds = int((datetime.fromisoformat(window["until"]) - self.now).total_seconds())
        return {
            "X-RateLimit-Policy": f"default;q={self.account['limit']};w={WINDOW}",
            "X-RateLimit": f"default;r={left};t={seconds}",
        }

    def _route(self, asked: Asked) -> Answer:
        if not asked.path.startswith(_ROOT):
            return Answer.html("<!DOCTYPE html><html><title>404</title>Not found</html>", 404)
        self._check_agent(asked)
        path = asked.path.removeprefix(_ROOT)
        if path == "/oauth/token" and asked.method == "POST":
            return self._login(asked)
        self._check_token(asked)
        if path == "/user.json":
            return Answer.json(self._user())
        found = re.fullmatch(r"/accounts/([^/]+)/(.+)", path)
        if found is None or found[1] != self.account["slug"]:
            raise refused(404, "not_found", "Not found")
        if self.account["blocked"]:
            raise refused(
                402,
                "payment_required",
                "Account is blocked because of unpaid invoices",
                unpaid_invoices=[{"number": "2026-5121", "total": "460.0"}],
            )
        is_write = asked.method not in {"GET", "HEAD"}
        if self.account["read_only"] and is_write:
            raise refused(503, "read_only", "Fakturoid is in read-only mode")
        return self._routes().answer(asked, found[2], is_write)

    def _check_agent(self, asked: Asked) -> None:
        agent = asked.headers.get("user-agent", "").strip()
        if not agent:
            raise refused(
                self.account["user_agent_status"],
                "invalid_request",
                'Required header "User-Agent" is missing',
            )
        if self.account["strict_user_agent"] and "@" not in agent:
            raise refused(403, "forbidden", "User-Agent must contain a contact")

    def _login(self, asked: Asked) -> Answer:
        if "application/json" not in asked.headers.get("accept", ""):
            raise refused(415, "unsupported_media_type", "Accept must be application/json")
        scheme, _, value = asked.headers.get("authorization", "").partition(" ")
        given = b64decode(value).decode("utf-8", "replace") if scheme == "Basic" else ""
        if given != f"{self.account['client_id']}:{self.account['client_secret']}":
            raise refused(401, "invalid_client", "Client authentication failed")
        is_form = "form" in asked.headers.get("content-type", "")
        body = asked.form() if is_form else body_of(asked)
        if body.get("grant_type") != "client_credentials":
            raise refused(400, "unsupported_grant_type", "The grant type is not supported")
        # Whoever holds the token before it is out now.
        self.state["logins"] += 1
        self.state["token"] = {
            "value": hashlib.sha256(f"{self.seed}:{self.state['logins']}".encode()).hexdigest(),
            "until": (self.now + timedelta(seconds=TOKEN_SECONDS)).isoformat(),
        }
        token = self.state["token"]["value"]
        return Answer.json(
            {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        )

    def _check_token(self, asked: Asked) -> None:
        token = self.state["token"]
        given = asked.headers.get("authorization", "").removeprefix("Bearer ")
        is_old = not token["until"] or datetime.fromisoformat(token["until"]) <= self.now
        if not token["value"] or given != token["value"] or is_old:
            raise refused(401, "invalid_token", "The access token is invalid")

    def _user(self) -> Json:
        name = self.account["name"]
        accounts = [
            {
                "slug": slug,
                "logo": None,
                "name": name if slug == self.account["slug"] else slug,
                "registration_no": self.account["registration_no"],
                "permission": self.account["permission"],
                "allowed_scope": self.account["allowed_scope"],
            }
            for slug in [self.account["slug"], *self.account["other_accounts"]]
            if slug
        ]
        return {
            "id": 5,
            "full_name": "Jana Zkušební",
            "email": "jana@zkusebni.example",
            "avatar_url": None,
            "default_account": None,
            "accounts": accounts,
        }

    def _routes(self) -> Routes:
        return Routes(self.state, self.account, self.now, self.seed, self.is_hidden)

    def refuse(self, fault: Fault, asked: Asked, retry_after: str = "") -> Answer:
        headers = self._count()
        match fault:
            case Fault.LIMIT:
                headers["X-RateLimit"] = f"default;r=0;t={retry_after or WINDOW}"
                more = {"Retry-After": retry_after} if retry_after else {}
                error = refused(429, "too_many_requests", "Rate limit exceeded")
                return Answer(429, error.answer.body, {**error.answer.headers, **headers, **more})
            case Fault.UNAUTHORIZED:
                error = refused(401, "invalid_token", "The access token is invalid")
            case Fault.ERROR_IN_SUCCESS:
                error = refused(200, "internal_error", "Something went wrong")
            case Fault.EMPTY_SUCCESS:
                return Answer.json({}, 200 if asked.method == "GET" else 201, headers)
            case Fault.MAINTENANCE:
                page = "<!DOCTYPE html><html><title>Fakturoid</title>Probíhá údržba</html>"
                return Answer.html(page)
            case Fault.ERROR_AFTER:
                error = refused(500, "internal_server_error", "Something went wrong")
            case _:
                return Answer.html("<html><h1>502 Bad Gateway</h1></html>", 502)
        return Answer(error.answer.status, error.answer.body, {**error.answer.headers, **headers})

    def act(self, what: str, **details: Any) -> Any:
        """Let something happen on Fakturoid's own pages; deliveries to webhooks are returned.

        ``pay`` (bank matching: ``amount``, ``paid_on``), ``unpay``, ``edit`` (attributes as of
        PATCH), ``cancel``, ``undo_cancel``, ``lock``, ``unlock``, ``delete``, ``restore`` and
        ``send``, all of the document ``external_id``; ``forget_contact`` deletes the contact
        ``external_id``, whatever hangs on it.

        Raises:
            ValueError: it is not possible there.
        """
        before = self.state["delivered"]
        external_id = details.pop("external_id", "")
        try:
            self._act(what, external_id, details)
        except RefusedError as refusal:
            raise ValueError(refusal.answer.body.decode()) from None
        made = self.state["delivered"] - before
        return self.state["deliveries"][-made:] if made else []

    def _act(self, what: str, external_id: str, details: Json) -> None:
        routes, subjects = self._routes(), self.state["subjects"]
        if what == "forget_contact":
            subjects[:] = [one for one in subjects if str(one["id"]) != str(external_id)]
            return
        if what == "restore":
            routes.books.restore(external_id)
            return
        document, deeds = routes.books.get(external_id), routes.deeds
        match what:
            case "pay":
                deeds.pay(document, {"send_thank_you_email": False, **details})
            case "unpay":
                for record in list(document["payments"]):
                    deeds.unpay(document, record)
            case "edit":
                routes.books.update(document, details)
            case "delete":
                routes.books.delete(document)
            case "send":
                deeds.email(document, details)
            case "cancel" | "undo_cancel" | "lock" | "unlock":
                deeds.fire(document, what)
            case _:
                super().act(what, **details)


def _made_from(one: Json) -> str:
    if one["document_type"] == "correction":
        return str(one["correction_id"] or "")
    return str(one["related_id"] or "") if one["document_type"] != "proforma" else ""


SIMULATOR = FakturoidSimulator
