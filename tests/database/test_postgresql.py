"""Statements that the PostgreSQL server keeps prepared, and what may change under them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from django.db import NotSupportedError, connections, transaction

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not os.environ.get("DATABASE_URL"), reason="of PostgreSQL alone"),
]
TABLE = "prepared_probe"
ALIAS = "probe"


@pytest.fixture(autouse=True)
def _probe() -> Iterator[None]:
    """Make a table, and a connection that no test's transaction surrounds."""
    connections[ALIAS] = connections["default"].copy(ALIAS)
    somebody_else(f"CREATE TABLE {TABLE} (name varchar(10))")
    somebody_else(f"INSERT INTO {TABLE} VALUES ('one')")
    yield
    somebody_else(f"DROP TABLE {TABLE}")
    connections[ALIAS].close()
    del connections[ALIAS]


def somebody_else(statement: str) -> None:
    """Do something by another connection, as a migration does it."""
    parameters = connections[ALIAS].get_connection_params()
    known = ("host", "port", "user", "password", "dbname")
    address = {name: parameters[name] for name in known if parameters.get(name)}
    with psycopg.connect(**address, autocommit=True) as other:
        other.execute(statement.encode())


def ask() -> list[tuple[str]]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(f"SELECT name FROM {TABLE} WHERE name = %s", ["one"])
        rows: list[tuple[str]] = cursor.fetchall()
    return rows


def kept() -> int:
    """Return how many prepared statements about the table the server keeps."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", [f"%{TABLE}%"]
        )
        (count,) = cursor.fetchone()
    return int(count)


def test_what_is_asked_again_and_again_is_prepared() -> None:
    ask()
    assert kept() == 0
    for _ in range(3):
        ask()
    assert kept() == 1


def test_a_column_that_a_newer_release_changed_is_read_by_the_old_one() -> None:
    for _ in range(4):
        ask()
    somebody_else(f"ALTER TABLE {TABLE} ALTER COLUMN name TYPE varchar(20)")
    assert ask() == [("one",)]


def test_in_a_transaction_the_second_try_reads_it() -> None:
    for _ in range(4):
        ask()
    somebody_else(f"ALTER TABLE {TABLE} ALTER COLUMN name TYPE varchar(20)")
    with pytest.raises(NotSupportedError), transaction.atomic(ALIAS):
        ask()
    with transaction.atomic(ALIAS):
        assert ask() == [("one",)]
