"""A WooCommerce shop on loopback: its REST API, its webhooks, its oddities and every fault.

Behaves as WooCommerce 10.9.1 was observed to, the misleading answers included: Basic over plain
http and a wrong key are refused in the same words; ``modified_after`` is strict and has a
resolution of one second; a note moves no change date; a binned order is still answered, a deleted
one is 404.
"""

from __future__ import annotations

import hmac
import json
import ssl
import threading
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from spojka.shops.contract import Delivery
from spojka.shops.woocommerce.client import signature as oauth_signature
from spojka.shops.woocommerce.webhook import signature as webhook_signature

Json = dict[str, Any]

KEY = "ck_" + "1" * 40
SECRET = "cs_" + "2" * 40

_FAILURES_BEFORE_DISABLED = 5
_TIMESTAMP_WINDOW = 15 * 60


class Refusal(Exception):  # noqa: N818 - WooCommerce answers with it; nothing failed here
    """An error answer of the API."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status}}


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests whose path contains ``path``.

    Kinds: ``429``, ``503``, ``500``, ``html`` (a page with status 200), ``403`` (a firewall's
    page), ``silence`` (no answer), ``reset`` (before anything is done), and
    ``500_after_commit``, ``silence_after_commit``, ``reset_after_commit`` (after it is done).
    """

    kind: str
    times: int = 1
    path: str = ""
    retry_after: str = ""


