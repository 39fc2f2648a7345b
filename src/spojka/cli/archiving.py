"""``spojka archive``: prove that nothing was changed, take it along, let go of what is too old."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from spojka.cli.installation import company_option, find_company, json_option, with_database
from spojka.cli.output import REFUSED, print_json, print_problem, print_result, problem_json

day = click.DateTime(["%Y-%m-%d"])


@click.group()
def archive() -> None:
    """Verify, export and thin out the archive."""


@archive.command()
@company_option
@json_option
@click.pass_context
@with_database
def verify(context: click.Context, company_name: str, as_json: bool) -> None:
    """Recompute the whole chain and every file's hash; exit code 1 where anything differs."""
    from spojka.archive import store

    company = find_company(company_name)
    result = store.verify(company)
    if as_json:
        problems = [problem_json(problem) for problem in result.problems]
        print_json({"ok": result.ok, "entries": result.entries, "problems": problems})
    else:
        click.echo(f"{company.name}: {result.entries} entries, {'ok' if result.ok else 'BROKEN'}")
        for problem in result.problems:
            print_problem(problem, as_json=False)
    if not result.ok:
        context.exit(REFUSED)


@archive.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--since", type=day, required=True)
@click.option("--until", type=day, required=True)
@company_option
@json_option
@with_database
def export(file: Path, since: datetime, until: datetime, company_name: str, as_json: bool) -> None:
    """Write everything archived in a period to FILE, a ZIP that verifies itself."""
    from spojka.archive import store

    content = store.export_zip(find_company(company_name), since.date(), until.date())
    file.write_bytes(content)
    print_result(
        {"file": str(file), "bytes": len(content)}, as_json=as_json, text=f"Written to {file}."
    )


@archive.command()
@company_option
@click.option("--yes", is_flag=True, help="Erase without asking.")
@json_option
@with_database
def retention(company_name: str, yes: bool, as_json: bool) -> None:
    """Erase the files of documents that need not be kept any more; their entries stay."""
    from django.utils import timezone

    from spojka.archive import store

    company = find_company(company_name)
    if not yes:
        click.confirm(
            f"Erase archived files of {company.name} older than {company.retention_years} years?",
            abort=True,
            err=True,
        )
    count = store.apply_retention(company, timezone.now().astimezone(company.zone).date())
    print_result({"erased": count}, as_json=as_json, text=f"{count} files erased.")
