"""Processes of an installation, to be started, frozen and killed by tests.

``prepare COUNT`` makes the database with a live company and COUNT paid orders that wait; ``work``
is a worker; ``wake COUNT ACCOUNT`` puts wakes in that record when they are served; ``tell`` prints
what became of everything. ``ENGINE_REMOTE`` is the address of the remote accounting system; without
it one in memory answers at once.

``fork`` loads everything once and then starts any number of such processes, each from a line of
JSON on standard input: command, arguments, environment, and the file for its output. It tells their
ids and how they ended.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
import traceback
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast
from unittest import mock
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
os.environ["DJANGO_SETTINGS_MODULE"] = "spojka.site.settings"

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from spojka import engine  # noqa: E402
from spojka.accounting import registry as accounting  # noqa: E402
from spojka.accounting.contract import (  # noqa: E402
    Capability,
    Descriptor,
    File,
    Issued,
    LoadedData,
    Payment,
    PlannedRequest,
    Recovery,
    Session,
    System,
    Totals,
)
from spojka.archive import store as archive  # noqa: E402
from spojka.companies.models import Company  # noqa: E402
from spojka.connections import shops  # noqa: E402
from spojka.connections.models import Connection  # noqa: E402
from spojka.core.descriptor import Check, FieldSpec  # noqa: E402
from spojka.core.document import Document as CoreDocument  # noqa: E402
from spojka.core.document import Kind  # noqa: E402
from spojka.core.rules import Conditions, Rule  # noqa: E402
from spojka.documents import rulebook  # noqa: E402
from spojka.documents.models import Document  # noqa: E402
from spojka.engine import leases, registry, runner, wakes  # noqa: E402
from spojka.engine.models import Wake  # noqa: E402
from spojka.engine.wakes import Lease  # noqa: E402
from spojka.orders import intake  # noqa: E402
from spojka.orders.models import Order  # noqa: E402

ORDER = ROOT / "tests" / "fixtures" / "woocommerce" / "orders" / "rest-20b-set-paid.json"
SETTLE_SECONDS = 1


class Remote:
    """An accounting system that asks twice before it makes a document, as real ones do."""

    descriptor = Descriptor(
        key="remote",
        name="Remote",
        markets=("CZ",),
        summary={"en": "Remote."},
        fields=(FieldSpec("address", {"en": "Address"}),),
        capabilities=frozenset({Capability.INVOICE, Capability.PDF}),
        recovery=Recovery.SEARCH,
        settle_seconds=SETTLE_SECONDS,
    )

    def verify(self, s: Session) -> list[Check]:
        return []

    def load(self, s: Session) -> LoadedData:
        return LoadedData()

    def predict(self, s: Session, d: CoreDocument) -> Totals:
        return Totals(d.total, d.vat)

    def requests(self, s: Session, d: CoreDocument, key: str) -> list[PlannedRequest]:
        return []

    def create(self, s: Session, d: CoreDocument, key: str) -> Issued:
        remote = os.environ.get("ENGINE_REMOTE")
        if not remote:
            return Issued(key, key, issued_on=d.issued_on, total=d.total)
        assert s.http is not None
        s.http.request("GET", f"{remote}/customer/{key}")
        answer = s.http.request("POST", f"{remote}/document/{key}").json()
        return Issued(key, answer["number"], issued_on=d.issued_on, total=d.total)

    def look_up(self, s: Session, d: CoreDocument, key: str) -> Issued | None:
        assert s.http is not None
        answer = s.http.request("GET", f"{os.environ['ENGINE_REMOTE']}/document/{key}").json()
        number = answer["number"]
        return Issued(key, number, issued_on=d.issued_on, total=d.total) if number else None

    def pdf(self, s: Session, d: CoreDocument, issued: Issued) -> File:
        return File(f"{issued.number}.pdf", "application/pdf", b"%PDF-remote")

    def pay(
        self, s: Session, d: CoreDocument, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        return Payment(key, paid_on, amount)

    def find_payment(
        self, s: Session, d: CoreDocument, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment | None:
        """Leave it to ``pay``, which records nothing twice under one key."""
        return None

    def unpay(
        self, s: Session, d: CoreDocument, issued: Issued, key: str, payment_id: str
    ) -> None: ...

    def isdoc(self, s: Session, d: CoreDocument, issued: Issued) -> File:
        return self.pdf(s, d, issued)

    def cancel(self, s: Session, d: CoreDocument, issued: Issued, key: str) -> None: ...


def prepare(count: int) -> None:
    """Make the database, and orders that are due to be invoiced."""
    call_command("migrate", verbosity=0)
    company = Company.objects.create(
        name="Hrnečky s.r.o.",
        company_id="27082440",
        tax_id="CZ27082440",
        vat_id="CZ27082440",
        oss=True,
        mode=Company.Mode.LIVE,
        street="Vodičkova 12",
        city="Praha 1",
        postcode="110 00",
        country="CZ",
    )
    shop = shops.create(
        company, "woocommerce", "Shop", {"url": "https://shop.example"}, actor="test"
    )
    shop.write_back = False
    shop.save()
    Connection.objects.create(
        company=company, system="remote", name="Remote", active=True, default=True
    )
    paid = Rule(id="x", name="paid", kind=Kind.INVOICE, conditions=Conditions(paid=True))
    rulebook.replace_rules(company, [paid], actor="test")
    payload = json.loads(ORDER.read_text(encoding="utf-8"))
    for number in range(count):
        identity = {"id": 100_000 + number, "number": str(100_000 + number)}
        intake.store(shop, {**payload, **identity})


def work() -> None:
    """Be a worker until SIGTERM."""
    runner.STOP_SECONDS = float(os.environ.get("ENGINE_STOP_SECONDS", runner.STOP_SECONDS))
    seconds = float(os.environ.get("ENGINE_LEASE_SECONDS", settings.LEASE_SECONDS))
    leases.HOLD_SECONDS = float(os.environ.get("ENGINE_HOLD_SECONDS", leases.HOLD_SECONDS))
    leases.LEASE = wakes.LEASE = timedelta(seconds=seconds)
    runner.serve()


def wake(count: int, account: str) -> None:
    """Put in wakes that only record when they are served."""
    with transaction.atomic():
        for number in range(count):
            engine.wake("served", f"{account}-{number}", account=account)
    for number in range(count):
        record("woken", f"{account}-{number}")


def fill(count: int, account: str) -> None:
    """Put very many wakes in at once, as the rows and tickets that so many calls would leave."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO engine_wake (handler, key, account, due_at, again, lease_token, failures,"
            " last_error) SELECT 'served', %s || '-' || n, %s, now(), false, '', 0, ''"
            " FROM generate_series(1, %s) n",
            [account, account, count],
        )
        if "procrastinate_jobs" in connection.introspection.table_names(cursor):
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args)"
                " SELECT 'spojka', 'spojka.turn', 'served:' || key,"
                " jsonb_build_object('handler', handler, 'key', key) FROM engine_wake"
                " WHERE account = %s",
                [account],
            )


