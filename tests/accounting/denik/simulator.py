"""The other side of the toy system *Deník*: one account with documents, payments and e-mails."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from spojka.accounting.simulator import Answer, Asked, Fault, Json, Kept, Simulator, State, pdf_of

CENT = Decimal("0.01")
REFUSALS: Mapping[Fault, tuple[int, str]] = {
    Fault.ERROR_BEFORE: (503, "overloaded"),
    Fault.ERROR_AFTER: (500, "crashed"),
    Fault.LIMIT: (429, "too many"),
    Fault.UNAUTHORIZED: (401, "token"),
    Fault.ERROR_IN_SUCCESS: (200, "refused"),
}


class DenikSimulator(Simulator):
    key = "denik"

    @classmethod
    def defaults(cls) -> Json:
        return {
            "plan": "full",
            "right": True,
            "company_name": "Vzorová firma s.r.o.",
            "company_id": "27074358",
            "vat_mode": "payer",
            "bank_account": True,
            "final_by_itself": False,
        }

    def begin(self) -> State:
        return {"documents": [], "token": "", "made": 0, "tokens": 0}

    @property
    def secret(self) -> str:
        return f"denik-secret-{self.seed:08}"

    def credentials(self, address: str) -> Mapping[str, str]:
        return {"email": "jana@example.com", "secret": self.secret, "address": address}

    def answer(self, asked: Asked) -> Answer:
        if asked.line == "POST /token":
            return self._token(asked)
        if asked.headers.get("authorization") != f"Bearer {self.state['token']}":
            return refused(401, "token")
        if self.account["plan"] != "full":
            return refused(402, "plan")
        if not self.account["right"] and asked.method != "GET":
            return refused(403, "right")
        parts = asked.path.strip("/").split("/")
        match (asked.method, parts):
            case "GET", ["company"]:
                names = ("company_name", "company_id", "vat_mode", "right")
                return Answer.json({name: self.account[name] for name in names})
            case "GET", ["lists"]:
                banks = [{"id": 1, "name": "CZK"}] if self.account["bank_account"] else []
                return Answer.json({"series": [{"id": 1, "name": "2026"}], "banks": banks})
            case "GET", ["documents"]:
                return Answer.json({"documents": self._listed(asked.query)})
            case "POST", ["documents"]:
                return self._make(asked.json())
            case _, ["documents", number, *rest]:
                return self._one(asked, number, rest)
        return refused(404, "unknown")

    def _token(self, asked: Asked) -> Answer:
        if asked.json() != {"email": "jana@example.com", "secret": self.secret}:
            return refused(401, "login")
        self.state["tokens"] += 1  # a new one ends the one before
        self.state["token"] = f"denik-token-{self.seed:04}-{self.state['tokens']:04}"
        return Answer.json({"access_token": self.state["token"], "expires_in": 3600})

    def _listed(self, query: Mapping[str, str]) -> list[Json]:
        shown = [
            one
            for position, one in enumerate(self.state["documents"], start=1)
            if not self.is_hidden(position)
        ]
        if "key" in query:
            shown = [one for one in shown if one["key"] == query["key"]]
        if "since" in query:
            shown = [one for one in shown if one["changed"] >= query["since"]]
        return shown

    def _make(self, sent: Json) -> Answer:
        if not sent.get("rows"):
            return refused(422, "rows")
        rows = [self._row(row) for row in sent["rows"]]
        self.state["made"] += 1
        made = {
            **sent,
            "id": self.state["made"],
            "number": f"D{self.state['made']:05}",
            "rows": rows,
            "total": _sum(row["price"] for row in rows) + Decimal(sent["rounding"]),
            "payments": [],
            "emails": [],
            "cancelled": False,
            "by_itself": False,
        }
        self._keep(made)
        self.state["documents"].append(made)
        return Answer.json(made, 201)

    def _row(self, row: Json) -> Json:
        price, rate = Decimal(row["price"]), Decimal(row["rate"])
        vat = (price * rate / (100 + rate)).quantize(CENT, ROUND_HALF_UP)
        return {**row, "price": str(price), "vat": str(vat), "net": str(price - vat)}

    def _keep(self, document: Json) -> None:
        document["total"] = str(document["total"])
        document["changed"] = self.now.isoformat(timespec="seconds")

    def _one(self, asked: Asked, number: str, rest: list[str]) -> Answer:
        found = [one for one in self.state["documents"] if str(one["id"]) == number]
        if not found:
            return refused(404, "no document")
        (document,) = found
        match (asked.method, rest):
            case "GET", []:
                return Answer.json(document)
            case "DELETE", []:
                self.state["documents"].remove(document)
                return Answer.json({"id": document["id"]})
            case "POST", ["cancel"]:
                document["cancelled"] = True
            case "POST", ["payments"]:
                return self._pay(document, asked.json())
            case "DELETE", ["payments", payment]:
                kept = [one for one in document["payments"] if str(one["id"]) != payment]
                if len(kept) == len(document["payments"]):
                    return refused(404, "no payment")
                document["payments"] = kept
            case "POST", ["emails"]:
                document["emails"].append(asked.json())
            case "GET", ["pdf"]:
                return Answer(200, pdf_of(document["number"]), {"Content-Type": "application/pdf"})
            case _:
                return refused(404, "unknown")
        self._keep(document)
        return Answer.json(document)

    def _pay(self, document: Json, sent: Json) -> Answer:
        payment = {**sent, "id": len(document["payments"]) + 1}
        document["payments"].append(payment)
        self._keep(document)
        produced = None
        if document["kind"] == "proforma" and self.account["final_by_itself"]:
            self._make({**document, "kind": "invoice", "key": "", "made_from": document["id"]})
            produced = self.state["documents"][-1]
            produced["by_itself"] = True
        return Answer.json({**payment, "produced": produced}, 201)

    def books(self) -> list[Kept]:
        return [
            Kept(
                external_id=str(one["id"]),
                kind=one["kind"],
                number=one["number"],
                key=one["key"],
                order_number=one["order"],
                currency=one["currency"],
                total=Decimal(one["total"]),
                paid=_sum(payment["amount"] for payment in one["payments"]),
                emails=tuple(email["to"] for email in one["emails"]),
                cancelled=one["cancelled"],
                made_from=str(one.get("made_from") or ""),
            )
            for one in self.state["documents"]
        ]

    def refuse(self, fault: Fault, asked: Asked, retry_after: str = "") -> Answer:
        if fault is Fault.MAINTENANCE:
            return Answer.html("<title>Deník</title><h1>We shall be back soon</h1>")
        if fault is Fault.EMPTY_SUCCESS:
            return Answer.json({})
        if fault is Fault.UNAUTHORIZED:
            self.state["token"] = ""  # somebody else logged in
        status, code = REFUSALS.get(fault, (500, "crashed"))
        return refused(status, code, {"Retry-After": retry_after} if retry_after else {})

    def act(self, what: str, **details: Any) -> Any:
        found = [one for one in self.state["documents"] if str(one["id"]) == details["external_id"]]
        if not found:
            raise ValueError("no such document")
        (document,) = found
        match what:
            case "pay":
                paid = _sum(one["amount"] for one in document["payments"])
                self._pay(document, {"amount": str(Decimal(document["total"]) - paid), "key": ""})
            case "cancel":
                document["cancelled"] = True
                self._keep(document)
            case _:
                return super().act(what, **details)
        return document["number"]


def refused(status: int, code: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer.json({"code": code, "text": f"Deník says: {code}"}, status, headers)


def _sum(amounts: Any) -> Decimal:
    return sum((Decimal(amount) for amount in amounts), Decimal(0))


SIMULATOR = DenikSimulator
