"""What long lists ask of the database: few steps where there are many rows."""

from __future__ import annotations

from typing import Any, cast

from django.db import connection
from django.db.models import Field, Model, Q


def containing(text: str, *fields: str) -> Q:
    """Return the condition that the text stands in one of the fields, in capitals or not.

    A text without letters (a number) has no other case: PostgreSQL is spared turning each value of
    each row into capitals, which takes longer than comparing them.
    """
    how = "contains" if text.upper() == text.lower() else "icontains"
    condition = Q()
    for name in fields:
        condition |= Q((f"{name}__{how}", text))
    return condition


def distinct(model: type[Model], name: str, **equal: int) -> list[Any]:
    """Return the values of a column in their order, where others are equal to what is given.

    An index that begins with these columns is read by steps, from each value to the next, while
    ``DISTINCT`` would read it as a whole. Meant for few values in very many rows; ``NULL`` is left
    out.
    """
    field = _column(model, name)
    table, column = _quoted(model._meta.db_table), _quoted(field.column)
    where = " AND ".join(f"{_quoted(_column(model, key).column)} = %s" for key in equal)
    least = f"SELECT MIN({column}) FROM {table} WHERE {where}"  # noqa: S608 - names of our own
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE step(value) AS ({least} UNION ALL"  # noqa: S608
            f" SELECT ({least} AND {column} > step.value) FROM step WHERE step.value IS NOT NULL"
            ") SELECT value FROM step WHERE value IS NOT NULL",
            [*equal.values(), *equal.values()],
        )
        return [field.to_python(value) for (value,) in cursor.fetchall()]


def _column(model: type[Model], name: str) -> Field[Any, Any]:
    return cast("Field[Any, Any]", model._meta.get_field(name))


def _quoted(name: str | None) -> str:
    return connection.ops.quote_name(str(name))
