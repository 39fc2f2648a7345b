"""Each fault really happens on the wire, and what it leaves behind is what it says."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest

from spojka.accounting.serving import Serving
from spojka.accounting.simulator import COMMITTED, OUTSIDE, Answer, Asked, Fault
from spojka.net.client import Client
from tests.accounting.denik.simulator import DenikSimulator

DOCUMENT = {
    "key": "k",
    "kind": "invoice",
    "order": "1",
    "currency": "CZK",
    "customer": "Jana",
    "rounding": "0",
    "made_from": "",
    "rows": [{"text": "Hrnek", "price": "121", "rate": "21", "regime": "standard"}],
}
LOST = b""
"""Nothing at all came back."""


@pytest.fixture
def simulator() -> DenikSimulator:
    made = DenikSimulator(clock=lambda: datetime(2026, 3, 2, 12, tzinfo=UTC))
    made.state["token"] = "t"
    return made


@pytest.fixture
def server(simulator: DenikSimulator) -> Iterator[Serving]:
    with Serving(simulator, silence_seconds=0.3) as serving:
        yield serving


def raw(server: Serving, sent: bytes) -> tuple[bytes, bool]:
    """Send bytes; return what came back, and whether the connection was reset."""
    where = urlsplit(server.address)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            return received, True
        return received, False


def post(server: Serving) -> tuple[bytes, bool]:
    body = json.dumps(DOCUMENT).encode()
    head = (
        "POST /documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return raw(server, head.encode() + body)


def status(received: bytes) -> int:
    return int(received.split(b" ", 2)[1])


def content(received: bytes) -> bytes:
    return received.partition(b"\r\n\r\n")[2]


def is_lost(received: bytes, reset: bool) -> bool:
    return (received, reset) == (LOST, True)


def is_cut(received: bytes, reset: bool) -> bool:
    head = received.partition(b"\r\n\r\n")[0].decode().lower()
    stated = int(head.partition("content-length: ")[2].split("\r\n")[0])
    return status(received) == 201 and 0 < len(content(received)) < stated


def says(number: int, code: str) -> Callable[[bytes, bool], bool]:
    def check(received: bytes, _reset: bool) -> bool:
        return status(received) == number and json.loads(content(received)).get("code") == code

    return check


def is_empty(received: bytes, _reset: bool) -> bool:
    return status(received) == 200 and json.loads(content(received)) == {}


def is_page(received: bytes, _reset: bool) -> bool:
    return status(received) == 200 and b"text/html" in received and b"back soon" in received


ON_THE_WIRE: dict[Fault, Callable[[bytes, bool], bool]] = {
    Fault.RESET_BEFORE: is_lost,
    Fault.RESET_AFTER: is_lost,
    Fault.SILENCE_COMMITTED: is_lost,
    Fault.SILENCE_NOT_COMMITTED: is_lost,
    Fault.TRUNCATED: is_cut,
    Fault.ERROR_BEFORE: says(503, "overloaded"),
    Fault.ERROR_AFTER: says(500, "crashed"),
    Fault.LIMIT: says(429, "too many"),
    Fault.UNAUTHORIZED: says(401, "token"),
    Fault.ERROR_IN_SUCCESS: says(200, "refused"),
    Fault.EMPTY_SUCCESS: is_empty,
    Fault.STALE: is_lost,
    Fault.MAINTENANCE: is_page,
}


def test_every_fault_is_here() -> None:
    assert set(ON_THE_WIRE) | OUTSIDE == set(Fault)


@pytest.mark.parametrize("fault", ON_THE_WIRE)
def test_each_fault_really_happens(
    server: Serving, simulator: DenikSimulator, fault: Fault
) -> None:
    simulator.fail(fault, "POST /documents")
    started = time.monotonic()
    received, reset = post(server)
    waited = time.monotonic() - started
    assert ON_THE_WIRE[fault](received, reset), (received, reset)
    assert (waited >= 0.3) == (fault in {Fault.SILENCE_COMMITTED, Fault.SILENCE_NOT_COMMITTED})
    assert len(simulator.books()) == (1 if fault in COMMITTED else 0)
    simulator.state["token"] = "t"
    received, _ = post(server)  # and then all is well again
    assert status(received) == 201


class Speechless(DenikSimulator):
    def answer(self, asked: Asked) -> Answer:
        return Answer(204)


def test_of_an_answer_without_a_body_half_of_the_head_arrives() -> None:
    simulator = Speechless()
    simulator.fail("truncated")
    with Serving(simulator) as server:
        assert post(server) in {(b"HTTP/1.1 2", True), (LOST, True)}
        received, _ = post(server)
        assert status(received) == 204 and content(received) == b""


def test_a_limit_says_when_to_come_again(server: Serving, simulator: DenikSimulator) -> None:
    simulator.fail("limit", retry_after="17")
    received, _ = post(server)
    assert b"Retry-After: 17" in received


def test_what_is_stale_is_shown_later(server: Serving, simulator: DenikSimulator) -> None:
    simulator.fail("stale")
    post(server)
    with Client(allow=[ip_network("127.0.0.0/8")]) as client:
        control = f"{server.address}/_control"

        def found() -> list[Any]:
            headers = {"Authorization": "Bearer t"}
            answer = client.request("GET", f"{server.address}/documents?key=k", headers=headers)
            rows: list[Any] = answer.json()["documents"]
            return rows

        assert found() == []
        client.request("POST", control, json={"ahead": 60})
        assert len(found()) == 1


def ordered(server: Serving, order: object) -> tuple[int, Any]:
    with Client(allow=[ip_network("127.0.0.0/8")]) as client:
        answer = client.request("POST", f"{server.address}/_control", json=order)
        return answer.status, answer.json()


def test_control_orders_and_tells(server: Serving, simulator: DenikSimulator) -> None:
    post(server)
    order = {
        "fail": [{"fault": "limit", "times": 2, "skip": 1}],
        "account": {"plan": "free"},
        "ahead": 3600,
        "act": {"what": "pay", "external_id": "1"},
    }
    code, told = ordered(server, order)
    assert (code, told["now"], told["acted"]) == (200, "2026-03-02T13:00:00+00:00", "D00001")
    assert told["account"]["plan"] == "free"
    (document,) = told["documents"]
    assert (document["total"], document["paid"]) == ("121", "121")
    assert told["requests"] == ["POST /documents"]
    assert [(one.fault, one.times, one.skip) for one in simulator.troubles] == [("limit", 2, 1)]
    ordered(server, {"heal": True})
    assert simulator.troubles == []


@pytest.mark.parametrize(
    "order",
    [
        {"fail": [{"fault": "nothing"}]},
        {"fail": [{"fault": "limit", "match": "("}]},
        {"fail": [{"fault": "name"}]},
        {"fail": [{"match": "x"}]},
        {"account": {"colour": "red"}},
        {"ahead": "soon"},
        {"act": {"what": "dance", "external_id": "1"}},
        {"act": {}},
        [],
        "heal",
    ],
)
def test_control_explains_what_it_does_not_know(server: Serving, order: object) -> None:
    post(server)
    code, told = ordered(server, order)
    assert code == 400 and told["error"]


@pytest.mark.parametrize("head", ["Content-Length: -5", "Transfer-Encoding: chunked"])
def test_a_request_without_a_length_is_not_waited_for(server: Serving, head: str) -> None:
    sent = f"POST /documents HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode()
    received, _ = raw(server, sent)
    assert status(received) == 411


def test_a_head_has_no_body_and_any_method_is_asked(server: Serving) -> None:
    for method in ("HEAD", "PROPFIND"):
        sent = f"{method} /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        received, _ = raw(server, sent)
        assert status(received) == 401
        assert bool(content(received)) == (method != "HEAD")


class Broken(DenikSimulator):
    def answer(self, asked: Asked) -> Answer:
        raise KeyError("rows")


def test_a_simulator_that_breaks_off_is_no_bad_day_of_a_vendor() -> None:
    received = b""
    with pytest.raises(KeyError, match="rows"), Serving(Broken()) as server:
        received, _ = post(server)
    assert status(received) == 500

    noted: list[Exception] = []
    with Serving(Broken(), broken=noted.append) as server:
        post(server)
    assert [type(error) for error in noted] == [KeyError]
