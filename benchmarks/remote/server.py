"""The remote system: ``python -m benchmarks.remote.server PORT LATENCY_SECONDS [CALLS SECONDS]``.

It answers every request after the latency. With a limit it answers 429 to whatever exceeds CALLS in
any window of SECONDS. ``GET /stats`` tells when the requests came and how many were refused.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PDF = b"%PDF-1.7\n" + b"%" * 20_000 + b"\n%%EOF\n"


class Server(ThreadingHTTPServer):
    """Counts requests."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, latency: float, limit: tuple[int, float] | None) -> None:
        self.latency = latency
        self.limit = limit
        self.numbers = itertools.count(1)
        self.came: list[float] = []
        self.refused = 0
        self._window: deque[float] = deque()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def admit(self) -> bool:
        """Count a request; tell whether the limit allows it."""
        now = time.monotonic()
        with self._lock:
            if self.limit is not None:
                calls, seconds = self.limit
                while self._window and self._window[0] <= now - seconds:
                    self._window.popleft()
                if len(self._window) >= calls:
                    self.refused += 1
                    return False
                self._window.append(now)
            self.came.append(now)
            return True

    def next_number(self) -> int:
        """Return the number of a new document."""
        with self._lock:
            return next(self.numbers)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self._admitted():
            made = {"number": f"B{self.server.next_number():06}", **json.loads(body)}
            self._answer(201, json.dumps(made).encode(), "application/json")

    def do_GET(self) -> None:
        if self.path == "/stats":
            told = {"came": self.server.came, "refused": self.server.refused}
            self._answer(200, json.dumps(told).encode(), "application/json")
        elif self._admitted():
            self._answer(200, PDF, "application/pdf")

    def _admitted(self) -> bool:
        if self.server.admit():
            time.sleep(self.server.latency)
            return True
        self._answer(429, b"{}", "application/json")
        return False

    def _answer(self, status: int, content: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main(words: list[str]) -> None:
    """Serve until killed."""
    port, latency, *limit = words
    allowed = (int(limit[0]), float(limit[1])) if limit else None
    with Server(int(port), float(latency), allowed) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
