"""R13: no address, redirect, name server, body or document leads in, out, or to a standstill."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    UnavailableError,
    UncertainError,
)
from spojka.documents.exchange import TableError, parse_ecb
from spojka.documents.rendering.isdoc_check import check_isdoc
from spojka.net import guard
from spojka.net.body import BodyError, BodyTooLargeError, read_body
from spojka.net.client import Client
from spojka.net.xml import XmlError, parse
from tests.net.rawserver import Handler, answer, serve
from tests.net.test_guard import CLOSED, NOT_WEB_ADDRESSES

LOOPBACK = (ip_network("127.0.0.0/8"),)
REFUSED = {"SPJ-NET-ADDRESS-BLOCKED", "SPJ-NET-NAME", "SPJ-NET-URL"}

MORE_CLOSED = {
    "decimal": ["http://3232235777/", "http://2852039166/latest/meta-data/"],
    "octal": ["http://0177.1/", "http://0251.0376.0251.0376/", "http://00000177.0.0.1/"],
    "hexadecimal": ["http://0xc0.0xa8.0x1.0x1/", "http://0X7F000001/"],
    "short": ["http://127.0.1/", "http://192.168.257/", "http://10.65537/"],
    "mapped": ["http://[::ffff:192.168.1.1]/", "http://[0:0:0:0:0:ffff:a9fe:a9fe]/"],
    "translated": ["http://[::ffff:0:127.0.0.1]/", "http://[::ffff:0:a00:1]/"],
    "NAT64 and 6to4": ["http://[64:ff9b::a9fe:a9fe]/", "http://[2002:a00:1::1]/"],
    "zone": ["http://[fe80::1%25lo]/", "http://[fe80::1%25eth0]/"],
    "metadata of clouds": ["http://[fd00:ec2::254]/", "http://100.100.100.200/"],
    "IDN": [
        "http://１２７.0.0.1/",
        "http://ⓛocalhost/",
        "http://127．0．0．1/",
        "http://loc\u00adalhost/",
    ],
    "percent": ["http://127.0.0.%31/", "http://%6cocalhost/"],
    "other ports": ["http://127.0.0.1:22/", "https://localhost:5432/", "http://[::1]:6379/"],
}
MORE_NOT_WEB = {
    "schemes": [
        "ldap://127.0.0.1/",
        "sftp://10.0.0.1/",
        "data:text/plain,x",
        "jar:http://x!/",
        "FILE:/x",
    ],
    "userinfo": ["http://example.com:80@127.0.0.1/", "http://@127.0.0.1/", "http://a:b@[::1]/"],
    "whitespace": [
        "http://127.0.0.1\t/",
        "\nhttp://127.0.0.1/",
        "http://127.0.0.1 /",
        "http://\x7f/",
    ],
    "ports": ["http://example.com:-1/", "http://example.com:x/"],
}


@pytest.fixture
def untouchable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket may be connected."""

    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "create_connection", refuse)


def refusal(client: Client, url: str, method: str = "GET") -> OutcomeError:
    with pytest.raises(OutcomeError) as caught:
        client.request(method, url)
    return caught.value


def test_r13_there_are_more_than_forty_cases() -> None:
    more = [url for urls in (*MORE_CLOSED.values(), *MORE_NOT_WEB.values()) for url in urls]
    assert len({*CLOSED, *NOT_WEB_ADDRESSES, *more}) >= 90


@pytest.mark.usefixtures("untouchable")
@pytest.mark.parametrize("family", MORE_CLOSED)
def test_r13_closed_addresses(family: str) -> None:
    with Client() as client:
        for url in MORE_CLOSED[family]:
            for method in ("GET", "POST"):
                assert refusal(client, url, method).problem.code in REFUSED, url


@pytest.mark.usefixtures("untouchable")
@pytest.mark.parametrize("family", MORE_NOT_WEB)
def test_r13_only_plain_web_addresses(family: str) -> None:
    with Client(allow=[ip_network("0.0.0.0/0"), ip_network("::/0")]) as client:
        for url in MORE_NOT_WEB[family]:
            assert refusal(client, url).problem.code == "SPJ-NET-URL", url


# redirects


def redirect(to: str) -> Handler:
    return answer(b"", "302 Found", f"Location: {to}\r\n")


# Relative to the server itself, which is open here.
RELATIVE = {"http://127.0.0.1/", "http://", "http:///path"}
TARGETS = [url for url in (*CLOSED, *NOT_WEB_ADDRESSES) if ":" in url and url not in RELATIVE]


@pytest.mark.parametrize("url", TARGETS)
def test_r13_a_redirect_leads_to_no_closed_place(url: str) -> None:
    to = quote(url, safe=":/@[]%?&=\\#")
    # Only this very server is open, not all of loopback.
    with serve(redirect(to)) as server, Client(allow=[ip_network("127.0.0.1/32")]) as client:
        try:
            code = refusal(client, server.url).problem.code
        finally:
            assert len(server.requests) == 1
    loopback = {"SPJ-NET-CONNECT"}  # another spelling of 127.0.0.1, where nothing listens
    assert code in REFUSED | loopback


