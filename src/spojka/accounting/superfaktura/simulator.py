"""A faithful SuperFaktura account: what the connector is tested against, and tried with.

It follows the vendor's documentation, and where that is silent the observations of independent
clients; what nobody has confirmed is a setting of the account (:meth:`SuperFakturaSimulator.
defaults`). It knows nothing of the connector: amounts and records are computed by code of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from spojka.accounting.simulator import Answer, Asked, Fault, Kept, Simulator, State
from spojka.accounting.superfaktura.simulator_books import (
    ZONE,
    Books,
    RefusedError,
)
from spojka.accounting.superfaktura.simulator_calls import EMAIL, Calls, said
from spojka.accounting.superfaktura.simulator_words import COUNTRIES, HOME, LANGUAGES, MASKS, say
from spojka.core.document import Seller, VatMode

Json = dict[str, Any]

API_KEY = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
_LANGUAGES = {"SK": "slo", "CZ": "cze", "AT": "deu"}
OUR_KEY = re.compile(r"Spojka: (\w+) (\S+)")
MAINTENANCE = (
    "<!DOCTYPE html><html><head><title>SuperFaktúra</title></head>"
    "<body><h1>Prebieha údržba</h1><p>Vrátime sa o chvíľu.</p></body></html>"
)


class SuperFakturaSimulator(Simulator):
    """One account with one or more companies."""

    key = "superfaktura"

    @classmethod
    def defaults(cls) -> Json:
        """Return the settings of an account.

        ``limit_answer`` (to a request over the limit), ``limit_stops``, ``login_status``,
        ``repeated_checksum``, ``replay`` (how deep a kept answer lies), ``credit_sign``,
        ``locked_delete``, ``written_off_again``, ``written_off_status``, ``unit_places``,
        ``produced_in``, ``copies_comment``, ``pdf_by_login`` and ``unknown_company`` are not
        confirmed.
        """
        return {
            "country": "SK",
            "language": "slo",
            "company_name": "Skúšobná firma, s.r.o.",
            "ico": "12345678",
            "tax_payer": "1",
            "companies": 1,
            "premium": True,
            "role": "admin",
            "bank_accounts": 1,
            "series": ["regular", "proforma", "cancel"],
            "rounding": "item_ext",
            "automatic_invoice": False,
            "locked_until": "",
            "daily_limit": 1000,
            "monthly_limit": 30000,
            "used_elsewhere": 0,
            "emails_per_hour": 100,
            # not confirmed
            "limit_answer": "empty",
            "limit_stops": "reads",
            "login_status": 401,
            "repeated_checksum": "made",
            "replay": "data",
            "credit_sign": "negative",
            "locked_delete": "said",
            "written_off_again": "done",
            "written_off_status": "1",
            "unit_places": None,
            "produced_in": "related",
            "copies_comment": False,
            "pdf_by_login": True,
            "unknown_company": "first",
        }

    @classmethod
    def fitting(cls, seller: Seller) -> Json:
        """Return settings of an account of the seller's: country, language, company, VAT."""
        country = seller.country if seller.country in _LANGUAGES else "SK"
        return {
            "country": country,
            "language": _LANGUAGES[country],
            "company_name": seller.name,
            "ico": seller.company_id,
            "tax_payer": "1" if seller.vat_mode is VatMode.PAYER else "0",
        }

    def begin(self) -> State:
        account = self.account
        accounts = [
            {
                "id": str(at), "bank_name": "Skúšobná banka", "account": "", "bank_code": "",
                "iban": f"{account['country']}{at:022d}", "swift": "TESTSKBX",
                "currency": HOME.get(account["country"], "EUR"),
                "country_id": str(COUNTRIES.get(account["country"], (191,))[0]),
                "default": at == 1, "show": True,
            }
            for at in range(1, account["bank_accounts"] + 1)
        ]  # fmt: skip
        series = [
            {
                "id": str(at), "item_type": kind, "name": say(account["language"], kind),
                "mask": MASKS[kind], "default": True, "last": {},
            }
            for at, kind in enumerate(account["series"], 1)
        ]  # fmt: skip
        return {
            "documents": [],
            "clients": [],
            "sequences": series,
            "bank_accounts": accounts,
            "tags": {"1": "e-shop"},
            "ids": {"sequence": len(series)},
            "log": {},
            "callbacks": [],
            "emails": [],
            "calls": {},
        }

    def credentials(self, address: str) -> Mapping[str, str]:
        filled = {
            "server": "sandbox.superfaktura.sk",
            "email": EMAIL,
            "api_key": API_KEY,
            "company_id": "1",
        }
        return {**filled, "address": address} if address else filled

    def books(self) -> list[Kept]:
        books = self.open_books()
        return [self._kept(books, document) for document in self.state["documents"]]

    # answering

    def answer(self, asked: Asked) -> Answer:
        """Answer a request: counted first, then let in, then carried out."""
        over = self._count()
        if over and (self.account["limit_stops"] == "all" or asked.method == "GET"):
            return self._headed(self._over_limit())
        refused = self._let_in(asked)
        return self._headed(refused or self._carried_out(asked))

    def _carried_out(self, asked: Asked) -> Answer:
        segments = [part for part in asked.raw_path.split("/") if part]
        segments = [Asked.of("GET", f"/{part}", {}, b"").path[1:] for part in segments]
        if segments and segments[0] in LANGUAGES:
            segments = segments[1:]
        route = "/".join(part for part in segments[:2] if ":" not in part).removesuffix(".json")
        return Calls(self).answer(route, asked, segments[2:])

    def _let_in(self, asked: Asked) -> Answer | None:
        """Look at the login and the membership; ``None``: the request is carried out."""
        scheme, _, values = asked.headers.get("authorization", "").partition(" ")
        given = dict(parse_qsl(values, keep_blank_values=True))
        known = (given.get("email"), given.get("apikey")) == (EMAIL, API_KEY)
        if scheme != "SFAPI" or not known or not given.get("module"):
            return said("login", self.account, self.account["login_status"])
        company = given.get("company_id", "")
        ids = {str(at) for at in range(1, self.account["companies"] + 1)}
        if company and company not in ids and self.account["unknown_company"] == "refused":
            return said("login", self.account, self.account["login_status"])
        if not self.account["premium"]:
            return Answer.json({"error": 1, "message": self.say("premium")}, 401)
        return None

    def refuse(self, fault: Fault, asked: Asked, retry_after: str = "") -> Answer:
        words = {"error": 1, "message": "Unexpected error", "error_message": "Unexpected error"}
        match fault:
            case Fault.LIMIT:
                headers = {"Retry-After": retry_after} if retry_after else {}
                message = self._exceeded(self.account["daily_limit"])
                body = {"error": 1, "error_message": message, "message": message}
                return Answer.json(body, 429, {**headers, "X-RateLimit-Message": message})
            case Fault.UNAUTHORIZED:
                return said("login", self.account, 401)
            case Fault.ERROR_IN_SUCCESS:
                return said("bad_format", self.account, 200)
            case Fault.EMPTY_SUCCESS if asked.path == "/invoices/create":
                created = {"error": 0, "error_message": "Invoice created", "data": {}}
                return Answer.json(created)
            case Fault.EMPTY_SUCCESS:
                return Answer(200, b"", {"Content-Type": "text/html; charset=utf-8"})
            case Fault.MAINTENANCE:
                return Answer.html(MAINTENANCE)
            case _:
                return Answer.json(words, 500)

    # on the vendor's own pages

    def act(self, what: str, **details: Any) -> Any:
        """Let something happen there.

        ``pay`` (``amount``, ``on``), ``unpay``, ``edit`` (``fields``, ``items``), ``cancel``,
        ``lock``, ``delete``, ``send`` (``to``), all of ``external_id`` (by default the document
        made last), and ``issue`` (``body``: a document made by hand).

        Returns:
            Of ``pay``, the call that SuperFaktura makes then, where it was given an address:
            ``{"method": "GET", "url": …, "query": …}``.

        Raises:
            ValueError: nothing of the kind can be done, or SuperFaktura refuses it.
        """
        try:
            return self._act(what, details)
        except RefusedError as refusal:
            raise ValueError(f"SuperFaktura refuses: {refusal.message}") from None

    def _act(self, what: str, details: Mapping[str, Any]) -> Any:
        books = self.open_books()
        if what == "issue":
            return books.create(details["body"])["Invoice"]["id"]
        if not self.state["documents"]:
            raise ValueError("there is no document")
        last = self.state["documents"][-1]["Invoice"]["id"]
        document = books.find(details.get("external_id") or last)
        id_ = document["Invoice"]["id"]
        match what:
            case "pay":
                sent = {"invoice_id": id_, "amount": details.get("amount")}
                _document, _payment, called = books.pay({**sent, "date": details.get("on", "")})
                return _call(called) if called else None
            case "unpay":
                for payment in list(document["payments"]):
                    books.unpay(payment["id"])
            case "edit":
                books.edit({**details.get("fields", {}), "id": id_}, details.get("items", []))
            case "cancel":
                books.write_off(id_)
            case "lock":
                document["Invoice"]["locked"] = True
            case "delete":
                books.delete(id_)
            case "send":
                books.email(document, details.get("to", "zakaznik@example.com"), "", "")
            case _:
                return super().act(what, **details)
        return None

    # what they share

    @property
    def local(self) -> datetime:
        return self.now.astimezone(ZONE)

    def say(self, name: str) -> str:
        return say(self.account["language"], name)

    def open_books(self) -> Books:
        return Books(self.state, self.account, self.now, self.say)

    def _kept(self, books: Books, document: Json) -> Kept:
        invoice = document["Invoice"]
        key = OUR_KEY.search(invoice.get("internal_comment", ""))
        kinds = {"regular": "invoice", "cancel": "credit_note"}
        return Kept(
            external_id=invoice["id"],
            kind=kinds.get(invoice["type"], invoice["type"]),
            number=invoice["invoice_no_formatted"],
            key=key.group(2) if key and key.group(1) == invoice["type"] else "",
            order_number=invoice.get("order_no", ""),
            currency=invoice["invoice_currency"],
            total=books.total(document),
            paid=books.paid(document),
            emails=tuple(row["email"] for row in document["emails"]),
            cancelled=invoice["written_off"],
            made_from=invoice.get("proforma_id") or invoice.get("parent_id") or "",
        )

    # limits

    def _count(self) -> bool:
        """Count a request, and tell whether it is one too many."""
        day, month = self.local.strftime("%Y-%m-%d"), self.local.strftime("%Y-%m")
        known = self.state["calls"]
        self.state["calls"] = {
            day: known.get(day, self.account["used_elsewhere"]) + 1,
            month: known.get(month, self.account["used_elsewhere"]) + 1,
        }
        over_day = self._used(day) > int(self.account["daily_limit"])
        return over_day or self._used(month) > int(self.account["monthly_limit"])

    def _used(self, period: str) -> int:
        used: int = self.state["calls"].get(period, 0)
        return used

    def _exceeded(self, limit: int) -> str:
        return (
            f"You have exceeded a daily limit of {limit} API requests. "
            f"You have already made {limit} requests today."
        )

    def _over_limit(self) -> Answer:
        message = self._exceeded(self.account["daily_limit"])
        body = {"error": 1, "error_message": message, "message": message}
        match self.account["limit_answer"]:
            case "429":
                return Answer.json(body, 429)
            case "403":
                return Answer.json(body, 403)
            case _:
                return Answer(200, b"", {"Content-Type": "text/html; charset=utf-8"})

    def _headed(self, answer: Answer) -> Answer:
        """Add the headers that tell what is left; resets are in local time."""
        local = self.local
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = midnight + timedelta(days=1)
        next_month = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
        headers = dict(answer.headers)
        exceeded = False
        for name, limit, period, reset in (
            ("Daily", self.account["daily_limit"], "%Y-%m-%d", tomorrow),
            ("Monthly", self.account["monthly_limit"], "%Y-%m", next_month),
        ):
            left = max(0, limit - self._used(local.strftime(period)))
            exceeded = exceeded or self._used(local.strftime(period)) > limit
            headers[f"X-RateLimit-{name}Limit"] = str(limit)
            headers[f"X-RateLimit-{name}Remaining"] = str(left)
            headers[f"X-RateLimit-{name}Reset"] = reset.strftime("%d.%m.%Y %H:%M:%S")
        if exceeded:
            headers["X-RateLimit-Message"] = self._exceeded(self.account["daily_limit"])
        return Answer(answer.status, answer.body, headers)


def _call(url: str) -> Json:
    return {"method": "GET", "url": url, "query": dict(parse_qsl(urlsplit(url).query))}


SIMULATOR = SuperFakturaSimulator
"""The simulator of this system, found by the registry."""
