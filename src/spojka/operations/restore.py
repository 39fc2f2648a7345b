"""A restore, and what has to be settled after it.

A backup knows nothing of what was done after it. So a restore ends with doubts, not with trust:
whatever may have been done in the lost time is looked up in the accounting systems before anything
is sent, and is linked where it exists (:mod:`spojka.documents.doubt`). The own issuer's register
went back in time as well; its series continue above the numbers that may have been given out, and
where nobody can tell those, it pauses until a person has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection
from django.utils import timezone

from spojka import engine
from spojka.archive import chain as archive
from spojka.companies.models import AuditEntry, ChainHead, Company
from spojka.connections import systems, vault
from spojka.connections.models import Connection, Secret
from spojka.core.outcome import EffectKind, EffectState
from spojka.core.problem import Problem, problem_json
from spojka.documents.lifeline import note
from spojka.documents.models import Document, Effect, RegisterEntry, Series, SeriesCounter
from spojka.engine import runner
from spojka.engine.models import Wake
from spojka.operations import audit, floors, loading, manifest
from spojka.operations.backup import backup, keys_beside
from spojka.operations.manifest import BackupError, Manifest

RUNNING_WITHIN = timedelta(seconds=30)
_OPEN = [
    EffectState.PLANNED,
    EffectState.SENDING,
    EffectState.THROTTLED,
    EffectState.UNAVAILABLE,
    EffectState.UNCERTAIN,
    EffectState.LOOKING_UP,
    EffectState.ABSENT,
]


@dataclass(frozen=True, slots=True)
class AtRisk:
    """Numbers of a series that may have been given out after the backup."""

    company: str
    series: str
    series_id: int
    next_number: str
    """The first number that may have been given out, and would be given now."""
    settled: bool
    """The series continues above what was given out."""


@dataclass(slots=True)
class Report:
    """What a restore did, and what is left to a person."""

    made_at: datetime
    replaced: Path | None = None
    """Where the backup of what stood here before is."""
    in_doubt: int = 0
    """Effects that are looked up before anything is sent."""
    asked: int = 0
    """Documents of the own issuer that wait for a person."""
    series: list[AtRisk] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    """Companies whose own issuer waits until its series are settled."""
    warnings: list[Problem] = field(default_factory=list)


def restore(
    folder: Path,
    *,
    actor: str,
    keys: Path | None = None,
    force: bool = False,
    series_floors: Sequence[str] = (),
) -> Report:
    """Put a backup in place of the present database.

    Args:
        folder: The backup.
        actor: Who asked, for the audit log.
        keys: The key file kept apart; ``None``: the one beside the folder, if it is there.
        force: Replace an installation that is not empty (it is backed up first), and take a
            backup whose archive was damaged already when it was made.
        series_floors: ``SERIES=NUMBER``: the last number given out, for the own issuer's series.

    Raises:
        BackupError: nothing was changed; its problems say why.
        VaultError: the key file cannot be used; nothing was changed.
    """
    described = manifest.read(folder)
    loading.check_versions(described)
    with ExitStack() as stack:
        _demand_stopped(stack)
        replaced, known = _present(described, force=force, actor=actor)
        report = Report(described.made_at, replaced)
        stack.enter_context(loading.loaded(folder, described))
        _verify(described, report, force=force)
        _adopt_keys(keys or keys_beside(folder.absolute()), report, given=keys is not None)
        now = timezone.now()
        AuditEntry.write(
            "installation.restored",
            company=None,
            actor=actor,
            subject=folder.name[:200],
            made_at=described.made_at.isoformat(),
            version=described.version,
        )
        _settle_series(series_floors, known, report, actor=actor)
        _doubt(now, report)
    return report


def _demand_stopped(stack: ExitStack) -> None:
    """Hold the worker's place on SQLite; on PostgreSQL see that no worker gave a sign of life."""
    problem = Problem.of("SPJ-RESTORE-RUNNING")
    if connection.vendor == "sqlite":
        try:
            stack.enter_context(runner.single(Path(settings.DATA_DIR) / "worker.lock"))
        except runner.AlreadyRunningError:
            raise BackupError(problem) from None
        return
    try:
        alive = runner.is_alive(RUNNING_WITHIN)
    except DatabaseError:  # an empty database has no heartbeat
        alive = False
    if alive:
        raise BackupError(problem)


