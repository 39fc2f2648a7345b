"""The outgoing client against a server that breaks in every way."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from decimal import Decimal
from ipaddress import ip_network

import pytest

from spojka.core.outcome import OutcomeError, RejectedError, UnavailableError, UncertainError
from spojka.net.client import Client, Exchange, NotJsonError, Response
from tests.net.rawserver import Handler, answer, reset, serve

LOOPBACK = (ip_network("127.0.0.0/8"),)
SECRET = "tajný/klíč+č. 1"


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(allow=LOOPBACK, read_seconds=0.3, connect_seconds=1) as made:
        yield made


def close_at_once(connection: socket.socket, _request: bytes) -> None:
    connection.close()


def reset_at_once(connection: socket.socket, _request: bytes) -> None:
    reset(connection)


def keep_silent(_connection: socket.socket, _request: bytes) -> None:
    time.sleep(0.6)


def cut_short(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id":1')


def cut_packed(connection: socket.socket, request: bytes) -> None:
    answer(gzip.compress(b'{"id": 1}' * 100)[:-12], headers="Content-Encoding: gzip\r\n")(
        connection, request
    )


def talk_nonsense(connection: socket.socket, _request: bytes) -> None:
    connection.sendall(b"\x00\x01 nonsense\r\n\r\n")


AFTER_SENDING: list[tuple[Handler, str]] = [
    (close_at_once, "SPJ-NET-RESET"),
    (reset_at_once, "SPJ-NET-RESET"),
    (keep_silent, "SPJ-NET-TIMEOUT"),
    (cut_short, "SPJ-NET-RESET"),
    (cut_packed, "SPJ-NET-RESET"),
    (talk_nonsense, "SPJ-NET-RESET"),
]


@pytest.mark.parametrize(("handler", "code"), AFTER_SENDING)
def test_a_write_that_broke_after_sending_is_uncertain(
    client: Client, handler: Handler, code: str
) -> None:
    with serve(handler) as server, pytest.raises(UncertainError) as caught:
        client.request("POST", server.url, json={"a": "1"})
    assert caught.value.problem.code == code
    assert len(server.requests) == 1, "a write is never sent twice by itself"


@pytest.mark.parametrize(("handler", "code"), AFTER_SENDING)
def test_a_read_that_broke_is_unavailable(client: Client, handler: Handler, code: str) -> None:
    with serve(handler) as server, pytest.raises(UnavailableError) as caught:
        client.request("GET", server.url)
    assert caught.value.problem.code == code


def test_the_caller_may_say_that_a_post_only_reads(client: Client) -> None:
    with serve(keep_silent) as server, pytest.raises(UnavailableError):
        client.request("POST", server.url, write=False)


def test_the_caller_may_say_that_a_get_writes(client: Client) -> None:
    with serve(keep_silent) as server, pytest.raises(UncertainError):
        client.request("GET", server.url, write=True)


def test_refused_connection_sent_nothing(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnavailableError) as caught:
        client.request("POST", f"http://127.0.0.1:{port}/", json={})
    assert caught.value.problem.code == "SPJ-NET-CONNECT"


def test_failed_handshake_sent_nothing(client: Client) -> None:
    with serve(talk_nonsense) as server, pytest.raises(UnavailableError) as caught:
        client.request("POST", server.url.replace("http:", "https:"), json={})
    assert caught.value.problem.code in ("SPJ-NET-TLS", "SPJ-NET-CONNECT")


def test_unknown_name_sent_nothing(client: Client) -> None:
    with pytest.raises(UnavailableError) as caught:
        client.request("POST", "http://no-such-host.invalid/", json={})
    assert caught.value.problem.code == "SPJ-NET-NAME"
    assert caught.value.problem.facts["host"] == "no-such-host.invalid"


@pytest.mark.parametrize("status", ["204 No Content", "401 Unauthorized", "429 X", "503 Down"])
def test_statuses_are_returned_not_raised(client: Client, status: str) -> None:
    with serve(answer(b"", status)) as server:
        assert client.request("POST", server.url).status == int(status[:3])


def test_json_numbers_are_decimal() -> None:
    response = Response(200, {}, b'{"total": 1836.70, "n": 3}')
    assert response.json() == {"total": Decimal("1836.70"), "n": 3}
    assert str(response.json()["total"]) == "1836.70"


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b'{"a":', b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000]
)
def test_what_is_not_json_says_so(body: bytes) -> None:
    with pytest.raises(NotJsonError):
        Response(200, {}, body).json()


def test_text_follows_the_stated_charset() -> None:
    body = "Žluťoučký".encode("cp1250")
    assert Response(200, {"content-type": "text/xml; charset=windows-1250"}, body).text == (
        "Žluťoučký"
    )
    assert Response(200, {"content-type": "text/xml; charset=nonsense"}, b"a").text == "a"


@pytest.mark.parametrize("packed", [False, True])
def test_too_large_answers_are_cut_off(packed: bool) -> None:
    body = b" " * 50_000
    handler = (
        answer(gzip.compress(body), headers="Content-Encoding: gzip\r\n")
        if packed
        else answer(body)
    )
    with serve(handler) as server, Client(allow=LOOPBACK, response_bytes=49_999) as client:
        with pytest.raises(UnavailableError) as caught:
            client.request("GET", server.url)
        with pytest.raises(UncertainError):
            client.request("POST", server.url)
    assert caught.value.problem.code == "SPJ-NET-TOO-LARGE"


def test_packed_answers_are_unpacked(client: Client) -> None:
    handler = answer(gzip.compress(b'{"a": 1}'), headers="Content-Encoding: gzip\r\n")
    with serve(handler) as server:
        assert client.request("GET", server.url).json() == {"a": 1}


def test_a_trickling_answer_ends_at_the_deadline() -> None:
    def trickle(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(40):
            connection.sendall(b".")
            time.sleep(0.02)

    with (
        serve(trickle) as server,
        Client(allow=LOOPBACK, total_seconds=0.2) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.request("GET", server.url)
    assert caught.value.problem.code == "SPJ-NET-TIMEOUT"


def redirect(to: str, status: str = "302 Found") -> Handler:
    return answer(b"", status, f"Location: {to}\r\n")


def test_reads_follow_redirects_with_credentials_on_the_same_site(client: Client) -> None:
    with serve(redirect("/there"), answer(b"[]")) as server:
        response = client.request("GET", server.url, auth=("ck", "cs"))
    assert response.json() == []
    assert response.url.endswith("/there")
    assert b"authorization: basic" in server.requests[1].lower()


def test_credentials_do_not_follow_to_another_site() -> None:
    headers = {"X-Key": "klic123", "X-Plain": "yes"}
    with (
        serve(answer(b"[]")) as other,
        serve(redirect(f"{other.url}/x")) as server,
        Client(allow=LOOPBACK, secrets=["klic123"]) as client,
    ):
        client.request("GET", server.url, auth=("ck", "cs"), headers=headers)
    there = other.requests[0].lower()
    assert b"authorization" not in there
    assert b"klic123" not in there
    assert b"x-plain: yes" in there


def test_at_most_three_redirects(client: Client) -> None:
    with serve(redirect("/again")) as server, pytest.raises(RejectedError) as caught:
        client.request("GET", server.url)
    assert caught.value.problem.code == "SPJ-NET-REDIRECT"
    assert len(server.requests) == 4


def test_writes_follow_no_redirect(client: Client) -> None:
    with serve(redirect("/there", "307 Temporary Redirect")) as server:
        assert client.request("POST", server.url, json={}).status == 307
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest", "http://10.0.0.1/", "file:///etc/passwd", "gopher:x"],
)
def test_redirects_to_closed_places_are_not_followed(client: Client, target: str) -> None:
    with serve(redirect(target)) as server, pytest.raises(RejectedError) as caught:
        client.request("GET", server.url)
    assert caught.value.problem.code in ("SPJ-NET-ADDRESS-BLOCKED", "SPJ-NET-URL")


@pytest.mark.parametrize("value", ["abc\n", "a\r\nX-Evil: 1", "klíč"])
def test_a_header_that_cannot_be_sent_is_explained(client: Client, value: str) -> None:
    with pytest.raises(RejectedError) as caught:
        client.request("GET", "http://127.0.0.1:9/", headers={"X-Key": value})
    assert caught.value.problem.code == "SPJ-NET-HEADER"
    assert caught.value.problem.facts["name"] == "X-Key"


def test_parameters_are_added_to_those_of_the_address(client: Client) -> None:
    with serve(answer()) as server:
        client.request("GET", f"{server.url}/?a=1", params={"b": "č & d"})
    assert server.requests[0].split(b" ")[1] == b"/?a=1&b=%C4%8D+%26+d"


def test_cookies_are_not_kept(client: Client) -> None:
    with serve(answer(headers="Set-Cookie: sid=1\r\n")) as server:
        client.request("GET", server.url)
        client.request("GET", server.url)
    assert b"sid=1" not in server.requests[1]


def test_every_exchange_is_recorded_without_secrets() -> None:
    seen: list[Exchange] = []
    echo = f'{{"you": "{SECRET}"}}'.encode()
    with (
        serve(answer(echo, "401 No"), close_at_once) as server,
        Client(allow=LOOPBACK, secrets=[SECRET], recorder=seen.append) as client,
    ):
        client.request(
            "POST", server.url, params={"key": SECRET}, json={"k": SECRET}, auth=("jan", SECRET)
        )
        with pytest.raises(OutcomeError) as caught:
            client.request("POST", server.url, form={"password": SECRET, "other": "ok"})
    assert [(item.status, item.error) for item in seen] == [(401, ""), (None, "SPJ-NET-RESET")]
    whole = repr(seen) + repr(caught.value) + str(caught.value.__context__)
    assert "klíč" not in whole
    assert "kl%C3%AD" not in whole
    assert "other=ok" in seen[1].request_body


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serve(answer()) as server, Client(allow=LOOPBACK) as client:
        assert client.request("GET", server.url).status == 200
