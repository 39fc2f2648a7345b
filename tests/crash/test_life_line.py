"""The life line tells it all, whatever happened while no worker was there."""

from __future__ import annotations

import pytest

from spojka.orders import intake
from tests.documents.conftest import House, captured


@pytest.mark.django_db
def test_an_order_that_changed_before_it_was_looked_at_begins_with_its_arrival(
    house: House,
) -> None:
    intake.store(house.shop, captured("rest-20b-set-paid", status="on-hold", date_paid=None))
    order = house.take(captured("rest-20b-set-paid"))
    assert order.versions.count() == 2
    names = list(order.events.order_by("id").values_list("name", flat=True))
    assert names[:2] == ["order.received", "decided"]
    assert "order.changed" not in names
