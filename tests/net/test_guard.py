"""Server-side request forgery: everything that is not a public web server is closed."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from spojka.core.outcome import OutcomeError, RejectedError
from spojka.net.client import Client
from spojka.net.guard import is_closed
from tests.net.rawserver import answer, serve

CLOSED = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.255.255.254/",
    "http://0/",
    "http://0.0.0.0/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://10.0.0.1/",
    "http://10.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://192.0.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001::1]/",
    "http://[fd00::1]/",
    "http://[fc00::1]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
]

NOT_WEB_ADDRESSES = [
    "file:///etc/passwd",
    "gopher://127.0.0.1:70/_x",
    "ftp://example.com/",
    "dict://127.0.0.1:11211/",
    "javascript:alert(1)",
    "//example.com/",
    "example.com",
    "",
    "http://",
    "http:///path",
    "http://user:password@example.com/",
    "http://example.com@10.0.0.1/",
    "http://example.com\\@10.0.0.1/",
    "http://example.com:99999/",
    "http://example.com:0/",
    "http://exa mple.com/",
    "http://example.com/\r\nX: y",
    "http://[::1/",
]


@pytest.fixture
def untouchable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket may be connected."""

    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.usefixtures("untouchable")
@pytest.mark.parametrize("url", CLOSED)
def test_closed_addresses(url: str) -> None:
    with Client() as client, pytest.raises(OutcomeError) as caught:
        client.request("GET", url)
    # A spelling which the resolver of the machine does not take is no way in, either.
    assert caught.value.problem.code in (
        "SPJ-NET-ADDRESS-BLOCKED",
        "SPJ-NET-NAME",
        "SPJ-NET-URL",
    )


@pytest.mark.usefixtures("untouchable")
@pytest.mark.parametrize("url", NOT_WEB_ADDRESSES)
def test_only_plain_web_addresses(url: str) -> None:
    with Client(allow=[ip_network("0.0.0.0/0")]) as client, pytest.raises(RejectedError) as caught:
        client.request("GET", url)
    assert caught.value.problem.code == "SPJ-NET-URL"


@pytest.mark.usefixtures("untouchable")
def test_a_blocked_address_is_named() -> None:
    with Client() as client, pytest.raises(RejectedError) as caught:
        client.request("POST", "http://localhost/", json={})
    assert caught.value.problem.code == "SPJ-NET-ADDRESS-BLOCKED"
    assert caught.value.problem.facts["host"] == "localhost"
    assert is_closed(ip_address(caught.value.problem.facts["address"]))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2a00:1450:4014:80c::200e"]
)
def test_public_addresses_are_open(address: str) -> None:
    assert not is_closed(ip_address(address))


def test_a_network_may_be_opened() -> None:
    allow = [ip_network("192.168.7.0/24"), ip_network("fd00:7::/32")]
    assert not is_closed(ip_address("192.168.7.9"), allow)
    assert not is_closed(ip_address("::ffff:192.168.7.9"), allow)
    assert not is_closed(ip_address("fd00:7::1"), allow)
    assert is_closed(ip_address("192.168.8.9"), allow)
    assert is_closed(ip_address("fd00:8::1"), allow)


def test_an_opened_host_answers() -> None:
    with serve(answer(b"[]")) as server, Client(allow=[ip_network("127.0.0.1/32")]) as client:
        assert client.request("GET", server.url).json() == []


def fake_resolver(*answers: list[str]) -> Any:
    turns = iter(answers)

    def getaddrinfo(host: str, port: int, **_kwargs: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(turns)
        ]

    return getaddrinfo


@pytest.mark.usefixtures("untouchable")
def test_one_closed_address_among_open_ones_closes_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", fake_resolver(["8.8.8.8", "127.0.0.1"]))
    with Client() as client, pytest.raises(RejectedError) as caught:
        client.request("GET", "http://rebind.test/")
    assert caught.value.problem.facts["address"] == "127.0.0.1"


def test_the_checked_address_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to a public address first and to loopback next gains nothing."""
    connected: list[str] = []

    def connect(where: tuple[str, int], *_args: Any, **_kwargs: Any) -> None:
        connected.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", fake_resolver(["8.8.8.8"], ["127.0.0.1"]))
    monkeypatch.setattr(socket, "create_connection", connect)
    with Client() as client:
        with pytest.raises(OutcomeError):
            client.request("GET", "http://rebind.test/")
        with pytest.raises(RejectedError):
            client.request("GET", "http://rebind.test/")
    assert connected == ["8.8.8.8"]


def test_the_next_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[str] = []

    def connect(where: tuple[str, int], *_args: Any, **_kwargs: Any) -> None:
        connected.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", fake_resolver(["8.8.8.8", "1.1.1.1"]))
    monkeypatch.setattr(socket, "create_connection", connect)
    with Client() as client, pytest.raises(OutcomeError) as caught:
        client.request("GET", "http://two.test/")
    assert connected == ["8.8.8.8", "1.1.1.1"]
    assert caught.value.problem.code == "SPJ-NET-CONNECT"
