"""PostgreSQL databases of drills: made anew, brought back to what they were, and dropped."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from psycopg import sql

from tests.engine.postgres import DEFAULT, named

TABLES: LiteralString = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
OTHERS: LiteralString = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def server_url() -> str:
    """Return the address of the server that databases are made on."""
    known = (os.environ.get(name) for name in ("SPOJKA_CRASH_POSTGRES", "SPOJKA_TEST_DATABASE_URL"))
    return next(filter(None, known), DEFAULT)


def server_answers() -> bool:
    """Tell whether there is a PostgreSQL server to make a database on."""
    try:
        psycopg.connect(server_url(), connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def database(kind: str) -> Iterator[dict[str, str]]:
    """Give the settings of a new database that is dropped in the end."""
    if kind == "sqlite":
        yield {}
        return
    url, name = server_url(), f"spojka_crash_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield {"DATABASE_URL": named(url, name)}
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            server.execute(drop)


def snapshot() -> None:
    """Remember all rows of the database of this process, and where its counters stand."""
    with _alone() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS kept CASCADE")
        cursor.execute("CREATE SCHEMA kept")
        for table in _names(cursor, TABLES):
            cursor.execute(sql.SQL("CREATE TABLE kept.{0} AS TABLE public.{0}").format(table))
        cursor.execute(
            "CREATE TABLE kept.counters_ AS SELECT sequencename, start_value, last_value"
            " FROM pg_sequences WHERE schemaname = 'public'"
        )


def go_back() -> None:
    """Make the rows again what they were at the snapshot.

    A copy of the whole database would do as well, and take two seconds each time.
    """
    with _alone() as cursor:
        # Neither triggers nor foreign keys: what was, was right.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in _names(cursor, TABLES):
            cursor.execute(sql.SQL("DELETE FROM public.{}").format(table))
            back = sql.SQL("INSERT INTO public.{0} OVERRIDING SYSTEM VALUE TABLE kept.{0}")
            cursor.execute(back.format(table))
        cursor.execute(
            "SELECT setval(format('public.%I', sequencename)::regclass,"
            " coalesce(last_value, start_value), last_value IS NOT NULL) FROM kept.counters_"
        )


@contextmanager
def _alone() -> Iterator[psycopg.Cursor]:
    """Give a transaction in the database of this process, after all others there have ended.

    The connection of a process that was killed may not have been noticed yet.
    """
    with psycopg.connect(os.environ["DATABASE_URL"]) as own, own.cursor() as cursor:
        while cursor.execute(OTHERS).fetchone():
            own.commit()
            time.sleep(0.01)
        yield cursor


def _names(cursor: psycopg.Cursor, query: LiteralString) -> list[sql.Identifier]:
    return [sql.Identifier(name) for (name,) in cursor.execute(query).fetchall()]
