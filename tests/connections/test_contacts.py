"""Contacts and reserved numbers as adapters see them: shared, committed, never given twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.utils import timezone

from spojka.accounting.contract import LoadedData
from spojka.companies.models import Company
from spojka.connections.contacts import StoredContacts
from spojka.connections.models import Connection, ReservedNumber
from spojka.connections.reservations import StoredReservations
from tests.engine import postgres

WORKER = Path(__file__).with_name("reserving.py")


def made(name: str = "One") -> Connection:
    company = Company.objects.create(name=name)
    return Connection.objects.create(company=company, system="own", name=name, active=True)


@pytest.mark.django_db
def test_contacts_go_by_several_names_until_they_are_gone() -> None:
    contacts, other = StoredContacts(made(), LoadedData()), StoredContacts(made(), LoadedData())
    contacts.put(["data:1", "company:27082440", ""], "7")
    contacts.put(["data:2", "company:27082440"], "7")
    contacts.put(["data:1"], "8")
    assert [contacts.find(name) for name in ("data:1", "data:2", "company:27082440")] == [
        "8",
        "7",
        "7",
    ]
    assert other.find("data:1") is None
    contacts.forget("7")
    assert (contacts.find("company:27082440"), contacts.find("data:1")) == (None, "8")


@pytest.mark.django_db
def test_a_complete_list_is_believed_for_a_day() -> None:
    connection = made()
    complete = LoadedData(contacts_complete=True)
    assert not StoredContacts(connection, complete).complete
    connection.loaded_at = timezone.now()
    assert StoredContacts(connection, complete).complete
    assert not StoredContacts(connection, LoadedData()).complete
    connection.loaded_at = timezone.now() - timedelta(hours=25)
    assert not StoredContacts(connection, complete).complete


@pytest.mark.django_db
def test_a_number_is_reserved_once_per_key_and_given_back_first() -> None:
    numbers = StoredReservations(made())
    assert [numbers.reserve("A:2026", key, 10) for key in ("a", "b", "c", "a")] == [11, 12, 13, 11]
    assert numbers.reserve("B:2026", "d", 10) == 11
    assert numbers.reserved("b") == 12
    numbers.give_back("b")
    assert numbers.reserved("b") is None
    assert numbers.reserve("A:2026", "e", 10) == 12
    assert numbers.reserve("A:2026", "f", 10) == 14


@pytest.mark.django_db
def test_numbers_that_others_used_there_are_left_out() -> None:
    numbers = StoredReservations(made())
    numbers.reserve("A", "a", 0)
    numbers.reserve("A", "b", 0)
    numbers.give_back("a")
    assert numbers.reserve("A", "c", 1) == 3, "1 is used by others, 2 is reserved"
    assert not ReservedNumber.objects.filter(number=1).exists()
    assert numbers.reserve("A", "b", 5) == 6, "others took 2 before it was sent"
    assert numbers.reserve("B", "c", 0) == 1, "another series is due now"
    assert numbers.reserved("c") == 1


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_workers_that_reserve_at_once_get_different_numbers(kind: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        environment = {**os.environ, "SPOJKA_DATA": str(tmp_path), "SPOJKA_QUEUE": "table"}
        environment.pop("DATABASE_URL", None)
        if kind == "postgres":
            try:
                environment["DATABASE_URL"] = stack.enter_context(postgres.database())
            except psycopg.OperationalError as error:
                pytest.skip(f"no PostgreSQL server: {str(error).splitlines()[0]}")
        done = subprocess.run(
            [sys.executable, str(WORKER)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    numbers = json.loads(done.stdout)
    assert sorted(numbers) == list(range(101, 161)), "no gap, and none twice"
