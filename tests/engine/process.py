"""Processes of an installation, to be started, frozen and killed by tests.

``prepare COUNT`` makes the database with a live company and COUNT paid orders that wait; ``work``
is a worker; ``wake COUNT ACCOUNT`` puts wakes in that record when they are served; ``tell`` prints
what became of everything. ``ENGINE_REMOTE`` is the address of the remote accounting system; without
it one in memory answers at once.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
os.environ["DJANGO_SETTINGS_MODULE"] = "spojka.site.settings"

import django  # noqa: E402

django.setup()

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
from spojka.engine import registry, runner  # noqa: E402
from spojka.engine.models import Wake  # noqa: E402
from spojka.engine.wakes import Lease  # noqa: E402
from spojka.orders import intake  # noqa: E402
from spojka.orders.models import Order  # noqa: E402

ORDER = ROOT / "tests" / "fixtures" / "woocommerce" / "orders" / "rest-20b-set-paid.json"
REMOTE = os.environ.get("ENGINE_REMOTE", "")
SERVE_SECONDS = float(os.environ.get("ENGINE_SERVE_SECONDS", "0"))
SETTLE_SECONDS = 1


class Remote:
    """An accounting system that asks twice before it makes a document, as real ones do."""

    descriptor = Descriptor(
        key="remote",
        name="Remote",
        markets=("CZ",),
        summary={"en": "Remote."},
        fields=(FieldSpec("address", {"en": "Address"}),) if REMOTE else (),
        capabilities=frozenset({Capability.INVOICE, Capability.PDF}),
        recovery=Recovery.SEARCH,
        settle_seconds=SETTLE_SECONDS,
    )

    def verify(self, s: Session) -> list[Check]:
        return []

    def load(self, s: Session) -> LoadedData:
        return LoadedData()

    def predict(self, d: CoreDocument) -> Totals:
        return Totals(d.total, d.vat)

    def requests(self, d: CoreDocument, key: str) -> list[PlannedRequest]:
        return []

    def create(self, s: Session, d: CoreDocument, key: str) -> Issued:
        if s.http is None:
            return Issued(key, key, issued_on=d.issued_on, total=d.total)
        s.http.request("GET", f"{REMOTE}/customer/{key}")
        answer = s.http.request("POST", f"{REMOTE}/document/{key}").json()
        return Issued(key, answer["number"], issued_on=d.issued_on, total=d.total)

    def look_up(self, s: Session, d: CoreDocument, key: str) -> Issued | None:
        if s.http is None:
            return None
        answer = s.http.request("GET", f"{REMOTE}/document/{key}").json()
        number = answer["number"]
        return Issued(key, number, issued_on=d.issued_on, total=d.total) if number else None

    def pdf(self, s: Session, d: CoreDocument, issued: Issued) -> File:
        return File(f"{issued.number}.pdf", "application/pdf", b"%PDF-remote")

    def pay(
        self, s: Session, d: CoreDocument, issued: Issued, key: str, paid_on: date, amount: Decimal
    ) -> Payment:
        return Payment(key, paid_on, amount)

    def unpay(self, s: Session, d: CoreDocument, issued: Issued, key: str) -> None: ...

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
    runner.serve()


def wake(count: int, account: str) -> None:
    """Put in wakes that only record when they are served."""
    with transaction.atomic():
        for number in range(count):
            engine.wake("served", f"{account}-{number}", account=account)


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
    time.sleep(SERVE_SECONDS)
    record("served", key)
    return None


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


def main() -> None:
    remote: System = Remote()
    found = accounting.systems

    def systems() -> dict[str, System]:
        return {**found(), "remote": remote}

    accounting.systems = systems
    command, *arguments = sys.argv[1:]
    commands: dict[str, Callable[..., None]] = {
        "prepare": prepare,
        "work": work,
        "wake": wake,
        "fill": fill,
        "tell": tell,
    }
    given = [int(word) if word.isdigit() else word for word in arguments]
    commands[command](*given)


if __name__ == "__main__":
    main()
