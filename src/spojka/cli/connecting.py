"""``spojka connections``: list the accounting connections, verify one, load its data."""

from __future__ import annotations

import click

from spojka.cli.installation import (
    company_option,
    find_company,
    find_connection,
    json_option,
    with_database,
)
from spojka.cli.output import language, print_json, print_table, problem_json
from spojka.cli.verifying import print_checks
from spojka.core.problem import Problem


@click.group()
def connections() -> None:
    """List accounting connections, verify them, load their data."""


@connections.command("list")
@company_option
@json_option
@with_database
def list_connections(company_name: str, as_json: bool) -> None:
    """List the connections in the order in which they are tried."""
    from spojka.connections import standing

    rows = [
        {
            "id": row.pk,
            "name": row.name,
            "system": row.system,
            "state": standing.state_of(row),
            "default": row.default,
            "simulated": row.simulated,
            "verified_at": row.verified_at,
            "loaded_at": row.loaded_at,
            "problems": [
                problem_json(Problem.of(problem["code"], **problem["facts"]), language())
                for problem in standing.problems_of(row)
            ],
        }
        for row in find_company(company_name).connections.order_by("position", "pk")
    ]
    if as_json:
        print_json(rows)
        return
    shown = ("id", "name", "system", "state", "default")
    print_table(shown, ([str(row[name]) for name in shown] for row in rows))


@connections.command()
@click.argument("name")
@company_option
@json_option
@click.pass_context
@with_database
def verify(context: click.Context, name: str, company_name: str, as_json: bool) -> None:
    """Run the checklist of the connection of this id or name (own: Spojka's own issuer)."""
    from spojka.connections import activation

    found = find_connection(find_company(company_name), name)
    print_checks(context, activation.verify(found), as_json=as_json)


@connections.command()
@click.argument("name")
@company_option
@json_option
@with_database
def load(name: str, company_name: str, as_json: bool) -> None:
    """Load the lists (series, bank accounts, …) of the connection of this id or name."""
    from spojka.connections import loading
    from spojka.core import codec

    found = find_connection(find_company(company_name), name)
    data = codec.dump(loading.load(found))
    lists = {key: data[key] for key in ("series", "bank_accounts", "payment_methods", "warehouses")}
    if as_json:
        print_json(
            {**lists, "currencies": data["currencies"], "vat_mode": data["vat_mode"],
             "contacts": len(data["contacts"])}
        )  # fmt: skip
        return
    print_table(
        ("list", "id", "name"),
        ([key, row["id"], row["name"]] for key, rows in lists.items() for row in rows),
    )