def tell() -> None:
    """Print documents, wakes and periodic tasks."""
    numbers = Document.objects.order_by("number").values_list("state", "number")
    told = {
        "documents": [list(row) for row in numbers],
        "orders": Order.objects.count(),
        "waiting": Wake.objects.count(),
        "leased": Wake.objects.exclude(lease_token="").count(),
        "archive": all(archive.verify(company).ok for company in Company.objects.all()),
    }
    sys.stdout.write(json.dumps(told))


@registry.handler("served")
def served(key: str, lease: Lease) -> datetime | None:
    """Record when a wake was served, in a file that all processes append to."""
    time.sleep(float(os.environ.get("ENGINE_SERVE_SECONDS", "0")))
    record("served", key)
    return None


@registry.handler("fatal")
def fatal(key: str, lease: Lease) -> datetime | None:
    """End the thread that works on it."""
    raise SystemExit(key)


@registry.periodic("tick", timedelta(seconds=1))
def tick() -> None:
    """Record each run."""
    record("tick", timezone.now().isoformat())


def record(what: str, key: str) -> None:
    """Append one line to the record; a line is written whole or not at all."""
    path = os.environ.get("ENGINE_RECORD", "")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{time.time()} {os.getpid()} {what} {key}\n")


def fork() -> None:
    """Start processes as told, until standard input ends; they live on."""
    while True:
        if select.select([sys.stdin], [], [], 0.02)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            pid = os.fork()
            if pid == 0:
                child(**json.loads(line))
            say("started", pid)
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            continue
        if pid:
            say("ended", pid, os.waitstatus_to_exitcode(status))


def say(*words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def child(command: str, arguments: list[str], environment: dict[str, str], output: str) -> None:
    """Be one process: never returns."""
    status = 1
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(file, stream)
        os.environ.update(environment)
        name = urlsplit(environment["DATABASE_URL"]).path[1:]
        connection.settings_dict["NAME"] = name
        run(command, arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def run(command: str, arguments: list[str]) -> None:
    commands: dict[str, Callable[..., None]] = {
        "prepare": prepare,
        "work": work,
        "wake": wake,
        "fill": fill,
        "tell": tell,
        "fork": fork,
    }
    commands[command](*(int(word) if word.isdigit() else word for word in arguments))


def main() -> None:
    remote = cast(System, Remote())  # offers what it declares
    found = accounting.systems

    def systems() -> dict[str, System]:
        return {**found(), "remote": remote}

    mock.patch.object(accounting, "systems", systems).start()
    run(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    main()
