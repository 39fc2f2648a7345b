"""Health of an installation: what a load balancer asks, and what ``spojka doctor`` looks at.

Checks of the installation itself are named in English, Czech and Slovak; one that fails carries a
problem of the catalogue.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Q
from django.utils import timezone

from spojka.archive import chain as archive
from spojka.companies.models import Company
from spojka.connections import vault
from spojka.connections.models import Shop
from spojka.core.descriptor import Check, CheckStatus, Text
from spojka.core.outcome import EffectState
from spojka.core.problem import Problem
from spojka.documents.models import Document, Effect
from spojka.engine import runner
from spojka.engine.models import PeriodicTask, Wake
from spojka.operations import audit, backup

BACKLOG = timedelta(minutes=15)
KEY_AGE = timedelta(days=365)
BACKUP_AGE = timedelta(days=2)
FREE_BYTES = 1 << 30
FAILURES = 3
"""After so many failures in a row an error of our own is not a passing one."""
OWN_ERROR = "SPJ-INTERNAL"
SHOWN = 5
_CLOSED = [EffectState.CONFIRMED, EffectState.REJECTED, EffectState.SKIPPED]

_LABELS: dict[str, Text] = {
    "key_age": {"en": "Key", "cs": "Klíč", "sk": "Kľúč"},
    "backlog": {"en": "Backlog", "cs": "Fronta", "sk": "Rad čakajúcich"},
    "backup": {"en": "Backup", "cs": "Záloha", "sk": "Záloha"},
    "failing": {"en": "Errors of our own", "cs": "Vlastní chyby", "sk": "Vlastné chyby"},
    "disk": {"en": "Disk space", "cs": "Místo na disku", "sk": "Miesto na disku"},
    "archive": {"en": "Archive", "cs": "Archiv", "sk": "Archív"},
    "audit": {"en": "Audit log", "cs": "Protokol činností", "sk": "Protokol činností"},
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests may be sent here."""

    database: bool
    worker: bool

    @property
    def ready(self) -> bool:
        return self.database and self.worker


def readiness() -> Readiness:
    """Ask the database, and whether a worker gave a sign of life lately."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return Readiness(database=True, worker=runner.is_alive())
    except DatabaseError:
        return Readiness(database=False, worker=False)


def oldest_waiting() -> timedelta:
    """Return for how long the work that is due longest has been due; zero where none is.

    What waits for a person (held, paused) does not count; what waits for its time is not due.
    """
    now = timezone.now()
    effects = (
        Effect.objects.filter(due_at__lte=now)
        .exclude(state__in=_CLOSED)
        .exclude(document__state__in=[Document.State.HELD, Document.State.DROPPED])
        .exclude(document__connection__paused_problem__isnull=False)
        .order_by("due_at")
        .values_list("due_at", flat=True)
    )
    wakes = Wake.objects.filter(due_at__lte=now, lease_until=None).order_by("due_at")
    due: list[datetime] = [
        moment
        for moment in (effects.first(), wakes.values_list("due_at", flat=True).first())
        if moment is not None
    ]
    return now - min(due) if due else timedelta(0)


def failing() -> list[tuple[str, str]]:
    """Return what fails by an error of our own, and the error's name; the log says more."""
    wakes = Wake.objects.filter(failures__gte=FAILURES).order_by("pk")
    tasks = PeriodicTask.objects.exclude(last_error="").order_by("name")
    own = Q(poll_problem__code=OWN_ERROR) | Q(webhook_problem__code=OWN_ERROR)
    shops = Shop.objects.filter(own).order_by("pk")
    told = (
        (shop, problem) for shop in shops for problem in (shop.poll_problem, shop.webhook_problem)
    )
    return [
        *((f"{row.handler} {row.key}", row.last_error) for row in wakes),
        *((row.name, row.last_error) for row in tasks),
        *(
            (f"shop {shop.pk}", problem["facts"].get("error", ""))
            for shop, problem in told
            if problem and problem["code"] == OWN_ERROR
        ),
    ]


def checks(*, chains: bool = True) -> Iterator[Check]:
    """Look at everything that goes wrong slowly.

    Args:
        chains: Recompute archive and audit log, too, which takes a while where they are long.
    """
    yield _key_age()
    yield _backlog()
    yield _failing()
    yield _disk()
    yield _backup()
    if chains:
        yield _archive()
        yield _audit()


def _ok(key: str, detail: str) -> Check:
    return Check(key, _LABELS[key], CheckStatus.OK, detail)


def _warn(key: str, code: str, **facts: object) -> Check:
    problem = Problem.of(code, **facts)
    return Check(key, _LABELS[key], CheckStatus.WARN, problem=problem, necessary=False)


def _fail(key: str, problem: Problem) -> Check:
    return Check(key, _LABELS[key], CheckStatus.FAIL, problem=problem)


def _key_age() -> Check:
    try:
        status = vault.status()
    except vault.VaultError as error:
        return _fail("key_age", error.problem)
    lost = [key.key_id for key in status.keys if not key.present]
    if lost:
        return _fail("key_age", Problem.of("SPJ-RESTORE-KEYS", keys=", ".join(lost)))
    [primary] = [key for key in status.keys if key.primary]
    age = timezone.now() - primary.created_at
    if age > KEY_AGE:
        return _warn("key_age", "SPJ-DOCTOR-KEY-AGE", days=age.days)
    return _ok("key_age", f"{primary.key_id}, {age.days} d")


def _backlog() -> Check:
    waiting = oldest_waiting()
    if waiting > BACKLOG:
        return _warn("backlog", "SPJ-DOCTOR-BACKLOG", minutes=int(waiting.total_seconds() // 60))
    return _ok("backlog", f"{int(waiting.total_seconds())} s")


def _failing() -> Check:
    found = failing()
    if found:
        more = f", … (+{len(found) - SHOWN})" if len(found) > SHOWN else ""
        what = ", ".join(f"{name} ({error})" for name, error in found[:SHOWN])
        return _warn("failing", "SPJ-DOCTOR-FAILING", what=what + more)
    return _ok("failing", "0")


def _disk() -> Check:
    free = shutil.disk_usage(Path(settings.DATA_DIR)).free
    shown = f"{free / (1 << 30):.1f} GiB"
    if free < FREE_BYTES:
        return _warn("disk", "SPJ-DOCTOR-DISK", free=shown, folder=settings.DATA_DIR)
    return _ok("disk", shown)


def _backup() -> Check:
    last = backup.last_at()
    if last is None:
        return _warn("backup", "SPJ-DOCTOR-NO-BACKUP")
    age = timezone.now() - last
    if age > BACKUP_AGE:
        return _warn("backup", "SPJ-DOCTOR-BACKUP", days=age.days)
    return _ok("backup", last.isoformat(timespec="seconds"))


def _archive() -> Check:
    entries = 0
    for company in Company.objects.all():
        result = archive.verify(company)
        if not result.ok:
            return _fail("archive", result.problems[0])
        entries += result.entries
    return _ok("archive", str(entries))


def _audit() -> Check:
    result = audit.verify()
    return _ok("audit", str(result.entries)) if result.ok else _fail("audit", result.problems[0])
