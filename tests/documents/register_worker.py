"""A process of its own that enters documents, to be started, doubled and killed by a test.

``prepare`` makes the database, ``enter FIRST COUNT THREADS`` enters documents with keys from FIRST
on, ``killed TURNS STEP`` kills as many children while they do so, ``numbers`` prints the numbers,
``verify`` prints what the archive and the series watch say.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / name) for name in ("src", "")]
os.environ["DJANGO_SETTINGS_MODULE"] = "spojka.site.settings"

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from spojka.archive import store  # noqa: E402
from spojka.companies.models import Company  # noqa: E402
from spojka.documents.models import RegisterEntry  # noqa: E402
from spojka.documents.register import CompanyRegister  # noqa: E402
from spojka.documents.series import add_default_series  # noqa: E402
from spojka.documents.series_watch import findings  # noqa: E402
from tests.documents.test_register import document  # noqa: E402


def prepare() -> None:
    call_command("migrate", verbosity=0)
    add_default_series(Company.objects.create(name="Hrnečky s.r.o."))


def enter(first: int, count: int, threads: int) -> None:
    register = CompanyRegister(Company.objects.get())

    def run(start: int) -> None:
        for key in range(start, start + count):
            uuid = str(uuid5(NAMESPACE_URL, str(key)))
            register.enter(document(uuid=uuid), f"create:{key}")
        connection.close()

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(run, first + number * count) for number in range(threads)]:
            done.result()


def killed(turns: int, step: int) -> None:
    """Start children that enter documents without end, and kill each at some moment."""
    chance = random.Random(20261122)
    enter(turns * step, 1, 1)  # loads what is loaded late, which children then need not
    connection.close()
    count = 0
    for turn in range(turns):
        child = os.fork()
        if child == 0:
            enter(turn * step, step, 1)
            os._exit(1)
        time.sleep(chance.uniform(0.01, 0.2))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        count += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    sys.stdout.write(json.dumps({"killed": count}))


def verify() -> None:
    company = Company.objects.get()
    verification = store.verify(company)
    told = {
        "ok": verification.ok,
        "entries": verification.entries,
        "findings": len(findings(company)),
    }
    sys.stdout.write(json.dumps(told))


def numbers() -> None:
    found = RegisterEntry.objects.order_by("counter").values_list("number", flat=True)
    sys.stdout.write(json.dumps(list(found)))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    commands: dict[str, Callable[..., None]] = {
        "prepare": prepare,
        "enter": enter,
        "killed": killed,
        "numbers": numbers,
        "verify": verify,
    }
    commands[command](*map(int, arguments))
