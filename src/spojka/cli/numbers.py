"""``spojka series``: the own issuer's number series, and going on above a number."""

from __future__ import annotations

import click

from spojka.cli.backups import explained
from spojka.cli.installation import (
    actor,
    company_option,
    find_company,
    json_option,
    with_database,
)
from spojka.cli.output import print_json, print_result, print_table


@click.group()
def series() -> None:
    """List number series, or continue one above a number."""


@series.command("list")
@company_option
@json_option
@with_database
@explained
def list_(company_name: str, as_json: bool) -> None:
    """List the company's number series with the number that each would give next."""
    from django.utils import timezone

    from spojka.documents.register import next_number

    company = find_company(company_name)
    today = timezone.now().astimezone(company.zone).date()
    rows = [
        {
            "id": row.pk,
            "name": row.name,
            "kind": row.kind,
            "format": row.format,
            "active": row.active,
            "next_number": next_number(row, today),
        }
        for row in company.series.all()
    ]
    if as_json:
        for row in rows:
            print_json(row)
        return
    print_table(
        ("id", "name", "document", "format", "next"),
        ((row["id"], row["name"], row["kind"], row["format"], row["next_number"]) for row in rows),
    )


@series.command()
@click.argument("name", metavar="SERIES")
@click.argument("number")
@company_option
@json_option
@with_database
@explained
def floor(name: str, number: str, company_name: str, as_json: bool) -> None:
    """Continue SERIES (id or name) above NUMBER, the last one given out; there is no way back."""
    from django.utils import timezone

    from spojka.documents.register import next_number
    from spojka.operations import floors

    company = find_company(company_name)
    found = floors.parse(company, f"{name}={number}")
    floors.raise_to(found, actor=actor())
    today = timezone.now().astimezone(company.zone).date()
    following = next_number(found.series, today)
    print_result(
        {"series": found.series.pk, "period": found.period, "next_number": following},
        as_json=as_json,
        text=f"{found.series.name}: the next number is {following}.",
    )
