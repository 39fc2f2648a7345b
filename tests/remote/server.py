"""A remote accounting system: a process with a store of its own, which misbehaves by a plan.

``python -m tests.remote.server --store FILE --seed N --share 0.3`` serves on loopback, prints one
line of JSON (``url``, ``api_key``), and runs until its standard input ends.

It makes a document for every request that asks for one and recognises no double: whoever asks twice
gets two. That is what makes doubles visible in its store.
"""

from __future__ import annotations

import argparse
import json
import socket
import sqlite3
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.remote.faults import COMMITTED, Fault, Plan

API_KEY = "remote-key-0123456789"
LATE_SECONDS = 0.7
STALE_SECONDS = 2.5
PREFIXES = {"invoice": "F", "proforma": "Z", "credit_note": "D"}
PDF = b"%PDF-1.4\n% document {number}\n%%EOF\n"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    id INTEGER PRIMARY KEY, reference TEXT NOT NULL, kind TEXT NOT NULL,
    number TEXT NOT NULL UNIQUE, orders TEXT NOT NULL, currency TEXT NOT NULL,
    total TEXT NOT NULL, issued_on TEXT NOT NULL,
    visible_at REAL NOT NULL, cancelled INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS payment (
    document INTEGER NOT NULL, key TEXT NOT NULL, amount TEXT NOT NULL, paid_on TEXT NOT NULL,
    UNIQUE (document, key));
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, what TEXT NOT NULL, fault TEXT NOT NULL);
"""


class NotFound(Exception):  # noqa: N818 - an answer of the system; nothing failed here
    """There is no such document."""


class Store:
    """The documents of the remote system, in a SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._attempts: Counter[str] = Counter()
        with closing(self._open()) as database:
            database.executescript(_SCHEMA)

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=20, isolation_level=None)
        database.row_factory = sqlite3.Row
        return database

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Read rows."""
        with closing(self._open()) as database:
            return [dict(row) for row in database.execute(query, values)]

    def note(self, what: str) -> int:
        """Count a request about ``what``; return how many there were, this one included."""
        with self._lock:
            self._attempts[what] += 1
            return self._attempts[what]

    def log(self, what: str, fault: Fault) -> None:
        """Remember what was asked and what became of it."""
        self._write("INSERT INTO request (at, what, fault) VALUES (?, ?, ?)",
                    time.time(), what, fault.value)  # fmt: skip

    def add(self, sent: Mapping[str, Any], visible_at: float) -> dict[str, Any]:
        """Make a document with the next number of its kind; it is shown from ``visible_at`` on."""
        total = sum((Decimal(row["net"]) + Decimal(row["tax"]) for row in sent["rows"]), Decimal(0))
        total += Decimal(sent["rounding"])
        with self._lock, closing(self._open()) as database:
            made = database.execute(
                "INSERT INTO document (reference, kind, number, orders, currency, total, issued_on,"
                " visible_at) SELECT ?, ?, ? || printf('%06d', count(*) + 1), ?, ?, ?, ?, ?"
                " FROM document WHERE kind = ? RETURNING *",
                (
                    sent["reference"],
                    sent["kind"],
                    PREFIXES[sent["kind"]],
                    sent["order"],
                    sent["currency"],
                    str(total),
                    sent["issued_on"],
                    visible_at,
                    sent["kind"],
                ),
            ).fetchone()
        return dict(made)

    def pay(self, document: int, key: str, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Record a payment, once per key."""
        self.get(document)
        self._write(
            "INSERT OR IGNORE INTO payment VALUES (?, ?, ?, ?)",
            document, key, sent["amount"], sent["paid_on"],
        )  # fmt: skip
        return {"paid": key}

    def unpay(self, document: int, key: str) -> dict[str, Any]:
        """Take a payment back."""
        self._write("DELETE FROM payment WHERE document = ? AND key = ?", document, key)
        return {"unpaid": key}

    def cancel(self, document: int) -> dict[str, Any]:
        """Mark a document cancelled."""
        self._write("UPDATE document SET cancelled = 1 WHERE id = ?", document)
        return {"cancelled": document}

    def get(self, document: int) -> dict[str, Any]:
        """Return one document."""
        found = self.rows("SELECT * FROM document WHERE id = ?", document)
        if not found:
            raise NotFound
        return found[0]

    def _write(self, query: str, *values: object) -> None:
        with self._lock, closing(self._open()) as database:
            database.execute(query, values)


