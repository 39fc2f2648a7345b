"""R9: the client of every session obeys the budget, whatever the adapter does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine
from pytest_django import Settings

from spojka.companies.models import Company
from spojka.connections import calls, identity, shops
from spojka.connections.budget import AccountBudget
from spojka.connections.calls import retry_at
from spojka.connections.models import Account, Call, Shop
from spojka.core.descriptor import FieldKind, FieldSpec
from spojka.core.outcome import EffectKind, ThrottledError, UncertainError
from spojka.core.problem import Problem
from spojka.documents.models import Effect
from spojka.engine import runner
from spojka.engine.models import Wake
from spojka.net.client import Client
from spojka.net.limits import DAY, HOUR, Limit
from spojka.shops.contract import ShopSession
from tests.documents.conftest import House, captured, house, toy
from tests.documents.toy import ToySystem
from tests.net.rawserver import answer, serve

__all__ = ["house", "toy"]
pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(settings: Settings) -> Iterator[time_machine.Traveller]:
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def budget(*limits: Limit, name: str = "toy:1") -> AccountBudget:
    return AccountBudget(lambda: name, limits, lane="shop:1", system="Toy")


def client(*limits: Limit) -> Client:
    return calls.client("connection:1", (), budget(*limits))


def test_what_is_not_allowed_is_not_sent() -> None:
    with serve(answer()) as server, client(Limit(2, DAY)) as http:
        http.request("GET", server.url)
        http.request("POST", server.url, json={}, write=False)
        with pytest.raises(ThrottledError) as caught:
            http.request("GET", server.url)
    assert len(server.requests) == 2
    assert caught.value.until is not None and caught.value.until > START
    assert Call.objects.count() == 2, "the timeline has what was sent"


def test_redirects_count() -> None:
    redirect = answer(b"", "302 Found", "Location: /there\r\n")
    with (
        serve(redirect) as server,
        client(Limit(3, DAY)) as http,
        pytest.raises(ThrottledError),
    ):
        http.request("GET", server.url)
    assert len(server.requests) == 3


def test_sessions_of_an_account_share_its_budget() -> None:
    with serve(answer()) as server:
        for _ in range(2):
            with client(Limit(2, DAY)) as http:
                http.request("GET", server.url)
        with client(Limit(2, DAY)) as http, pytest.raises(ThrottledError):
            http.request("GET", server.url)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        ("429 Too Many", "Retry-After: 30\r\n", 30),
        (
            "429 Too Many",
            f"Retry-After: {format_datetime(START + timedelta(seconds=40), True)}",
            40,
        ),
        ("503 Down", "Retry-After: 20\r\n", 20),
        ("429 Too Many", "", 10),
        ("429 Too Many", "Retry-After: soon\r\n", 10),
    ],
)
def test_a_pause_that_is_asked_for_holds_for_all(
    clock: time_machine.Traveller, status: str, header: str, seconds: int
) -> None:
    header = header.strip() + "\r\n" if header else ""
    with serve(answer(b"", status, header), answer()) as server:
        with client() as http:
            assert http.request("GET", server.url).status == int(status[:3])
        for passed in (0, seconds - 1):
            clock.move_to(START + timedelta(seconds=passed))
            with client() as http, pytest.raises(ThrottledError) as caught:
                http.request("GET", server.url)
            assert caught.value.problem.code == "SPJ-BUDGET-PAUSED"
            assert caught.value.until is not None
            assert caught.value.until >= START + timedelta(seconds=seconds)
        assert len(server.requests) == 1
        clock.move_to(START + timedelta(seconds=seconds))
        with client() as http:
            assert http.request("GET", server.url).status == 200


def test_an_outage_without_a_stated_time_is_no_pause() -> None:
    with serve(answer(b"", "503 Down")) as server, client() as http:
        http.request("GET", server.url)
        http.request("GET", server.url)
    assert len(server.requests) == 2


@pytest.mark.parametrize("header", ["", "-5", "1e9", "١٢", "Sun, 99 Nov 2026 12:00:00 GMT", "\x00"])
def test_a_header_that_says_no_time_says_nothing(header: str) -> None:
    assert retry_at(header, START) is None


def test_a_time_far_away_is_cut() -> None:
    at = retry_at("9" * 30, START)
    assert at is not None and at <= START + timedelta(days=32)


def test_what_was_begun_is_in_doubt_and_never_simply_sent_again() -> None:
    with serve(answer()) as server, client(Limit(1, DAY)) as http:
        http.request("POST", server.url, json={"customer": 1})
        with pytest.raises(UncertainError) as caught:
            http.request("POST", server.url, json={"invoice": 1})
    assert caught.value.problem.code == "SPJ-BUDGET-HALFWAY"
    assert len(server.requests) == 1


def test_a_refused_write_began_nothing() -> None:
    with serve(answer(b"", "422 No")) as server, client(Limit(1, DAY)) as http:
        http.request("POST", server.url, json={})
        with pytest.raises(ThrottledError):
            http.request("POST", server.url, json={})


def test_what_is_kept_back_finishes_what_was_begun() -> None:
    with serve(answer()) as server:
        with client(Limit(100, DAY)) as reading, pytest.raises(ThrottledError):
            for _ in range(100):
                reading.request("GET", server.url)
        assert len(server.requests) == 98
        Account.objects.update(day_calls=97)
        with client(Limit(100, DAY)) as writing:
            for _ in range(3):
                writing.request("POST", server.url, json={})
            with pytest.raises(UncertainError):
                writing.request("POST", server.url, json={})


def test_a_token_does_not_stand_in_the_timeline() -> None:
    body = b'{"token_type": "Bearer", "access_token":"tajny-token-1","refresh_token" : "obnova-2"}'
    with serve(answer(body), answer(b'"tajny-token-1"')) as server, client() as http:
        token = http.request("POST", server.url, form={"refresh_token": "stara-3"}).json()
        http.hide(token["access_token"])
        http.request("GET", server.url, params={"key": "tajny-token-1"})
    stored = repr(list(Call.objects.values()))
    assert "Bearer" in stored
    for secret in ("tajny-token-1", "obnova-2", "stara-3"):
        assert secret not in stored


# sessions


@pytest.fixture
def shop(db: None) -> Shop:
    company = Company.objects.create(name="Testovací s.r.o.")
    fields = {"url": "https://shop.example", "consumer_key": "ck_1", "consumer_secret": "cs_tajne"}
    return shops.create(company, "woocommerce", "Shop", fields, actor="test")


def get(shop: Shop, url: str) -> ShopSession:
    with shops.open_session(shop) as session:
        session.http.request("GET", url)
    return session


def test_shops_have_budget_and_tokens(shop: Shop) -> None:
    with serve(answer(b"", "429 No", "Retry-After: 60\r\n")) as server:
        session = get(shop, server.url)
        with pytest.raises(ThrottledError):
            get(shop, server.url)
    assert session.budget is not None and session.tokens is not None
    account = Account.objects.get()
    assert account.calls == 1
    assert account.name.startswith("woocommerce:")
    for secret in ("cs_tajne", "ck_1", "shop.example"):
        assert secret not in account.name


def test_nothing_is_stored_where_nothing_is_called(shop: Shop) -> None:
    with shops.open_session(shop):
        pass
    assert not Account.objects.exists()


# names


FIELDS = (
    FieldSpec("email", {"en": "E-mail"}),
    FieldSpec("key", {"en": "Key"}, FieldKind.SECRET),
    FieldSpec("series", {"en": "Series"}, required=False),
)


def name(values: dict[str, str], *chosen: str) -> str:
    return identity.account_name("toy", FIELDS, chosen, values, "connection:1")


def test_the_same_credentials_are_one_account() -> None:
    mine = {"email": "a@b.cz", "key": "k1", "series": "1"}
    assert name(mine) == name({**mine, "series": "2"})
    assert name(mine) == name({**mine, "key": " k1\n"})
    assert name(mine) != name({**mine, "key": "k2"})
    assert name(mine) != name({"email": "a@b.czk", "key": "1"}), "values are told apart"
    assert name(mine, "email") == name({**mine, "key": "k2"}, "email")


def test_a_token_belongs_to_all_of_the_credentials() -> None:
    first, second = {"email": "a@b.cz", "key": "k1"}, {"email": "a@b.cz", "key": "k2"}
    names = {
        identity.credential_name("toy", FIELDS, ("email",), values, "connection:1")
        for values in (first, second)
    }
    assert len(names) == 2


def test_a_system_without_fields_has_an_account_of_its_own() -> None:
    assert identity.account_name("toy", (), (), {}, "connection:7") == "toy:connection:7"


# the way through the engine


def test_a_throttled_effect_is_woken_when_it_is_told_to_and_not_before(
    house: House,
    toy: ToySystem,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = toy.create
    asked: list[datetime] = []

    def create(*args: object) -> object:
        asked.append(datetime.now(UTC))
        budget(Limit(1, HOUR)).take()
        return honest(*args)  # type: ignore[arg-type]

    budget(Limit(1, HOUR)).take()
    monkeypatch.setattr(toy, "create", create)
    order = house.take(captured("rest-20b-set-paid"))
    effect = Effect.objects.get(kind=EffectKind.CREATE)
    until = Wake.objects.get(handler="order", key=str(order.pk)).due_at
    assert effect.due_at == until >= START + timedelta(hours=1)
    assert effect.problem is not None and effect.problem["code"] == "SPJ-BUDGET-USED-UP"
    clock.move_to(until - timedelta(seconds=1))
    runner.run_until_idle(5)
    assert asked == [START]
    clock.move_to(until)
    runner.run_until_idle(5)
    assert asked == [START, until]
    assert len(toy.created) == 1


def test_a_throttled_look_up_is_not_polled_either(
    house: House,
    toy: ToySystem,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest, asked = toy.look_up, []

    def look_up(*args: object) -> object:
        asked.append(datetime.now(UTC))
        budget(Limit(1, HOUR)).take()
        return honest(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(toy, "look_up", look_up)
    toy.after = [UncertainError(Problem.of("SPJ-NET-TIMEOUT", host="toy"))]
    house.take(captured("rest-20b-set-paid"))
    budget(Limit(1, HOUR)).take()
    for _ in range(20):
        clock.shift(timedelta(seconds=60))
        runner.run_until_idle(5)
    assert len(asked) == 1
    clock.move_to(START + timedelta(hours=1, minutes=1))
    runner.run_until_idle(5)
    assert len(asked) == 2
    assert len(toy.created) == 1
    assert Effect.objects.get(kind=EffectKind.CREATE).state == "confirmed"


def test_a_pause_of_weeks_is_cut_to_a_day() -> None:
    with serve(answer(b"", "429 No", "Retry-After: 2000000\r\n")) as server, client() as http:
        http.request("GET", server.url)
        with pytest.raises(ThrottledError) as caught:
            http.request("GET", server.url)
    assert caught.value.until is not None
    assert timedelta(hours=23) < caught.value.until - START <= timedelta(hours=25, seconds=1)


def test_the_first_in_a_queue_comes_when_calls_do_whatever_the_microsecond(
    clock: time_machine.Traveller,
) -> None:
    """On PostgreSQL, sums of times that came out a hair smaller sent some away for an hour."""
    for number in range(200):
        clock.shift(timedelta(seconds=61, microseconds=7919))
        now = datetime.now(UTC)
        paused = budget(name=f"toy:{number}")  # each with a queue in which nobody waited yet
        paused.pause(now + timedelta(seconds=10, microseconds=number * 4999 + 1))
        with pytest.raises(ThrottledError) as caught:
            paused.take()
        assert caught.value.until is not None
        assert caught.value.until - now < timedelta(seconds=12)
