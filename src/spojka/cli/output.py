"""How commands speak: results on stdout, explained problems on stderr, never a traceback.

Machines get JSON (one object per line where there are several), people get text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import click

from spojka.core.catalogue import LANGUAGES, explain
from spojka.core.problem import Problem

REFUSED = 1
"""Exit code: what was asked for was refused or held; the reason was printed."""
USAGE = 2
"""Exit code: the command line itself was wrong."""


class CommandError(Exception):
    """Ends a command with exit code 1 and explained problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = problems


def refuse(code: str, /, **facts: object) -> NoReturn:
    """End the command with one problem of the catalogue."""
    raise CommandError(Problem.of(code, **facts))


def language() -> str:
    """Return the language of the terminal: cs, sk, else en."""
    for name in ("SPOJKA_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return value[:2].lower() if value[:2].lower() in LANGUAGES else "en"
    return "en"


def sentence(problem: Problem, spoken: str = "") -> str:
    """Return cause and fix of a problem as one line of text."""
    explained = explain(problem, spoken or language())
    return f"{explained.cause} {explained.fix}"


def problem_json(problem: Problem, spoken: str = "") -> dict[str, Any]:
    """Return a problem as commands print it with ``--json``."""
    explained = explain(problem, spoken or language())
    return {
        "code": problem.code,
        "cause": explained.cause,
        "fix": explained.fix,
        "document_exists": explained.document_exists.value,
        "facts": dict(problem.facts),
    }


def print_problem(problem: Problem, *, as_json: bool) -> None:
    """Print a problem to stderr (text) or stdout (JSON, so that scripts read one stream)."""
    if as_json:
        print_json({"error": problem_json(problem)})
        return
    explained = explain(problem, language())
    click.echo(click.style(problem.code, bold=True) + f"  {explained.cause}", err=True)
    click.echo(f"  → {explained.fix}", err=True)


def print_json(data: Any) -> None:
    """Print one JSON value on one line."""
    click.echo(json.dumps(data, ensure_ascii=False, default=str))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings in columns that fit their content; amounts are right-aligned."""
    cells = [[_shown(value) for value in row] for row in rows]
    widths = [
        max(len(heading), *(len(row[at]) for row in cells)) if cells else len(heading)
        for at, heading in enumerate(headings)
    ]
    click.echo(click.style(_columns(headings, widths), bold=True).rstrip())
    for row in cells:
        click.echo(_columns(row, widths).rstrip())


def _shown(value: object) -> str:
    # A terminal must not be steered by what a customer wrote.
    return "".join(c if c.isprintable() else " " for c in str(value)) if value is not None else ""


def _columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        cell.rjust(width) if _is_number(cell) else cell.ljust(width)
        for cell, width in zip(cells, widths, strict=True)
    )


def _is_number(cell: str) -> bool:
    return bool(cell) and cell.lstrip("-").replace(".", "", 1).isdigit()


def print_result(data: Mapping[str, Any], *, as_json: bool, text: str) -> None:
    """Print the result of a command: the data for machines, or one sentence for people."""
    if as_json:
        print_json(dict(data))
    else:
        click.echo(text)
