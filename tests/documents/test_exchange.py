"""Exchange rates: the right day's, read exactly, and never from something that is no table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.companies.models import Company
from spojka.core.document import ExchangeRate
from spojka.core.outcome import UnavailableError
from spojka.documents import exchange
from spojka.documents.exchange import PublishedRate, TableError, parse_cnb, parse_ecb
from spojka.documents.models import RateOfDay
from spojka.net.client import Client

CNB = """20.11.2026 #224
země|měna|množství|kód|kurz
Austrálie|dolar|1|AUD|13,512
EMU|euro|1|EUR|24,155
Indonésie|rupie|1000|IDR|1,245
Maďarsko|forint|100|HUF|6,331
"""

ECB = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
                 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
  <Cube>%s</Cube>
</gesmes:Envelope>"""


def ecb(*days: tuple[str, dict[str, str]]) -> bytes:
    cubes = "".join(
        f'<Cube time="{day}">'
        + "".join(f'<Cube currency="{code}" rate="{rate}"/>' for code, rate in rates.items())
        + "</Cube>"
        for day, rates in days
    )
    return ECB % cubes.encode()


# ── Reading ───────────────────────────────────────────────────────────────────────────────────


def test_the_table_of_the_cnb_is_read_as_it_is_published() -> None:
    day = date(2026, 11, 20)
    assert parse_cnb(CNB) == [
        PublishedRate("AUD", day, 1, Decimal("13.512")),
        PublishedRate("EUR", day, 1, Decimal("24.155")),
        PublishedRate("IDR", day, 1000, Decimal("1.245")),
        PublishedRate("HUF", day, 100, Decimal("6.331")),
    ]
    assert parse_cnb(CNB.replace("\n", "\r\n")) == parse_cnb(CNB)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!DOCTYPE html><html><body>Údržba</body></html>",
        "20.11.2026 #224",
        "20.11.2026 #224\nzemě|měna|množství|kód|kurz\n",
        CNB.replace("množství|kód", "kód|množství"),
        CNB.replace("20.11.2026", "32.11.2026"),
        CNB.replace("24,155", ""),
        CNB.replace("24,155", "-24,155"),
        CNB.replace("24,155", "0"),
        CNB.replace("24,155", "NaN"),
        CNB.replace("24,155", "1e999999"),
        CNB.replace("|1|EUR", "|0|EUR"),
        CNB.replace("EUR", "<b>"),
        CNB.replace("EMU|euro|", "EMU|"),
        CNB + "<script>",
    ],
)
def test_what_is_no_table_of_the_cnb_is_refused_whole(text: str) -> None:
    with pytest.raises(TableError):
        parse_cnb(text)


def test_the_rates_of_the_ecb_are_turned_around() -> None:
    rates = parse_ecb(ecb(("2026-11-20", {"USD": "1.1560", "CZK": "24.155", "IDR": "19234.56"})))
    assert [(rate.currency, rate.amount, rate.rate) for rate in rates] == [
        ("USD", 1000, Decimal("865.051903")),
        ("CZK", 10000, Decimal("413.992962")),
        ("IDR", 10000000, Decimal("519.897518")),
    ]
    assert {rate.valid_on for rate in rates} == {date(2026, 11, 20)}


@given(rate=st.decimals("0.0001", "99999", places=4).filter(lambda rate: rate > 0))
def test_turning_around_loses_less_than_a_cent_in_a_million(rate: Decimal) -> None:
    (found,) = parse_ecb(ecb(("2026-11-20", {"XXX": str(rate)})))
    euros = Decimal(1_000_000)
    there_and_back = euros * rate * found.rate / found.amount
    assert abs(there_and_back - euros) < Decimal("0.01")


def test_several_days_are_read() -> None:
    rates = parse_ecb(ecb(("2026-11-20", {"USD": "1.1"}), ("2026-11-19", {"USD": "1.2"})))
    assert [rate.valid_on.day for rate in rates] == [20, 19]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html><html><body><p>Maintenance</body></html>",
        b"<html><body/></html>",
        ecb(),
        ecb(("2026-11-20", {})),
        ecb(("yesterday", {"USD": "1.1"})),
        ecb(("2026-11-20", {"USD": "0"})),
        ecb(("2026-11-20", {"USD": "-1.1"})),
        ecb(("2026-11-20", {"USD": "Infinity"})),
        ecb(("2026-11-20", {"USD": "one"})),
        ecb(("2026-11-20", {"usd": "1.1"})),
        ecb(("2026-11-20", {"USD": "1.1"}))[:-20],
    ],
)
def test_what_is_no_table_of_the_ecb_is_refused_whole(content: bytes) -> None:
    with pytest.raises(TableError):
        parse_ecb(content)


