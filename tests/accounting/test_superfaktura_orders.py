"""Every captured order, issued into SuperFaktura's simulator: equal per rate, or held before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import cast

import pytest

from spojka.accounting.contract import Session, System
from spojka.accounting.serving import Serving
from spojka.accounting.superfaktura.simulator import SuperFakturaSimulator
from spojka.accounting.superfaktura.system import SYSTEM
from spojka.cli import preview_company
from spojka.cli.preview import Preview
from spojka.cli.preview_inputs import Payload
from spojka.cli.preview_result import DOCUMENT, HELD
from spojka.core.document import Document, Kind
from spojka.net.client import Client
from spojka.shops import registry as shops
from spojka.shops.contract import MappingOptions
from tests.accounting.captured_documents import per_rate
from tests.shops import captured

NOW = datetime(2026, 10, 5, 10, 0, tzinfo=UTC)
COMPANY = preview_company.company(
    None, preview_company.Options("CZ", "auto", True, "cs", "lines", "allocate")
)
WHOLE_CROWNS = {"41"}
"""Orders of a shop that shows no cents: it rounds the VAT of each line to whole crowns, which no
rate in SuperFaktura comes to."""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    simulator = SuperFakturaSimulator(
        clock=lambda: NOW, country="CZ", language="cze", daily_limit=10_000
    )
    allowed = [ip_network("127.0.0.0/8")]
    with Serving(simulator) as server, Client(allow=allowed) as client:
        yield Session(simulator.credentials(server.address), {}, NOW, client)


def _results(kind: Kind) -> Iterator[tuple[str, str, Document | None, str]]:
    task = Preview(
        source=shops.sources()["woocommerce"],
        options=MappingOptions(time_zone=COMPANY.profile.time_zone, vat_conflict="lines"),
        system=cast(System, SYSTEM),
        profile=COMPANY.profile,
        kind=kind,
        now=NOW,
    )
    for name, payload in captured.all_orders():
        for result in task.results(Payload(payload, name)):
            code = result.problems[0].code if result.problems else ""
            number = result.order.number if result.order else ""
            yield number, result.result, result.document, code


@pytest.mark.parametrize("kind", [Kind.INVOICE, Kind.PROFORMA, Kind.CREDIT_NOTE])
def test_orders_are_issued_to_the_cent_or_held_before(kind: Kind, session: Session) -> None:
    issued = 0
    for at, (number, result, document, code) in enumerate(_results(kind)):
        if result == HELD and code == "SPJ-TOTAL-PREDICTED":
            assert number in WHOLE_CROWNS
        if result != DOCUMENT:
            continue
        assert document is not None
        made = SYSTEM.create(session, document, f"{at}:{document.uuid}")
        assert made.total == document.total, number
        assert made.vat is not None
        assert per_rate(made.vat) == per_rate(document.vat), number
        assert made.currency == document.currency
        assert made.lines is not None
        assert len(made.lines) == len(document.lines)
        for ours, theirs in zip(document.lines, made.lines, strict=True):
            assert abs(ours.gross - theirs.gross) <= abs(ours.gross) / 100, number
        issued += 1
    assert issued >= {Kind.CREDIT_NOTE: 2}.get(kind, 112)
