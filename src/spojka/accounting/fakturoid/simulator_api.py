"""What the simulated API answers below an account: documents, contacts, events, webhooks."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from spojka.accounting.fakturoid.simulator_books import HOST, Books, public
from spojka.accounting.fakturoid.simulator_deeds import Deeds
from spojka.accounting.fakturoid.simulator_words import Faults, refused
from spojka.accounting.simulator import Answer, Asked, Json, State, pdf_of

PAGE = 40
_ROOT = f"{HOST}/api/v3/accounts"
_KEPT_DELIVERIES = 30
_EVENTS = re.compile(
    "invoice_(created|updated|removed|restored|overdue|paid|payment_added|payment_removed|sent"
    "|locked|unlocked|cancelled|cancellation_removed|uncollectible|uncollectible_removed)"
)


class Routes:
    """The account's resources as they are at one moment; what changes is kept in ``state``."""

    def __init__(
        self,
        state: State,
        settings: Json,
        now: datetime,
        seed: int,
        is_hidden: Callable[[int], bool],
    ) -> None:
        self._state = state
        self._settings = settings
        self._now = now
        self._seed = seed
        self._is_hidden = is_hidden
        self.books = Books(state, settings, now, self._happened)
        self.deeds = Deeds(self.books, state, settings, self._happened)

    def answer(self, asked: Asked, path: str, is_write: bool) -> Answer:
        """Answer a request below the account.

        Raises:
            RefusedError: it is refused.
        """
        if path == "account.json":
            return Answer.json(self._account())
        if path == "bank_accounts.json":
            return Answer.json(self._state["banks"] if self._settings["bank_account"] else [])
        if path == "users.json":
            return Answer.json([self._user()])
        if path == "number_formats/invoices.json":
            return self._formats()
        may = "invoices" in self._settings["allowed_scope"]
        if not may or (is_write and self._settings["permission"] == "read"):
            raise refused(403, "forbidden", "You are not allowed to do this")
        collection = re.split(r"[/.]", path)[0]
        route = {
            "invoices": self._invoices,
            "subjects": self._subjects,
            "events": self._events,
            "webhooks": self._webhooks,
        }.get(collection)
        if route is None:
            raise refused(404, "not_found", "Not found")
        return route(asked, path.removeprefix(collection))

    def _account(self) -> Json:
        shown = (
            "plan", "plan_price", "name", "registration_no", "vat_no", "vat_mode",
            "vat_price_mode", "country", "currency", "due", "invoice_language",
            "send_thank_you_email",
        )  # fmt: skip
        return {
            "subdomain": self._settings["slug"],
            **{name: self._settings[name] for name in shown},
            "plan_paid_users": 0,
            "invoice_email": "fakturace@zkusebni.example",
            "full_name": None,
            "local_vat_no": None,
            "street": "Zkušební 1",
            "city": "Praha",
            "zip": "11000",
            "vat_rate": 21,
            "invoice_payment_method": None,
            "invoice_proforma": False,
            "fixed_exchange_rate": False,
            "created_at": "2026-01-01T08:00:00.000+01:00",
            "updated_at": "2026-01-01T08:00:00.000+01:00",
        }

    def _user(self) -> Json:
        return {
            "id": 5,
            "full_name": "Jana Zkušební",
            "email": "jana@zkusebni.example",
            "avatar_url": None,
            "permission": self._settings["permission"],
            "allowed_scope": self._settings["allowed_scope"],
        }

    def _formats(self) -> Answer:
        if self._settings["number_formats"] != "list":
            raise refused(404, "not_found", "Not found")
        return Answer.json(
            [
                {
                    **{name: value for name, value in one.items() if name != "kind"},
                    "preview": one["format"].replace("#yyyy#", "2026").replace("#dddd#", "0001"),
                }
                for one in self._state["formats"]
            ]
        )

    # documents

    def _invoices(self, asked: Asked, path: str) -> Answer:
        if path in {".json", "/search.json"}:
            if asked.method == "GET":
                return self._page(self._listed(asked), asked)
            if asked.method != "POST" or path != ".json":
                raise refused(404, "not_found", "Not found")
            made = self.books.create(body_of(asked))
            self._state["pdf"][str(made["id"])] = self._settings["pdf_delay"]
            return Answer.json(public(made), 201, {"Location": made["url"]})
        found = re.fullmatch(r"/(\d+)(\.json|/.+)", path)
        if found is None:
            raise refused(404, "not_found", "Not found")
        document = self.books.get(found[1])
        if found[2] == ".json":
            return self._invoice(asked, document)
        return self._deed(asked, document, found[2])

    def _invoice(self, asked: Asked, document: Json) -> Answer:
        if asked.method == "DELETE":
            self.books.delete(document)
            return Answer(204)
        if asked.method == "PATCH":
            self.books.update(document, body_of(asked))
            self._state["pdf"][str(document["id"])] = self._settings["pdf_delay"]
        return Answer.json(public(document))

    def _deed(self, asked: Asked, document: Json, path: str) -> Answer:
        deeds = self.deeds
        match asked.method, path:
            case "GET", "/download.pdf":
                return self._pdf(document)
            case "POST", "/payments.json":
                return Answer.json(deeds.pay(document, body_of(asked)), 201)
            case "POST", "/message.json":
                deeds.email(document, body_of(asked))
                return Answer(204)
            case "POST", "/fire.json":
                body = body_of(asked) if asked.body else {}
                deeds.fire(document, str(asked.query.get("event") or body.get("event") or ""))
                return Answer(204)
        found = re.fullmatch(r"/payments/(\d+)(\.json|/create_tax_document\.json)", path)
        if found is None:
            raise refused(404, "not_found", "Not found")
        record = deeds.payment(document, found[1])
        if asked.method == "DELETE":
            deeds.unpay(document, record)
            return Answer(204)
        deeds.tax_document(document, record)
        return Answer.json(record, 201)

    def _pdf(self, document: Json) -> Answer:
        """Answer with nothing for a while after each change."""
        key = str(document["id"])
        if self._state["pdf"].get(key, 0) > 0:
            self._state["pdf"][key] -= 1
            return Answer(204)
        content = pdf_of(f"{document['number']} {document['total']} {document['currency']}")
        return Answer(200, content, {"Content-Type": "application/pdf"})

    def _listed(self, asked: Asked) -> list[Json]:
        query = asked.query
        found = [
            one
            for at, one in enumerate(self._state["invoices"], start=1)
            if not self._is_hidden(at) and _matches(one, query)
        ]
        if asked.path.endswith("search.json"):
            words = query.get("query", "").lower()
            found = [one for one in found if words in _full_text(one)]
        return [public(one) for one in reversed(found)]

    # contacts, events, webhooks

    def _subjects(self, asked: Asked, path: str) -> Answer:
        deeds, every = self.deeds, self._state["subjects"]
        if path in {".json", "/search.json"} and asked.method == "GET":
            words = asked.query.get("query", "").lower()
            fields = ("name", "full_name", "email", "registration_no", "vat_no")
            return self._page(
                [
                    one
                    for one in every
                    if asked.query.get("custom_id") in (None, one["custom_id"])
                    and _is_since(one, asked.query)
                    and any(words in str(one[field] or "").lower() for field in fields)
                ],
                asked,
            )
        if path == ".json" and asked.method == "POST":
            made = deeds.subject(body_of(asked))
            return Answer.json(made, 201, {"Location": made["url"]})
        found = re.fullmatch(r"/(\d+)\.json", path)
        subject = next((one for one in every if found and str(one["id"]) == found[1]), None)
        if subject is None:
            raise refused(404, "not_found", "Not found")
        if asked.method == "DELETE":
            deeds.delete_subject(subject)
            return Answer(204)
        if asked.method == "PATCH":
            deeds.update_subject(subject, body_of(asked))
        return Answer.json(subject)

    def _events(self, asked: Asked, path: str) -> Answer:
        wanted = asked.query.get("subject_id")
        found = [
            {name: value for name, value in one.items() if name != "subject_id"}
            for one in reversed(self._state["events"])
            if (wanted is None or str(one["subject_id"]) == wanted)
            and _is_since({**one, "updated_at": one["created_at"]}, asked.query)
            and (path != "/paid.json" or one["name"].startswith("invoice_paid"))
        ]
        return self._page(found, asked)

    def _webhooks(self, asked: Asked, path: str) -> Answer:
        if self._settings["plan_price"] == 0:
            raise refused(403, "upgrade_required", "Webhooks are only available for paid plans")
        hooks = self._state["webhooks"]
        if path == ".json" and asked.method == "GET":
            return self._page(hooks, asked)
        found = re.fullmatch(r"/(\d+)\.json", path)
        hook = next((one for one in hooks if found and str(one["id"]) == found[1]), None)
        if hook is None and (path != ".json" or asked.method != "POST"):
            raise refused(404, "not_found", "Not found")
        if asked.method == "DELETE":
            hooks.remove(hook)
            return Answer(204)
        given = body_of(asked) if asked.method != "GET" else {}
        self._check_webhook(given, new=hook is None)
        known = ("webhook_url", "auth_header", "active", "events")
        changed = {name: given[name] for name in known if name in given}
        if hook is not None:
            hook |= changed
            return Answer.json(hook)
        external_id, stamp = self.books.next_id(), self.books.stamp()
        root = f"{_ROOT}/{self._settings['slug']}"
        hook = {
            "id": external_id,
            "failed_deliveries_uuid": self._uuid(f"hook {external_id}"),
            "auth_header": None,
            "active": True,
            **changed,
            "url": f"{root}/webhooks/{external_id}.json",
            "created_at": stamp,
            "updated_at": stamp,
        }
        hooks.append(hook)
        return Answer.json(hook, 201, {"Location": hook["url"]})

    def _check_webhook(self, given: Json, *, new: bool) -> None:
        faults = Faults(self._settings["locale"])
        if (new or "events" in given) and not given.get("events"):
            faults.add("events", "empty")
        elif any(not _EVENTS.fullmatch(str(one)) for one in given.get("events", [])):
            faults.add("events", "inclusion")
        if new and not re.match(r"https?://\S+", str(given.get("webhook_url") or "")):
            faults.add("webhook_url", "blank")
        faults.check()

    def _happened(self, name: str, document: Json, **more: Any) -> None:
        """Note an event, and send it to the webhooks that want it."""
        stamp = self.books.stamp()
        mail = next((one for one in reversed(self._state["mails"])), None)
        is_mail = name == "invoice_sent" and mail and mail["document"] == document["id"]
        self._state["events"].append(
            {
                "name": name,
                "created_at": stamp,
                "text": name.replace("_", " "),
                "related_objects": [
                    {"id": document["id"], "type": "Invoice"},
                    {"id": document["subject_id"], "type": "Subject"},
                ],
                "user": {"id": 5, "full_name": "Jana Zkušební", "avatar": None},
                "params": {"email": mail["to"], "marked": "false"} if is_mail and mail else {},
                "subject_id": document["subject_id"],
            }
        )
        for hook in self._state["webhooks"]:
            if hook["active"] and name in hook["events"] and self._settings["plan_price"]:
                self._deliver(hook, name, stamp, {"invoice": public(document), **more})

    def _deliver(self, hook: Json, name: str, stamp: str, body: Json) -> None:
        self._state["delivered"] += 1
        delivery = {
            "url": hook["webhook_url"],
            "headers": {
                "Content-Type": "application/json",
                "Idempotency-Key": self._uuid(f"delivery {self._state['delivered']}"),
                **({"Authorization": hook["auth_header"]} if hook["auth_header"] else {}),
            },
            "body": {
                "webhook_id": hook["id"],
                "event_name": name,
                "created_at": stamp,
                "body": body,
            },
        }
        self._state["deliveries"] = [*self._state["deliveries"], delivery][-_KEPT_DELIVERIES:]

    # what is the same everywhere

    def _uuid(self, name: str) -> str:
        """Return an identifier of version 7: the time in milliseconds, and what tells it apart."""
        digest = hashlib.sha256(f"{self._seed}:{name}".encode()).digest()
        moment = int(self._now.timestamp() * 1000).to_bytes(6, "big")
        raw = bytearray(moment + digest[:10])
        raw[6] = 0x70 | raw[6] & 0x0F
        raw[8] = 0x80 | raw[8] & 0x3F
        return str(uuid.UUID(bytes=bytes(raw)))

    def _page(self, rows: list[Json], asked: Asked) -> Answer:
        page = asked.query.get("page", "1")
        start = (max(int(page), 1) - 1) * PAGE if page.isdecimal() else 0
        return Answer.json(rows[start : start + PAGE])


