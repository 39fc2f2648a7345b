"""The command line: ``spojka COMMAND``. See ``docs/cli.md``.

Commands are loaded when they are used: ``spojka preview`` must work where there is no database,
no data directory and no settings, and none of them should wait for what it does not need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Final

import click

from spojka import __version__
from spojka.cli.output import REFUSED, CommandError, print_problem
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem

# Command -> (module, attribute, sentence in the help).
COMMANDS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "run": ("serving", "run", "Serve the pages, the API and the worker."),
        "worker": ("serving", "worker", "Run only the worker that issues documents."),
        "setup": ("serving", "setup", "Prepare the database, the key file and the static files."),
        "demo": ("serving", "demo", "Make the demo company with sample orders."),
        "preview": ("preview", "preview", "Show what would be issued for orders in files."),
        "simulator": ("simulating", "simulator", "Serve the other side of an accounting system."),
        "import": ("ordering", "import_orders", "Import orders from a file into a shop."),
        "orders": ("ordering", "orders", "List orders."),
        "issue": ("ordering", "issue", "Issue a document of an order by hand."),
        "retry": ("ordering", "retry", "Try held documents again."),
        "documents": ("ordering", "documents", "List and export documents."),
        "verify": ("verifying", "verify", "Check a connection or a shop."),
        "connections": ("connecting", "connections", "List connections, verify, load data."),
        "certify": ("certifying", "certify", "Prove what a connection can really do."),
        "archive": ("archiving", "archive", "Verify, export and thin out the archive."),
        "keys": ("keeping", "keys", "Manage the keys that encrypt credentials."),
        "audit": ("auditing", "audit", "Verify the audit log."),
        "series": ("numbers", "series", "List number series, or continue one above a number."),
        "backup": ("backups", "backup", "Back the whole installation up while it runs."),
        "restore": ("backups", "restore", "Put a backup in place of the database."),
        "doctor": ("doctor", "doctor", "Look whether this installation is healthy."),
        "errors": ("catalogue", "errors", "List the catalogue of errors."),
    }
)


class Commands(click.Group):
    """The group of all commands, each imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"spojka.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="spojka")
def cli() -> None:
    """Spojka couples an e-shop's orders to the accounting system of its company.

    Every command takes --json. Exit codes: 0 done, 1 refused or held (the reason is printed),
    2 the command line was wrong.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code. Ends with an explained problem, not with a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        code = cli.main(args=given, prog_name="spojka", standalone_mode=False)
    except CommandError as error:
        for problem in error.problems:
            print_problem(problem, as_json=as_json)
        return REFUSED
    except OutcomeError as error:
        print_problem(error.problem, as_json=as_json)
        return REFUSED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("", err=True)
        return 130
    except BrokenPipeError:
        # The reader went away (for example ``head``): that is its decision and no failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print_problem(Problem.of("SPJ-SYSTEM-ERROR", detail=error), as_json=as_json)
        return REFUSED
    return code if isinstance(code, int) else 0
