"""Several counts in one question to the database."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from spojka.companies.models import Company


def count_all(company: Company, **rows: QuerySet[Any]) -> dict[str, int]:
    """Return how many rows each set has, by the name it is given under.

    The company only lends the one row that the answer needs; the sets are counted as they are.
    """
    numbers = Company.objects.filter(pk=company.pk).values_list(*map(_number, rows.values()))
    return dict(zip(rows, numbers.get(), strict=True))


def _number(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().annotate(all_=Value(1)).values("all_").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n")), 0)