def test_an_external_entity_is_not_read(tmp_path: object) -> None:
    attack = (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        b'<x><Cube time="2026-11-20"><Cube currency="USD" rate="&e;"/></Cube></x>'
    )
    with pytest.raises(TableError) as caught:
        parse_ecb(attack)
    assert "root:" not in str(caught.value)


# ── Which rate ────────────────────────────────────────────────────────────────────────────────


def company(**fields: str) -> Company:
    return Company.objects.create(name="Hrnečky s.r.o.", **fields)


def published(source: str, day: date, rate: str, currency: str = "EUR") -> None:
    RateOfDay.objects.create(
        home=exchange.HOME[source],
        currency=currency,
        valid_on=day,
        rate=Decimal(rate),
        source=source,
    )


@pytest.mark.django_db
def test_the_home_currency_needs_no_rate() -> None:
    assert exchange.rate_for(company(rate_source="cnb"), "CZK", date(2026, 11, 20)) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("home", "source", "currency"), [("CZK", "cnb", "EUR"), ("EUR", "ecb", "USD")]
)
def test_the_last_table_before_the_day_holds(home: str, source: str, currency: str) -> None:
    seller = company(currency=home, rate_source=source)
    published(source, date(2026, 11, 19), "24.1", currency)
    published(source, date(2026, 11, 20), "24.2", currency)  # a Friday
    published(source, date(2026, 11, 23), "24.3", currency)
    wanted = {19: None, 20: "24.1", 21: "24.2", 22: "24.2", 23: "24.2", 24: "24.3", 25: "24.3"}
    for day, rate in wanted.items():
        found = exchange.rate_for(seller, currency, date(2026, 11, day))
        assert (found and found.rate) == (Decimal(rate) if rate else None)
    found = exchange.rate_for(seller, currency, date(2026, 11, 22))
    assert found == ExchangeRate(home, Decimal("24.2"), 1, source, date(2026, 11, 20))


@pytest.mark.django_db
def test_a_table_that_is_too_old_is_not_used() -> None:
    seller = company(rate_source="cnb")
    published("cnb", date(2026, 11, 2), "24.1")
    assert exchange.rate_for(seller, "EUR", date(2026, 11, 12)) is not None
    assert exchange.rate_for(seller, "EUR", date(2026, 11, 13)) is None


@pytest.mark.django_db
def test_another_source_another_home_and_another_company_do_not_count() -> None:
    seller = company(rate_source="cnb")
    published("ecb", date(2026, 11, 19), "24.1", "EUR")
    RateOfDay.objects.create(
        home="CZK", currency="EUR", valid_on=date(2026, 11, 20), rate=25, source="manual",
        company=company(),
    )  # fmt: skip
    assert exchange.rate_for(seller, "EUR", date(2026, 11, 20)) is None


def by_hand(seller: Company, day: date, rate: str) -> None:
    RateOfDay.objects.create(
        home="CZK",
        currency="EUR",
        valid_on=day,
        rate=Decimal(rate),
        source="manual",
        company=seller,
    )


@pytest.mark.django_db
def test_a_rate_entered_by_hand_for_the_day_comes_first() -> None:
    seller = company(rate_source="cnb")
    published("cnb", date(2026, 11, 19), "24.1")
    by_hand(seller, date(2026, 11, 20), "25")
    first = exchange.rate_for(seller, "EUR", date(2026, 11, 20))
    assert first is not None
    assert (first.rate, first.source) == (Decimal(25), "manual")
    next_day = exchange.rate_for(seller, "EUR", date(2026, 11, 21))
    assert next_day is not None
    assert next_day.source == "cnb"


