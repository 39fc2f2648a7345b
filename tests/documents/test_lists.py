"""What long lists ask of the database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from spojka.companies.models import Company
from spojka.database.lists import containing, distinct
from spojka.documents.models import Document
from spojka.orders.models import Order
from tests.documents.conftest import House, captured

LONGEST = {"number": 60, "status": 60, "customer": 200, "email": 254, "ignored_reason": 300}


def order(house: House, **fields: Any) -> Order:
    given = {"external_id": "added", "number": "1", "currency": "CZK", "total": Decimal(100)}
    ordered_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Order.objects.create(
        company=house.company, shop=house.shop, ordered_at=ordered_at, **{**given, **fields}
    )


def test_distinct_values_are_those_of_the_company_alone(house: House) -> None:
    for external_id, status in (("1", "new"), ("2", "done"), ("3", "new"), ("4", "")):
        order(house, external_id=external_id, status=status)
    other = Company.objects.create(name="Jiná s.r.o.")
    assert distinct(Order, "status", company=house.company.pk) == ["", "done", "new"]
    assert distinct(Order, "status", company=other.pk) == []


def test_distinct_values_leave_out_what_is_not_known(house: House) -> None:
    made = house.take(captured("rest-20b-set-paid"))
    document = made.documents.get()
    Document.objects.filter(pk=document.pk).update(issued_on=None)
    assert distinct(Document, "issued_on", company=house.company.pk) == []
    Document.objects.filter(pk=document.pk).update(issued_on=date(2026, 2, 28))
    assert distinct(Document, "issued_on", company=house.company.pk) == [date(2026, 2, 28)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ab", True),
        ("AB", True),
        ("B-2", True),
        ("2026_1", True),
        ("20261", False),
        ("2026%1", False),
        ("%", False),
        ("x@y", True),
    ],
)
def test_a_text_is_found_in_capitals_or_not(house: House, text: str, found: bool) -> None:
    order(house, number="Ab-2026_1", email="X@y.cz")
    assert house.company.orders.filter(containing(text, "number", "email")).exists() is found


def test_the_longest_texts_fit_into_the_indexes(house: House) -> None:
    """PostgreSQL refuses rows of an index that are longer than a third of a page."""
    # Letters of four bytes that repeat nowhere, so that nothing can be pressed together.
    texts = {
        name: "".join(chr(0x20000 + at * 300 + place) for place in range(length))
        for at, (name, length) in enumerate(LONGEST.items())
    }
    stored = Order.objects.get(pk=order(house, **texts).pk)
    assert {name: getattr(stored, name) for name in LONGEST} == texts