def _present(
    described: Manifest, *, force: bool, actor: str
) -> tuple[Path | None, dict[tuple[int, str], int] | None]:
    """Look at what would be replaced; back it up, and learn which numbers it has given out.

    The numbers count only where the backup is an earlier state of the same installation: then the
    last entry of its audit log is an entry of the present one.
    """
    try:
        companies = Company.objects.count()
        documents = Document.objects.count()
        users = get_user_model().objects.count()
    except DatabaseError:  # no tables yet
        return None, None
    if not companies and not users:
        return None, None
    if not force:
        raise BackupError(
            Problem.of("SPJ-RESTORE-NOT-EMPTY", companies=companies, documents=documents)
        )
    folder = Path(settings.DATA_DIR) / f"replaced-{timezone.now():%Y%m%dT%H%M%SZ}"
    backup(folder, keys=keys_beside(folder), actor=actor)
    head = described.chains.get(audit.CHAIN)
    same = head is not None and AuditEntry.objects.filter(digest=head.digest).exists()
    return folder, floors.counters() if same else None


def _verify(described: Manifest, report: Report, *, force: bool) -> None:
    """Prove that the chains are whole, and end where they ended when the backup was made."""
    problems = list(audit.verify().problems)
    for company in Company.objects.all():
        problems += archive.verify(company).problems
    heads = dict(ChainHead.objects.values_list("name", "digest"))
    for name, chain in described.chains.items():
        if heads.get(name) != chain.digest:
            detail = f"{name} ≠ {manifest.NAME}"
            problems.append(Problem.of("SPJ-BACKUP-DAMAGED", folder="-", detail=detail))
    if problems and not force:
        raise BackupError(*problems)
    report.warnings += problems


def _adopt_keys(file: Path, report: Report, *, given: bool) -> None:
    """Take over the keys that were kept apart; say so where some are missing."""
    if given or file.is_file():
        vault.adopt(file)
    lost = [key.key_id for key in vault.status().keys if not key.present and key.secrets]
    if lost:
        report.warnings.append(Problem.of("SPJ-RESTORE-KEYS", keys=", ".join(lost)))
    elif Secret.objects.exists():
        vault.rotate()  # a key that was retired meanwhile opens nothing but for this


# ── Numbers ───────────────────────────────────────────────────────────────────────────────────


def _settle_series(
    given: Sequence[str], known: dict[tuple[int, str], int] | None, report: Report, *, actor: str
) -> None:
    settled: set[int] = set()
    for text in given:
        floor = floors.parse(None, text)
        floors.raise_to(floor, actor=actor)
        settled.add(floor.series.pk)
    unsettled: dict[int, list[str]] = {}
    for counter, risk in _at_risk(settled, known):
        if known is not None:
            last = known.get((counter.series_id, counter.period), 0)
            if last > counter.last:
                floor = floors.Floor(counter.series, counter.period, last)
                floors.raise_to(floor, actor=actor)
        report.series.append(risk)
        if not risk.settled:
            unsettled.setdefault(counter.series.company_id, []).append(risk.next_number)
    if known is not None:
        _new_periods(known, actor)
    for company_id, numbers in unsettled.items():
        company = Company.objects.get(pk=company_id)
        own = systems.own_connection(company)
        own.paused_problem = problem_json(
            Problem.of(
                "SPJ-RESTORED-SERIES",
                made=f"{report.made_at:%Y-%m-%d %H:%M} UTC",
                numbers=", ".join(numbers),
            )
        )
        own.save(update_fields=["paused_problem"])
        report.paused.append(company.name)


