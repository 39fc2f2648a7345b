"""``spojka keys``: the keys that encrypt credentials, changed while everything keeps running."""

from __future__ import annotations

import click

from spojka.cli.installation import json_option, with_database
from spojka.cli.output import (
    REFUSED,
    print_json,
    print_problem,
    print_result,
    print_table,
    problem_json,
)


@click.group()
def keys() -> None:
    """Manage the keys that encrypt credentials. Order: add, rotate, retire."""


@keys.command()
@json_option
@with_database
def add(as_json: bool) -> None:
    """Make a new key; from now on it seals what is stored."""
    from spojka.connections import vault

    key_id = vault.add_key()
    print_result({"key": key_id}, as_json=as_json, text=f"Key {key_id} is the primary key now.")


@keys.command()
@json_option
@click.pass_context
@with_database
def rotate(context: click.Context, as_json: bool) -> None:
    """Seal everything again with the primary key. May be stopped and run again."""
    from spojka.connections import vault

    result = vault.rotate()
    if as_json:
        failed = [problem_json(problem) for problem in result.failed]
        print_json({"done": result.done, "left": result.left, "failed": failed})
    else:
        click.echo(f"{result.done} sealed again, {result.left} still waiting")
        for problem in result.failed:
            print_problem(problem, as_json=False)
    if result.failed:
        context.exit(REFUSED)


@keys.command()
@json_option
@with_database
def status(as_json: bool) -> None:
    """Show the keys and how many values each of them seals; never a key itself."""
    from spojka.connections import vault

    found = vault.status().keys
    if as_json:
        for key in found:
            print_json(
                {
                    "key": key.key_id,
                    "created_at": key.created_at.isoformat() if key.present else None,
                    "primary": key.primary,
                    "retired": key.retired,
                    "present": key.present,
                    "secrets": key.secrets,
                }
            )
        return
    print_table(
        ("key", "made", "state", "secrets"),
        (
            (
                key.key_id,
                f"{key.created_at:%Y-%m-%d}" if key.present else "",
                _state(primary=key.primary, retired=key.retired, present=key.present),
                key.secrets,
            )
            for key in found
        ),
    )


def _state(*, primary: bool, retired: bool, present: bool) -> str:
    if not present:
        return "not in the key file"
    return "primary" if primary else "retired" if retired else "opens"


@keys.command()
@click.argument("key")
@json_option
@with_database
def retire(key: str, as_json: bool) -> None:
    """Stop using KEY; refused while anything is still sealed with it."""
    from spojka.connections import vault

    vault.retire(key)
    print_result({"key": key, "retired": True}, as_json=as_json, text=f"Key {key} is retired.")
