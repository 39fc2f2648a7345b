"""Putting the content of a backup in place of the present database, all of it or nothing.

The caller gets the restored database to work on (bring it to this version, put things in doubt,
verify it) before it takes the place of the present one: on PostgreSQL inside one transaction, on
SQLite in a file beside it, which is then written over the present one in one transaction.
"""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from spojka.core.problem import Problem
from spojka.operations.backup import DATABASE, FOREIGN_PREFIX, SUFFIX, TABLES, copying, tables
from spojka.operations.manifest import BackupError, Manifest

_PIECE = 1 << 20
_NO_APP_OF_OURS = {"procrastinate"}
"""The queue's tables stay as they are, and so does what is known of their migrations."""


def check_versions(manifest: Manifest) -> None:
    """Refuse a backup of another kind of database, or of a version newer than this one.

    Raises:
        BackupError: ``SPJ-BACKUP-DATABASE`` or ``SPJ-BACKUP-NEWER``.
    """
    if manifest.vendor != connection.vendor:
        raise BackupError(
            Problem.of("SPJ-BACKUP-DATABASE", made=manifest.vendor, here=connection.vendor)
        )
    known = MigrationExecutor(None).loader.graph.nodes
    for app, name in manifest.migrations:
        if app not in _NO_APP_OF_OURS and (app, name) not in known:
            detail = f"{app}.{name}"
            raise BackupError(
                Problem.of("SPJ-BACKUP-NEWER", version=manifest.version, detail=detail)
            )


@contextmanager
def loaded(folder: Path, manifest: Manifest) -> Iterator[None]:
    """Give the content of a backup as the database, at this version; it stays if all goes well."""
    load: Callable[[Path, Manifest], Iterator[None]] = (
        _sqlite if connection.vendor == "sqlite" else _postgresql
    )
    yield from load(folder, manifest)


def _sqlite(folder: Path, _manifest: Manifest) -> Iterator[None]:
    live = connection.settings_dict["NAME"]
    staging = Path(settings.DATA_DIR) / ".restored.sqlite3"
    _remove(staging)
    with closing(sqlite3.connect(folder / DATABASE)) as source, closing(_new(staging)) as target:
        source.backup(target)
    connection.close()
    try:
        connection.settings_dict["NAME"] = staging
        _to_this_version()
        yield
        connection.close()
        with closing(sqlite3.connect(staging)) as source, closing(_new(Path(live))) as target:
            source.backup(target)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = live
        _remove(staging)


def _new(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    opened = sqlite3.connect(path, timeout=60)
    opened.execute("PRAGMA synchronous = FULL")
    return opened


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _postgresql(folder: Path, manifest: Manifest) -> Iterator[None]:
    _make_the_queues_tables()
    with transaction.atomic():
        _empty()
        _to(manifest.migrations)
        _copy(folder / TABLES)
        _to_this_version()
        _set_sequences()
        yield


def _make_the_queues_tables() -> None:
    """Make what is missing of the queue's tables, before: some of it runs in no transaction."""
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    executor.migrate([key for key in leaves if key[0] in _NO_APP_OF_OURS])


def _empty() -> None:
    """Drop every table but the queue's, and forget the migrations that made them."""
    with connection.cursor() as cursor:
        quote = connection.ops.quote_name
        names = [
            name
            for name in connection.introspection.table_names(cursor)
            if not name.startswith(FOREIGN_PREFIX) and name != "django_migrations"
        ]
        if names:
            cursor.execute(f"DROP TABLE {', '.join(map(quote, names))} CASCADE")
        if "django_migrations" in connection.introspection.table_names(cursor):
            cursor.execute(
                "DELETE FROM django_migrations WHERE NOT app = ANY(%s)", [list(_NO_APP_OF_OURS)]
            )


def _to(migrations: tuple[tuple[str, str], ...]) -> None:
    """Make the tables as they were when the backup was made."""
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    recorded = {key for key in migrations if key[0] not in _NO_APP_OF_OURS}
    last = [
        key
        for key in sorted(recorded)
        if not any(
            child.key[0] == key[0] and child.key in recorded
            for child in graph.node_map[key].children
        )
    ]
    executor.migrate(last)


def _to_this_version() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def _copy(folder: Path) -> None:
    with connection.cursor() as cursor:
        quote = connection.ops.quote_name
        # Making the tables may have left some of them immediate; rows come in any order.
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in tables(connection.introspection.table_names(cursor)):
            cursor.execute(f"DELETE FROM {quote(table)}")  # noqa: S608 - what a migration put in
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            table = path.name.removesuffix(SUFFIX)
            with gzip.open(path, "rb") as file:
                columns = file.readline().decode().rstrip("\n").split("\t")
                with cursor.copy(copying(table, columns, "FROM STDIN")) as rows:
                    while piece := file.read(_PIECE):
                        rows.write(piece)
    connection.check_constraints()


def _set_sequences() -> None:
    models = apps.get_models(include_auto_created=True)
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
        ours = [
            model for model in models if model._meta.managed and model._meta.db_table in existing
        ]
        for statement in connection.ops.sequence_reset_sql(no_style(), ours):
            cursor.execute(statement)
