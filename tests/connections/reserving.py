"""Workers that reserve numbers at once, to be started by a test; prints what they got as JSON."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
os.environ["DJANGO_SETTINGS_MODULE"] = "spojka.site.settings"

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from spojka.companies.models import Company  # noqa: E402
from spojka.connections.models import Connection  # noqa: E402
from spojka.connections.reservations import StoredReservations  # noqa: E402

THREADS = 6
EACH = 10


def reserve(pk: int, thread: int) -> list[int]:
    try:
        numbers = StoredReservations(Connection.objects.get(pk=pk))
        found = [numbers.reserve("A", f"{thread}-{at}", 100) for at in range(EACH)]
        numbers.give_back(f"{thread}-0")
        return [*found[1:], numbers.reserve("A", f"{thread}-again", 100)]
    finally:
        connections.close_all()


def main() -> None:
    """Make the database and reserve in threads, each with a connection of its own."""
    call_command("migrate", verbosity=0)
    company = Company.objects.create(name="One")
    pk = Connection.objects.create(company=company, system="own", name="One").pk
    with ThreadPoolExecutor(THREADS) as pool:
        done = [pool.submit(reserve, pk, thread) for thread in range(THREADS)]
        sys.stdout.write(json.dumps([number for one in done for number in one.result()]))


if __name__ == "__main__":
    main()
