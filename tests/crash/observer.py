"""Furnishes an installation and reports what is in it; see ``installation.Observer``.

Reads one command a line as JSON (``["furnish", {…}]``) and answers each with one line.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

os.environ["DJANGO_SETTINGS_MODULE"] = "spojka.site.settings"

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from spojka.archive import store  # noqa: E402
from spojka.companies.models import Company  # noqa: E402
from spojka.connections import shops, systems, vault  # noqa: E402
from spojka.connections.models import Connection, MailAccount, Shop  # noqa: E402
from spojka.core.document import Kind  # noqa: E402
from spojka.core.rules import Conditions, Rule  # noqa: E402
from spojka.documents import emailing, rulebook  # noqa: E402
from spojka.documents.models import Document, Effect, RegisterEntry  # noqa: E402
from spojka.documents.series import add_default_series  # noqa: E402
from spojka.documents.series_watch import findings  # noqa: E402
from spojka.engine import runner  # noqa: E402
from spojka.engine.models import Wake  # noqa: E402
from spojka.orders import intake, polling  # noqa: E402
from spojka.orders.models import InboxEvent, Order, OrderVersion  # noqa: E402
from tests.crash import boundaries, databases  # noqa: E402

DONE = ("confirmed", "rejected", "skipped")
RULES = (
    Rule("1", "proforma", Kind.PROFORMA, Conditions(paid=False, statuses=("on-hold",))),
    Rule("2", "invoice", Kind.INVOICE, Conditions(paid=True)),
)


def furnish(
    name: str, shop: dict[str, str], mail_port: int, remote: dict[str, str] | None
) -> dict[str, Any]:
    """Make a live company with a shop, a mail account and, if given, the remote system."""
    company = Company.objects.create(
        name=name,
        company_id="27082440",
        tax_id="CZ27082440",
        vat_id="CZ27082440",
        street="Dlouhá 1",
        city="Praha",
        postcode="110 00",
        mode=Company.Mode.LIVE,
        email_after_issuing=True,
    )
    add_default_series(company)
    emailing.default_templates(company)
    MailAccount.objects.create(
        company=company,
        host="127.0.0.1",
        port=mail_port,
        security="none",
        sender_name=name,
        sender_address="faktury@example.com",
    )
    own = systems.own_connection(company)
    if remote is not None:
        Connection.objects.filter(pk=own.pk).update(default=False)
        connection = Connection.objects.create(
            company=company,
            system="remote",
            name="Remote",
            settings={"address": remote["url"]},
            active=True,
            default=True,
        )
        vault.put(systems.owner(connection), "api_key", remote["api_key"])
    rulebook.replace_rules(company, RULES, actor="drill")
    made = shops.create(company, "woocommerce", name, shop, actor="drill")
    checks = shops.verify(made)
    assert made.verified_at is not None, checks
    return {
        "company": company.pk,
        "token": made.path_token,
        "secret": shops.webhook_secret(made),
    }


def deliver(token: str, headers: dict[str, str], body: str) -> int:
    """Take a delivery in, as the web server's view does; return its event."""
    shop = Shop.objects.get(path_token=token)
    topic = headers["x-wc-webhook-topic"]
    number = str(json.loads(body)["id"])
    return intake.receive(
        shop, via="webhook", body=body.encode(), headers=headers, topic=topic, external_id=number
    ).pk


def waiting() -> dict[str, int]:
    """Count what is still to come, and what has arrived."""
    return {
        "orders": Order.objects.count(),
        "paid": Order.objects.filter(paid_at__isnull=False).count(),
        "events": InboxEvent.objects.filter(state="new").count(),
        "effects": Effect.objects.exclude(state__in=DONE).count(),
        "wakes": Wake.objects.filter(handler__in=["order", "event"]).count(),
        "documents": Document.objects.exclude(number="").count(),
    }


def report() -> list[dict[str, Any]]:
    """Return everything that a verdict needs, by company."""
    return [_company(company) for company in Company.objects.order_by("pk")]


def _company(company: Company) -> dict[str, Any]:
    verified = store.verify(company)
    entries = company.archive_entries.order_by("seq")
    return {
        "name": company.name,
        "orders": [_order(order) for order in Order.objects.filter(company=company)],
        "register": [
            {
                "series": entry.series_id,
                "period": entry.period,
                "counter": entry.counter,
                "number": entry.number,
                "document": str(entry.uuid),
            }
            for entry in RegisterEntry.objects.filter(company=company)
        ],
        "series_findings": [str(finding) for finding in findings(company)],
        "archive": list(entries.values("kind", "subject", "number")),
        "archive_problems": [problem.code for problem in verified.problems],
        "first_by_webhook": OrderVersion.objects.filter(
            order__company=company, ordinal=1, event__isnull=False
        ).count(),
    }


