"""A backup, made while everything keeps running.

The database, with the archive in it, is copied as it was in one moment: SQLite by ``VACUUM INTO``,
PostgreSQL table by table inside one read-only transaction of the isolation level *repeatable read*.
Both need nothing but Spojka itself: ``pg_dump`` refuses a server newer than itself, and is missing
in a slim container just when it is needed.

The keys that open the stored credentials are written to a file of their own beside the folder, so
that a backup alone opens nothing. Sessions are left out: whoever finds a backup is not logged in.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from spojka import __version__
from spojka.companies.models import AuditEntry
from spojka.core.problem import Problem
from spojka.operations import manifest
from spojka.operations.manifest import BackupError, Chain, Manifest

DATABASE: Final = "database.sqlite3"
TABLES: Final = "tables"
SUFFIX: Final = ".copy.gz"
MADE: Final = "backup.made"
"""Action of the audit log's entry about a backup."""
FOREIGN_PREFIX: Final = "procrastinate_"
"""Tables of the queue: it only carries what the wakes know, and they are in the backup."""
SESSIONS: Final = ("companies_usersession", "django_session")
LEFT_OUT: Final = frozenset({*SESSIONS, "django_migrations"})

Rows = list[tuple[Any, ...]]
Ask = Callable[[str], Rows]


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup."""

    folder: Path
    keys: Path | None
    """Where the keys are; ``None`` where they were left out."""
    manifest: Manifest

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.manifest.files.values())


def keys_beside(folder: Path) -> Path:
    """Return where the keys of a backup lie unless somebody says otherwise: beside it."""
    return folder.with_name(f"{folder.name}.keys.json")


def backup(folder: Path, *, keys: Path | None, actor: str) -> Made:
    """Back the installation up into a folder that does not exist yet, or is empty.

    Args:
        folder: It appears when everything is in it and safe on the disk.
        keys: Where a copy of the key file is written; ``None`` to leave it out.
        actor: Who asked, for the audit log.

    Raises:
        BackupError: ``SPJ-BACKUP-FOLDER``; or ``SPJ-BACKUP-DAMAGED``, the database itself is.
    """
    folder = folder.absolute()
    _check_folder(folder)
    staging = folder.with_name(f".{folder.name}.{os.getpid()}")
    made_at = timezone.now()
    try:
        staging.mkdir(mode=0o700, parents=True)
        described = _describe(staging, made_at)
        manifest.write(staging, described)
        _sync(staging)
        if folder.exists():
            folder.rmdir()
        staging.rename(folder)
        _sync(folder.parent)
        if keys is not None:
            _copy_keys(keys.absolute())
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    AuditEntry.write(
        MADE, company=None, actor=actor, subject=folder.name[:200], keys=keys is not None
    )
    return Made(folder, keys, described)


def last_at() -> datetime | None:
    """Return when the last backup was made, as far as this database knows."""
    rows = AuditEntry.objects.filter(action=MADE).order_by("-pk")
    return rows.values_list("at", flat=True).first()


def tables(ask_names: Iterable[str]) -> list[str]:
    """Return those tables that a backup holds."""
    return sorted(
        name
        for name in ask_names
        if name not in LEFT_OUT and not name.startswith((FOREIGN_PREFIX, "sqlite_"))
    )


def _describe(staging: Path, made_at: datetime) -> Manifest:
    """Copy the database, and tell of the copy what a restore has to know."""
    copied = _sqlite(staging) if connection.vendor == "sqlite" else _postgresql(staging)
    with copied as ask:
        heads = ask("SELECT name, length, digest FROM companies_chainhead ORDER BY name")
        sealing = ask("SELECT DISTINCT key_id FROM connections_secret ORDER BY key_id")
        applied = ask("SELECT app, name FROM django_migrations ORDER BY id")
        counts = {
            name: ask(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 - names of our own
            for name, table in (
                ("companies", "companies_company"),
                ("orders", "orders_order"),
                ("documents", "documents_document"),
            )
        }
    return Manifest(
        version=__version__,
        vendor=connection.vendor,
        made_at=made_at,
        migrations=tuple((app, name) for app, name in applied),
        files={
            path.relative_to(staging).as_posix(): manifest.file_of(path)
            for path in sorted(staging.rglob("*"))
            if path.is_file()
        },
        chains={name: Chain(length, digest) for name, length, digest in heads},
        keys=tuple(key for (key,) in sealing),
        counts=counts,
    )


@contextmanager
def _sqlite(staging: Path) -> Iterator[Ask]:
    target = staging / DATABASE
    with _opened(Path(connection.settings_dict["NAME"])) as source:
        source.execute("VACUUM INTO ?", (str(target),))
    target.chmod(0o600)
    with _opened(target) as copy:
        copy.execute("PRAGMA secure_delete = ON")
        for table in SESSIONS:
            copy.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
        [(state,)] = copy.execute("PRAGMA integrity_check(1)").fetchall()
        if state != "ok":
            raise BackupError(
                Problem.of("SPJ-BACKUP-DAMAGED", folder=settings.DATA_DIR, detail=state)
            )
        yield lambda statement: copy.execute(statement).fetchall()


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database past Django, each statement a transaction of its own."""
    opened = sqlite3.connect(path, timeout=60, isolation_level=None)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def _postgresql(staging: Path) -> Iterator[Ask]:
    folder = staging / TABLES
    folder.mkdir(mode=0o700)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for table in tables(connection.introspection.table_names(cursor)):
            described = connection.introspection.get_table_description(cursor, table)
            columns = [column.name for column in described]
            with gzip.open(folder / f"{table}{SUFFIX}", "wb", compresslevel=6) as file:
                file.write("\t".join(columns).encode() + b"\n")
                with cursor.copy(copying(table, columns, "TO STDOUT")) as rows:
                    for piece in rows:
                        file.write(piece)
        yield lambda statement: _asked(cursor, statement)


def copying(table: str, columns: Iterable[str], direction: str) -> str:
    """Return the ``COPY`` statement of a table; names are quoted."""
    quote = connection.ops.quote_name
    return f"COPY {quote(table)} ({', '.join(map(quote, columns))}) {direction}"


def _asked(cursor: Any, statement: str) -> Rows:
    cursor.execute(statement)
    rows: Rows = cursor.fetchall()
    return rows


def _copy_keys(target: Path) -> None:
    """Copy the key file; the copy is its owner's alone from its first byte on."""
    from spojka.connections import vault

    content = vault.ensure_key_file().read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)


def _check_folder(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise _unusable(folder, "it is there already")


def _unusable(folder: Path, detail: str) -> BackupError:
    return BackupError(Problem.of("SPJ-BACKUP-FOLDER", folder=folder, detail=detail))


def _sync(folder: Path) -> None:
    """Have a folder and the files in it on the disk before it is said that they are."""
    for path in (*(path for path in folder.rglob("*") if path.is_file()), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
