"""The simulated agenda itself: login, plan, rights, limits, the envelope and its languages."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from spojka.accounting.idoklad import simulator_lists as lists
from spojka.accounting.simulator import Answer, Asked, Fault, Json, Simulator, State, written
from spojka.core.document import Seller

NO_DATE = "1753-01-01T00:00:00"
_MONTHLY = {0: 1_000, 1: 1_000, 2: 7_500, 3: 75_000}
"""Calls a month by plan: of the two that have the API as third parties state them."""
_AUTH_ERRORS = {0: "Free", 1: "NeedToDowngrade", 2: "Expired"}

CLIENT_ID = "5d0f5c5e-2f7a-4b8c-9a53-6f1f1f0f7c11"
CLIENT_SECRET = "b1f2c3d4-simulated-secret"  # noqa: S105 - of the simulated agenda
APPLICATION_ID = "c0ffee00-1234-4abc-8def-0123456789ab"
WEBHOOK_ID = "9c1de5b0-6a1e-4f6b-8f5c-3f3a2d1e0b77"

_WORDS = {
    "cs": {
        "system": "Došlo k chybě systému.",
        "limit": "Byl překročen limit počtu požadavků.",
        "rights": "Na tuto operaci nemáte oprávnění.",
        "billing": "Vaše předplatné tuto operaci neumožňuje.",
        "missing": "Záznam nebyl nalezen.",
        "format": "Neplatná data: {detail}",
        "number": "Číslo dokladu není v číselné řadě jedinečné.",
        "paid": "Doklad je již uhrazen.",
        "not_paid": "Zálohová faktura není uhrazena.",
        "accounted": "Zálohová faktura je již vyúčtována.",
        "credited": "K faktuře existuje dobropis.",
        "payments": "K dokladu existují úhrady.",
        "exported": "Doklad byl exportován.",
        "oss": "Doklad nelze vystavit v režimu OSS.",
        "rate": "Sazba DPH neodpovídá datu plnění.",
        "offset": "Zápočet nelze provést.",
        "mails": "Byl překročen limit odeslaných e-mailů.",
    },
    "sk": {
        "system": "Došlo k chybe systému.",
        "limit": "Bol prekročený limit počtu požiadaviek.",
        "rights": "Na túto operáciu nemáte oprávnenie.",
        "billing": "Vaše predplatné túto operáciu neumožňuje.",
        "missing": "Záznam nebol nájdený.",
        "format": "Neplatné údaje: {detail}",
        "number": "Číslo dokladu nie je v číselnom rade jedinečné.",
        "paid": "Doklad je už uhradený.",
        "not_paid": "Zálohová faktúra nie je uhradená.",
        "accounted": "Zálohová faktúra je už vyúčtovaná.",
        "credited": "K faktúre existuje dobropis.",
        "payments": "K dokladu existujú úhrady.",
        "exported": "Doklad bol exportovaný.",
        "oss": "Doklad nie je možné vystaviť v režime OSS.",
        "rate": "Sadzba DPH nezodpovedá dátumu plnenia.",
        "offset": "Zápočet nie je možné vykonať.",
        "mails": "Bol prekročený limit odoslaných e-mailov.",
    },
    "en": {
        "system": "A system error occurred.",
        "limit": "The limit of requests was exceeded.",
        "rights": "You do not have rights to this operation.",
        "billing": "Your subscription does not allow this operation.",
        "missing": "The record was not found.",
        "format": "Invalid data: {detail}",
        "number": "The document number is not unique in its sequence.",
        "paid": "The document is already paid.",
        "not_paid": "The proforma invoice is not paid.",
        "accounted": "The proforma invoice is already accounted.",
        "credited": "The invoice has a credit note.",
        "payments": "The document has payments.",
        "exported": "The document was exported.",
        "oss": "The document cannot be issued in the OSS regime.",
        "rate": "The VAT rate does not fit the date of taxing.",
        "offset": "The offset cannot be made.",
        "mails": "The limit of sent e-mails was exceeded.",
    },
}


@dataclass
class RefusalError(Exception):
    """The simulated iDoklad refuses: its ``ErrorCode``, the HTTP status of it, and what it says."""

    code: int
    word: str
    status: int = 400
    detail: str = ""


class Agenda(Simulator):
    """Login, limits and words; what can be done in the agenda is in the subclasses."""

    key: ClassVar[str] = "idoklad"

    @classmethod
    def defaults(cls) -> Json:
        """Return the agenda's settings. Those marked UNC are not confirmed about iDoklad."""
        return {
            "name": "Ukázkový e-shop s.r.o.",
            "company_id": "27082440",
            "country": "CZ",
            "vat": "payer",  # payer, non_payer, identified
            "oss": True,
            "plan": 3,
            "plan_ends": "",
            "auth_error": None,  # 0, 1, 2: the login is refused with AuthErrorCode
            "role": 0,  # UserRight: 0 administrator, 1 user, 2 no rights
            "api_forbidden": False,
            "bank_accounts": True,
            "rounding": 0,  # never, always, by the way of paying
            "price_decimals": 2,
            "amount_decimals": 2,
            "allow_edit_exported": False,
            "mails_a_day": 500,
            "undeliverable": [],  # addresses that mails are not sent to
            "per_minute": 200,
            "per_month": None,  # UNC; none: by the plan
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "application_id": APPLICATION_ID,
            "webhook_secret": "",
            "webhook_header": "X-iDoklad-Signature-256",  # UNC: also X-idoklad-signature
            "plain_login": True,  # UNC: how long the older token endpoint lives
            "token_seconds": 3600,  # UNC
            "refusal_status": 400,  # UNC: refusals also come under 200
            "retry_after": False,  # UNC: whether 429 states it
            "rate_headers": False,  # UNC
            "vat_by": "item",  # UNC: item or summary
            "cuts_unit_price": False,  # UNC
            "ties": ["up", "up"],  # UNC: VAT at half a cent, out of gross and on net
            "credit_note_sign": 1,  # UNC: of stored totals, 1 or -1
            "reduce_with_vat": False,  # UNC: whether a deducted proforma carries VAT
            "auto_invoice": False,  # UNC: an invoice is made by itself when a proforma is paid
            "zone": "Europe/Prague",  # UNC: of times without a zone
            "paid_blocks_delete": False,  # UNC
            "partner_status": 400,  # UNC: of a PartnerId that does not exist
        }

    @classmethod
    def fitting(cls, seller: Seller) -> Json:
        """Return settings of an agenda that could be the seller's."""
        return {
            "name": seller.name,
            "company_id": seller.company_id,
            "country": seller.country,
            "vat": seller.vat_mode.value,
        }

    def begin(self) -> State:
        """Return a new agenda: default series, two bank accounts, nothing issued."""
        year = self.now.year
        return {
            "next_id": 1000,
            "series": [
                {"Id": 5, "Name": "Vydané faktury", "NumberFormat": "{RRRR}{NNNN}",
                 "DocumentType": 0, "IsDefault": True},
                {"Id": 6, "Name": "E-shop", "NumberFormat": "9{RR}{NNNNN}", "DocumentType": 0,
                 "IsDefault": False},
                {"Id": 7, "Name": "Zálohové faktury", "NumberFormat": "ZF{RR}{NNNN}",
                 "DocumentType": 1, "IsDefault": True},
                {"Id": 8, "Name": "Dobropisy", "NumberFormat": "DB{RR}{NNNN}", "DocumentType": 3,
                 "IsDefault": True},
                {"Id": 9, "Name": "Pokladna", "NumberFormat": "PO{NNNN}", "DocumentType": 2,
                 "IsDefault": True},
            ],
            "contacts": [],
            "documents": [],
            "payments": [],
            "mails": [],
            "webhooks": [],
            "deliveries": [],
            "tokens": {},
            "minute": ["", 0],
            "month": ["", 0],
            "year": year,
        }  # fmt: skip

    def credentials(self, address: str) -> Mapping[str, str]:
        """Return what is filled into the connection's form."""
        return {
            "client_id": self.account["client_id"],
            "client_secret": self.account["client_secret"],
            "application_id": "" if self.account["plain_login"] else self.account["application_id"],
            "webhook_id": WEBHOOK_ID,
            "address": address,
        }

    # what everything else stands on

    @property
    def home_currency(self) -> str:
        return "EUR" if self.account["country"] == "SK" else "CZK"

    @property
    def home_country(self) -> int:
        return lists.country_id(self.account["country"])

    def ids(self, of: str) -> set[int]:
        """Return the ids that exist: of contacts, or of a code list."""
        rows: dict[str, Callable[[], list[Json]]] = {
            "currencies": lists.currencies,
            "countries": lists.countries,
            "payment_options": lambda: lists.payment_options("cs"),
            "constant_symbols": lists.constant_symbols,
            "reverse_charge_codes": lists.reverse_charge_codes,
            "contacts": lambda: list(self.state["contacts"]),
        }
        return {row["Id"] for row in rows[of]()}

    def partner(self, contact_id: int) -> Json:
        """Return a contact.

        Raises:
            RefusalError: there is none.
        """
        for contact in self.state["contacts"]:
            if contact["Id"] == contact_id:
                return dict(contact)
        raise missing()

    def stamp(self) -> str:
        """Return the time as iDoklad writes it: without a zone."""
        local = self.now.astimezone(ZoneInfo(self.account["zone"]))
        return local.replace(tzinfo=None).isoformat(timespec="milliseconds")

    def new_id(self) -> int:
        self.state["next_id"] += 1
        return int(self.state["next_id"])

    def language(self, asked: Asked) -> str:
        """Return the language of messages: by Accept-Language, Czech where it says nothing."""
        wanted = asked.headers.get("accept-language", "cs")[:2].lower()
        return wanted if wanted in _WORDS else "en" if wanted == "de" else "cs"

    def ok(self, data: Any) -> Answer:
        """Answer with success."""
        return self._envelope(data, True, "", 0, 200)

    def refused(self, asked: Asked, why: RefusalError) -> Answer:
        """Answer with a refusal: under its status, or under 200 where the account says so."""
        said = _WORDS[self.language(asked)][why.word].format(detail=why.detail)
        status = why.status
        if status == 400 and self.account["refusal_status"] == 200:
            status = 200
        return self._envelope(None, False, said, why.code, status)

    def _envelope(self, data: Any, good: bool, said: str, code: int, status: int) -> Answer:
        body = {
            "Data": data,
            "IsSuccess": good,
            "Message": said,
            "ErrorCode": code,
            "StatusCode": status,
        }
        return Answer.json(body, status, self._rate_headers())

    def _rate_headers(self) -> dict[str, str]:
        if not self.account["rate_headers"]:
            return {}
        left = max(0, self.account["per_minute"] - self.state["minute"][1])
        return {"X-Rate-Limit-Limit": "1m", "X-Rate-Limit-Remaining": str(left)}

    # login

    def login(self, asked: Asked, *, with_application: bool) -> Answer:
        """Give a token, as the identity server does."""
        form = asked.form()
        if self.account["auth_error"] is not None:
            number = int(self.account["auth_error"])
            said = f"AuthErrorCode({number}) - Agenda has {_AUTH_ERRORS[number]} status."
            return _login_refused("invalid_grant", said)
        if form.get("grant_type") != "client_credentials":
            return _login_refused("unsupported_grant_type")
        if with_application and form.get("application_id") != self.account["application_id"]:
            return _login_refused("invalid_request", "application_id is missing or invalid")
        if not with_application and not self.account["plain_login"]:
            return _login_refused("unauthorized_client")
        given = (form.get("client_id"), form.get("client_secret"))
        if given != (self.account["client_id"], self.account["client_secret"]):
            return _login_refused("invalid_client")
        if form.get("scope") != "idoklad_api":
            return _login_refused("invalid_scope")
        seconds = int(self.account["token_seconds"])
        token = hashlib.sha256(f"{self.seed}:{self.new_id()}".encode()).hexdigest()
        self.state["tokens"][token] = (self.now + timedelta(seconds=seconds)).isoformat()
        return Answer.json({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})

    def is_logged_in(self, asked: Asked) -> bool:
        """Tell whether the request carries a token that is valid."""
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        ends = self.state["tokens"].get(token)
        valid = ends is not None and self.now < datetime.fromisoformat(ends)
        return scheme == "Bearer" and valid

    def may_go_on(self) -> bool:
        """Count a request; false where a limit is used up."""
        a_month = self.account["per_month"] or _MONTHLY.get(self.account["plan"], 0)
        limits = {"minute": (16, self.account["per_minute"]), "month": (7, a_month)}
        allowed = True
        for name, (length, calls) in limits.items():
            period = self.now.isoformat()[:length]
            if self.state[name][0] != period:
                self.state[name] = [period, 0]
            self.state[name][1] += 1
            allowed = allowed and self.state[name][1] <= calls
        return allowed

    def check_allowed(self, asked: Asked) -> None:
        """Check plan and rights.

        Raises:
            RefusalError: either is not enough.
        """
        ends = self.account["plan_ends"]
        if self.account["plan"] < 2 or (ends and self.now.date().isoformat() > ends):
            raise RefusalError(600, "billing", 402)
        if self.account["api_forbidden"]:
            raise RefusalError(126, "rights", 403)
        if self.account["role"] == 2 and not asked.path.startswith("/v3/Account"):
            raise RefusalError(420, "rights", 403)

    # what goes wrong

    def refuse(self, fault: Fault, asked: Asked, retry_after: str = "") -> Answer:
        """Return iDoklad's words for a fault."""
        token = "/connect/token" in asked.path
        match fault:
            case Fault.LIMIT:
                return self.limited(asked, retry_after)
            case Fault.UNAUTHORIZED:
                self.state["tokens"] = {}
                return _login_refused("invalid_client", status=401) if token else unauthorized()
            case Fault.ERROR_IN_SUCCESS:
                if token:
                    return Answer.json({"error": "temporarily_unavailable"})
                said = _WORDS[self.language(asked)]["format"].format(detail="-")
                return self._envelope(None, False, said, 400, 200)
            case Fault.EMPTY_SUCCESS:
                return Answer.json({}) if token else self.ok(None)
            case Fault.MAINTENANCE:
                return Answer.html(
                    "<html><head><title>iDoklad</title></head>"
                    "<body><h1>Probíhá údržba</h1></body></html>"
                )
            case _:
                if token:
                    return Answer.html("Service Unavailable", 503)
                said = _WORDS[self.language(asked)]["system"]
                return self._envelope(None, False, said, 500, 500)

    def limited(self, asked: Asked, retry_after: str = "") -> Answer:
        """Answer that the limit is used up."""
        answer = self.refused(asked, RefusalError(0, "limit", 429))
        if not retry_after and self.account["retry_after"]:
            retry_after = str(60 - self.now.second)
        if not retry_after:
            return answer
        return Answer(429, answer.body, {**answer.headers, "Retry-After": retry_after})

    # webhooks

    def notify(self, event: str, entity: str, entity_id: int) -> None:
        """Record a delivery of every webhook that is on for an event."""
        body = written(
            {"Events": [{"EventType": event, "EntityType": entity, "EntityId": entity_id}]}
        )
        for hook in self.state["webhooks"]:
            if (hook["Event"], hook["Entity"]) == (event, entity):
                secret = str(self.account["webhook_secret"]).encode()
                digest = hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()
                headers = {
                    "Content-Type": "application/json",
                    self.account["webhook_header"]: f"sha256={digest}",
                }
                self.state["deliveries"].append({"headers": headers, "body": body})


def missing() -> RefusalError:
    """Return the refusal that there is no such record."""
    return RefusalError(0, "missing", 404)


def malformed(detail: str) -> RefusalError:
    """Return the refusal of data for their form."""
    return RefusalError(400, "format", detail=detail)


def body_of(asked: Asked) -> Json:
    """Return the JSON object that was sent.

    Raises:
        RefusalError: there is none.
    """
    try:
        body = asked.json()
    except (ValueError, UnicodeDecodeError):
        raise malformed("JSON") from None
    if not isinstance(body, dict):
        raise malformed("JSON")
    return body


def kept(value: Any) -> Any:
    """Return a sent value as it is kept: amounts as text, so that the state is plain JSON."""
    return json.loads(json.dumps(value, default=_text))


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)


def unauthorized() -> Answer:
    return Answer(401, b"", {"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _login_refused(error: str, description: str = "", status: int = 400) -> Answer:
    body = {"error": error, **({"error_description": description} if description else {})}
    return Answer.json(body, status)
