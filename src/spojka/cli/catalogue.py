"""``spojka errors``: the catalogue of errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import click

from spojka.accounting import registry  # it brings the codes of accounting systems
from spojka.accounting.errors import ErrorBook
from spojka.cli.output import language, print_json, refuse
from spojka.core.catalogue import LANGUAGES, DocumentExists, Entry, all_entries
from spojka.core.descriptor import say

_FACT = re.compile(r"\{\{|\}\}|\{([a-z_]+)\}")
_EXISTS = {
    DocumentExists.NO: "no document",
    DocumentExists.YES: "it exists",
    DocumentExists.UNKNOWN: "not certain",
}


@click.command()
@click.argument("code", required=False)
@click.option("--language", "spoken", type=click.Choice(LANGUAGES), default=None)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option("--markdown", is_flag=True, help="Print the page docs/errors.md.")
def errors(code: str | None, spoken: str | None, as_json: bool, markdown: bool) -> None:
    """List every error with its cause and its fix, or explain one CODE."""
    told = spoken or language()
    entries = [entry for entry in all_entries() if code in {None, entry.code}]
    if not entries:
        refuse("SPJ-CODE-UNKNOWN", name=code)
    if as_json:
        print_json([_entry(entry, told) for entry in entries])
        return
    if markdown:
        click.echo("\n".join(_page(entries, told)))
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


def _page(entries: Iterable[Entry], language: str) -> Iterator[str]:
    """Yield the lines of the page: Spojka's own codes, then those of each accounting system."""
    wanted = {entry.code: entry for entry in entries}
    sections: dict[str, list[Entry]] = {}
    for key, system in registry.systems().items():
        package = registry.package_of(key)
        codes = [entry.code for entry in ErrorBook.of(package).entries] if package else []
        sections[system.descriptor.name] = [wanted.pop(code) for code in codes if code in wanted]
    yield "# Errors"
    yield ""
    yield "Every code that a person can meet, here and in the page *Help › Errors by code*. Words"
    yield "in *italics* are filled in. *Again*: Spojka tries it again by itself."
    yield ""
    yield "This page is made by `spojka errors --markdown --language en > docs/errors.md`."
    for name, rows in ({"Codes of Spojka": [*wanted.values()]} | sections).items():
        if rows:
            yield from ("", f"## {name}", "")
            yield "| code | what happened | what to do | document | again |"
            yield "|---|---|---|---|---|"
            yield from (_row(entry, language) for entry in sorted(rows, key=lambda row: row.code))


def _row(entry: Entry, language: str) -> str:
    cells = (
        f"`{entry.code}`",
        _shown(say(entry.cause, language)),
        _shown(say(entry.fix, language)),
        _EXISTS[entry.document],
        "yes" if entry.retriable else "",
    )
    return f"| {' | '.join(cells)} |"


def _shown(text: str) -> str:
    """Show facts by their names, and nothing that a table or Markdown would take for its own."""
    plain = text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
    return _FACT.sub(lambda found: f"*{found[1]}*" if found[1] else found[0][0], plain)
