"""``spojka simulator``: the other side of an accounting system, to be tried without an account.

It needs no database and no settings, and leaves nothing behind: what it keeps ends with it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGTERM, getsignal, signal
from types import FrameType

import click

from spojka.accounting import registry
from spojka.accounting.serving import CONTROL, Serving
from spojka.accounting.simulator import Simulator
from spojka.cli.output import print_json, print_table


@click.command()
@click.argument("system", required=False)
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--seed", default=0, help="Credentials and numbers follow from it.")
@click.option("--list", "listing", is_flag=True, help="List the systems that have a simulator.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (as it does anyway, but --list).")
def simulator(system: str | None, port: int, seed: int, listing: bool, as_json: bool) -> None:
    """Serve the simulator of SYSTEM on loopback until Ctrl+C.

    One JSON line says where it is (address), what is filled into the form of the connection
    (credentials), which account settings it has, and where it is controlled (control).
    """
    known = {key: made for key in registry.systems() if (made := registry.simulator(key))}
    if listing:
        _print_list(known, as_json=as_json)
        return
    if system is None or system not in known:
        raise click.BadParameter(
            f"{system or ''!r} is not one of {', '.join(sorted(known)) or '-'}.",
            param_hint="SYSTEM",
        )
    other_side = known[system](seed=seed)
    with _ended_by_sigterm():
        server = Serving(other_side, port, broken=traceback.print_exception)
        try:
            with server:
                print_json(_where(other_side, server.address))
                server.wait()
        except KeyboardInterrupt:
            return


def _where(other_side: Simulator, address: str) -> dict[str, object]:
    return {
        "system": other_side.key,
        "address": address,
        "credentials": dict(other_side.credentials(address)),
        "account": other_side.account,
        "control": f"{address}{CONTROL}",
    }


def _print_list(known: dict[str, type[Simulator]], *, as_json: bool) -> None:
    rows = {key: registry.system(key).descriptor for key in known}
    if as_json:
        print_json([{"key": key, "name": of.name} for key, of in rows.items()])
        return
    print_table(
        ("key", "name", "markets"),
        ((key, of.name, ", ".join(of.markets)) for key, of in rows.items()),
    )


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End on SIGTERM as on Ctrl+C: that is how services and scripts end a command."""
    before = getsignal(SIGTERM)

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal(SIGTERM, end)
    try:
        yield
    finally:
        signal(SIGTERM, before)
