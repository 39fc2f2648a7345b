"""Let the database itself refuse to change or delete what must stay: archive and audit entries.

``install`` and ``remove`` have the form of a migration's ``RunPython`` functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.apps.registry import Apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLES = ("archive_entry", "companies_auditentry")

_FUNCTION = "spojka_append_only"


def install(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers; one that exists already is replaced."""
    _run(schema_editor.connection, _creating)


def remove(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers."""
    _run(schema_editor.connection, _dropping)


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Drop the triggers for a while, for tests which empty or damage the tables."""
    _run(connection, _dropping)
    try:
        yield
    finally:
        _run(connection, _creating)


def _run(
    connection: BaseDatabaseWrapper, statements: Callable[[str, list[str]], list[str]]
) -> None:
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for statement in statements(
            connection.vendor, [table for table in TABLES if table in existing]
        ):
            cursor.execute(statement)


def _creating(vendor: str, tables: list[str]) -> list[str]:
    statements = _dropping(vendor, tables)
    if vendor == "postgresql":
        statements.append(
            f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME "
            "USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        for table in tables:
            statements += [
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()",
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()",
            ]
    elif vendor == "sqlite":
        statements += [
            f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for table in tables
            for event in ("UPDATE", "DELETE")
        ]
    return statements


def _dropping(vendor: str, tables: list[str]) -> list[str]:
    if vendor == "postgresql":
        return [
            f"DROP TRIGGER IF EXISTS {table}_{name} ON {table}"
            for table in tables
            for name in ("append_only", "no_truncate")
        ]
    if vendor == "sqlite":
        return [
            f"DROP TRIGGER IF EXISTS {table}_no_{event}"
            for table in tables
            for event in ("update", "delete")
        ]
    return []
