"""The archive: what is in it stays, and whatever is done to it behind its back is found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spojka.archive import store, triggers
from spojka.archive.models import Blob, Entry
from spojka.companies.models import AuditEntry, ChainHead, Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    return Company.objects.create(name="Hrnečky s.r.o.")


@pytest.fixture
def unguarded() -> Iterator[None]:
    """Let the test damage the tables, as somebody with the database's password could."""
    with triggers.lifted(connection):
        yield


def fill(company: Company, count: int = 5) -> list[Entry]:
    return [
        store.append(
            company,
            kind="pdf",
            subject=f"uuid-{number}",
            number=f"FA{number}",
            name=f"FA{number}.pdf",
            media_type="application/pdf",
            content=f"%PDF {number}".encode(),
            facts={"total": "121.00", "lines": number, "test": False},
        )
        for number in range(1, count + 1)
    ]


def found(company: Company) -> list[tuple[str, str]]:
    problems = store.verify(company).problems
    return [(problem.code, next(iter(problem.facts.values()))) for problem in problems]


def test_what_is_appended_is_read_back_and_verifies(company: Company) -> None:
    entries = fill(company, 3)
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert [entry.previous for entry in entries] == ["", entries[0].digest, entries[1].digest]
    assert store.read(entries[1].sha256) == b"%PDF 2"
    assert store.read("0" * 64) is None
    verification = store.verify(company)
    assert (verification.ok, verification.entries, verification.problems) == (True, 3, [])


def test_an_empty_archive_verifies(company: Company) -> None:
    assert store.verify(company).ok


def test_companies_have_chains_of_their_own(company: Company) -> None:
    other = Company.objects.create(name="Other")
    fill(company, 2)
    assert fill(other, 1)[0].seq == 1
    assert store.verify(company).entries == 2
    assert store.verify(other).ok


def test_equal_bytes_are_stored_once(company: Company) -> None:
    first = store.append(company, kind="pdf", subject="a", content=b"same")
    second = store.append(company, kind="email", subject="a", content=b"same")
    assert first.sha256 == second.sha256 == hashlib.sha256(b"same").hexdigest()
    assert Blob.objects.get().size == 4


def test_a_rolled_back_transaction_leaves_nothing(company: Company) -> None:
    fill(company, 1)

    class KilledError(Exception):
        pass

    with pytest.raises(KilledError), transaction.atomic():
        store.append(company, kind="pdf", subject="lost", content=b"lost")
        raise KilledError
    assert Entry.objects.filter(company=company).count() == 1
    assert store.read(hashlib.sha256(b"lost").hexdigest()) is None
    assert store.verify(company).ok
    assert fill(company, 1)[0].seq == 2


@pytest.mark.parametrize("value", [1.5, Decimal("1.5"), b"x", date(2026, 1, 1), {"deep": [1.5]}])
def test_facts_that_json_cannot_carry_exactly_are_refused(company: Company, value: object) -> None:
    with pytest.raises(ValueError, match="as a fact"):
        store.append(company, kind="x", subject="a", facts={"value": value})
    assert not Entry.objects.exists()


texts = st.text(st.characters(codec="utf-8"), max_size=9)
facts = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=st.dictionaries(texts, facts, max_size=4))
def test_whatever_is_appended_verifies_after_it_was_read_back(
    company: Company, value: dict[str, object]
) -> None:
    store.append(company, kind="x", subject="a", facts=value)
    assert store.verify(company).ok


# ── Damage ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize(
    "change",
    [
        {"number": "FA9"},
        {"kind": "isdoc"},
        {"subject": "uuid-9"},
        {"name": "x.pdf"},
        {"media_type": "text/plain"},
        {"facts": {"total": "1.00"}},
        {"at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"sha256": ""},
    ],
)
def test_a_changed_record_is_found(company: Company, change: dict[str, object]) -> None:
    fill(company)
    Entry.objects.filter(seq=3).update(**change)
    assert found(company) == [("SPJ-ARCHIVE-RECORD-CHANGED", "3")]


@pytest.mark.usefixtures("unguarded")
def test_a_record_changed_together_with_its_digest_is_found(company: Company) -> None:
    fill(company)
    entry = Entry.objects.get(seq=3)
    entry.number = "FA9"
    entry.digest = entry.computed_digest()
    entry.save()
    assert found(company) == [("SPJ-ARCHIVE-BROKEN", "4")]