def body_of(asked: Asked) -> Json:
    """Return the JSON object of a request.

    Raises:
        RefusedError: there is none.
    """
    try:
        found = asked.json()
    except ValueError:
        raise refused(400, "invalid_request", "Body is not valid JSON") from None
    if not isinstance(found, dict) or not all(map(_is_plain, found.items())):
        raise refused(400, "invalid_request", "Body has an attribute of a wrong type")
    return found


def _is_plain(attribute: tuple[str, Any]) -> bool:
    """Tell whether an attribute is a single value, or one of the lists that there are."""
    name, value = attribute
    if name in {"lines", "attachments"}:
        rows = value if isinstance(value, list) else [None]
        return all(isinstance(row, dict) and not any(map(_is_nested, row.values())) for row in rows)
    if name in {"events", "tags", "tax_document_ids"}:
        return isinstance(value, list) and not any(map(_is_nested, value))
    return not _is_nested(value)


def _is_nested(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _matches(one: Json, query: Mapping[str, str]) -> bool:
    """Tell whether a document passes the filters of a list; ``regular`` is all but proformas."""
    kind = query.get("document_type")
    if kind == "regular" and one["document_type"] == "proforma":
        return False
    if kind and kind not in {"regular", one["document_type"]}:
        return False
    exact = ("subject_id", "custom_id", "number", "status")
    return _is_since(one, query) and all(
        str(one[name]) == query[name] for name in exact if name in query
    )


def _is_since(one: Json, query: Mapping[str, str]) -> bool:
    for name, field, is_after in (
        ("since", "created_at", True),
        ("updated_since", "updated_at", True),
        ("until", "created_at", False),
        ("updated_until", "updated_at", False),
    ):
        try:
            limit = datetime.fromisoformat(query.get(name, "").replace(" ", "+"))
        except ValueError:
            continue
        at = datetime.fromisoformat(one[field])
        if (at < limit) if is_after else (at > limit):
            return False
    return True


def _full_text(one: Json) -> str:
    fields = ("number", "variable_symbol", "client_name", "note", "private_note", "footer_note")
    words = [str(one[field] or "") for field in fields]
    return " ".join([*words, *(line["name"] for line in one["lines"])]).lower()