@pytest.mark.django_db
def test_rates_all_entered_by_hand_hold_until_the_next_one() -> None:
    seller = company(rate_source="manual")
    published("cnb", date(2026, 11, 19), "24.1")
    assert exchange.rate_for(seller, "EUR", date(2026, 11, 20)) is None
    by_hand(seller, date(2026, 1, 1), "25")
    by_hand(seller, date(2026, 7, 1), "26")
    for day, rate in [(date(2026, 6, 30), 25), (date(2026, 7, 1), 26), (date(2026, 12, 31), 26)]:
        found = exchange.rate_for(seller, "EUR", day)
        assert found is not None
        assert found.rate == rate
    assert exchange.rate_for(seller, "EUR", date(2025, 12, 31)) is None


# ── Fetching ──────────────────────────────────────────────────────────────────────────────────


@contextmanager
def bank(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, tuple[int, bytes]]
) -> Iterator[list[str]]:
    """A bank on loopback; yields the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = answers[self.path.partition("?")[0]]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        for name in ("CNB_URL", "ECB_DAILY_URL", "ECB_RECENT_URL"):
            path = getattr(exchange, name).rpartition("/")[2]
            monkeypatch.setattr(exchange, name, f"{base}/{path}")
        yield asked
        server.shutdown()
        thread.join()


@pytest.fixture
def http() -> Iterator[Client]:
    with Client(allow=[ip_network("127.0.0.0/8")]) as client:
        yield client


@pytest.mark.django_db
def test_the_table_before_the_day_is_asked_for_and_kept_once(
    monkeypatch: pytest.MonkeyPatch, http: Client
) -> None:
    with bank(monkeypatch, {"/denni_kurz.txt": (200, CNB.encode())}) as asked:
        assert exchange.refresh("cnb", date(2026, 11, 23), http) == 4
        assert exchange.refresh("cnb", date(2026, 11, 23), http) == 0
    assert asked[0] == "/denni_kurz.txt?date=22.11.2026"
    found = exchange.rate_for(company(rate_source="cnb"), "HUF", date(2026, 11, 23))
    assert found == ExchangeRate("CZK", Decimal("6.331"), 100, "cnb", date(2026, 11, 20))


@pytest.mark.django_db
def test_the_longer_table_is_read_only_where_the_short_one_has_no_day_before(
    monkeypatch: pytest.MonkeyPatch, http: Client
) -> None:
    daily = ecb(("2026-11-20", {"USD": "1.1"}))
    recent = ecb(
        ("2026-11-20", {"USD": "1.1"}),
        ("2026-11-19", {"USD": "1.25"}),
        ("2026-09-01", {"USD": "1.3"}),
    )
    answers = {"/eurofxref-daily.xml": (200, daily), "/eurofxref-hist-90d.xml": (200, recent)}
    seller = company(currency="EUR", rate_source="ecb")
    with bank(monkeypatch, answers) as asked:
        assert exchange.refresh("ecb", date(2026, 11, 21), http) == 1
        assert asked == ["/eurofxref-daily.xml"]
        # On the day itself the bank already tells that day's rates; those before are needed.
        assert exchange.refresh("ecb", date(2026, 11, 20), http) == 1
        assert asked[1:] == ["/eurofxref-daily.xml", "/eurofxref-hist-90d.xml"]
    found = exchange.rate_for(seller, "USD", date(2026, 11, 20))
    assert found is not None
    assert (found.valid_on, found.rate, found.amount) == (date(2026, 11, 19), Decimal(800), 1000)
    assert RateOfDay.objects.count() == 2  # what is far from the day is not kept


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("source", "status", "body"),
    [
        ("cnb", 200, b"<!DOCTYPE html><html>maintenance</html>"),
        ("cnb", 503, CNB.encode()),
        ("cnb", 200, b"\xff\xfe\x00"),
        ("ecb", 200, b"<!DOCTYPE html><html>maintenance"),
        ("ecb", 404, b""),
    ],
)
def test_an_odd_answer_is_named_and_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, http: Client, source: str, status: int, body: bytes
) -> None:
    paths = ["/denni_kurz.txt", "/eurofxref-daily.xml", "/eurofxref-hist-90d.xml"]
    with (
        bank(monkeypatch, dict.fromkeys(paths, (status, body))),
        pytest.raises(UnavailableError, match="SPJ-EXCHANGE-RATE-ANSWER"),
    ):
        exchange.refresh(source, date(2026, 11, 23), http)
    assert not RateOfDay.objects.exists()


def test_an_unknown_source_is_an_error_of_the_caller(http: Client) -> None:
    with pytest.raises(ValueError, match="not a source"):
        exchange.refresh("manual", date(2026, 11, 23), http)