@pytest.mark.usefixtures("unguarded")
def test_the_last_record_changed_together_with_its_digest_is_found(company: Company) -> None:
    fill(company)
    entry = Entry.objects.get(seq=5)
    entry.number = "FA9"
    entry.digest = entry.computed_digest()
    entry.save()
    assert found(company) == [("SPJ-ARCHIVE-BROKEN", "5")]


@pytest.mark.usefixtures("unguarded")
def test_removed_records_are_found(company: Company) -> None:
    fill(company, 7)
    Entry.objects.filter(seq__in=[1, 4, 5]).delete()
    verification = store.verify(company)
    assert verification.entries == 4
    assert [dict(problem.facts) for problem in verification.problems] == [
        {"first": "1", "last": "1"},
        {"first": "4", "last": "5"},
    ]
    assert {problem.code for problem in verification.problems} == {"SPJ-ARCHIVE-RECORD-MISSING"}


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize("left", [0, 3])
def test_records_cut_off_at_the_end_are_found(company: Company, left: int) -> None:
    fill(company)
    Entry.objects.filter(seq__gt=left).delete()
    (problem,) = store.verify(company).problems
    assert problem.code == "SPJ-ARCHIVE-END"
    assert dict(problem.facts) == {"found": str(left), "expected": "5"}


@pytest.mark.usefixtures("unguarded")
def test_a_lost_head_is_found(company: Company) -> None:
    fill(company)
    ChainHead.objects.all().delete()
    assert found(company) == [("SPJ-ARCHIVE-END", "5")]


@pytest.mark.usefixtures("unguarded")
def test_swapped_records_are_found(company: Company) -> None:
    fill(company)
    Entry.objects.filter(seq=2).update(seq=100)
    Entry.objects.filter(seq=3).update(seq=2)
    Entry.objects.filter(seq=100).update(seq=3)
    codes = [code for code, _ in found(company)]
    assert codes.count("SPJ-ARCHIVE-RECORD-CHANGED") == 2
    assert "SPJ-ARCHIVE-BROKEN" in codes


@pytest.mark.usefixtures("unguarded")
def test_an_inserted_record_is_found(company: Company) -> None:
    fill(company)
    last = Entry.objects.get(seq=5)
    added = Entry(company=company, seq=6, kind="pdf", subject="x", previous=last.digest)
    added.digest = added.computed_digest()
    added.save()
    assert found(company) == [("SPJ-ARCHIVE-END", "6")]


def test_a_changed_file_is_found(company: Company) -> None:
    entry = fill(company)[1]
    Blob.objects.filter(sha256=entry.sha256).update(content=b"%PDF forged")
    assert found(company) == [("SPJ-ARCHIVE-FILE-CHANGED", "2")]


def test_a_missing_file_is_found(company: Company) -> None:
    entry = fill(company)[1]
    Blob.objects.filter(sha256=entry.sha256).delete()
    assert found(company) == [("SPJ-ARCHIVE-FILE-MISSING", "2")]


# ── The database's own guard ──────────────────────────────────────────────────────────────────


@pytest.fixture
def guarded() -> None:
    editor: Any = SimpleNamespace(connection=connection)
    triggers.install(apps, editor)


@pytest.mark.usefixtures("guarded")
def test_the_database_refuses_to_change_or_delete_records(company: Company) -> None:
    fill(company, 2)
    AuditEntry.write("company.created", company=company, actor="test")
    for rows in (Entry.objects.all(), AuditEntry.objects.all()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            rows.filter(company=company).update(subject="changed")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            rows.filter(company=company)._raw_delete(using="default")
    assert Entry.objects.count() == 2
    assert store.verify(company).ok


@pytest.mark.usefixtures("guarded")
def test_the_guard_is_installed_twice_without_harm_and_removed(company: Company) -> None:
    editor: Any = SimpleNamespace(connection=connection)
    triggers.install(apps, editor)
    fill(company, 1)
    triggers.remove(apps, editor)
    assert Entry.objects.update(number="changed") == 1


@pytest.mark.usefixtures("guarded")
def test_the_guard_stands_again_after_it_was_lifted(company: Company) -> None:
    fill(company, 1)
    with triggers.lifted(connection):
        Entry.objects.update(number="FA1")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Entry.objects.update(number="changed")
