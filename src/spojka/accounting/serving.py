"""Serves a simulator on loopback, with faults that only a real connection can have.

``with Serving(simulator) as server:`` serves it at ``server.address``. ``POST /_control`` orders
faults, moves the clock, changes the account and reads the books; see ``Simulator.control``.

A simulator that breaks off answers 500, and the block ends with its exception: it must not be taken
for a vendor's bad day.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from spojka.accounting.simulator import OUTSIDE, Answer, Asked, Fault, Simulator

CONTROL = "/_control"


class Serving:
    """A simulator behind a socket.

    Args:
        simulator: What answers.
        port: Where; 0: any that is free.
        silence_seconds: How long an answer that never comes is waited for before the connection is
            closed; choose it longer than the client's patience.
        broken: Called with each exception of the simulator's own, instead of raising the first of
            them in the end.
    """

    def __init__(
        self,
        simulator: Simulator,
        port: int = 0,
        silence_seconds: float = 10.0,
        broken: Callable[[Exception], None] | None = None,
    ) -> None:
        self.simulator = simulator
        self.silence_seconds = silence_seconds
        self.released = threading.Event()
        self._errors: list[Exception] = []
        self.broken = broken or self._errors.append
        handler = type("Handler", (_Handler,), {"serving": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        if self._errors:
            raise self._errors[0]

    def wait(self) -> None:
        """Serve until this thread is interrupted."""
        self.released.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away while it is answered is a part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    serving: Serving
    protocol_version = "HTTP/1.1"
    # An answer leaves at once and in one piece, or each would wait for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def __getattr__(self, name: str) -> Any:
        """Serve every method alike (the library asks for ``do_GET`` and the like)."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        stated = self.headers.get("content-length") or "0"
        if not stated.isdecimal() or "transfer-encoding" in self.headers:
            self.close_connection = True
            self._send(Answer(411, b"a request has to state its length"))
            return
        body = self.rfile.read(int(stated))
        asked = Asked.of(self.command, self.path, dict(self.headers.items()), body)
        if asked.path == CONTROL:
            self._control(asked)
            return
        try:
            answer, trouble = self.serving.simulator.handle(asked)
        except Exception as error:
            self.serving.broken(error)
            answer, trouble = Answer(500, f"the simulator broke off: {error!r}".encode()), None
        match trouble.fault if trouble else None:
            case Fault.RESET_BEFORE | Fault.RESET_AFTER | Fault.STALE:
                self._reset()
            case Fault.SILENCE_COMMITTED | Fault.SILENCE_NOT_COMMITTED:
                self.serving.released.wait(self.serving.silence_seconds)
                self._reset()
            case Fault.TRUNCATED:
                self._send(answer, cut=True)
            case _:
                self._send(answer)

    def _control(self, asked: Asked) -> None:
        try:
            order: Any = json.loads(asked.body or b"{}")
            faults = {trouble["fault"] for trouble in order.get("fail", [])}
            if faults & OUTSIDE:
                raise ValueError("it was reached already: give the client another address for that")
            told = self.serving.simulator.control(order)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._send(Answer.json({"error": str(error)}, 400))
            return
        text = json.dumps(told, default=str).encode()
        self._send(Answer(200, text, {"Content-Type": "application/json"}))

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        """Answer; ``cut``: announce it all and send half of it, if need be of its first line."""
        content = answer.body if answer.status != 204 else b""
        if cut and not content:
            self.wfile.write(b"HTTP/1.1 2")
            self._reset()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._reset()

    def _reset(self) -> None:
        """End the connection with a reset, so that it cannot be taken for an answer."""
        self.wfile.flush()
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
        """Say nothing: the simulator has it all."""