def _at_risk(
    settled: set[int], known: dict[tuple[int, str], int] | None
) -> Iterator[tuple[SeriesCounter, AtRisk]]:
    """Yield the latest counter of each series in use."""
    rows = SeriesCounter.objects.select_related("series__company").order_by("series_id", "-period")
    seen: set[int] = set()
    for counter in rows:
        if counter.series_id in seen or not counter.series.active:
            continue
        seen.add(counter.series_id)
        yield (
            counter,
            AtRisk(
                company=counter.series.company.name,
                series=counter.series.name,
                series_id=counter.series_id,
                next_number=_next_number(counter),
                settled=known is not None or counter.series_id in settled,
            ),
        )


def _next_number(counter: SeriesCounter) -> str:
    """Return the number after the last one, in the form of the last one."""
    from spojka.documents.register import next_number

    entry = RegisterEntry.objects.filter(series=counter.series, period=counter.period).last()
    on = entry.issued_on if entry else timezone.now().date()
    return next_number(counter.series, on)


def _new_periods(known: dict[tuple[int, str], int], actor: str) -> None:
    """Raise counters of periods that began after the backup."""
    present = floors.counters()
    for (series_id, period), last in known.items():
        if last > present.get((series_id, period), 0):
            counter = Series.objects.filter(pk=series_id).first()
            if counter is not None:
                floors.raise_to(floors.Floor(counter, period, last), actor=actor)


# ── Doubt ─────────────────────────────────────────────────────────────────────────────────────


def _doubt(now: datetime, report: Report) -> None:
    """Have everything that may have been done looked up, or decided by a person."""
    for company in Company.objects.all():
        if not company.connections.filter(system=systems.OWN).exists():
            default = not company.connections.filter(active=True, default=True).exists()
            own = systems.own_connection(company)
            Connection.objects.filter(pk=own.pk).update(default=default)
    Connection.objects.update(doubt_until=now)
    Wake.objects.update(lease_until=None, lease_token="", again=False)  # whoever held them is gone
    effects = (
        Effect.objects.filter(
            state__in=_OPEN,
            kind__in=[EffectKind.CREATE, EffectKind.EMAIL, EffectKind.WRITE_BACK],
        )
        .exclude(document__state=Document.State.DROPPED)
        .select_related("document__order__shop", "document__connection", "document__company")
    )
    for effect in effects:
        if effect.kind == EffectKind.CREATE and _is_own(effect.document):
            report.asked += _ask(effect, now)
        else:
            _look_up_first(effect, now)
            report.in_doubt += 1
        order = effect.document.order
        engine.wake("order", order.pk, at=max(effect.due_at, now), account=f"shop:{order.shop_id}")


def _is_own(document: Document) -> bool:
    connection_ = document.connection
    return connection_ is not None and systems.issues_here(connection_)


def _look_up_first(effect: Effect, now: datetime) -> None:
    document = effect.document
    settle = timedelta(seconds=settings.SETTLE_SECONDS)
    if effect.kind == EffectKind.CREATE and document.connection is not None:
        system = systems.system_of(document.connection)
        settle = timedelta(seconds=system.descriptor.settle_seconds)
        if document.state in {Document.State.PLANNED, Document.State.ISSUING}:
            document.state = Document.State.UNCERTAIN
            document.save(update_fields=["state"])
    effect.state = EffectState.UNCERTAIN
    effect.look_ups = 0
    effect.due_at = max(effect.due_at, now + settle)
    effect.save(update_fields=["state", "look_ups", "due_at"])


def _ask(effect: Effect, now: datetime) -> int:
    """Hold a document of the own issuer that the register does not have; it cannot be looked up."""
    if RegisterEntry.objects.filter(key=effect.key).exists():
        return 0  # entered before the backup: the look-up will find it
    document = effect.document
    effect.state, effect.attempt, effect.due_at = EffectState.PLANNED, 0, now
    effect.save(update_fields=["state", "attempt", "due_at"])
    if document.state != Document.State.HELD:
        problem = Problem.of("SPJ-RESTORED", order=document.order.number, until=now.date())
        document.state = Document.State.HELD
        document.problems = [problem_json(problem)]
        document.save(update_fields=["state", "problems"])
        note(document.order, "held", document=document, problem=problem)
    return 1