class Server(ThreadingHTTPServer):
    """Serves a store on loopback, with the faults of a plan."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, store: Store, plan: Plan, silence_seconds: float) -> None:
        self.store = store
        self.plan = plan
        self.silence_seconds = silence_seconds
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed while it was answered is a part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve(writes=False)

    def do_POST(self) -> None:
        self._serve(writes=True)

    def do_PUT(self) -> None:
        self._serve(writes=True)

    def do_DELETE(self) -> None:
        self._serve(writes=True)

    def _serve(self, *, writes: bool) -> None:
        store = self.server.store
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        sent = json.loads(body) if body else {}
        if self.headers.get("x-api-key") != API_KEY:
            self._answer(401, {"error": "wrong key"})
            return
        what = f"{self.command} {self.path} {sent.get('reference', '')}".strip()
        fault = self.server.plan.fate(what, store.note(what), writes=writes)
        store.log(what, fault)
        if fault is Fault.COMMIT_LATE:
            self._reset()
            time.sleep(LATE_SECONDS)
            self._act(sent, visible_at=0)
            return
        if fault is Fault.SILENCE_BEFORE:
            time.sleep(self.server.silence_seconds)
        status: int = 200
        answer: Any = {}
        if not writes or fault in COMMITTED:
            late = time.time() + STALE_SECONDS if fault is Fault.STALE else 0.0
            status, answer = self._act(sent, visible_at=late)
        if fault is Fault.SILENCE_AFTER:
            time.sleep(self.server.silence_seconds)
        self._misbehave(fault, status, answer)

    def _act(self, sent: Mapping[str, Any], *, visible_at: float) -> tuple[int, Any]:
        """Do what was asked; return status and answer."""
        store, parts = self.server.store, urlsplit(self.path)
        try:
            match (self.command, *parts.path.strip("/").split("/")):
                case ("GET", "account"):
                    return 200, {"company": "Vzdálená s.r.o."}
                case ("GET", "documents"):
                    found = store.rows(
                        "SELECT * FROM document WHERE reference = ? AND visible_at <= ?",
                        parse_qs(parts.query)["reference"][0],
                        time.time(),
                    )
                    return 200, {"documents": found}
                case ("POST", "documents"):
                    return 201, store.add(sent, visible_at)
                case ("GET", "documents", number, "pdf"):
                    return 200, PDF.replace(b"{number}", store.get(int(number))["number"].encode())
                case ("PUT", "documents", number, "payments", key):
                    return 200, store.pay(int(number), unquote(key), sent)
                case ("DELETE", "documents", number, "payments", key):
                    return 200, store.unpay(int(number), unquote(key))
                case ("PUT", "documents", number, "cancelled"):
                    return 200, store.cancel(int(number))
        except NotFound:
            pass
        return 404, {"error": "there is no such thing"}

    def _misbehave(self, fault: Fault, status: int, answer: Any) -> None:
        match fault:
            case Fault.NONE:
                self._answer(status, answer)
            case Fault.THROTTLED:
                self._answer(429, {"error": "slow down"})
            case Fault.THROTTLED_UNTIL:
                self._answer(429, {"error": "slow down"}, {"Retry-After": "1"})
            case Fault.ERROR_BEFORE:
                self._answer(503, {"error": "away"})
            case Fault.ERROR_AFTER:
                self._answer(500, {"error": "internal"})
            case Fault.HTML_BEFORE | Fault.HTML_AFTER:
                self._answer(200, b"<!doctype html><h1>Maintenance</h1>", {}, "text/html")
            case Fault.EMPTY_BEFORE | Fault.EMPTY_AFTER:
                self._answer(200, {})
            case Fault.TRUNCATED:
                self._answer(status, answer, cut=True)
            case _:
                self._reset()

    def _answer(
        self,
        status: int,
        answer: Any,
        headers: Mapping[str, str] | None = None,
        media_type: str = "",
        *,
        cut: bool = False,
    ) -> None:
        """Answer; ``cut``: announce it all and send half of it."""
        raw = isinstance(answer, bytes)
        content = answer if raw else json.dumps(answer).encode()
        self.send_response(status)
        media_type = media_type or ("application/pdf" if raw else "application/json")
        for name, value in {"Content-Type": media_type, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def _reset(self) -> None:
        """End the connection with a reset, so that it cannot be taken for an answer."""
        no_lingering = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_lingering)
        self.rfile.close()  # it holds the connection open as well
        self.connection.close()
        self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            return  # the connection was reset on purpose

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the store has it all."""


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.0)
    parser.add_argument("--silence", type=float, default=1.5, help="seconds")
    given = parser.parse_args()
    with Server(Store(given.store), Plan(given.seed, given.share), given.silence) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        sys.stdout.write(json.dumps({"url": address, "api_key": API_KEY}) + "\n")
        sys.stdout.flush()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        sys.stdin.read()  # ends when whoever started it ends, killed or not
        server.shutdown()


if __name__ == "__main__":
    main()
