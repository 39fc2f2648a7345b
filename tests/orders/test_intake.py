"""Orders in from a real WooCommerce API (the simulator): webhooks, polling, faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from spojka.companies.models import Company
from spojka.connections import calls, shops
from spojka.connections.models import Call, Shop
from spojka.core.descriptor import CheckStatus
from spojka.core.order import Order as CoreOrder
from spojka.documents import attention
from spojka.engine import runner
from spojka.engine.models import Wake
from spojka.operations import health
from spojka.orders import housekeeping, intake, polling
from spojka.orders.models import InboxEvent, Order
from spojka.shops.contract import Delivery, Page, ShopSession
from spojka.shops.woocommerce import simulator
from spojka.shops.woocommerce.simulator import Simulator
from spojka.shops.woocommerce.source import WooCommerce
from tests.api.conftest import canonical

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORDERS = Path(__file__).parent.parent / "fixtures" / "woocommerce" / "orders"


def captured(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((ORDERS / f"{name}.json").read_text(encoding="utf-8"))
    return payload


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=True) as traveller:
        yield traveller


@pytest.fixture
def woo() -> Iterator[Simulator]:
    with Simulator() as woo:
        yield woo


@pytest.fixture
def shop(woo: Simulator, db: None, settings: Any) -> Shop:
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8"]
    company = Company.objects.create(name="Testovací s.r.o.")
    fields = {
        "url": woo.url,
        "consumer_key": simulator.KEY,
        "consumer_secret": simulator.SECRET,
    }
    made = shops.create(company, "woocommerce", "Shop", fields, actor="test")
    checks = shops.verify(made)
    assert not [check for check in checks if check.status is CheckStatus.FAIL]
    return made


def deliver(shop: Shop, delivery: Delivery) -> InboxEvent:
    return intake.receive(shop, via="webhook", body=delivery.body, headers=dict(delivery.headers))


def problem_code(stored: dict[str, Any] | None) -> str:
    return str((stored or {}).get("code"))


def work() -> None:
    runner.run_until_idle(20)


def test_a_webhook_is_a_hint_and_the_order_is_read_again(shop: Shop, woo: Simulator) -> None:
    stale = captured("rest-20-create-pending")
    number = woo.add(captured("rest-20b-set-paid"))
    deliver(shop, woo.delivery("order.updated", stale, shops.webhook_secret(shop)))
    work()
    order = Order.objects.get(external_id=str(number))
    assert order.status == "processing", "the truth is what the shop says now"


def test_three_deliveries_make_one_version(shop: Shop, woo: Simulator) -> None:
    woo.add(captured("rest-20b-set-paid"))
    for topic in ("order.updated", "order.created", "order.updated"):
        deliver(
            shop, woo.delivery(topic, captured("rest-20b-set-paid"), shops.webhook_secret(shop))
        )
    work()
    order = Order.objects.get()
    assert order.versions.count() == 1
    assert sorted(InboxEvent.objects.values_list("outcome", flat=True)) == [
        "created",
        "unchanged",
        "unchanged",
    ]


def test_shared_delivery_ids_lose_no_order(shop: Shop, woo: Simulator) -> None:
    secret = shops.webhook_secret(shop)
    names = ["rest-20b-set-paid", "rest-22-negative-fee", "store-01-multi-vat-shipping"]
    deliveries = []
    for name in names:
        woo.add(captured(name))
        deliveries.append(woo.delivery("order.created", captured(name), secret))
    for delivery in deliveries:
        headers = {**delivery.headers, "x-wc-webhook-delivery-id": "the-same"}
        deliver(shop, Delivery(headers, delivery.body))
    work()
    assert Order.objects.count() == 3


def test_a_shop_that_is_away_is_asked_again(
    shop: Shop, woo: Simulator, clock: time_machine.Traveller
) -> None:
    woo.add(captured("rest-20b-set-paid"))
    woo.fail("503", times=2)
    event = deliver(
        shop,
        woo.delivery("order.updated", captured("rest-20b-set-paid"), shops.webhook_secret(shop)),
    )
    work()
    event.refresh_from_db()
    assert (event.state, event.outcome) == ("new", "shop_unavailable")
    for _ in range(3):
        clock.shift(timedelta(minutes=5))
        work()
    event.refresh_from_db()
    assert event.outcome == "created"
    assert not Wake.objects.filter(handler="event").exists()


def test_a_deleted_order_is_marked(shop: Shop, woo: Simulator) -> None:
    number = woo.add(captured("rest-20b-set-paid"))
    polling.poll(shop.pk)
    woo.delete(number)
    deliver(shop, woo.delivery("order.deleted", {"id": number}, shops.webhook_secret(shop)))
    work()
    assert Order.objects.get().deleted_at is not None


def overtake(monkeypatch: pytest.MonkeyPatch, *meanwhile: Callable[[], object]) -> None:
    """Have things happen after an order was fetched and before what was fetched is stored."""
    fetch = WooCommerce.fetch
    waiting = list(meanwhile)

    def slow(self: WooCommerce, s: ShopSession, external_id: str) -> Any:
        payload = fetch(self, s, external_id)
        if waiting:
            waiting.pop(0)()
        return payload

    monkeypatch.setattr(WooCommerce, "fetch", slow)


def test_who_was_frozen_while_the_order_was_deleted_does_not_bring_it_back(
    shop: Shop, woo: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = woo.add(captured("rest-20b-set-paid"))
    polling.poll(shop.pk)
    secret = shops.webhook_secret(shop)

    def deleted_by_another_worker() -> None:
        woo.delete(number)
        event = deliver(shop, woo.delivery("order.deleted", {"id": number}, secret))
        assert intake.handle(event.pk).outcome == "deleted"

    overtake(monkeypatch, deleted_by_another_worker)
    frozen = deliver(shop, woo.delivery("order.updated", {"id": number}, secret))
    assert intake.handle(frozen.pk).state == "done"
    assert Order.objects.get().deleted_at is not None


def test_of_two_changes_in_one_second_the_later_one_stays(
    shop: Shop, woo: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = NOW - timedelta(minutes=1)
    number = woo.add(captured("rest-20-create-pending"), modified=second)
    secret = shops.webhook_secret(shop)

    def paid_and_read_by_another_worker() -> None:
        woo.add({**captured("rest-20b-set-paid"), "id": number}, modified=second)
        event = deliver(shop, woo.delivery("order.updated", {"id": number}, secret))
        assert intake.handle(event.pk).outcome in {"created", "changed"}

    overtake(monkeypatch, paid_and_read_by_another_worker)
    frozen = deliver(shop, woo.delivery("order.created", {"id": number}, secret))
    assert intake.handle(frozen.pk).outcome == "unchanged"
    order = Order.objects.get()
    assert (order.status, order.versions.count()) == ("processing", 1)


def test_polling_that_was_overtaken_reads_the_order_again(
    shop: Shop, woo: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = NOW - timedelta(minutes=1)
    number = woo.add(captured("rest-20-create-pending"), modified=second)
    secret = shops.webhook_secret(shop)
    changed = WooCommerce.changed

    def slow(self: WooCommerce, s: ShopSession, since: datetime) -> Page:
        page = changed(self, s, since)
        woo.add({**captured("rest-20b-set-paid"), "id": number}, modified=second)
        event = deliver(shop, woo.delivery("order.updated", {"id": number}, secret))
        intake.handle(event.pk)
        return page

    monkeypatch.setattr(WooCommerce, "changed", slow)
    assert polling.poll(shop.pk).changed == 0
    assert Order.objects.get().status == "processing"


def test_two_who_bring_a_new_order_at_once_make_one(
    shop: Shop, woo: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = captured("rest-20b-set-paid")
    digest = intake.digest
    waiting = [lambda: intake.store(shop, payload)]

    def slow(core: CoreOrder) -> str:
        if waiting:
            waiting.pop()()
        return digest(core)

    monkeypatch.setattr(intake, "digest", slow)  # after it was looked whether the order is there
    order, _ = intake.store(shop, payload)
    assert (Order.objects.get(), order.versions.count()) == (order, 1)


def test_clocks_that_differ_do_not_keep_an_order_out(
    shop: Shop, woo: Simulator, clock: time_machine.Traveller
) -> None:
    number = woo.add(captured("rest-20-create-pending"))
    polling.poll(shop.pk)
    woo.change(number, status="on-hold")
    clock.shift(timedelta(minutes=-1))  # the next reader's clock is a minute behind
    event = deliver(shop, woo.delivery("order.updated", {"id": number}, shops.webhook_secret(shop)))
    assert intake.handle(event.pk).outcome == "changed"
    assert Order.objects.get().status == "on-hold"


def test_of_what_is_sent_to_us_the_later_one_stays_whoever_is_faster(shop: Shop) -> None:
    own = shops.create(shop.company, "canonical", "API", {}, actor="test")
    earlier, later = (
        intake.receive(own, via="api", body=json.dumps(canonical(status=status)).encode())
        for status in ("on-hold", "processing")
    )
    assert intake.handle(later.pk).outcome == "created"
    assert intake.handle(earlier.pk).outcome == "unchanged"
    assert Order.objects.get().status == "processing"


def test_an_error_body_and_a_ping_are_ignored(shop: Shop, woo: Simulator) -> None:
    secret = shops.webhook_secret(shop)
    gone = {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}
    deliver(shop, woo.delivery("order.created", gone, secret))
    deliver(
        shop,
        Delivery({"content-type": "application/x-www-form-urlencoded"}, b"webhook_id=1"),
    )
    work()
    assert set(InboxEvent.objects.values_list("state", flat=True)) == {"ignored"}


def test_polling_heals_lost_webhooks_and_repeats_nothing(shop: Shop, woo: Simulator) -> None:
    woo.add(captured("rest-20b-set-paid"), modified=NOW - timedelta(hours=1))
    woo.add(captured("rest-22-negative-fee"), modified=NOW - timedelta(minutes=1))
    assert polling.poll(shop.pk).changed == 2
    assert polling.poll(shop.pk).changed == 0
    woo.change(63, status="completed")
    assert polling.poll(shop.pk).changed == 1


def test_a_refund_comes_with_its_rows(shop: Shop, woo: Simulator) -> None:
    number = woo.add(captured("rest-20b-set-paid"), modified=NOW - timedelta(hours=1))
    polling.poll(shop.pk)
    woo.refund(number, captured("rest-20d-refund-partial-line"))
    polling.poll(shop.pk)
    refunds = Order.objects.get().content().refunds
    assert [(refund.detailed, str(refund.amount)) for refund in refunds] == [(True, "499.00")]
    assert refunds[0].lines[0].key


def test_one_unreadable_order_does_not_stop_the_others(shop: Shop, woo: Simulator) -> None:
    woo.add({**captured("rest-20b-set-paid"), "line_items": "broken", "currency": None})
    woo.add(captured("rest-22-negative-fee"))
    polling.poll(shop.pk)
    assert Order.objects.filter(number="63").exists()
    failed = InboxEvent.objects.get(state="failed")
    assert (failed.problem or {})["code"].startswith("SPJ-")


def test_a_disabled_webhook_is_noticed(shop: Shop, woo: Simulator) -> None:
    shops.register_webhooks(shop, actor="test")
    polling.watch(shop.pk)
    shop.refresh_from_db()
    assert shop.webhook_problem is None
    next(iter(woo.webhooks.values()))["status"] = "disabled"
    polling.watch(shop.pk)
    shop.refresh_from_db()
    assert problem_code(shop.webhook_problem) == "SPJ-WEBHOOK-DISABLED"


def test_a_shop_that_cannot_be_polled_says_why(shop: Shop, woo: Simulator) -> None:
    woo.fail("html", times=5)
    polling.poll_all()
    shop.refresh_from_db()
    assert (shop.poll_problem or {})["code"].startswith("SPJ-SHOP")
    assert shop.cursor is None


def test_an_error_of_our_own_at_one_shop_stops_no_other_and_is_shown(
    shop: Shop, woo: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"url": woo.url, "consumer_key": simulator.KEY, "consumer_secret": simulator.SECRET}
    other = shops.create(shop.company, "woocommerce", "Second", fields, actor="test")
    shops.verify(other)
    poll = polling.poll

    def fail_at_the_first(shop_id: int) -> polling.PollResult:
        if shop_id == shop.pk:
            raise KeyError("hunter2")
        return poll(shop_id)

    with monkeypatch.context() as patch:
        patch.setattr(polling, "poll", fail_at_the_first)
        polling.poll_all()
    for one in (shop, other):
        one.refresh_from_db()
    assert problem_code(shop.poll_problem) == "SPJ-INTERNAL"
    assert "hunter2" not in str(shop.poll_problem)
    assert health.failing() == [(f"shop {shop.pk}", "KeyError")]
    assert other.polled_at is not None
    polling.poll_all()
    shop.refresh_from_db()
    assert shop.poll_problem is None


def test_no_secret_stands_in_the_timeline(shop: Shop, woo: Simulator) -> None:
    woo.add(captured("rest-20b-set-paid"))
    polling.poll(shop.pk)
    shops.register_webhooks(shop, actor="test")
    rows = Call.objects.filter(owner=shops.owner(shop))
    assert rows.count() >= 4
    for row in rows:
        text = f"{row.url}{row.request}{row.response}"
        assert simulator.SECRET not in text
        assert shops.webhook_secret(shop) not in text


def test_an_error_of_our_own_becomes_a_named_obstacle_and_is_tried_again_by_hand(
    shop: Shop, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shops.create(shop.company, "canonical", "API", {}, actor="test")
    event = intake.receive(own, via="api", body=json.dumps(canonical()).encode())

    def fail(_order: CoreOrder) -> str:
        raise KeyError("not there")

    with monkeypatch.context() as patch:
        patch.setattr(intake, "digest", fail)
        for attempt in range(1, intake.OWN_ERRORS + 1):
            work()
            event.refresh_from_db()
            assert event.attempts == attempt
            clock.shift(timedelta(minutes=15))
    assert (event.state, problem_code(event.problem)) == ("failed", "SPJ-INTERNAL")
    assert (event.problem or {})["facts"]["reference"] == event.trace, "as the log has it"
    [group] = attention.groups(shop.company, "en")
    assert (group.code, group.events) == ("SPJ-INTERNAL", [event])
    assert intake.handle(event.pk).outcome == "created"


def test_events_handled_long_ago_go_and_what_came_of_them_stays(
    shop: Shop, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "AT_ONCE", 2)
    names = ["rest-20b-set-paid", "rest-22-negative-fee", "store-01-multi-vat-shipping"]
    content = json.dumps([*map(captured, names), {"code": "nonsense"}]).encode()
    intake.import_file(shop, "orders.json", content, actor="test")
    waiting = intake.receive(shop, via="api", body=b"{}")
    clock.shift(housekeeping.KEEP - timedelta(minutes=1))
    housekeeping.prune()
    assert InboxEvent.objects.count() == 5
    clock.shift(timedelta(minutes=2))
    housekeeping.prune()
    assert set(InboxEvent.objects.values_list("state", flat=True)) == {"failed", "new"}
    assert InboxEvent.objects.filter(pk=waiting.pk).exists()
    versions = [order.versions.get() for order in Order.objects.all()]
    assert [version.event for version in versions] == [None] * 3
    assert all(version.payload and version.trace for version in versions)
    # A file that comes once more finds the orders as they are.
    assert intake.import_file(shop, "orders.json", content, actor="test").unchanged == 3


def test_recorded_requests_go_after_ninety_days(
    shop: Shop, woo: Simulator, clock: time_machine.Traveller
) -> None:
    polling.poll(shop.pk)
    before = Call.objects.count()
    clock.shift(timedelta(days=89))
    calls.prune()
    assert Call.objects.count() == before > 0
    clock.shift(timedelta(days=2))
    polling.poll(shop.pk)
    calls.prune()
    assert 0 < Call.objects.count() <= before


def test_import_of_a_file_keeps_going_past_a_bad_order(shop: Shop) -> None:
    content = json.dumps(
        [captured("rest-20b-set-paid"), {"code": "nonsense"}, captured("rest-22-negative-fee")]
    ).encode()
    result = intake.import_file(shop, "orders.json", content, actor="test")
    assert (result.created, len(result.failed)) == (2, 1)
    again = intake.import_file(shop, "orders.json", content, actor="test")
    assert (again.created, again.unchanged) == (0, 2)
