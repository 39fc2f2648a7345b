"""``spojka doctor``: everything that an installation needs, looked at from outside."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from spojka.cli.installation import json_option, start
from spojka.cli.output import sentence
from spojka.cli.verifying import print_checks
from spojka.core.descriptor import Check, CheckStatus, Text
from spojka.core.document import Document, DocumentLine, Kind, Treatment
from spojka.core.order import Customer, LineKind
from spojka.core.problem import Problem
from spojka.core.profile import sample

# Nothing of ours was written before this; an earlier clock has lost its battery.
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


@click.command()
@click.option("--quick", is_flag=True, help="Do not recompute the archive and the audit log.")
@json_option
@click.pass_context
def doctor(context: click.Context, quick: bool, as_json: bool) -> None:
    """Look whether this installation is healthy; exit code 1 where something necessary fails."""
    print_checks(context, list(checks(chains=not quick)), as_json=as_json)


def checks(*, chains: bool = True) -> Iterator[Check]:
    """Run all checks; one that fails does not keep the others from running."""
    start()
    yield _data_dir()
    yield _key_file()
    database = _database()
    yield database
    if database.status is not CheckStatus.FAIL:
        from spojka.operations import health

        yield _worker()
        yield from health.checks(chains=chains)
    yield _static_files()
    yield _rendering()
    yield _clock()


_LABELS: dict[str, Text] = {
    "data_dir": {"en": "Data directory", "cs": "Datová složka", "sk": "Dátový priečinok"},
    "key_file": {"en": "Key file", "cs": "Soubor s klíči", "sk": "Súbor s kľúčmi"},
    "database": {"en": "Database", "cs": "Databáze", "sk": "Databáza"},
    "worker": {"en": "Worker", "cs": "Zpracování na pozadí", "sk": "Spracovanie na pozadí"},
    "static": {"en": "Static files", "cs": "Statické soubory", "sk": "Statické súbory"},
    "rendering": {"en": "Fonts and PDF", "cs": "Písma a PDF", "sk": "Písma a PDF"},
    "clock": {"en": "Clock and time zones", "cs": "Hodiny a pásma", "sk": "Hodiny a pásma"},
}


def _ok(key: str, detail: str) -> Check:
    return Check(key, _LABELS[key], CheckStatus.OK, detail)


def _bad(key: str, code: str, *, necessary: bool = True, **facts: object) -> Check:
    return _failed(key, Problem.of(code, **facts), necessary=necessary)


def _failed(key: str, problem: Problem, *, necessary: bool = True) -> Check:
    status = CheckStatus.FAIL if necessary else CheckStatus.WARN
    return Check(key, _LABELS[key], status, sentence(problem), problem, necessary=necessary)


def _data_dir() -> Check:
    from django.conf import settings

    try:
        with tempfile.TemporaryFile(dir=settings.DATA_DIR) as file:
            file.write(b"spojka")
    except OSError as error:
        detail = error.strerror or error
        return _bad("data_dir", "SPJ-DOCTOR-DATA", folder=settings.DATA_DIR, detail=detail)
    return _ok("data_dir", str(settings.DATA_DIR))


def _key_file() -> Check:
    from django.conf import settings

    path = Path(settings.KEY_FILE)
    try:
        mode = path.stat().st_mode
        readable = os.access(path, os.R_OK)
    except OSError as error:
        detail = error.strerror or error
        return _bad("key_file", "SPJ-DOCTOR-KEY-FILE", file=path, detail=detail)
    if not readable or mode & (stat.S_IRWXG | stat.S_IRWXO):
        detail = stat.filemode(mode)
        return _bad("key_file", "SPJ-DOCTOR-KEY-FILE", file=path, detail=detail)
    return _ok("key_file", str(path))


def _database() -> Check:
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return _bad("database", "SPJ-DATABASE", detail=(str(error).splitlines() or ["?"])[0])
    if waiting:
        return _bad("database", "SPJ-DOCTOR-MIGRATIONS", count=len(waiting))
    return _ok("database", connection.vendor)


def _worker() -> Check:
    from django.db import DatabaseError

    from spojka.engine.runner import is_alive

    try:
        alive = is_alive()
    except DatabaseError:  # a database that is not migrated has no heartbeat
        alive = False
    if alive:
        return _ok("worker", "")
    return _bad("worker", "SPJ-DOCTOR-WORKER", necessary=False)


def _static_files() -> Check:
    from django.conf import settings

    root = Path(settings.STATIC_ROOT)
    if settings.DEBUG or (root / "staticfiles.json").is_file():
        return _ok("static", str(root))
    return _bad("static", "SPJ-DOCTOR-STATIC", folder=root)


def _rendering() -> Check:
    from spojka.documents.rendering import RenderError, render_pdf

    try:
        size = len(render_pdf(_sample_document(), number="DOCTOR-1"))
    except RenderError as error:
        return _failed("rendering", error.problem)
    return _ok("rendering", f"{size} B")


def _sample_document() -> Document:
    line = DocumentLine(
        key="1",
        kind=LineKind.PRODUCT,
        name="Příliš žluťoučký kůň",
        quantity=Decimal(1),
        unit_price=Decimal("100.00"),
        net=Decimal("100.00"),
        tax=Decimal("21.00"),
        rate=Decimal(21),
        treatment=Treatment.STANDARD,
    )
    today = date(2026, 1, 1)
    return Document(
        uuid="00000000-0000-4000-8000-000000000000",
        kind=Kind.INVOICE,
        currency="CZK",
        language="cs",
        seller=sample().seller,
        customer=Customer(),
        issued_on=today,
        due_on=today,
        taxable_on=today,
        order_number="1",
        order_external_id="1",
        lines=(line,),
    )


def _clock() -> Check:
    now = datetime.now(UTC)
    try:
        zone = ZoneInfo("Europe/Prague")
    except ZoneInfoNotFoundError:
        return _bad("clock", "SPJ-DOCTOR-CLOCK", now=now.isoformat(timespec="seconds"))
    if now < _EARLIEST:
        return _bad("clock", "SPJ-DOCTOR-CLOCK", now=now.isoformat(timespec="seconds"))
    return _ok("clock", now.astimezone(zone).isoformat(timespec="seconds"))
