"""``spojka backup`` and ``restore``: the whole installation, out and in again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from spojka.cli.installation import actor, json_option, with_database
from spojka.cli.output import CommandError, print_json, print_problem, print_table, problem_json

if TYPE_CHECKING:
    from spojka.operations.restore import Report

P = ParamSpec("P")
R = TypeVar("R")


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Explain why something cannot be backed up, restored or set."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        from spojka.core.outcome import OutcomeError
        from spojka.operations.manifest import BackupError

        try:
            return command(*args, **kwargs)
        except BackupError as error:
            raise CommandError(*error.problems) from error
        except OutcomeError as error:
            raise CommandError(error.problem) from error

    return wrapper


_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.command()
@_folder
@click.option(
    "--keys",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the keys; by default DIR.keys.json, beside DIR.",
)
@click.option("--without-keys", is_flag=True, help="Leave the keys out; they are kept elsewhere.")
@json_option
@with_database
@explained
def backup(folder: Path, keys: Path | None, without_keys: bool, as_json: bool) -> None:
    """Back up database and archive into DIR, and the keys into a file of their own."""
    from spojka.operations import backup as backups

    if keys is not None and without_keys:
        raise click.UsageError("--keys and --without-keys exclude each other.")
    target = None if without_keys else keys or backups.keys_beside(folder.absolute())
    made = backups.backup(folder, keys=target, actor=actor())
    if as_json:
        print_json(
            {
                "folder": str(made.folder),
                "keys": str(made.keys) if made.keys else None,
                "bytes": made.bytes,
                "made_at": made.manifest.made_at.isoformat(),
                **made.manifest.counts,
            }
        )
        return
    click.echo(f"Backed up to {made.folder} ({made.bytes} bytes).")
    if made.keys:
        click.echo(
            f"Keys: {made.keys}. Move this file to another place than the backup: "
            "either alone opens nothing, both together open every credential."
        )
    else:
        click.echo("Without the keys: keep a copy of the key file elsewhere.")


@click.command()
@_folder
@click.option(
    "--keys",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The key file kept apart; by default DIR.keys.json beside DIR, if it is there.",
)
@click.option("--force", is_flag=True, help="Replace what is here; it is backed up first.")
@click.option(
    "--series-floor",
    "series_floors",
    multiple=True,
    metavar="SERIES=NUMBER",
    help="Last number given out in a series of the own issuer; may be repeated.",
)
@json_option
@with_database
@explained
def restore(
    folder: Path, keys: Path | None, force: bool, series_floors: tuple[str, ...], as_json: bool
) -> None:
    """Put the backup in DIR in place of the database. Stop Spojka first.

    What may have been done after the backup is looked up in the accounting systems before
    anything is sent.
    """
    from spojka.operations.restore import restore as put_in_place

    report = put_in_place(
        folder, actor=actor(), keys=keys, force=force, series_floors=series_floors
    )
    if as_json:
        print_json(_as_json(report))
    else:
        _print(report)


def _as_json(report: Report) -> dict[str, object]:
    return {
        "made_at": report.made_at.isoformat(),
        "replaced": str(report.replaced) if report.replaced else None,
        "in_doubt": report.in_doubt,
        "asked": report.asked,
        "series": [
            {
                "company": risk.company,
                "series": risk.series,
                "id": risk.series_id,
                "next_number": risk.next_number,
                "settled": risk.settled,
            }
            for risk in report.series
        ],
        "paused": report.paused,
        "warnings": [problem_json(problem) for problem in report.warnings],
    }


def _print(report: Report) -> None:
    click.echo(f"Restored: the state of {report.made_at:%Y-%m-%d %H:%M} UTC.")
    if report.replaced:
        click.echo(f"What was here before is backed up in {report.replaced}.")
    click.echo(
        f"{report.in_doubt} effects are looked up in the accounting systems before anything is "
        f"sent; {report.asked} documents of the own issuer wait for a person."
    )
    if report.series:
        click.echo("Numbers that may have been given out after the backup, from this one on:")
        print_table(
            ("company", "series", "id", "from", "settled"),
            (
                (row.company, row.series, row.series_id, row.next_number, _yes(row.settled))
                for row in report.series
            ),
        )
    for company in report.paused:
        click.echo(
            f"The own issuer of {company} waits until its series are settled: "
            "spojka series floor ID NUMBER, then spojka verify connection own."
        )
    for problem in report.warnings:
        print_problem(problem, as_json=False)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
