"""``spojka audit``: prove that the audit log is what was written."""

from __future__ import annotations

import click

from spojka.cli.installation import json_option, with_database
from spojka.cli.output import REFUSED, print_json, print_problem, problem_json


@click.group()
def audit() -> None:
    """Verify the audit log."""


@audit.command()
@json_option
@click.pass_context
@with_database
def verify(context: click.Context, as_json: bool) -> None:
    """Recompute the hash chain of the audit log; exit code 1 where anything differs."""
    from spojka.operations import audit as proof

    result = proof.verify()
    if as_json:
        problems = [problem_json(problem) for problem in result.problems]
        print_json({"ok": result.ok, "entries": result.entries, "problems": problems})
    else:
        click.echo(f"{result.entries} entries, {'ok' if result.ok else 'BROKEN'}")
        for problem in result.problems:
            print_problem(problem, as_json=False)
    if not result.ok:
        context.exit(REFUSED)
