"""``spojka certify``: prove on an account what its accounting system really does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
import structlog

from spojka.accounting.certification import Certification
from spojka.accounting.certification_parts import Proof, Trial, Verdict
from spojka.accounting.contract import Issued, Session, Totals
from spojka.cli.installation import (
    company_option,
    find_company,
    find_connection,
    json_option,
    with_database,
)
from spojka.cli.output import REFUSED, language, print_json, problem_json, refuse, sentence
from spojka.core.document import Document
from spojka.core.problem import Problem

if TYPE_CHECKING:
    from spojka.connections.models import Connection

log = structlog.get_logger("spojka.certify")
_SIGNS = {
    Verdict.WORKS: "✓ works",
    Verdict.DIFFERS: "✗ differs",
    Verdict.REFUSED: "! refused",
    Verdict.FAILED: "✗ failed",
    Verdict.UNTRIED: "· not tried",
    Verdict.ABSENT: "– cannot",
}
_BAD = frozenset({Verdict.DIFFERS, Verdict.FAILED})


@click.command()
@click.argument("name", metavar="CONNECTION")
@click.option("--write", is_flag=True, help="Issue test documents there, and take them back.")
@click.option("--email", default="", help="Let the system send one of them to this address.")
@click.option("--yes", is_flag=True, help="Do not ask before anything is issued.")
@company_option
@json_option
@click.pass_context
@with_database
def certify(
    context: click.Context,
    name: str,
    write: bool,
    email: str,
    yes: bool,
    company_name: str,
    as_json: bool,
) -> None:
    """Prove what the CONNECTION of this id or name can really do. Without --write it only reads.

    Exits with 1 where something differs from what was predicted, or breaks off.
    """
    from spojka.connections import systems

    connection = find_connection(find_company(company_name), name)
    if not systems.is_remote(connection):
        refuse("SPJ-CERTIFY-OWN")
    if write and not yes:
        _ask(connection)
    run = Certification(
        Trial(
            system=systems.system_of(connection),
            open_session=lambda attempt: _session(connection, attempt),
            judge=_Judge(),
            email=email,
            broke_off=lambda error: log.error("an adapter broke off", exc_info=error),
        ),
        write=write,
    )
    proofs = []
    for proof in run.run():
        proofs.append(proof)
        if not as_json:
            _print(proof)
    bad = any(proof.verdict in _BAD for proof in proofs)
    if as_json:
        print_json(_report(connection, run, proofs, wrote=write, passed=not bad))
    elif run.left_behind:
        click.echo(f"Still there: {', '.join(run.left_behind)}")
    if bad:
        context.exit(REFUSED)


def _ask(connection: Connection) -> None:
    """Have the name typed: a real account gets real numbers."""
    where = "a simulator" if connection.simulated else "a real account"
    click.echo(
        f"Test documents will be issued by {connection.name} ({where}), with numbers of its "
        "series, and deleted or cancelled again where that is possible.",
        err=True,
    )
    typed = click.prompt("Type the name of the connection to go on", err=True)
    if typed.strip() != connection.name:
        raise click.Abort


def _session(connection: Connection, attempt: int) -> AbstractContextManager[Session]:
    from spojka.connections import systems

    long = systems.LONG_PATIENCE_SECONDS
    return systems.open_session(connection, attempt=attempt, patience=long)


class _Judge:
    """Compares as the ledger does."""

    def predicted(self, totals: Totals, document: Document) -> Problem | None:
        from spojka.documents import comparison

        return comparison.predicted(totals, document)

    def issued(self, document: Document, issued: Issued) -> Sequence[Problem]:
        from spojka.documents import comparison

        # Which symbol stands on the document is up to the system.
        symbol = issued.variable_symbol or document.variable_symbol
        ours = replace(document, variable_symbol=symbol)
        return [one.problem() for one in comparison.differences(ours, issued)]


def _print(proof: Proof) -> None:
    click.echo(f"{_SIGNS[proof.verdict]:<13}{proof.name:<14}{proof.detail}".rstrip())
    for problem in proof.problems:
        click.echo(f"{'':<27}{problem.code}  {sentence(problem, language())}")


def _report(
    connection: Connection,
    run: Certification,
    proofs: Sequence[Proof],
    *,
    wrote: bool,
    passed: bool,
) -> dict[str, Any]:
    return {
        "connection": connection.name,
        "system": connection.system,
        "simulated": connection.simulated,
        "wrote": wrote,
        "passed": passed,
        "proofs": [
            {
                "name": proof.name,
                "verdict": proof.verdict.value,
                "detail": proof.detail,
                "seconds": proof.seconds,
                "problems": [problem_json(problem) for problem in proof.problems],
            }
            for proof in proofs
        ],
        "left_behind": run.left_behind,
    }
