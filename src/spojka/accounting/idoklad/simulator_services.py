"""Payments, e-mails, PDFs and webhooks of the simulated iDoklad."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from spojka.accounting.idoklad import simulator_query as query
from spojka.accounting.idoklad import simulator_rules as rules
from spojka.accounting.idoklad.simulator_account import (
    WEBHOOK_ID,
    RefusalError,
    body_of,
    kept,
    malformed,
    missing,
)
from spojka.accounting.idoklad.simulator_documents import ENTITIES, Documents
from spojka.accounting.idoklad.simulator_query import COMPARED, CONTAINED, SAME
from spojka.accounting.idoklad.simulator_sums import in_home_currency
from spojka.accounting.simulator import Asked, Json, pdf_of

_REPORTS = {entity: kind for kind, entity in ENTITIES.items()}
_EVENTS = {1: "Insert", 2: "Update", 3: "Delete", 4: "PaymentCreated", 5: "PaymentDeleted"}
_PAYMENT_FILTER = {
    "Id": SAME, "InvoiceId": SAME, "PaymentOptionId": SAME, "PartnerId": SAME,
    "DateOfPayment": COMPARED, "InvoiceDocumentNumber": CONTAINED, "Partner": CONTAINED,
}  # fmt: skip


class Services(Documents):
    """What is done with documents that exist."""

    def page(
        self, asked: Asked, rows: Sequence[Json], fields: Mapping[str, frozenset[str]]
    ) -> Json:
        test = query.parse(asked.query.get("filter", ""), fields)
        fitting = [row for row in rows if test(row | _searched(row))]
        return query.page(query.ordered(fitting, asked.query.get("sort", "")), asked.query)

    def payments(self, asked: Asked, rest: list[str]) -> Any:
        match asked.method, rest:
            case "GET", []:
                rows = [self._payment(one) for one in self.state["payments"]]
                hidden = {one["id"] for one in self.state["documents"]} - {
                    one["id"] for one in self.all_documents()
                }
                rows = [row for row in rows if row["InvoiceId"] not in hidden]
                return self.page(asked, rows, _PAYMENT_FILTER)
            case "POST", []:
                return self._pay(body_of(asked))
            case "PUT", ["FullyPay", document]:
                found = self.payable(id_in([document]))
                on = rules.day(asked.query, "dateOfPayment") if asked.query else self.now.date()
                if self.due(found) <= 0:
                    raise RefusalError(110, "paid")
                self.record_payment(found, self.due(found), on)
                return True
            case "PUT", ["FullyUnpay", document]:
                found = self.payable(id_in([document]))
                for one in [p for p in self.state["payments"] if p["InvoiceId"] == found["id"]]:
                    self.unpay(one)
                return True
            case "DELETE", [payment]:
                for one in self.state["payments"]:
                    if one["Id"] == id_in([payment]):
                        self.unpay(one)
                        return True
            case "GET", [payment]:
                for one in self.state["payments"]:
                    if one["Id"] == id_in([payment]):
                        return self._payment(one)
        raise missing()

    def _pay(self, body: Json) -> Json:
        for name in ("InvoiceId", "PaymentAmount", "PaymentOptionId", "DateOfPayment"):
            if body.get(name) in (None, ""):
                raise malformed(f"The {name} field is required.")
        document = self.payable(body["InvoiceId"])
        amount = Decimal(body["PaymentAmount"])
        if amount <= 0:
            raise malformed("PaymentAmount")
        if self.due(document) <= 0:
            raise RefusalError(110, "paid")
        on = rules.day(body, "DateOfPayment")
        return self._payment(self.record_payment(document, amount, on, body["PaymentOptionId"]))

    def unpay(self, payment: Json) -> None:
        document = self.payable(payment["InvoiceId"])
        if document.get("accounted_by"):
            raise RefusalError(129, "accounted")
        self.state["payments"].remove(payment)
        self.touch(document)
        self.notify("PaymentDeleted", ENTITIES[document["kind"]], document["id"])

    def _payment(self, payment: Json) -> Json:
        document = next(d for d in self.state["documents"] if d["id"] == payment["InvoiceId"])
        amount = {"PaymentAmount": Decimal(payment["amount"])}
        return {
            "Id": payment["Id"],
            "InvoiceId": payment["InvoiceId"],
            "InvoiceDocumentNumber": document["number"],
            "DocumentType": document["kind"],
            "CurrencyId": document["CurrencyId"],
            "PaymentOptionId": payment["PaymentOptionId"],
            "PartnerId": document["PartnerId"],
            "Partner": document["partner"]["CompanyName"],
            "DateOfPayment": f"{payment['DateOfPayment']}T00:00:00",
            "IsConfirmationSent": False,
            "Prices": in_home_currency(amount, Decimal(1)),
            "Metadata": {"DateCreated": payment["created"], "DateLastChange": payment["created"]},
        }

    # mails, reports, webhooks

    def mail(self, asked: Asked, rest: list[str]) -> Any:
        if asked.method != "POST" or len(rest) != 2 or rest[1] != "Send" or rest[0] not in _REPORTS:
            raise missing()
        body = body_of(asked)
        for name in ("DocumentId", "SendToPartner", "SendToSelf", "SendToAccountant"):
            if body.get(name) is None:
                raise malformed(f"The {name} field is required.")
        others = body.get("OtherRecipients") or []
        if len(others) > 5:
            raise malformed("OtherRecipients")
        document = self.document(_REPORTS[rest[0]], body["DocumentId"])
        today = self.now.date().isoformat()
        if sum(m["on"] == today for m in self.state["mails"]) >= self.account["mails_a_day"]:
            raise RefusalError(122, "mails")
        recipients = list(others)
        if body["SendToPartner"]:
            recipients.insert(0, document["partner"].get("Email") or "")
        if body["SendToSelf"]:
            recipients.append("majitel@example.com")
        bad = {"", *self.account["undeliverable"]}
        sent = [address for address in recipients if address not in bad]
        for address in sent:
            self.state["mails"].append({"document": document["id"], "to": address, "on": today})
        if sent and body["SendToPartner"] and recipients[0] in sent:
            document["sent"] = 1
            self.touch(document)
        return {"Sent": sent, "NotSent": [one for one in recipients if one in bad]}

    def report(self, asked: Asked, rest: list[str]) -> Any:
        if asked.method != "GET" or len(rest) != 3 or rest[0] not in _REPORTS:
            raise missing()
        if rest[2] not in {"Pdf", "PdfWithPayments"}:
            raise missing()
        document = self.document(_REPORTS[rest[0]], id_in([rest[1]]))
        return b64encode(pdf_of(f"iDoklad {document['number']}")).decode()

    def webhooks(self, asked: Asked, rest: list[str]) -> Any:
        if asked.method == "GET" and not rest:
            return self.page(asked, self.state["webhooks"], {"Id": SAME})
        if asked.method == "DELETE" and rest:
            hooks = self.state["webhooks"]
            self.state["webhooks"] = [hook for hook in hooks if hook["Id"] != id_in(rest)]
            return True
        if asked.method != "POST" or rest:
            raise missing()
        body = body_of(asked)
        rules.one_of(body, "ActionType", set(_EVENTS))
        rules.one_of(body, "EntityType", set(ENTITIES))
        if str(body.get("PublicId", "")).lower() != WEBHOOK_ID:
            raise malformed("PublicId does not exist.")
        hook = {
            **kept(body),
            "Id": self.new_id(),
            "Event": _EVENTS[body["ActionType"]],
            "Entity": ENTITIES[body["EntityType"]],
        }
        self.state["webhooks"].append(hook)
        return hook

    def batch(self, asked: Asked, rest: list[str]) -> Any:
        if (asked.method, rest) != ("PUT", ["Exported"]):
            raise missing()
        for row in body_of(asked).get("Items") or []:
            self.payable(row["Id"])["exported"] = row["Exported"]
        return {"Results": []}


def id_in(rest: list[str]) -> int:
    if len(rest) != 1 or not rest[0].isdecimal():
        raise missing()
    return int(rest[0])


def _searched(row: Json) -> Json:
    """Return what a row is filtered by under another name."""
    metadata, address = row.get("Metadata"), row.get("PartnerAddress")
    found: Json = {}
    if isinstance(metadata, dict):
        found["DateLastChange"] = metadata["DateLastChange"]
    if isinstance(address, dict):
        found["NickName"] = address["NickName"]
    return found
