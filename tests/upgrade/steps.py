"""Steps carried out by whichever code stands first in ``PYTHONPATH``, ours or earlier code.

``python -m tests.upgrade.steps '[[…], …]'`` carries them out one after the other, and prints a line
of JSON for each. Only faces that every release has are used: the command line, the API, the pages.
"""

from __future__ import annotations

import io
import json
import re
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import Any

from spojka.cli.installation import start

PASSWORD = "kotva-nebe-hrnek-42"
HOST = "127.0.0.1"
MOST_PAGES = 80


def where() -> str:
    """Return the folder of the code that runs."""
    import spojka

    return str(spojka.__path__[0])


def spojka(*words: Any) -> dict[str, Any]:
    """Run a command; what it printed is under ``lines``."""
    from spojka.cli.main import main

    printed = io.StringIO()
    with redirect_stdout(printed):
        code = main([*map(str, words), "--json"])
    return {"code": code, "lines": [json.loads(line) for line in printed.getvalue().splitlines()]}


def send(first: int, last: int, **changes: Any) -> list[int]:
    """Send orders by the API, as a shop does, and return the answers' status."""
    return [
        call("post", "/orders", {**order(str(number)), **changes}).status_code
        for number in range(first, last + 1)
    ]


def work() -> int:
    """Work until nothing is due; return how much there was to be looked at."""
    from spojka.engine import runner

    return runner.run_until_idle(60)


def act(order: str, what: str, **fields: Any) -> int:
    """Do something with the invoice of an order by the API, and return the answer's status."""
    (found,) = [row for row in documents() if (row["order"], row["kind"]) == (order, "invoice")]
    return int(call("post", f"/documents/{found['id']}/{what}", fields).status_code)


def tell() -> dict[str, Any]:
    """Return what the installation has: all documents, how many PDFs, and what still waits."""
    from spojka.engine.models import PeriodicTask, Wake

    rows = documents()
    issued = [row for row in rows if row["state"] in {"issued", "cancelled"}]
    pdfs = [call("get", f"/documents/{row['id']}/pdf").content for row in issued]
    return {
        "documents": [[row["order"], row["kind"], row["state"], row["number"]] for row in rows],
        "pdfs": sum(pdf.startswith(b"%PDF") for pdf in pdfs),
        "waiting": Wake.objects.filter(due_at__lte=datetime.now(UTC)).count(),
        "errors": [
            *Wake.objects.exclude(last_error="").values_list("handler", "key", "last_error"),
            *PeriodicTask.objects.exclude(last_error="").values_list("name", "last_error"),
        ],
    }


def periodic() -> None:
    """Run all periodic tasks."""
    from spojka.engine import runner

    runner.run_periodic()


def pages() -> dict[str, Any]:
    """Log in and follow every link; return the status of each page that did not show itself."""
    from django.contrib.auth.models import User
    from django.test import Client

    from spojka.companies.models import Company, Membership

    user, made = User.objects.get_or_create(username="jana@example.com", is_superuser=True)
    if made:
        user.set_password(PASSWORD)
        user.save()
        Membership.objects.create(user=user, company=Company.objects.get(), role="owner")
    client = Client(raise_request_exception=False, SERVER_NAME=HOST)
    client.force_login(user)
    waiting, seen, failed = ["/"], {"/"}, {}
    while waiting and len(seen) < MOST_PAGES:
        page = client.get(waiting.pop(), follow=True)
        if page.status_code != 200:
            failed[page.request["PATH_INFO"]] = page.status_code
        if page.headers.get("Content-Type", "").startswith("text/html"):
            links = re.findall(r'href="(/[^"#?]*)', page.content.decode())
            new = {link for link in links if not link.startswith("/static/")} - seen
            seen |= new
            waiting += sorted(new)
    return {"seen": len(seen), "failed": failed}


def documents() -> list[dict[str, Any]]:
    """Return all documents, the oldest first."""
    found: list[dict[str, Any]] = spojka("documents", "list", "--limit", 1000)["lines"]
    return found[::-1]


def call(method: str, path: str, data: Any = None) -> Any:
    """Call the API with a new token of the only company."""
    from django.test import Client

    from spojka.companies.models import ApiToken, Company

    token = ApiToken.make(Company.objects.get(), "upgrade")[1]
    client = Client(
        raise_request_exception=False,
        headers={"Authorization": f"Bearer {token}"},
        SERVER_NAME=HOST,
    )
    if method == "get":
        return client.get(f"/api/v1{path}")
    return client.post(f"/api/v1{path}", json.dumps(data), content_type="application/json")


def order(number: str) -> dict[str, Any]:
    """Return a paid order in the canonical form."""
    now = datetime.now(UTC).isoformat()
    return {
        "id": number,
        "number": number,
        "status": "processing",
        "currency": "CZK",
        "total": "121.00",
        "total_tax": "21.00",
        "created_at": now,
        "paid_at": now,
        "payment_method": "card",
        "customer": {"address": {"name": "Jana Nová", "country": "CZ"}},
        "lines": [
            {
                "key": "1",
                "kind": "product",
                "name": "Hrnek",
                "quantity": "1",
                "net": "100.00",
                "tax": "21.00",
                "rate": "21",
            }
        ],
    }


STEPS = {step.__name__: step for step in (where, spojka, send, work, act, tell, periodic, pages)}


def main(steps: str) -> None:
    """Carry the steps out; a dictionary at the end of one has its named arguments."""
    start()
    for name, *arguments in json.loads(steps):
        named = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        sys.stdout.write(json.dumps(STEPS[name](*arguments, **named)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
