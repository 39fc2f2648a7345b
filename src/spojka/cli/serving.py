"""``spojka run``, ``worker``, ``setup`` and ``demo``: an installation from nothing to work."""

from __future__ import annotations

import click

from spojka.cli.installation import actor, json_option, with_database
from spojka.cli.output import CommandError, print_json, print_result, refuse


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@json_option
@click.pass_context
def run(context: click.Context, host: str, port: int, as_json: bool) -> None:
    """Serve the pages and the API, with the worker beside them, until Ctrl+C."""
    from spojka.site.runner import StartError
    from spojka.site.runner import run as serve

    if as_json:
        print_json({"address": f"http://{host}:{port}"})
    try:
        context.exit(serve(host, port))
    except StartError as error:
        raise CommandError(error.problem) from error


@click.command()
@json_option
@with_database
def worker(as_json: bool) -> None:
    """Issue documents, poll shops and send e-mails until SIGTERM or Ctrl+C."""
    from spojka.documents.rendering.pdf import use_press
    from spojka.engine.runner import AlreadyRunningError, serve

    use_press()
    try:
        serve()
    except AlreadyRunningError:
        refuse("SPJ-WORKER-RUNS")


@click.command()
@json_option
@with_database
def setup(as_json: bool) -> None:
    """Migrate the database, make the key file, collect static files. Safe to repeat."""
    from spojka.connections import vault
    from spojka.site.prepare import prepare

    prepare()
    vault.ensure_key_file()
    print_result({"ready": True}, as_json=as_json, text="Spojka is prepared.")


@click.command()
@json_option
@with_database
def demo(as_json: bool) -> None:
    """Make the demo company, fed with real captured orders."""
    from spojka.documents.demo import create_demo

    company = create_demo(actor=actor())
    print_result(
        {"company": company.pk, "name": company.name},
        as_json=as_json,
        text=f"{company.name} (company {company.pk}) is ready.",
    )
