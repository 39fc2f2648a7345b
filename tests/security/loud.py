"""The other side at its worst: servers that repeat every secret they are given, in every form."""

from __future__ import annotations

import socketserver
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from spojka.accounting.contract import Issued, Session
from spojka.core.descriptor import FieldKind, FieldSpec
from spojka.core.document import Document
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem
from spojka.net.client import Response
from tests.documents.toy import ToySystem


class Echo(BaseHTTPRequestHandler):
    """Answers with the request itself; the first part of the address is the status."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        secrets = self.headers.get("Authorization", "")
        text = f"{self.requestline}\n{self.headers}\n{body}\n{b64encode(body.encode()).decode()}"
        status = int(self.path.split("/")[1].partition("?")[0] or 200)
        if status == 0:  # not a word
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("X-Echo", secrets or "none")
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        return


class Mail(socketserver.StreamRequestHandler):
    """A mail server that refuses every password and repeats it, encoded and in the clear."""

    def handle(self) -> None:
        self.wfile.write(b"220 loud\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word in {b"EHLO", b"HELO"}:
                self.wfile.write(b"250-loud\r\n250 AUTH PLAIN\r\n")
            elif word == b"AUTH":
                plain = line.split()[-1]
                self.wfile.write(b"535 5.7.8 refused: " + plain + b"\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    """Serve until the end of the block; gives the port."""
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield int(server.socket.getsockname()[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def echo() -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", 0), Echo)


def mail() -> socketserver.ThreadingTCPServer:
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer.daemon_threads = True
    return socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)


class Keeper(ToySystem):
    """A system that sends its secrets in every place a request has."""

    descriptor = replace(
        ToySystem.descriptor,
        key="keeper",
        name="Keeper",
        fields=tuple(
            FieldSpec(key=key, label={"en": key}, kind=kind)
            for key, kind in (
                ("url", FieldKind.URL),
                ("api_key", FieldKind.SECRET),
                ("password", FieldKind.SECRET),
                ("client_secret", FieldKind.SECRET),
            )
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.crash = False

    def call(self, s: Session) -> Response:
        assert s.http is not None
        return s.http.request(
            "POST",
            f"{s.credentials['url']}/{self.status}/invoices",
            params={"api_key": s.credentials["api_key"]},
            headers={"X-Client": s.credentials["client_secret"]},
            json={"password": s.credentials["password"]},
            auth=("jana", s.credentials["password"]),
        )

    def create(self, s: Session, d: Document, key: str) -> Issued:
        answer = self.call(s)
        if self.crash:
            raise RuntimeError(f"unexpected answer to {s.credentials['api_key']}: {answer.text}")
        if answer.status != 200:
            assert s.http is not None
            technical = s.http.redact(answer.text)
            raise RejectedError(
                Problem.of("SPJ-SHOP-LOGIN", shop="keeper"), Rejection.DATA, technical
            )
        return super().create(s, d, key)

    def look_up(self, s: Session, d: Document, key: str) -> Issued | None:
        return super().look_up(s, d, key)
