"""Questions to the database that are asked for every document, and whose SQL is built once.

Django builds the SQL of a query each time anew, which takes several times as long as SQLite takes
to answer it. Here that is done once for each thread, with marks in the place of the values; rows
become objects by Django's own means.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar, cast
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable

M = TypeVar("M", bound=Model)
Value = int | str | UUID


class _Compiler(Protocol):
    """What is used of :class:`django.db.models.sql.compiler.SQLCompiler`."""

    connection: Any
    select: Sequence[Any]
    klass_info: Any
    annotation_col_map: Any
    col_count: int

    def as_sql(self) -> tuple[str, Sequence[Any]]: ...

    def get_converters(self, expressions: Sequence[Any]) -> dict[int, Any]: ...

    def apply_converters(
        self, rows: Iterable[Sequence[Any]], converters: dict[int, Any]
    ) -> Iterator[Sequence[Any]]: ...


class Prepared(Generic[M]):
    """A query with places for values: numbers, texts or UUIDs that are compared as they are.

    Args:
        make: Makes the query out of values. What it does must not depend on them.
        kinds: The kind of each value.
    """

    def __init__(self, make: Callable[..., QuerySet[M]], *kinds: type[Value]) -> None:
        self._make = make
        self._marks = [_mark(kind, place) for place, kind in enumerate(kinds)]
        self._local = threading.local()

    def all(self, *values: Value) -> list[M]:
        """Return the rows for these values."""
        if len(values) != len(self._marks):
            raise TypeError(f"{len(self._marks)} values are needed")
        asked = self._asked()
        asked.values = values
        return list(ModelIterable(cast("QuerySet[M]", asked)))

    def first(self, *values: Value) -> M | None:
        """Return the first row, or ``None``. The query is to find few."""
        return next(iter(self.all(*values)), None)

    def get(self, *values: Value) -> M:
        """Return the one row.

        Raises:
            ObjectDoesNotExist: there is none.
        """
        row = self.first(*values)
        if row is None:
            raise self._asked().model.DoesNotExist(f"{self._asked().model.__name__}: {values}")
        return row

    def _asked(self) -> _Asked:
        connection = connections[DEFAULT_DB_ALIAS]
        asked: _Asked | None = getattr(self._local, "asked", None)
        if asked is None or asked.compiler.connection is not connection:
            asked = self._local.asked = _Asked(self._make(*self._marks), connection, self._marks)
        return asked


def _mark(kind: type[Value], place: int) -> Value:
    """Return a value that nothing else in a query has, and that every column of its kind takes."""
    if kind is int:
        return 2_000_000_011 + place
    return UUID(int=(0x5F0B << 112) + place) if kind is UUID else f"\ue000{place}"


class _Asked:
    """A built query, in the shape of a query set (and its query, and its compiler) as
    ``ModelIterable`` uses them."""

    def __init__(self, made: QuerySet[Any], connection: Any, marks: Sequence[Value]) -> None:
        self.db = DEFAULT_DB_ALIAS
        self.model: Any = made.model
        self.query = self
        self.values: Sequence[Value] = ()
        self._known_related_objects: dict[Any, Any] = {}
        self.compiler: _Compiler = made.query.get_compiler(connection=connection)
        self._sql, parameters = self.compiler.as_sql()
        self._parameters = list(parameters)
        self._places = [
            (place, mark, value != marks[mark])
            for place, value in enumerate(parameters)
            for mark in range(len(marks))
            if value in (marks[mark], getattr(marks[mark], "hex", None))
        ]
        """Where which value stands, and whether it is a UUID as text: SQLite has no other."""
        if {mark for _, mark, _ in self._places} != set(range(len(marks))):
            raise ValueError(f"a value does not stand in the query as it is: {self._sql}")
        self.select = self.compiler.select
        self.klass_info = self.compiler.klass_info
        self.annotation_col_map = self.compiler.annotation_col_map
        columns = [column[0] for column in self.select[: self.compiler.col_count]]
        self._converters = self.compiler.get_converters(columns)

    def get_compiler(self, using: str) -> _Asked:
        return self

    def execute_sql(self, **_options: object) -> list[list[Sequence[Any]]]:
        for place, mark, as_hex in self._places:
            value = self.values[mark]
            self._parameters[place] = value.hex if as_hex and isinstance(value, UUID) else value
        with self.compiler.connection.cursor() as cursor:
            cursor.execute(self._sql, tuple(self._parameters))
            return [cursor.fetchall()]

    def results_iter(self, results: list[list[Sequence[Any]]]) -> Iterator[Sequence[Any]]:
        return self.compiler.apply_converters(chain.from_iterable(results), self._converters)
