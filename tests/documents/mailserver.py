"""A small real mail server on loopback, which can be told to misbehave at any step."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from threading import Thread
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DROP = "drop"
HANG = "hang"


@dataclass
class Received:
    """One message that the server took."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=default)


@dataclass
class MailServer:
    """What the server does and what it saw. ``replies`` overrule by verb: ``{"RCPT": "550 no"}``.

    ``drop`` as a reply closes the connection instead, ``hang`` says nothing more.
    """

    replies: dict[str, str] = field(default_factory=dict)
    password: str = "spravne-heslo"
    extensions: list[str] = field(default_factory=lambda: ["AUTH PLAIN LOGIN", "8BITMIME"])
    tls: ssl.SSLContext | None = None
    tls_at_once: bool = False
    port: int = 0
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


class _Handler(socketserver.StreamRequestHandler):
    timeout = 20

    @property
    def house(self) -> MailServer:
        return cast("_Server", self.server).house

    def setup(self) -> None:
        if self.house.tls_at_once:
            assert self.house.tls is not None
            self.request = self.house.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def handle(self) -> None:
        try:
            if self.say("CONNECT", "220 loopback"):
                while (line := self.rfile.readline()) and self.command(line):
                    pass
        except (OSError, ValueError):
            return  # the client went away, which is a part of some tests

    def say(self, step: str, usual: str) -> bool:
        """Answer a step; false ends the conversation."""
        reply = self.house.replies.get(step, usual)
        if reply == DROP:
            return False
        if reply == HANG:
            self.rfile.readline()
            return False
        self.wfile.write(reply.encode() + b"\r\n")
        return reply == usual or not reply.startswith("421")

    def command(self, line: bytes) -> bool:
        text = line.decode().rstrip("\r\n")
        verb, _, rest = text.partition(" ")
        verb = verb.upper()
        self.house.commands.append(verb)
        match verb:
            case "EHLO":
                starttls = self.house.tls is not None and not self.house.tls_at_once
                offered = [*self.house.extensions, *(["STARTTLS"] if starttls else [])]
                lines = ["loopback", *offered]
                return self.say(verb, "\r\n".join(
                    f"250{' ' if number == len(lines) else '-'}{line}"
                    for number, line in enumerate(lines, 1)
                ))  # fmt: skip
            case "STARTTLS":
                self.say(verb, "220 go ahead")
                assert self.house.tls is not None
                self.connection = self.house.tls.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)
                return True
            case "AUTH":
                return self.authenticate(rest)
            case "MAIL":
                self.sender, self.recipients = _address(rest), list[str]()
                return self.say(verb, "250 ok")
            case "RCPT":
                self.recipients.append(_address(rest))
                step = f"RCPT {self.recipients[-1]}"
                return self.say(step if step in self.house.replies else verb, "250 ok")
            case "DATA":
                return self.data()
            case "QUIT":
                self.say(verb, "221 bye")
                return False
            case _:
                return self.say(verb, "250 ok")

    def authenticate(self, rest: str) -> bool:
        method, _, initial = rest.partition(" ")
        if method == "PLAIN":
            given = base64.b64decode(initial).split(b"\0")[-1].decode()
        else:
            self.wfile.write(b"334 UGFzc3dvcmQ6\r\n")
            given = base64.b64decode(self.rfile.readline()).decode()
        right = given == self.house.password
        return self.say("AUTH", "235 welcome" if right else f"535 no such user or password {given}")

    def data(self) -> bool:
        if not self.say("DATA", "354 go on"):
            return False
        if not self.house.replies.get("DATA", "354").startswith("354"):
            return True
        lines: list[bytes] = []
        if self.house.replies.get("CONTENT") == DROP:
            self.rfile.readline()
            return False
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        if self.house.replies.get("STORED", "250").startswith(("250", DROP, HANG)):
            self.house.received.append(Received(self.sender, self.recipients, b"".join(lines)))
        return self.say("STORED", "250 queued")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, house: MailServer) -> None:
        self.house = house
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that refuses our certificate is a part of some tests."""


def _address(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]


@contextmanager
def serving(house: MailServer) -> Iterator[MailServer]:
    """Run the server while the block runs."""
    with _Server(house) as server:
        house.port = int(server.server_address[1])
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield house
        finally:
            server.shutdown()
            thread.join()


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for 127.0.0.1; return the server's context and one that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "server.pem"
    file.write_bytes(pem + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=pem.decode())
    return server, client
