"""Prepared questions answer as Django's own queries do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.test.utils import CaptureQueriesContext

from spojka.companies.models import BankAccount, Company
from spojka.database.prepared import Prepared
from spojka.documents.models import Document, RegisterEntry
from tests.documents.conftest import House, captured, house

__all__ = ["house"]
_BY_NUMBER = Prepared(
    lambda company, number: (
        Document.objects.filter(company_id=company, number=number)
        .select_related("order__shop", "original")
        .defer("content")
    ),
    *(int, str),
)


@pytest.fixture
def two(house: House) -> list[Document]:
    for name in ("rest-20b-set-paid", "store-01-multi-vat-shipping"):
        house.take(captured(name, status="processing", date_paid_gmt="2024-05-01T10:00:00"))
    documents = list(house.company.documents.order_by("id"))
    assert len(documents) == 2
    assert all(document.number for document in documents)
    return documents


def test_rows_are_what_django_makes_of_them(house: House, two: list[Document]) -> None:
    for document in two:
        (found,) = _BY_NUMBER.all(house.company.pk, document.number)
        assert found == document
        for name in ("state", "total", "issued_on", "issued_at", "problems", "actions", "uuid"):
            assert getattr(found, name) == getattr(document, name), name
        assert isinstance(found.total, Decimal)
        assert isinstance(found.issued_on, date)
        assert found.original is None
        assert found.get_deferred_fields() == {"content"}
        with CaptureQueriesContext(connection) as queries:
            assert found.order.shop == house.shop
        assert len(queries) == 0
        assert found.content == document.content  # read when it is asked for


def test_none_one_or_an_error(house: House, two: list[Document]) -> None:
    assert _BY_NUMBER.all(house.company.pk, "no such") == []
    assert _BY_NUMBER.first(house.company.pk + 1, two[0].number) is None
    assert _BY_NUMBER.get(house.company.pk, two[0].number) == two[0]
    with pytest.raises(Document.DoesNotExist):
        _BY_NUMBER.get(house.company.pk, "no such")
    with pytest.raises(TypeError, match="2 values"):
        _BY_NUMBER.all(house.company.pk)


def test_uuids_and_annotations(house: House, two: list[Document]) -> None:
    entered = Prepared(
        lambda key, uuid: RegisterEntry.objects.filter(Q(key=key) | Q(uuid=uuid)),
        *(str, UUID),
    )
    assert entered.get("", two[1].uuid).number == two[1].number
    assert entered.first("", uuid4()) is None
    paid = Prepared(
        lambda pk: Company.objects.annotate(
            has=Exists(BankAccount.objects.filter(company=OuterRef("pk")))
        ).filter(pk=pk),
        int,
    )
    assert paid.get(house.company.pk).has is False  # type: ignore[attr-defined]
    BankAccount.objects.create(company=house.company, currency="CZK", number="19-2000145399/0800")
    assert paid.get(house.company.pk).has is True  # type: ignore[attr-defined]


def test_a_value_that_is_not_asked_for_as_it_is_is_refused() -> None:
    upper = Prepared(lambda text: Document.objects.filter(number__startswith=text), str)
    with pytest.raises(ValueError, match="does not stand in the query"):
        upper.all("FA")
    unused = Prepared(lambda pk, other: Document.objects.filter(pk=pk), int, int)
    with pytest.raises(ValueError, match="does not stand in the query"):
        unused.all(1, 2)