def _order(order: Order) -> dict[str, Any]:
    events = order.events.order_by("id").values("name", "document__uuid")
    return {
        "id": order.external_id,
        "email": order.email,
        "versions": order.versions.count(),
        "events": [[row["name"], str(row["document__uuid"] or "")] for row in events],
        "documents": [_document(document) for document in order.documents.order_by("id")],
    }


def _document(document: Document) -> dict[str, Any]:
    return {
        "uuid": str(document.uuid),
        "kind": document.kind,
        "state": document.state,
        "number": document.number,
        "total": str(document.total),
        "paid": str(document.paid_amount),
        "problems": document.problems,
        "effects": [
            {
                "kind": effect.kind,
                "key": effect.key,
                "state": effect.state,
                "attempt": effect.attempt,
                "problem": (effect.problem or {}).get("code", ""),
            }
            for effect in document.effects.order_by("sequence", "id")
        ],
    }


# Living one way again and again, and dying at each of its boundaries in turn.


def snapshot() -> None:
    """Remember the database as it is, with what a dead process left in its log."""
    connections.close_all()
    if connection.vendor == "postgresql":
        databases.snapshot()
        return
    path, kept = _database()
    kept.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(kept)) as new:
        old.backup(new)


def go_back() -> None:
    """Make the database again what it was at the snapshot."""
    connections.close_all()
    if connection.vendor == "postgresql":
        databases.go_back()
        return
    path, kept = _database()
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    shutil.copy(kept, path)


def _database() -> tuple[Path, Path]:
    path = Path(settings.DATABASES["default"]["NAME"])
    return path, path.with_name("kept.sqlite3")


def live(at: int | None = None) -> dict[str, Any]:
    """Have a worker process do all there is to do, or die at its ``at``-th boundary.

    Returns whether it was killed, and the boundaries it passed.
    """
    tickets = settings.QUEUE == "procrastinate"
    return _in_a_child(_serve_tickets if tickets else _work, at)


def take_in(at: int | None = None, **delivery: Any) -> dict[str, Any]:
    """Have a web process take a delivery in, or die at its ``at``-th boundary; see ``live``."""
    return _in_a_child(lambda: deliver(**delivery), at)


def _in_a_child(work: Callable[[], object], at: int | None) -> dict[str, Any]:
    connections.close_all()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _do_and_exit(work, at, writer)
    os.close(writer)
    with os.fdopen(reader) as log:
        passed = log.read().splitlines()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        raise RuntimeError(f"the child ended with {status}; its reason is in the output")
    return {"killed": killed, "boundaries": passed}


def _do_and_exit(work: Callable[[], object], at: int | None, log: int) -> NoReturn:
    status = 1
    try:
        boundaries.arm(at, log)
        work()
        status = 0
    except BaseException:  # a forked copy must never go on as the observer
        traceback.print_exc()
    finally:
        os._exit(status)


def _work() -> None:
    """Work until nothing is left to do."""
    deadline = time.monotonic() + 60
    while _is_unfinished():
        if not runner.run_until_idle(30):
            time.sleep(0.02)
        if time.monotonic() > deadline:
            raise TimeoutError(f"not done in time: {waiting()}")


def _serve_tickets() -> None:
    """Serve tickets of Procrastinate until nothing is left to do, as a worker does."""
    from spojka.engine import tickets

    stop = threading.Event()
    late: list[str] = []

    def mind() -> None:
        """Do what the periodic thread does, without waiting for it to be due."""
        deadline = time.monotonic() + 60
        try:
            while _is_unfinished() and not late:
                tickets.reissue()
                time.sleep(0.05)
                if time.monotonic() > deadline:
                    late.append(f"not done in time: {waiting()}")
        finally:
            stop.set()

    mock.patch.object(tickets, "FORGOTTEN", timedelta(0)).start()
    with mock.patch.object(tickets, "STALLED_SECONDS", 0.0):
        tickets.void()
    connections.close_all()
    threading.Thread(target=mind, name="periodic").start()
    tickets.serve(stop)
    if late:
        raise TimeoutError(late[0])


def _is_unfinished() -> bool:
    found = waiting()
    return bool(found["events"] or found["effects"] or found["wakes"])


def poll() -> None:
    """Ask every shop what changed."""
    for shop in Shop.objects.all():
        polling.poll(shop.pk)
    connections.close_all()


def expire() -> None:
    """Let the lease of a dead worker run out now."""
    Wake.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now())
    connections.close_all()


COMMANDS: dict[str, Callable[..., Any]] = {
    "furnish": furnish,
    "deliver": deliver,
    "waiting": waiting,
    "report": report,
    "snapshot": snapshot,
    "go_back": go_back,
    "live": live,
    "take_in": take_in,
    "poll": poll,
    "expire": expire,
}


def main() -> None:
    for line in sys.stdin:
        command, arguments = json.loads(line)
        answer = COMMANDS[command](**arguments)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
