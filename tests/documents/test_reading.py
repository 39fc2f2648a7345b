"""What is done for an order in a row reads anew what may have changed, and only that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from spojka.core.document import Kind
from spojka.documents import reading
from spojka.documents.models import Document
from spojka.orders import intake
from tests.documents.conftest import House, captured
from tests.documents.toy import ToySystem

WhileCreating = Callable[[Callable[[], object]], None]


@pytest.fixture
def while_creating(toy: ToySystem, monkeypatch: pytest.MonkeyPatch) -> WhileCreating:
    """Have something happen while the system makes a document."""
    make = toy.create

    def happen(what: Callable[[], object]) -> None:
        def create(*args: object) -> object:
            what()
            return make(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(toy, "create", create)

    return happen


def test_an_order_that_changes_while_its_document_is_made_is_seen_changed(
    house: House, while_creating: WhileCreating
) -> None:
    payload = captured("rest-20b-set-paid")
    while_creating(lambda: intake.store(house.shop, {**payload, "billing": {"last_name": "Nová"}}))
    order = house.take(payload)
    invoice = house.only(order, Kind.INVOICE)
    assert invoice.state == Document.State.ISSUED
    assert invoice.changed_problem is not None
    assert invoice.changed_problem["code"] == "SPJ-ORDER-CHANGED"


def test_what_a_slow_system_lets_change_meanwhile_is_read_anew(
    house: House, toy: ToySystem, while_creating: WhileCreating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The company is switched to observing while the system makes the proforma of a paid order."""
    seen: list[str] = []
    whole = reading._whole

    def watched(order_id: int) -> reading.Reading:
        found = whole(order_id)
        seen.append(found.order.company.mode)
        return found

    def switch() -> None:
        house.company.mode = "observe"
        house.company.save(update_fields=["mode"])
        later = timezone.now() + timedelta(seconds=5)
        monkeypatch.setattr(timezone, "now", lambda: later)

    monkeypatch.setattr(reading, "_whole", watched)
    while_creating(switch)
    house.take(captured("rest-20b-set-paid"))
    assert toy.created
    assert seen == ["live", "observe"]


def test_a_quick_one_is_not(house: House, toy: ToySystem, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    whole = reading._whole
    monkeypatch.setattr(reading, "_whole", lambda pk: read.append(pk) or whole(pk))  # type: ignore[func-returns-value]
    order = house.take(captured("rest-20b-set-paid"))
    assert toy.created
    assert read == [order.pk]
