"""The audit log: what was written stays, and whoever gets past that is found out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction

from spojka.archive import triggers
from spojka.companies.models import AuditEntry, ChainHead
from spojka.operations import audit
from tests.cli.conftest import Run, run

__all__ = ["run"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def log() -> None:
    for at in range(5):
        AuditEntry.write("rule.changed", company=None, actor="Jana", subject=f"{at}", count=at)


def entry(at: int) -> AuditEntry:
    return AuditEntry.objects.get(subject=f"{at}")


def test_an_untouched_log_is_whole(run: Run) -> None:
    done = run("audit", "verify", "--json")
    assert (done.code, done.lines) == (0, [{"ok": True, "entries": 5, "problems": []}])


@pytest.mark.parametrize(
    "change",
    [
        lambda: AuditEntry.objects.filter(subject="2").update(actor="nobody"),
        lambda: AuditEntry.objects.filter(subject="2").delete(),
        lambda: AuditEntry.objects.all().delete(),
        lambda: connection.cursor().execute("UPDATE companies_auditentry SET facts = '{}'"),
        lambda: connection.cursor().execute("DELETE FROM companies_auditentry"),
    ],
)
def test_the_database_refuses_every_change(change: Callable[[], object]) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change()
    assert audit.verify() == audit.Verification(5)


def _change() -> None:
    AuditEntry.objects.filter(subject="2").update(facts={"count": 3})


def _remove() -> None:
    entry(2).delete()


def _cut() -> None:
    entry(4).delete()


def _insert() -> None:
    forged = AuditEntry(action="x", actor="x", subject="9", previous=entry(4).digest)
    forged.digest = forged.computed_digest()
    forged.save()


def _swap() -> None:
    first, second = entry(1), entry(3)
    for row, other in ((first.pk, second), (second.pk, first)):
        AuditEntry.objects.filter(pk=row).update(
            digest=f"{other.digest[:-1]}x", subject=other.subject
        )


@pytest.mark.parametrize(
    ("damage", "codes"),
    [
        (_change, ["SPJ-AUDIT-CHANGED"]),
        (_remove, ["SPJ-AUDIT-BROKEN", "SPJ-AUDIT-CUT"]),
        (_cut, ["SPJ-AUDIT-CUT"]),
        (_insert, ["SPJ-AUDIT-CUT"]),
        (_swap, ["SPJ-AUDIT-CHANGED", "SPJ-AUDIT-BROKEN"] * 2),
    ],
)
def test_whoever_gets_past_the_database_is_found_out(
    run: Run, damage: Callable[[], None], codes: list[str]
) -> None:
    with triggers.lifted(connection):
        damage()
    done = run("audit", "verify", "--json")
    assert done.code == 1
    assert [problem["code"] for problem in done.lines[0]["problems"]] == codes


def test_a_log_cut_together_with_its_head_differs_from_the_backup(run: Run) -> None:
    """What the chain itself cannot tell, the manifest of a backup does: it keeps the head."""
    head = ChainHead.objects.get(name=audit.CHAIN)
    last = entry(4)
    with triggers.lifted(connection):
        last.delete()
    ChainHead.objects.filter(name=audit.CHAIN).update(length=4, digest=entry(3).digest)
    assert audit.verify().ok
    assert not AuditEntry.objects.filter(digest=head.digest).exists()
