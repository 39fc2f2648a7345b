"""What Spojka itself fails at stands under *Needs attention* until it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError

from spojka import engine
from spojka.companies.models import AuditEntry, Company
from spojka.connections.models import Connection, Shop
from spojka.core import trace
from spojka.core.catalogue import DocumentExists
from spojka.core.document import Kind
from spojka.documents import actions, attention, changes, stuck
from spojka.documents.models import Effect
from spojka.engine import runner, wakes
from spojka.engine.models import Wake
from spojka.orders import intake
from spojka.orders.models import Order, OrderVersion
from tests.documents.conftest import House, captured

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def spoil(order: Order) -> Any:
    """Make what is stored of an order unreadable; return what it was."""
    version = OrderVersion.objects.get(order=order)
    content = version.content
    version.content = {**content, "total": SECRET}
    version.save()
    engine.wake("order", order.pk, account=f"shop:{order.shop_id}")
    return content


def fail_twice(house: House, clock: time_machine.Traveller) -> None:
    for _ in range(2):
        house.work()
        clock.shift(timedelta(minutes=1))


def test_an_order_that_cannot_be_planned_needs_attention_until_it_can(
    house: House, clock: time_machine.Traveller
) -> None:
    order, _ = intake.store(house.shop, captured("rest-20b-set-paid"))
    content = spoil(order)
    house.work()
    assert (attention.count(house.company), attention.groups(house.company, "en")) == (0, [])
    assert stuck.of_order(order) is None, "once may be of the moment"

    clock.shift(timedelta(minutes=1))
    house.work()
    assert attention.count(house.company) == 1
    [group] = attention.groups(house.company, "en")
    [one] = group.stuck
    assert (group.code, group.count, one.order, one.exists) == (
        "SPJ-STUCK", 1, order, DocumentExists.NO,
    )  # fmt: skip
    assert (one.failures, one.since, one.error) == (2, START, "InvalidOperation")
    assert one.next_try is not None
    assert SECRET not in f"{group.problem}{group.explained}{one.wake.__dict__}"
    version = OrderVersion.objects.get(order=order)
    assert one.trace == version.trace, "the same mark as on the order's life line"

    version.content = content
    version.save()
    clock.shift(timedelta(minutes=1))
    house.work()
    assert (attention.count(house.company), attention.groups(house.company, "en")) == (0, [])
    assert stuck.of_order(order) is None
    assert house.only(order, Kind.INVOICE).number


def test_a_failure_that_follows_a_success_is_the_first_one_again(
    house: House, clock: time_machine.Traveller
) -> None:
    order = house.take(captured("rest-20b-set-paid"))
    content = spoil(order)
    house.work()
    version = OrderVersion.objects.get(order=order)
    OrderVersion.objects.update(content=content)
    clock.shift(timedelta(minutes=1))
    house.work()
    OrderVersion.objects.update(content=version.content)
    engine.wake("order", order.pk)
    house.work()
    assert stuck.of_order(order) is None
    clock.shift(timedelta(minutes=1))
    house.work()
    found = stuck.of_order(order)
    assert found is not None
    assert (found.failures, found.since) == (2, START + timedelta(minutes=1))


def test_an_error_without_a_trace_has_a_mark_in_the_log_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(runner.log, "exception", lambda *_, **__: logged.append(trace.current()))
    engine.wake("order", 10**9, account=f"shop:{house.shop.pk}")
    fail_twice(house, clock)
    [group] = attention.groups(house.company, "en")
    [one] = group.stuck
    assert (one.name, one.order, one.error) == ("order 1000000000", None, "DoesNotExist")
    assert one.trace == logged[-1] != ""


def test_what_is_known_of_the_order_s_document_is_said(
    house: House, clock: time_machine.Traveller
) -> None:
    order = house.take(captured("rest-20b-set-paid"))
    spoil(order)
    fail_twice(house, clock)

    number = house.only(order, Kind.INVOICE).number

    def known() -> tuple[DocumentExists, str]:
        [group] = [one for one in attention.groups(house.company, "en") if one.stuck]
        return group.stuck[0].exists, group.stuck[0].number

    assert known() == (DocumentExists.YES, number)
    Effect.objects.filter(kind="create").update(state="uncertain")
    assert known()[0] is DocumentExists.UNKNOWN


def test_trying_again_is_noted_and_done_at_once(
    house: House, clock: time_machine.Traveller
) -> None:
    order, _ = intake.store(house.shop, captured("rest-20b-set-paid"))
    content = spoil(order)
    fail_twice(house, clock)
    clock.shift(timedelta(minutes=-1))
    OrderVersion.objects.update(content=content)
    assert not runner.run_once(), "its next time has not come yet"

    assert actions.retry_all(house.company, "SPJ-STUCK", actor="Jana") == 1
    house.work()
    assert attention.count(house.company) == 0
    assert house.only(order, Kind.INVOICE).number
    entry = AuditEntry.objects.get(action="order.retry")
    assert (entry.actor, entry.subject) == ("Jana", order.number)
    assert order.events.get(name="person.retry").facts == {"actor": "Jana"}


def test_an_event_that_is_not_even_handled_is_told(
    house: House, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_event: object) -> None:
        raise OperationalError(SECRET)

    monkeypatch.setattr(intake, "_handle", away)
    event = intake.receive(house.shop, via="import", body=b"{}")
    fail_twice(house, clock)
    [group] = attention.groups(house.company, "en")
    [one] = group.stuck
    assert (one.event, one.error, group.events) == (event, "OperationalError", [])
    assert one.trace == event.trace
    assert attention.count(house.company) == 1


def test_work_at_a_connection_that_fails_is_told(
    house: House, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_connection: object) -> bool:
        raise KeyError(SECRET)

    monkeypatch.setattr(changes, "can_be_read", broken)
    connection = Connection.objects.create(company=house.company, system="own", name="Own")
    engine.wake("changes", connection.pk, account=f"connection:{connection.pk}")
    fail_twice(house, clock)
    [group] = attention.groups(house.company, "en")
    [one] = group.stuck
    assert (one.connection, group.connections, one.error) == (connection, [], "KeyError")
    assert attention.count(house.company) == 1


def test_another_company_neither_sees_it_nor_tries_it(
    house: House, clock: time_machine.Traveller
) -> None:
    order, _ = intake.store(house.shop, captured("rest-20b-set-paid"))
    spoil(order)
    fail_twice(house, clock)
    other = Company.objects.create(name="Jiná s.r.o.")
    wake = Wake.objects.get(handler="order")
    assert stuck.of_company(house.company, wake.pk) is not None
    assert stuck.of_company(other, wake.pk) is None
    assert (attention.count(other), attention.groups(other, "en")) == (0, [])
    assert actions.retry_all(other, "SPJ-STUCK", actor="Eva") == 0


def test_a_test_order_is_told_as_well(house: House, clock: time_machine.Traveller) -> None:
    order, _ = intake.store(house.shop, captured("rest-20b-set-paid"))
    Shop.objects.update(hidden=True)
    spoil(order)
    fail_twice(house, clock)
    assert attention.count(house.company) == 1
    [group] = attention.groups(house.company, "en")
    assert group.stuck[0].order == order


def test_what_is_taken_by_key_is_counted_for_its_account() -> None:
    lease = wakes.claim_key("probe", "1", "shop:7")
    assert lease is not None
    assert Wake.objects.get().account == "shop:7"
    wakes.give_back(lease, None)