def test_r13_every_hop_is_checked_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(redirect("http://inside.test/")) as server:
        resolver(monkeypatch, {"127.0.0.1": ["127.0.0.1"], "inside.test": ["10.1.2.3"]})
        with Client(allow=LOOPBACK) as client:
            assert refusal(client, server.url).problem.facts["address"] == "10.1.2.3"


# names


def resolver(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> list[str]:
    """Have names resolve to these addresses; return what is asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_args: Any, **_kwargs: Any) -> list[Any]:
        asked.append(host)
        found = names.get(host, [host])
        kinds = [
            socket.AF_INET6 if ip_address(one).version == 6 else socket.AF_INET for one in found
        ]
        return [
            (kind, socket.SOCK_STREAM, 6, "", (one, port))
            for kind, one in zip(kinds, found, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.usefixtures("untouchable")
@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["8.8.8.8", "192.168.1.1"],
        ["2a00:1450:4014:80c::200e", "::1"],
        ["1.1.1.1", "fd00::1"],
        ["::ffff:169.254.169.254"],
    ],
)
def test_r13_a_public_name_with_a_closed_address_is_closed(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    resolver(monkeypatch, {"harmless.test": addresses})
    with Client() as client:
        assert refusal(client, "https://harmless.test/").problem.code == "SPJ-NET-ADDRESS-BLOCKED"


def test_r13_rebinding_between_check_and_connection_is_impossible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name is resolved once, and what was checked is what is connected to."""
    asked = resolver(monkeypatch, {"rebind.test": ["8.8.8.8"]})
    connected: list[str] = []

    def connect(where: tuple[str, int], *_args: Any, **_kwargs: Any) -> None:
        connected.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with Client() as client:
        refusal(client, "http://rebind.test/")
    assert (asked, connected) == (["rebind.test"], ["8.8.8.8"])


def test_r13_an_opened_network_opens_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(answer(b"[]")) as server:
        port = urlsplit(server.url).port
        resolver(monkeypatch, {"pohoda.lan": ["127.0.0.1"], "router.lan": ["192.168.1.1"]})
        with Client(allow=[ip_network("127.0.0.1/32")]) as client:
            assert client.request("GET", f"http://pohoda.lan:{port}/").json() == []
            code = refusal(client, f"http://router.lan:{port}/").problem.code
    assert code == "SPJ-NET-ADDRESS-BLOCKED"
    assert b"host: pohoda.lan" in server.requests[0].lower()


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Have every name wait until the event is set."""
    answers = threading.Event()

    def getaddrinfo(*_args: Any, **_kwargs: Any) -> list[Any]:
        answers.wait(30)
        raise socket.gaierror("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(guard, "_look_ups", threading.BoundedSemaphore(3))
    yield answers
    answers.set()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_r13_a_name_server_that_never_answers_ends_by_the_connect_time_out(
    silent_name_server: threading.Event, method: str
) -> None:
    with Client(connect_seconds=0.05) as client:
        error = refusal(client, "http://slow.test/", method)
    assert isinstance(error, UnavailableError), "nothing was sent"
    assert error.problem.code == "SPJ-NET-NAME"
    assert "in time" in error.technical
    assert not silent_name_server.is_set()


def test_r13_hanging_names_are_bounded(silent_name_server: threading.Event) -> None:
    with Client(connect_seconds=0.05) as client:
        told = [refusal(client, "http://slow.test/").technical for _ in range(4)]
    assert ["too many" in one for one in told] == [False, False, False, True]
    silent_name_server.set()
    with Client(connect_seconds=5) as client:
        assert "no answer" in refusal(client, "http://slow.test/").technical


# bodies


def dripping(head: bytes, drop: bytes) -> tuple[Handler, threading.Event]:
    """Return what sends a beginning and then a drop at a time, and what is set when it must end."""
    done = threading.Event()

    def drip(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(head)
        while not done.wait(0.02):
            connection.sendall(drop)

    return drip, done


DRIPS = {
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"."),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n.\r\n"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
    "one header": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"."),
    "status line": (b"HTTP/1.1 200 ", b"O"),
}


@pytest.mark.parametrize("where", DRIPS)
@pytest.mark.parametrize(
    ("method", "outcome"), [("GET", UnavailableError), ("POST", UncertainError)]
)
def test_r13_whatever_drips_ends_at_the_deadline(
    where: str, method: str, outcome: type[OutcomeError]
) -> None:
    """Each drop comes well within the read time-out, so that it alone would never end."""
    handler, done = dripping(*DRIPS[where])
    with (
        serve(handler) as server,
        Client(allow=LOOPBACK, read_seconds=20, total_seconds=0.3) as client,
    ):
        try:
            error = refusal(client, server.url, method)
        finally:
            done.set()
    assert type(error) is outcome
    assert error.problem.code == "SPJ-NET-TIMEOUT"


def test_r13_headers_without_end_are_cut_off() -> None:
    def flood(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(200):
            connection.sendall(b"X-Flood: " + b"x" * 4_000 + b"\r\n")

    with serve(flood) as server, Client(allow=LOOPBACK, total_seconds=10) as client:
        assert refusal(client, server.url).problem.code == "SPJ-NET-RESET"


LIMIT = 100_000
ZEROS = bytes(50_000_000)


@pytest.mark.parametrize("packing", ["gzip", "x-gzip", "deflate"])
def test_r13_a_bomb_is_not_unpacked_beyond_the_limit(
    packing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = zlib.compress(ZEROS, 9) if packing == "deflate" else gzip.compress(ZEROS, 9)
    assert len(bomb) < LIMIT
    made: list[int] = []
    honest = zlib.decompressobj

    class Watched:
        def __init__(self, bits: int) -> None:
            self._inner = honest(bits)

        def decompress(self, data: bytes, most: int) -> bytes:
            body = self._inner.decompress(data, most)
            made.append(len(body))
            return body

        @property
        def eof(self) -> bool:
            return self._inner.eof

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    with pytest.raises(BodyTooLargeError):
        read_body([bomb], packing, limit=LIMIT, deadline=float("inf"))
    assert made == [LIMIT + 1]


def test_r13_a_bomb_over_the_wire_is_refused_with_a_name() -> None:
    handler = answer(gzip.compress(ZEROS, 9), headers="Content-Encoding: gzip\r\n")
    with serve(handler) as server, Client(allow=LOOPBACK, response_bytes=LIMIT) as client:
        assert refusal(client, server.url).problem.code == "SPJ-NET-TOO-LARGE"


@pytest.mark.parametrize("packing", ["br", "zstd", "gzip, gzip", "compress"])
def test_r13_packings_that_were_not_asked_for_are_not_opened(packing: str) -> None:
    with pytest.raises(BodyError):
        read_body([gzip.compress(b"x")], packing, limit=LIMIT, deadline=float("inf"))


def test_r13_a_length_that_lies_is_not_believed() -> None:
    def lie(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nshort")

    with serve(lie) as server, Client(allow=LOOPBACK, response_bytes=LIMIT) as client:
        assert refusal(client, server.url).problem.code == "SPJ-NET-RESET"


# XML


def laughs(use: str) -> str:
    entities = ['<!ENTITY a0 "haha">']
    entities += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    return f"<!DOCTYPE r [{''.join(entities)}]>{use}"


@pytest.fixture
def bombs(tmp_path: Path) -> dict[str, bytes]:
    secret = tmp_path / "secret.txt"
    secret.write_text("tajny-obsah")
    file = secret.as_uri()
    texts = {
        "billion laughs": laughs("<r>&a9;</r>"),
        "billion laughs in an attribute": laughs('<r a="&a9;"/>'),
        "quadratic": f'<!DOCTYPE r [<!ENTITY a "{"x" * 50_000}">]><r>{"&a;" * 5_000}</r>',
        "external entity": f'<!DOCTYPE r [<!ENTITY x SYSTEM "{file}">]><r>&x;</r>',
        "external type": f'<!DOCTYPE r SYSTEM "{file}"><r/>',
        "parameter entity": f'<!DOCTYPE r [<!ENTITY % p SYSTEM "{file}"> %p;]><r/>',
        "over the network": '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><r/>',
        "harmless type": "<!DOCTYPE r><r/>",
        "default attributes": '<!DOCTYPE r [<!ATTLIST r time CDATA "2026-01-01">]><r/>',
    }
    found = {name: text.encode() for name, text in texts.items()}
    found["in UTF-16"] = texts["external entity"].encode("utf-16")
    return found


@pytest.mark.usefixtures("untouchable")
def test_r13_no_document_type_is_taken(bombs: dict[str, bytes]) -> None:
    readers: dict[str, Callable[[bytes], object]] = {"xml": parse, "ecb": parse_ecb}
    for name, bomb in bombs.items():
        for reader, read in readers.items():
            with pytest.raises((XmlError, TableError)) as caught:
                read(bomb)
            assert "tajny-obsah" not in str(caught.value), (reader, name)
        assert check_isdoc(bomb) != [], name
        assert "tajny-obsah" not in repr(check_isdoc(bomb)), name


@pytest.mark.parametrize(
    "content", [b"", b"<r>", b"\xff\xfe", b"<r/>" * 2, b"<a>" * 100_000, b"{}"]
)
def test_r13_what_is_not_xml_says_so(content: bytes) -> None:
    with pytest.raises(XmlError):
        parse(content)


def test_r13_ordinary_xml_is_read() -> None:
    head = '<?xml version="1.0" encoding="windows-1250"?>'
    text = f'{head}<r><!-- x --><a b="1">Žluťoučký &amp; kůň</a></r>'
    root = parse(text.encode("cp1250"))
    assert [child.text for child in root] == ["Žluťoučký & kůň"]


def test_r13_redirects_are_no_way_around_the_method() -> None:
    with serve(redirect("http://10.0.0.1/")) as server, Client(allow=LOOPBACK) as client:
        assert client.request("POST", server.url, json={}).status == 302
        with pytest.raises(RejectedError):
            client.request("GET", server.url)
