"""The worked examples of the documentation are run, so that they cannot grow false."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from spojka.accounting.contract import Session, System
from spojka.core.document import Document, DocumentLine, Kind, Seller, Treatment
from spojka.core.order import Address, Customer, LineKind
from spojka.core.outcome import RejectedError, Rejection, UncertainError
from spojka.net.client import Client
from spojka.shops.contract import MappingError, MappingOptions, Source

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def example(page: str, package: str, folder: Path) -> None:
    """Write the code of a page, each block under the name in its first line, as a package."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^```python\n# (\w+\.py)\n(.*?)^```", text)
    assert blocks, f"{page} has no code"
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    for name, code in blocks:
        (folder / package / name).write_text(code, encoding="utf-8")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


class Kniha(BaseHTTPRequestHandler):
    """The other side of the example: keeps invoices, and can fail after it has kept one."""

    invoices: list[dict[str, Any]]
    fail_after_write = False

    def do_GET(self) -> None:
        reference = self.path.partition("reference=")[2]
        found = [invoice for invoice in self.invoices if invoice["reference"] == reference]
        self.reply(200, {"invoices": found, "company": "Vzorek s.r.o."})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        total = sum(Decimal(row["price"]) for row in body["rows"])
        number = f"2026{len(self.invoices) + 1:04}"
        invoice = {**body, "id": len(self.invoices) + 1, "number": number, "total": str(total)}
        self.invoices.append(invoice)
        self.reply(502 if self.fail_after_write else 201, invoice)

    def reply(self, status: int, data: object) -> None:
        if self.headers["X-Api-Key"] != "right":
            status, data = 401, {"error": "unknown key"}
        content = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Kniha, "invoices", [], raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Kniha) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def session(address: str) -> Iterator[Session]:
    with Client(secrets=["right"], allow=[ip_network("127.0.0.0/8")]) as client:
        credentials = {"address": address, "api_key": "right"}
        yield Session(credentials=credentials, settings={}, now=NOW, http=client)


@pytest.fixture
def kniha(packages: Path) -> System:
    example("add-a-system.md", "kniha", packages)
    system: System = importlib.import_module("kniha.system").SYSTEM
    return system


def line(net: str, tax: str, rate: str) -> DocumentLine:
    return DocumentLine(
        key=rate,
        kind=LineKind.PRODUCT,
        name="Hrnek",
        quantity=Decimal(1),
        unit_price=Decimal(net),
        net=Decimal(net),
        tax=Decimal(tax),
        rate=Decimal(rate),
        treatment=Treatment.STANDARD,
    )


DOCUMENT = Document(
    uuid="1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    kind=Kind.INVOICE,
    currency="CZK",
    language="cs",
    seller=Seller("Vzorek s.r.o.", Address(country="CZ")),
    customer=Customer(Address(name="Žofie Nováková", country="CZ")),
    issued_on=date(2026, 11, 22),
    due_on=date(2026, 12, 6),
    taxable_on=date(2026, 11, 22),
    order_number="1001",
    order_external_id="1001",
    lines=(line("100.00", "21.00", "21"), line("89.29", "10.71", "12")),
)


def test_the_example_system_issues_once_and_is_found_again(
    kniha: System, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kniha.look_up(session, DOCUMENT, "key-1") is None
    monkeypatch.setattr(Kniha, "fail_after_write", True)
    with pytest.raises(UncertainError):
        kniha.create(session, DOCUMENT, "key-1")
    found = kniha.look_up(session, DOCUMENT, "key-1")
    assert found is not None
    assert (found.number, found.total) == ("20260001", DOCUMENT.total)


def test_the_example_system_predicts_what_the_other_side_computes(
    kniha: System, session: Session
) -> None:
    predicted = kniha.predict(session, DOCUMENT)
    assert predicted.total == DOCUMENT.total
    assert predicted.vat == DOCUMENT.vat
    # A row whose own VAT was rounded otherwise by the shop: the difference is known beforehand.
    odd = replace(DOCUMENT, lines=(line("99.99", "21.01", "21"),))
    assert kniha.predict(session, odd).vat != odd.vat


def test_the_example_system_says_what_has_to_be_mended(kniha: System, session: Session) -> None:
    assert [check.status.value for check in kniha.verify(session)] == ["ok"]
    wrong = replace(session, credentials={**session.credentials, "api_key": "wrong"})
    assert [check.status.value for check in kniha.verify(wrong)] == ["fail"]
    with pytest.raises(RejectedError) as caught:
        kniha.create(wrong, DOCUMENT, "key-1")
    assert caught.value.rejection is Rejection.CONFIG


def test_the_example_system_shows_what_it_would_send_and_no_secret(
    kniha: System, session: Session
) -> None:
    (request,) = kniha.requests(session, DOCUMENT, "key-1")
    assert json.loads(request.body)["reference"] == "key-1"
    assert "right" not in str(request)


@pytest.fixture
def stanek(packages: Path) -> Source:
    example("add-a-shop.md", "stanek", packages)
    source: Source = importlib.import_module("stanek.source").SOURCE
    return source


EXPORT = """
{"orders": [{"id": 7, "number": "2026-7", "status": "paid", "currency": "CZK", "total": 221.00,
  "created": "2026-11-22T10:30:00", "customer": "Žofie Nováková", "email": "zofie@example.com",
  "rows": [
    {"id": 1, "name": "Hrnek", "quantity": 1, "net": 100.00, "vat": 21.00, "rate": 21},
    {"id": 2, "name": "Kniha", "quantity": 2, "net": 89.29, "vat": 10.71, "rate": 12}]}]}
"""


def test_the_example_platform_reads_its_export(stanek: Source) -> None:
    (payload,) = stanek.split(EXPORT.encode(), "orders.json")
    order = stanek.parse(payload, MappingOptions())
    assert order.problems == ()
    assert (order.total, order.total_tax) == (Decimal("221.00"), Decimal("31.71"))
    assert order.created_at == datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def test_the_example_platform_names_a_contradiction(stanek: Source) -> None:
    (payload,) = stanek.split(EXPORT.replace("221.00", "220.00").encode(), "orders.json")
    (problem,) = stanek.parse(payload, MappingOptions()).problems
    assert (problem.code, problem.facts["rows"], problem.facts["total"]) == (
        "SPJ-ORDER-SUM",
        "221.00",
        "220.00",
    )


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"orders": 5}'])
def test_the_example_platform_refuses_another_file(stanek: Source, content: bytes) -> None:
    with pytest.raises(MappingError):
        list(stanek.split(content, "orders.json"))


@pytest.mark.parametrize("payload", [None, [], {}, {"rows": "none"}, {"rows": [1]}])
def test_the_example_platform_refuses_what_is_no_order(stanek: Source, payload: object) -> None:
    with pytest.raises(MappingError):
        stanek.parse(payload, MappingOptions())
