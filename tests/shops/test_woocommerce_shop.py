"""Operations on a shop, against the simulated WooCommerce."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from spojka.core.descriptor import CheckStatus
from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    ThrottledError,
    UnavailableError,
    UncertainError,
)
from spojka.net.client import Client, Exchange
from spojka.shops.contract import MappingOptions, ShopSession
from spojka.shops.woocommerce.client import retry_at, signature, site_root
from spojka.shops.woocommerce.simulator import KEY, SECRET, Simulator
from spojka.shops.woocommerce.source import SOURCE, TOPICS
from tests.shops import captured

LOOPBACK = (ip_network("127.0.0.0/8"),)
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def shop() -> Iterator[Simulator]:
    with Simulator(clock=lambda: NOW) as made:
        yield made


@pytest.fixture
def session(shop: Simulator) -> Iterator[ShopSession]:
    with Client(allow=LOOPBACK, secrets=[SECRET], read_seconds=0.4) as http:
        yield session_of(shop, http)


def session_of(shop: Simulator, http: Client, **changes: str) -> ShopSession:
    credentials = {"url": shop.url, "consumer_key": KEY, "consumer_secret": SECRET, **changes}
    return ShopSession(credentials, http, NOW)


def order(number: int, **changes: Any) -> dict[str, Any]:
    return {**captured.order("rest-20-create-pending"), "id": number, **changes}


def fetched(session: ShopSession, number: str) -> dict[str, Any]:
    found = SOURCE.fetch(session, number)
    assert isinstance(found, dict)
    return found


# -- signing ----------------------------------------------------------------------------------


def test_plain_http_is_signed_and_the_secret_is_never_sent(
    shop: Simulator, session: ShopSession
) -> None:
    shop.add(order(5))
    assert fetched(session, "5")["id"] == 5
    ((_, target),) = shop.requests
    assert "oauth_signature=" in target
    assert SECRET not in target


def test_the_signature_is_that_of_the_standard() -> None:
    """Worked out by hand from RFC 5849, section 3.4.1.1, for one-legged HMAC-SHA256."""
    base = "GET&http%3A%2F%2Fexample.com%2Fr&a%3D1%2520%252B%252F%26oauth_nonce%3Dn"
    import hashlib
    import hmac

    expected = hmac.new(b"s%26x&", base.encode(), hashlib.sha256).digest()
    made = signature("get", "http://example.com/r", {"oauth_nonce": "n", "a": "1 +/"}, "s&x")
    assert made == b64encode(expected).decode()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - HOUR)
        .not_valid_after(datetime.now(UTC) + HOUR)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "loopback.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def safe_shop(certificate: Path) -> Iterator[Simulator]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Simulator(clock=lambda: NOW, tls=context) as made:
        yield made


def test_https_uses_basic_and_trusts_only_known_certificates(
    safe_shop: Simulator, certificate: Path
) -> None:
    safe_shop.add(order(5))
    seen: list[Exchange] = []
    trusting = ssl.create_default_context(cafile=str(certificate))
    with Client(allow=LOOPBACK, tls=trusting, secrets=[SECRET], recorder=seen.append) as http:
        assert fetched(session_of(safe_shop, http), "5")["id"] == 5
        with pytest.raises(RejectedError) as caught:
            SOURCE.fetch(session_of(safe_shop, http, consumer_secret="cs_wrong"), "5")
    assert caught.value.problem.code == "SPJ-SHOP-SECRET"
    assert all("oauth" not in target for _, target in safe_shop.requests)
    assert b64encode(SECRET.encode()).decode()[:20] not in repr(seen)
    with Client(allow=LOOPBACK) as http, pytest.raises(UnavailableError) as refused:
        SOURCE.fetch(session_of(safe_shop, http), "5")
    assert refused.value.problem.code == "SPJ-NET-TLS"
    assert "certificate" in refused.value.problem.facts["detail"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"consumer_secret": "cs_" + "0" * 40}, "SPJ-SHOP-SECRET"),
        ({"consumer_key": "ck_" + "0" * 40}, "SPJ-SHOP-KEY"),
    ],
)
def test_wrong_credentials(
    shop: Simulator, session: ShopSession, changes: dict[str, str], code: str
) -> None:
    wrong = session_of(shop, session.http, **changes)
    with pytest.raises(RejectedError) as caught:
        SOURCE.fetch(wrong, "5")
    assert (caught.value.problem.code, caught.value.rejection) == (code, Rejection.CONFIG)


@pytest.mark.parametrize(
    ("typed", "root"),
    [
        ("shop.example", "https://shop.example"),
        (" https://shop.example/ ", "https://shop.example"),
        ("http://shop.example:8080/eshop/", "http://shop.example:8080/eshop"),
        ("https://shop.example/wp-json/wc/v3/orders?x=1", "https://shop.example"),
        ("https://shop.example/wp-admin/", "https://shop.example"),
    ],
)
def test_addresses_as_people_paste_them(typed: str, root: str) -> None:
    assert site_root(typed) == root


# -- reading ----------------------------------------------------------------------------------


def test_fetch_brings_the_full_refunds(shop: Simulator, session: ShopSession) -> None:
    shop.add(order(53))
    shop.refund(53, captured.order("rest-20d-refund-partial-line"))
    payload = SOURCE.fetch(session, "53")
    (refund,) = SOURCE.parse(payload, MappingOptions()).refunds
    assert refund.detailed
    assert [line.key for line in refund.lines] == ["115"]


def test_binned_deleted_and_impossible_orders(shop: Simulator, session: ShopSession) -> None:
    shop.add(order(5))
    shop.bin(5)
    assert fetched(session, "5")["status"] == "trash"
    shop.delete(5)
    assert SOURCE.fetch(session, "5") is None
    asked = len(shop.requests)
    assert SOURCE.fetch(session, "../webhooks") is None
    assert len(shop.requests) == asked


def ids(payloads: tuple[Any, ...]) -> set[int]:
    return {payload["id"] for payload in payloads}


def test_changed_reads_orders_of_the_same_second_and_the_overlap(
    shop: Simulator, session: ShopSession
) -> None:
    since = NOW - HOUR
    shop.add(order(1), modified=since - HOUR)
    shop.add(order(2), modified=since - timedelta(minutes=5))
    shop.add(order(3), modified=since)
    shop.add(order(4), modified=since + timedelta(minutes=1))
    shop.add(order(5, status="trash"), modified=since + timedelta(minutes=2))
    page = SOURCE.changed(session, since)
    assert ids(page.payloads) == {2, 3, 4, 5}
    assert page.cursor == since + timedelta(minutes=2)
    assert ids(SOURCE.changed(session, page.cursor).payloads) >= {4, 5}


def test_changed_reads_more_than_a_page_of_one_second(
    shop: Simulator, session: ShopSession
) -> None:
    at = NOW - timedelta(minutes=30)
    for number in range(1, 251):
        shop.add(order(number), modified=at)
    assert ids(SOURCE.changed(session, at).payloads) == set(range(1, 251))


def test_an_order_that_changes_while_pages_are_read_hides_no_other(
    shop: Simulator, session: ShopSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = NOW - HOUR
    for number in range(1, 251):
        shop.add(order(number), modified=start + timedelta(seconds=number))
    ask = shop.answer

    def answer_and_change(*arguments: Any) -> Any:
        found = ask(*arguments)
        if len(shop.requests) == 1:
            shop.change(10, status="completed")
        return found

    monkeypatch.setattr(shop, "answer", answer_and_change)
    assert ids(SOURCE.changed(session, start).payloads) == set(range(1, 251))


def test_a_long_backlog_is_read_in_batches(
    shop: Simulator, session: ShopSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spojka.shops.woocommerce.source.BATCH", 150)
    start = NOW - 10 * HOUR
    for number in range(1, 401):
        shop.add(order(number), modified=start + timedelta(minutes=number))
    cursor, found, rounds = start, set[int](), 0
    while found != set(range(1, 401)):
        page = SOURCE.changed(session, cursor)
        assert page.cursor > cursor
        found |= ids(page.payloads)
        cursor, rounds = page.cursor, rounds + 1
    assert rounds > 1


def test_changed_finds_orders_by_their_refunds(shop: Simulator, session: ShopSession) -> None:
    shop.add(order(53), modified=NOW - 5 * HOUR)
    shop.refund(53, captured.order("rest-20d-refund-partial-line"), touch=False)
    (payload,) = SOURCE.changed(session, NOW - HOUR).payloads
    assert SOURCE.parse(payload, MappingOptions()).refunds[0].detailed
    shop.has_refund_collection = False
    assert SOURCE.changed(session, NOW - HOUR).payloads == ()


def test_the_cursor_stays_and_never_lies_in_the_future(
    shop: Simulator, session: ShopSession
) -> None:
    assert SOURCE.changed(session, NOW - HOUR).cursor == NOW - HOUR
    shop.add(order(1), modified=NOW + HOUR)
    assert SOURCE.changed(session, NOW - HOUR).cursor == NOW


# -- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("429", ThrottledError, "SPJ-SHOP-THROTTLED"),
        ("500", UnavailableError, "SPJ-SHOP-DOWN"),
        ("503", UnavailableError, "SPJ-SHOP-DOWN"),
        ("html", UnavailableError, "SPJ-SHOP-NOT-JSON"),
        ("403", RejectedError, "SPJ-SHOP-FIREWALL"),
        ("silence", UnavailableError, "SPJ-NET-TIMEOUT"),
        ("reset", UnavailableError, "SPJ-NET-RESET"),
    ],
)
def test_faults_while_reading(
    shop: Simulator, session: ShopSession, fault: str, error: type[OutcomeError], code: str
) -> None:
    shop.add(order(5))
    shop.fail(fault)
    with pytest.raises(error) as caught:
        SOURCE.fetch(session, "5")
    assert caught.value.problem.code == code
    assert fetched(session, "5")["id"] == 5, "the next time it works"


@pytest.mark.parametrize(
    ("fault", "written"),
    [
        ("500", False),
        ("503", False),
        ("html", False),
        ("silence", False),
        ("reset", False),
        ("500_after_commit", True),
        ("silence_after_commit", True),
        ("reset_after_commit", True),
    ],
)
def test_a_note_of_unknown_outcome_is_looked_up(
    shop: Simulator, session: ShopSession, fault: str, written: bool
) -> None:
    shop.add(order(5))
    shop.fail(fault, path="notes")
    with pytest.raises(UncertainError):
        SOURCE.write_note(session, "5", "Faktura 2026-0001 vystavena")
    found = SOURCE.find_note(session, "5", "Faktura 2026-0001 vystavena")
    assert (found is not None) is written


def test_throttling_says_until_when(shop: Simulator, session: ShopSession) -> None:
    shop.fail("429", retry_after="90")
    with pytest.raises(ThrottledError) as caught:
        SOURCE.write_note(session, "5", "x")
    assert caught.value.until == NOW + timedelta(seconds=90)
    assert retry_at("Sun, 22 Nov 2026 12:00:05 GMT", NOW) == NOW + timedelta(seconds=5)
    assert retry_at("soon", NOW) is None


# -- writing ----------------------------------------------------------------------------------


def test_a_note_is_private_and_moves_nothing(shop: Simulator, session: ShopSession) -> None:
    shop.add(order(5))
    before = dict(shop.orders[5])
    note = SOURCE.write_note(session, "5", "Faktura 2026-0001 & PDF")
    assert SOURCE.find_note(session, "5", "Faktura 2026-0001 & PDF") == note
    assert SOURCE.find_note(session, "5", "Faktura 2026-0001") is None
    assert shop.orders[5] == before
    assert shop.notes[5][0]["customer_note"] is False


def test_a_note_to_a_deleted_order(session: ShopSession) -> None:
    with pytest.raises(RejectedError) as caught:
        SOURCE.write_note(session, "5", "x")
    assert caught.value.rejection is Rejection.PERMANENT
    assert SOURCE.find_note(session, "5", "x") is None


class Receiver(BaseHTTPRequestHandler):
    status = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook"
    server.shutdown()
    thread.join()
    server.server_close()


def test_webhooks_are_registered_watched_and_revived(
    shop: Simulator, session: ShopSession, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add(order(5))
    assert SOURCE.watch(session, address) == []
    states = SOURCE.register_webhooks(session, address, "s1")
    assert [state.topic for state in states] == list(TOPICS)
    assert all(state.active for state in SOURCE.watch(session, address + "/"))
    assert shop.announce("order.updated", 5) == [200]

    monkeypatch.setattr(Receiver, "status", 500)
    for _ in range(6):
        shop.announce("order.updated", 5)
    assert all(state.active for state in SOURCE.watch(session, address))
    shop.announce("order.updated", 5)
    dead = [state for state in SOURCE.watch(session, address) if not state.active]
    assert [(state.topic, state.detail) for state in dead] == [("order.updated", "disabled")]

    again = SOURCE.register_webhooks(session, address, "s2")
    assert [state.external_id for state in again] == [state.external_id for state in states]
    assert all(state.active for state in again)


def test_simulated_deliveries_verify(shop: Simulator) -> None:
    made = shop.delivery("order.updated", order(5), "tajné")
    assert SOURCE.read_webhook(made, "tajné").external_id == "5"


# -- the checklist ----------------------------------------------------------------------------


def statuses(session: ShopSession) -> dict[str, tuple[CheckStatus, str]]:
    return {
        row.key: (row.status, row.problem.code if row.problem else "")
        for row in SOURCE.verify(session)
    }


OK = (CheckStatus.OK, "")


def test_a_shop_in_order(safe_shop: Simulator, certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with Client(allow=LOOPBACK, tls=trusting) as http:
        found = statuses(session_of(safe_shop, http))
    keys = ["address", "tls", "api", "orders", "refunds", "notes", "taxes", "rounding"]
    assert found == dict.fromkeys(keys, OK)
    assert not safe_shop.notes


def test_what_can_be_better_is_only_a_warning(shop: Simulator, session: ShopSession) -> None:
    shop.permissions = "read"
    shop.settings["tax/woocommerce_tax_round_at_subtotal"] = "yes"
    found = statuses(session)
    warn = CheckStatus.WARN
    assert found["tls"] == (warn, "SPJ-SHOP-NO-TLS")
    assert found["notes"] == (warn, "SPJ-SHOP-READ-ONLY")
    assert found["rounding"] == (warn, "SPJ-SHOP-ROUNDS-SUBTOTAL")
    assert found["orders"] == OK


def test_the_checklist_ends_at_what_is_necessary(shop: Simulator, session: ShopSession) -> None:
    wrong = session_of(shop, session.http, consumer_secret="cs_x")
    found = statuses(wrong)
    assert found["orders"] == (CheckStatus.FAIL, "SPJ-SHOP-SECRET")
    assert "taxes" not in found


def test_a_site_without_woocommerce(shop: Simulator, session: ShopSession) -> None:
    shop.fail("html", path="/wp-json")
    assert statuses(session)["api"] == (CheckStatus.FAIL, "SPJ-SHOP-NO-API")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://no-such-shop.invalid", "SPJ-NET-NAME"),
        ("http://10.255.255.1", "SPJ-NET-ADDRESS-BLOCKED"),
        ("ftp://shop.example", "SPJ-NET-URL"),
        ("", "SPJ-NET-URL"),
    ],
)
def test_addresses_that_do_not_answer(session: ShopSession, url: str, code: str) -> None:
    wrong = ShopSession({**session.credentials, "url": url}, session.http, NOW)
    assert statuses(wrong) == {"address": (CheckStatus.FAIL, code)}
