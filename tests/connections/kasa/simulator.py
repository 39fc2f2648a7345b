"""The other side of the toy system *Kasa*: one account with invoices."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from spojka.accounting.simulator import Answer, Asked, Fault, Json, Kept, Simulator, State, pdf_of
from spojka.core.document import Seller


class KasaSimulator(Simulator):
    key = "kasa"

    @classmethod
    def defaults(cls) -> Json:
        return {
            "plan": "full",
            "right": True,
            "company_name": "Firma s.r.o.",
            "company_id": "27082440",
            "accounts": 1,
            "contacts": 2,
        }

    @classmethod
    def fitting(cls, seller: Seller) -> Json:
        return {"company_name": seller.name, "company_id": seller.company_id}

    def begin(self) -> State:
        return {"invoices": [], "sent": []}

    def credentials(self, address: str) -> Mapping[str, str]:
        return {
            "email": "jana@example.com",
            "api_key": f"kasa-key-{self.seed:012}",
            "address": address,
        }

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("x-key") != f"kasa-key-{self.seed:012}":
            return Answer.json({"error": "unknown key"}, 401)
        if self.account["plan"] != "full":
            return Answer.json({"error": "plan"}, 402)
        if not self.account["right"] and asked.path != "/me":
            return Answer.json({"error": "forbidden"}, 403)
        return self._answer(asked)

    def _answer(self, asked: Asked) -> Answer:
        match asked.line:
            case "GET /me":
                names = ("company_name", "company_id")
                return Answer.json({name: self.account[name] for name in names})
            case "GET /accounts":
                count = self.account["accounts"]
                return Answer.json(
                    [{"id": f"firma-{n}", "name": f"Firma {n}"} for n in range(1, count + 1)]
                )
            case "GET /lists":
                contacts = [{"id": n, "name": f"own-{n}"} for n in range(self.account["contacts"])]
                return Answer.json({"series": [1, 2], "banks": ["CZK"], "contacts": contacts})
            case "GET /invoices":
                return Answer.json(self.state["invoices"])
            case "POST /invoices":
                number = f"K{len(self.state['invoices']) + 1:04}"
                made = {**asked.json(), "number": number, "paid": False}
                self.state["invoices"].append(made)
                return Answer.json(made, 201)
        if asked.path.endswith(".pdf"):
            return Answer(200, pdf_of(asked.path), {"Content-Type": "application/pdf"})
        return Answer.json({"error": "not found"}, 404)

    def books(self) -> list[Kept]:
        return [_kept(row) for row in self.state["invoices"]]

    def refuse(self, fault: Fault, asked: Asked, retry_after: str = "") -> Answer:
        statuses = {Fault.LIMIT: 429, Fault.UNAUTHORIZED: 401, Fault.MAINTENANCE: 200}
        if fault is Fault.MAINTENANCE:
            return Answer.html("<h1>Back soon</h1>")
        headers = {"Retry-After": retry_after} if retry_after else {}
        return Answer.json({"error": fault.value}, statuses.get(fault, 503), headers)

    def act(self, what: str, **details: Any) -> Any:
        if what != "pay":
            return super().act(what, **details)
        for row in self.state["invoices"]:
            if row["number"] == details.get("external_id"):
                row["paid"] = True
                return row["number"]
        raise ValueError("no such invoice")


def _kept(row: Json) -> Kept:
    total = Decimal(row["total"])
    return Kept(
        external_id=row["number"],
        kind=row["kind"],
        number=row["number"],
        key=row["key"],
        order_number=row["order"],
        currency=row["currency"],
        total=total,
        paid=total if row["paid"] else Decimal(0),
    )


SIMULATOR = KasaSimulator
