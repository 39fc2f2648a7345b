"""``spojka errors``: the catalogue of errors."""

from __future__ import annotations

import click

from spojka.cli.output import language, print_json, refuse
from spojka.core.catalogue import LANGUAGES, Entry, all_entries
from spojka.core.descriptor import say


@click.command()
@click.argument("code", required=False)
@click.option("--language", "spoken", type=click.Choice(LANGUAGES), default=None)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def errors(code: str | None, spoken: str | None, as_json: bool) -> None:
    """List every error with its cause and its fix, or explain one CODE."""
    told = spoken or language()
    entries = [entry for entry in all_entries() if code in {None, entry.code}]
    if not entries:
        refuse("SPJ-CODE-UNKNOWN", name=code)
    if as_json:
        print_json([_entry(entry, told) for entry in entries])
        return
    for entry in entries:
        click.echo(f"{click.style(entry.code, bold=True)}  {say(entry.cause, told)}")
        click.echo(f"  → {say(entry.fix, told)}")


def _entry(entry: Entry, language: str) -> dict[str, object]:
    return {
        "code": entry.code,
        "cause": say(entry.cause, language),
        "fix": say(entry.fix, language),
        "document_exists": entry.document.value,
        "retriable": entry.retriable,
        "facts": sorted(entry.facts),
    }
