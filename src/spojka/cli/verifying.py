"""``spojka verify``: run the checklist of a connection or of a shop."""

from __future__ import annotations

from collections.abc import Sequence

import click

from spojka.cli.installation import (
    company_option,
    find_company,
    find_connection,
    find_shop,
    json_option,
    with_database,
)
from spojka.cli.output import (
    REFUSED,
    language,
    print_json,
    print_table,
    problem_json,
    sentence,
)
from spojka.core.descriptor import Check, CheckStatus, say

_SIGNS = {CheckStatus.OK: "✓ ok", CheckStatus.WARN: "! warning", CheckStatus.FAIL: "✗ failed"}


@click.group()
def verify() -> None:
    """Check a connection or a shop at once."""


@verify.command()
@click.argument("name")
@company_option
@json_option
@click.pass_context
@with_database
def connection(context: click.Context, name: str, company_name: str, as_json: bool) -> None:
    """Check the connection of this id or name (own: Spojka's own issuer)."""
    from spojka.connections import activation

    found = find_connection(find_company(company_name), name)
    print_checks(context, activation.verify(found), as_json=as_json)


@verify.command()
@click.argument("name")
@company_option
@json_option
@click.pass_context
@with_database
def shop(context: click.Context, name: str, company_name: str, as_json: bool) -> None:
    """Check the shop of this id or name."""
    from spojka.connections import shops

    found = find_shop(find_company(company_name), name)
    print_checks(context, shops.verify(found), as_json=as_json)


def print_checks(context: click.Context, checks: Sequence[Check], *, as_json: bool) -> None:
    """Print a checklist; exit with 1 where a necessary row failed."""
    spoken = language()
    if as_json:
        print_json([_check(check, spoken) for check in checks])
    else:
        print_table(
            ("", "check", "detail"),
            (
                (
                    _SIGNS[check.status],
                    say(check.label, spoken),
                    sentence(check.problem, spoken) if check.problem else check.detail,
                )
                for check in checks
            ),
        )
    if any(check.status is CheckStatus.FAIL and check.necessary for check in checks):
        context.exit(REFUSED)


def _check(check: Check, spoken: str) -> dict[str, object]:
    return {
        "key": check.key,
        "label": say(check.label, spoken),
        "status": check.status.value,
        "detail": check.detail,
        "problem": problem_json(check.problem, spoken) if check.problem else None,
    }
