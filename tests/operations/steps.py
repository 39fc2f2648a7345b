"""Steps of a drill in a process of their own: ``python -m tests.operations.steps '[[…], …]'``.

A step is a list: ``["take", 1, 3]``, ``["later", 10]`` (minutes from now on), ``["spojka", …]`` (a
command). What each says, or what stands in the installation after it, is printed as a line of JSON.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from spojka.cli.installation import start


def set_up() -> None:
    """Make two live companies: one with an accounting system of another package, one without."""
    from spojka.companies.models import Company
    from spojka.connections import shops, systems
    from spojka.connections.models import Connection
    from spojka.documents import rulebook
    from spojka.documents.series import add_default_series
    from tests.documents.conftest import ON_PAYMENT

    for name in ("remote", "own"):
        company = Company.objects.create(
            name=name,
            company_id="27082440",
            tax_id="CZ27082440",
            vat_id="CZ27082440",
            street="Vodičkova 12",
            city="Praha",
            postcode="110 00",
            mode=Company.Mode.LIVE,
        )
        add_default_series(company)
        fields = {"url": "https://shop.example", "consumer_secret": f"cs_{name}_secret"}
        shop = shops.create(company, "woocommerce", name, fields, actor="drill")
        shop.write_back = False
        shop.save()
        systems.own_connection(company)
        if name == "remote":
            company.connections.update(default=False)
            Connection.objects.create(
                company=company, system="box", name="Box", active=True, default=True
            )
        rulebook.replace_rules(company, [ON_PAYMENT], actor="drill")


def take(first: int, last: int) -> None:
    """Have orders come to both companies, as polling brings them; work until nothing is due."""
    from spojka.connections.models import Shop
    from spojka.engine import runner
    from spojka.orders import intake
    from tests.documents.conftest import captured

    for shop in Shop.objects.all():
        for at in range(first, last + 1):
            intake.store(shop, captured("rest-20b-set-paid", id=at, number=str(at)))
    runner.run_until_idle(30)


def confirm() -> None:
    """Settle what waits for a person after a restore, as somebody who looked does."""
    from spojka.companies.models import Company
    from spojka.documents import actions
    from spojka.engine import runner

    for company in Company.objects.all():
        for code in ("SPJ-RESTORED-SERIES", "SPJ-RESTORED"):
            actions.retry_all(company, code, actor="drill")
    runner.run_until_idle(30)


def state() -> dict[str, Any]:
    """Return the documents of each company, and what the secrets are."""
    from spojka.connections import shops, vault
    from spojka.connections.models import Shop
    from spojka.documents.models import Document

    documents: dict[str, dict[str, Any]] = {"remote": {}, "own": {}}
    for row in Document.objects.select_related("company", "order"):
        codes = [problem["code"] for problem in row.problems]
        documents[row.company.name][row.order.number] = [row.state, row.number, codes]
    secrets = [vault.get(shops.owner(shop), "consumer_secret") for shop in Shop.objects.all()]
    return {**documents, "secrets": secrets}


def spojka(*words: str) -> Any:
    """Run a command as from the shell."""
    from spojka.cli.main import main as command

    printed = io.StringIO()
    with redirect_stdout(printed):
        code = command([*words, "--json"])
    lines = printed.getvalue().splitlines()
    return {"code": code, **(json.loads(lines[-1]) if lines else {})}


def perform(name: str, *arguments: Any) -> Any:
    """Carry a step out."""
    if name == "spojka":
        return spojka(*map(str, arguments))
    if name == "migrate":
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return {}
    if name != "show":
        does: dict[str, Callable[..., None]] = {
            "set-up": set_up,
            "take": take,
            "confirm": confirm,
        }
        does[name](*arguments)
    return state()


def main(steps: str) -> None:
    """Carry the steps out, one after the other."""
    start()
    minutes = 0.0
    for name, *arguments in json.loads(steps):
        if name == "later":
            minutes = arguments[0]
            continue
        moment = datetime.now(UTC) + timedelta(minutes=minutes)
        with time_machine.travel(moment, tick=True) if minutes else nullcontext():
            sys.stdout.write(json.dumps(perform(name, *arguments)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