@dataclass
class Simulator:
    """One shop. ``with Simulator() as shop:`` serves it at ``shop.url``."""

    key: str = KEY
    secret: str = SECRET
    permissions: str = "read_write"
    time_zone: str = "Europe/Prague"
    tls: ssl.SSLContext | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    per_page_limit: int = 100
    orders: dict[int, Json] = field(default_factory=dict)
    refunds: dict[int, list[Json]] = field(default_factory=dict)
    notes: dict[int, list[Json]] = field(default_factory=dict)
    webhooks: dict[int, Json] = field(default_factory=dict)
    settings: dict[str, str] = field(
        default_factory=lambda: {
            "general/woocommerce_calc_taxes": "yes",
            "general/woocommerce_price_num_decimals": "2",
            "tax/woocommerce_tax_round_at_subtotal": "no",
        }
    )
    has_refund_collection: bool = True
    requests: list[tuple[str, str]] = field(default_factory=list)
    """(method, path with query) of everything that was asked."""
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._nonces: set[str] = set()
        self._failures: Counter[int] = Counter()
        self._secrets: dict[int, str] = {}
        self._next_id = 1000
        self._released = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    # -- the shop's own life ------------------------------------------------------------------

    def add(self, order: Mapping[str, Any], *, modified: datetime | None = None) -> int:
        """Place an order as captured; ``modified`` is its change time, by default its own."""
        with self._lock:
            kept = deepcopy(dict(order))
            number = int(kept["id"])
            self.orders[number] = kept
            if modified is not None:
                self._stamp(kept, "date_modified", modified)
            return number

    def change(self, number: int, **fields: Any) -> None:
        """Change an order, as its administration does; moves the change date."""
        with self._lock:
            order = self.orders[number]
            order.update(fields)
            self._stamp(order, "date_modified", self.clock())

    def refund(self, number: int, refund: Mapping[str, Any], *, touch: bool = True) -> None:
        """Refund an order, with a full refund object as the API gives it."""
        with self._lock:
            kept = {**deepcopy(dict(refund)), "parent_id": number}
            self._stamp(kept, "date_created", self.clock())
            self.refunds.setdefault(number, []).insert(0, kept)
            summary = {"id": kept["id"], "reason": kept.get("reason", "")}
            summary["total"] = f"-{kept['amount']}"
            self.orders[number].setdefault("refunds", []).append(summary)
            if touch:
                self._stamp(self.orders[number], "date_modified", self.clock())

    def bin(self, number: int) -> None:
        """Move an order to the bin; the API still answers it, with the status ``trash``."""
        self.change(number, status="trash")

    def delete(self, number: int) -> None:
        """Delete an order for good; no webhook tells."""
        with self._lock:
            self.orders.pop(number)
            self.refunds.pop(number, None)

    def fail(self, kind: str, times: int = 1, path: str = "", retry_after: str = "") -> None:
        """Let the next requests go wrong; see :class:`Fault`."""
        self.faults.append(Fault(kind, times, path, retry_after))

    # -- webhooks -----------------------------------------------------------------------------

    def delivery(self, topic: str, payload: Any, secret: str, webhook_id: int = 1) -> Delivery:
        """Make a signed delivery, as it would arrive."""
        body = _written(payload).replace("/", "\\/").encode()
        resource, _, event = topic.partition(".")
        headers = {
            "content-type": "application/json",
            "user-agent": "WooCommerce/10.9.1 Hookshot (WordPress/7.1.4)",
            "x-wc-webhook-source": f"{self.url}/",
            "x-wc-webhook-topic": topic,
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-signature": webhook_signature(body, secret),
            "x-wc-webhook-id": str(webhook_id),
            # The same for all deliveries of a webhook in one second, as in WooCommerce.
            "x-wc-webhook-delivery-id": f"{webhook_id}-{int(self.clock().timestamp())}",
        }
        return Delivery(headers, body)

    def announce(self, topic: str, number: int) -> list[int]:
        """Deliver an event of an order to every active webhook of the topic; return the statuses.

        A webhook is silently disabled at its seventh failure in a row; nothing is repeated.
        """
        order = self.orders.get(number)
        payload: Any = {"id": number} if topic.endswith("deleted") else order or _gone().body
        statuses = []
        for webhook_id, webhook in list(self.webhooks.items()):
            if webhook["topic"] == topic and webhook["status"] == "active":
                made = self.delivery(topic, payload, self._secrets[webhook_id], webhook_id)
                status = _post(webhook["delivery_url"], made)
                statuses.append(status)
                self._count(webhook_id, status)
        return statuses

    def _count(self, webhook_id: int, status: int) -> None:
        if 200 <= status <= 302:
            self._failures[webhook_id] = 0
        elif self._failures[webhook_id] > _FAILURES_BEFORE_DISABLED:
            self.webhooks[webhook_id]["status"] = "disabled"
        else:
            self._failures[webhook_id] += 1

    # -- serving ------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Address of the shop."""
        port = self._server.server_address[1] if self._server else 0
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{port}"

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"simulator": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def take_fault(self, path: str) -> Fault | None:
        """Take the fault that is due for a request, if any."""
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and fault.path in path:
                    fault.times -= 1
                    return fault
        return None

    def wait_silently(self) -> None:
        """Keep a connection without an answer until the simulator is closed."""
        self._released.wait(10)

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        """Answer one request: status, headers, JSON."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        with self._lock:
            self.requests.append((method, target))
            try:
                if parts.path.rstrip("/") == "/wp-json":
                    return 200, {}, {"name": "Simulated shop", "namespaces": ["wp/v2", "wc/v3"]}
                if not parts.path.startswith("/wp-json/wc/v3/"):
                    raise Refusal(404, "rest_no_route", "No route was found.")
                self._authenticate(method, f"{self.url}{parts.path}", query, headers)
                sent = json.loads(body) if body else {}
                route = parts.path.removeprefix("/wp-json/wc/v3/").strip("/").split("/")
                status, found = self._route(method, route, query, sent)
                if isinstance(found, list):
                    return self._page(found, query)
                return status, {}, found
            except Refusal as refusal:
                return refusal.status, {}, refusal.body

    def _authenticate(
        self, method: str, url: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> None:
        unknown = Refusal(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        wrong = "woocommerce_rest_authentication_error"
        if self.tls is not None:
            scheme, _, token = headers.get("authorization", "").partition(" ")
            pair = b64decode(token).decode() if scheme.lower() == "basic" else ":"
            key, _, secret = pair.partition(":")
            key = key or query.get("consumer_key", "")
            secret = secret or query.get("consumer_secret", "")
            if key != self.key:
                raise unknown
            if not hmac.compare_digest(secret, self.secret):
                raise Refusal(401, wrong, "Consumer secret is invalid.")
        else:
            # Basic is not even looked at where WordPress does not know of https.
            if query.get("oauth_consumer_key") != self.key:
                raise unknown
            self._check_oauth(method, url, query)
        needed = "read" if method in ("GET", "HEAD", "OPTIONS") else "write"
        if needed not in self.permissions:
            message = f"The API key provided does not have {needed} permissions."
            raise Refusal(401, wrong, message)

    def _check_oauth(self, method: str, url: str, query: Mapping[str, str]) -> None:
        wrong = "woocommerce_rest_authentication_error"
        unsigned = {name: value for name, value in query.items() if name != "oauth_signature"}
        expected = oauth_signature(method, url, unsigned, self.secret)
        if not hmac.compare_digest(query.get("oauth_signature", ""), expected):
            message = "Invalid signature - provided signature does not match."
            raise Refusal(401, wrong, message)
        age = datetime.now(UTC).timestamp() - int(query.get("oauth_timestamp", "0"))
        if abs(age) > _TIMESTAMP_WINDOW:
            raise Refusal(401, wrong, "Invalid timestamp.")
        nonce = query.get("oauth_nonce", "")
        if nonce in self._nonces:
            raise Refusal(401, wrong, "Invalid nonce - nonce has already been used.")
        self._nonces.add(nonce)

    def _route(
        self, method: str, route: list[str], query: Mapping[str, str], sent: Json
    ) -> tuple[int, Any]:
        match (method, *route):
            case ("GET", "orders"):
                return 200, self._list_orders(query)
            case ("GET", "refunds") if self.has_refund_collection:
                return 200, self._list_refunds(query)
            case ("GET", "orders", number):
                return 200, self._order(number)
            case ("GET", "orders", number, "refunds"):
                self._order(number)
                return 200, list(self.refunds.get(int(number), []))
            case ("GET", "orders", number, "notes"):
                self._order(number)
                return 200, list(self.notes.get(int(number), []))
            case ("POST", "orders", number, "notes"):
                return 201, self._add_note(number, sent)
            case ("GET", "webhooks"):
                return 200, list(self.webhooks.values())
            case ("POST", "webhooks"):
                return 201, self._save_webhook(self._new_id(), sent)
            case ("POST", "webhooks", number):
                if int(number) not in self.webhooks:
                    raise Refusal(404, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
                return 200, self._save_webhook(int(number), sent)
            case ("GET", "settings", group, name) if f"{group}/{name}" in self.settings:
                return 200, {"id": name, "value": self.settings[f"{group}/{name}"]}
        raise Refusal(404, "rest_no_route", "No route was found matching the URL and method.")

    def _order(self, number: str) -> Json:
        if not number.isdecimal() or int(number) not in self.orders:
            raise _gone()
        return self.orders[int(number)]

    def _list_orders(self, query: Mapping[str, str]) -> list[Json]:
        statuses = query.get("status", "any").split(",")
        after = self._moment(query, "modified_after")
        found = []
        for order in self.orders.values():
            status = order.get("status", "")
            if status not in statuses and not ("any" in statuses and status != "trash"):
                continue
            if after is None or _gmt(order, "date_modified") > after:
                found.append(order)
        by = {"modified": "date_modified", "date": "date_created"}.get(query.get("orderby", "date"))
        key: Callable[[Json], Any] = (
            (lambda o: (_gmt(o, by), o["id"])) if by else (lambda o: o["id"])
        )
        return sorted(found, key=key, reverse=query.get("order", "desc") == "desc")

    def _list_refunds(self, query: Mapping[str, str]) -> list[Json]:
        after = self._moment(query, "after")
        every = [refund for refunds in self.refunds.values() for refund in refunds]
        return [item for item in every if after is None or _gmt(item, "date_created") > after]

    def _moment(self, query: Mapping[str, str], name: str) -> datetime | None:
        """Read a time parameter: in the site's zone, unless it says UTC or has an offset."""
        if name not in query:
            return None
        try:
            found = datetime.fromisoformat(query[name])
        except ValueError:
            raise Refusal(400, "rest_invalid_param", f"Invalid parameter(s): {name}") from None
        if found.tzinfo is None:
            gmt = query.get("dates_are_gmt") == "true"
            found = found.replace(tzinfo=UTC if gmt else ZoneInfo(self.time_zone))
        return found.replace(microsecond=0)

    def _page(
        self, found: list[Json], query: Mapping[str, str]
    ) -> tuple[int, dict[str, str], list[Json]]:
        size, page = int(query.get("per_page", "10")), int(query.get("page", "1"))
        if not 1 <= size <= self.per_page_limit:
            raise Refusal(400, "rest_invalid_param", "Invalid parameter(s): per_page")
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(-(-len(found) // size))}
        return 200, headers, found[(page - 1) * size : page * size]

    def _add_note(self, number: str, sent: Json) -> Json:
        if not sent.get("note"):
            raise Refusal(400, "rest_missing_callback_param", "Missing parameter(s): note")
        self._order(number)
        note: Json = {"id": self._new_id(), "author": "WooCommerce", "note": sent["note"]}
        note["customer_note"] = bool(sent.get("customer_note"))
        self._stamp(note, "date_created", self.clock())
        self.notes.setdefault(int(number), []).insert(0, note)
        return note

    def _save_webhook(self, number: int, sent: Json) -> Json:
        webhook = self.webhooks.setdefault(number, {"id": number, "status": "active"})
        self._secrets[number] = str(sent.get("secret") or self._secrets.get(number, ""))
        webhook.update({name: value for name, value in sent.items() if name != "secret"})
        return webhook

    def _stamp(self, record: Json, name: str, at: datetime) -> None:
        text = "%Y-%m-%dT%H:%M:%S"
        record[name] = at.astimezone(ZoneInfo(self.time_zone)).strftime(text)
        record[f"{name}_gmt"] = at.astimezone(UTC).strftime(text)

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id


class _Handler(BaseHTTPRequestHandler):
    simulator: Simulator
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        fault = self.simulator.take_fault(self.path)
        kind = fault.kind if fault else ""
        if kind == "silence":
            self.simulator.wait_silently()
        if kind in ("silence", "reset"):
            self.close_connection = True
        elif kind == "html":
            self._send(200, {"Content-Type": "text/html"}, b"<html><h1>Maintenance</h1></html>")
        elif kind in ("403", "429", "500", "503") and fault is not None:
            extra = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self._send(int(kind), {"Content-Type": "text/html", **extra}, b"<h1>No</h1>")
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, found = self.simulator.answer(self.command, self.path, headers, body)
            if kind == "500_after_commit":
                status, found = 500, {"code": "internal_server_error", "message": "Critical error"}
            if kind == "silence_after_commit":
                self.simulator.wait_silently()
            if kind in ("silence_after_commit", "reset_after_commit"):
                self.close_connection = True
                return
            content = _written(found).encode()
            self._send(status, {"Content-Type": "application/json", **extra}, content)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: ``Simulator.requests`` has it all."""


def _written(payload: Any) -> str:
    """Write JSON; ``price`` and ``rate_percent`` are numbers, money is text already."""
    return json.dumps(payload, separators=(",", ":"), default=float)


def _gone() -> Refusal:
    return Refusal(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")


def _gmt(record: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(record[f"{name}_gmt"]).replace(tzinfo=UTC)


def _post(url: str, made: Delivery) -> int:
    """Deliver to a receiver on this machine, by a connection of its own."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=10)
    try:
        connection.request("POST", parts.path or "/", made.body, dict(made.headers))
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
