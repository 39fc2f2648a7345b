"""Canonical orders: JSON, CSV, and what is said about wrong ones."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.core.money import total
from spojka.core.order import Address, Customer, LineKind, Order, OrderLine, Refund
from spojka.shops.canonical.files import COLUMNS
from spojka.shops.canonical.mapping import dump_order, parse_order
from spojka.shops.canonical.source import SOURCE
from spojka.shops.contract import MappingError, MappingOptions
from spojka.shops.woocommerce.mapping import parse_order as parse_woocommerce
from tests.shops import captured

OPTIONS = MappingOptions()
DOCUMENT = (Path(__file__).parents[2] / "docs" / "canonical-order.md").read_text()
EXAMPLE: dict[str, Any] = json.loads(re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)[0])
D = Decimal


def changed(**fields: Any) -> dict[str, Any]:
    return {**deepcopy(EXAMPLE), **fields}


def line(**fields: Any) -> dict[str, Any]:
    return {"name": "Věc", "net": "100.00", "tax": "21.00", "rate": 21, **fields}


def one(**fields: Any) -> dict[str, Any]:
    made = {"id": "1", "currency": "CZK", "total": "121.00", "created_at": "2026-11-22T10:00:00"}
    return {**made, "lines": [line()], **fields}


def codes(order: Order) -> list[str]:
    return [problem.code for problem in order.problems]


# -- the documented examples ------------------------------------------------------------------


def test_the_documented_order() -> None:
    order = parse_order(EXAMPLE, OPTIONS)
    assert codes(order) == []
    assert order.created_at == datetime(2026, 11, 22, 9, 5, tzinfo=UTC)
    assert order.customer.company_id == "27082440"
    assert order.country == "CZ"
    assert [line.kind for line in order.lines][2:] == [LineKind.SHIPPING, LineKind.DISCOUNT]
    (refund,) = order.refunds
    assert (refund.amount, refund.lines[0].key, refund.problems) == (D("499.00"), "1", ())


def test_the_documented_csv() -> None:
    (text,) = re.findall(r"```csv\n(.*?)```", DOCUMENT, re.DOTALL)
    first, second = (
        parse_order(payload, OPTIONS) for payload in SOURCE.split(text.encode(), "o.csv")
    )
    assert (codes(first), codes(second)) == ([], [])
    assert (first.number, first.total, len(first.lines)) == ("2026001", D("1087.00"), 2)
    assert first.created_at == datetime(2026, 11, 22, 9, 5, tzinfo=UTC)
    assert [item.rate for item in first.lines] == [D(21), D(21)]
    assert (second.currency, second.is_paid, first.is_paid) == ("EUR", True, False)


def test_every_field_and_column_is_documented() -> None:
    for name in (*Order.__dataclass_fields__, *OrderLine.__dataclass_fields__, *COLUMNS):
        documented = name.removeprefix("delivery_")
        if name not in ("external_id", "problems"):
            assert f"`{documented}`" in DOCUMENT, name


# -- round trip -------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=12)
CENTS = st.integers(-10_000_000, 10_000_000).map(lambda cents: D(cents).scaleb(-2))
MOMENT = st.integers(946_684_800, 4_102_444_800).map(lambda at: datetime.fromtimestamp(at, UTC))


@st.composite
def lines(draw: st.DrawFn, sign: int = 0) -> OrderLine:
    rate = draw(st.sampled_from([D(21), D(12), D(0), D("5.5"), None]))
    net = draw(CENTS) if not sign else sign * abs(draw(CENTS)) + sign
    tax = (net * (rate or 0) / 100).quantize(D("0.01"))
    return OrderLine(
        key=draw(TEXT.filter(bool)),
        kind=draw(st.sampled_from(LineKind)),
        name=draw(TEXT.filter(bool)),
        quantity=draw(st.decimals(D("0.001"), 1000, places=3)),
        net=net.quantize(D("0.01")),
        tax=tax,
        rate=rate,
        sku=draw(TEXT),
        unit=draw(TEXT),
    )


@st.composite
def orders(draw: st.DrawFn) -> Order:
    rows = tuple(draw(st.lists(lines(), min_size=1, max_size=4)))
    back = tuple(draw(st.lists(lines(sign=-1), max_size=2)))
    given_back = -total(row.gross for row in back) if back else abs(draw(CENTS))
    address = draw(st.builds(Address, name=TEXT, company=TEXT, city=TEXT, phone=TEXT))
    return Order(
        external_id=draw(TEXT.filter(bool)),
        number=draw(TEXT.filter(bool)),
        status=draw(TEXT),
        currency=draw(st.sampled_from(["CZK", "EUR"])),
        total=total(row.gross for row in rows),
        total_tax=total(row.tax for row in rows),
        created_at=draw(MOMENT),
        paid_at=draw(st.none() | MOMENT),
        customer=Customer(address=address, phone=address.phone, vat_id=draw(TEXT)),
        delivery=draw(st.none() | st.just(address)),
        lines=rows,
        refunds=(Refund("r", given_back, draw(MOMENT), back, draw(TEXT)),),
        vat_exempt=draw(st.booleans()),
        paid_amount=draw(st.none() | CENTS),
        extra=tuple(draw(st.dictionaries(TEXT, TEXT, max_size=2)).items()),
    )


@given(orders())
def test_round_trip(order: Order) -> None:
    payload = json.loads(json.dumps(dump_order(order)))
    again = parse_order(payload, OPTIONS)
    assert again == order


@pytest.mark.parametrize(
    "payload", [pytest.param(payload, id=name) for name, payload in captured.all_orders()[::5]]
)
def test_real_orders_survive_the_way_through_our_format(payload: dict[str, Any]) -> None:
    order = parse_woocommerce(payload, OPTIONS)
    again = parse_order(json.loads(json.dumps(dump_order(order))), OPTIONS)
    assert again.lines == order.lines
    assert (again.total, again.customer, again.paid_at) == (
        order.total,
        order.customer,
        order.paid_at,
    )


# -- wrong ones -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (None, "order:"),
        ([], "order:"),
        ({}, "currency:"),
        (one(id=""), "id:"),
        (one(total=121.0), "total: write the amount as text"),
        (one(total="121,00"), "total:"),
        (one(currency="CZKK"), "currency:"),
        (one(created_at="včera"), "created_at: not a time"),
        (one(created_at="0001-01-01T00:00:00+14:00"), "created_at: a year between"),
        (one(paid_at="9999-12-31T23:59:59-12:00"), "paid_at: a year between"),
        (one(lines=[]), "lines:"),
        (one(lines=[line(net=None)]), "lines[0].net:"),
        (one(lines=[line(), line(rate="200")]), "lines[1].rate:"),
        (one(lines=[line(kind="gift")]), "lines[0].kind:"),
        (one(refunds=[{"id": "1", "amount": "-5.00"}]), "refunds[0].amount:"),
        (one(customer={"address": {"country": "Česko"}}), "customer.address.country:"),
    ],
)
def test_wrong_fields_are_named_by_their_path(payload: Any, path: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_order(payload, OPTIONS)
    assert caught.value.code == "SPJ-ORDER-NOT-ORDER"
    assert path in caught.value.facts["detail"]


def test_all_wrong_fields_are_told_at_once() -> None:
    with pytest.raises(MappingError) as caught:
        parse_order({"id": "1", "lines": [line(net="x")] * 40}, OPTIONS)
    detail = caught.value.facts["detail"]
    assert "currency:" in detail
    assert "lines[3].net:" in detail
    assert "more" in detail


def test_unknown_fields_are_ignored_and_numbers_may_be_ids() -> None:
    order = parse_order(one(id=5, anything={"a": 1}, note=None), OPTIONS)
    assert (order.external_id, order.number, order.note) == ("5", "5", "")


def test_times_without_an_offset_are_in_the_shops_zone() -> None:
    order = parse_order(one(), MappingOptions(time_zone="America/New_York"))
    assert order.created_at == datetime(2026, 11, 22, 10, tzinfo=timezone(timedelta(hours=-5)))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (one(), []),
        (one(total="121.01"), ["SPJ-ORDER-SUM"]),
        (one(total_tax="20.00"), ["SPJ-ORDER-VAT-TOTAL"]),
        (one(vat=[{"rate": "21", "tax": "21.05"}]), ["SPJ-ORDER-VAT-SOURCES"]),
        (one(vat=[{"rate": "12", "tax": "21.00"}]), ["SPJ-ORDER-VAT-SOURCES"] * 2),
        (one(lines=[line(rate=12)]), ["SPJ-VAT-IMPLAUSIBLE"]),
        (one(lines=[line(rate=None)]), ["SPJ-ORDER-RATE-UNKNOWN"]),
        (one(total="100.00", lines=[line(rate=None, tax="0")]), []),
        # 33 pieces whose VAT was rounded one by one.
        (one(total="9.57", lines=[line(quantity=33, net="7.92", tax="1.65")]), []),
    ],
)
def test_the_same_checks_as_for_any_shop(payload: dict[str, Any], expected: list[str]) -> None:
    assert codes(parse_order(payload, OPTIONS)) == expected


def test_refund_rows_that_miss_the_amount() -> None:
    payload = changed()
    payload["refunds"][0]["amount"] = "500.00"
    (problem,) = parse_order(payload, OPTIONS).refunds[0].problems
    assert problem.code == "SPJ-REFUND-SUM"


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["o.json", "o.jsonl", "orders"])
def test_json_files(name: str) -> None:
    two = [one(id="1"), one(id="2")]
    for content in (
        json.dumps(two),
        json.dumps({"orders": two}),
        "\n".join(json.dumps(item) for item in two),
        "\ufeff" + json.dumps(two),
    ):
        assert [item["id"] for item in SOURCE.split(content.encode(), name)] == ["1", "2"]
    assert [item["id"] for item in SOURCE.split(json.dumps(one()).encode(), name)] == ["1"]


CSV = "id;currency;total;created_at;name;line_name;line_net;line_tax;line_rate\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1250"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_csv_encodings_and_delimiters(encoding: str, delimiter: str) -> None:
    text = CSV + 'A;CZK;121.00;2026-11-22;Žluťoučký kůň;"Šroub; M3, 10 ks";100.00;21.00;21\n'
    if delimiter != ";":
        text = text.replace('"Šroub; M3, 10 ks"', "QUOTED").replace(";", delimiter)
        text = text.replace("QUOTED", '"Šroub; M3, 10 ks"')
    (payload,) = SOURCE.split(text.encode(encoding), "o.csv")
    order = parse_order(payload, OPTIONS)
    assert order.customer.address.name == "Žluťoučký kůň"
    assert order.lines[0].name == "Šroub; M3, 10 ks"
    assert codes(order) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "missing columns"),
        (b"a;b\n1;2\n", "id, currency, total"),
        (CSV.encode() + b";CZK;1;2026-11-22;;x;1;0;0\n", "row 2 has no id"),
        (CSV.encode() + b"A;CZK;1;2026-11-22;;x;1;0;0\nA;EUR;1;2026-11-22;;x;1;0;0\n", "row 3"),
        (b"{", "not JSON"),
        (b'{"a": 1}\n{', "not JSON (line 2)"),
    ],
)
def test_files_that_cannot_be_read(content: bytes, words: str) -> None:
    name = "o.csv" if not content.startswith(b"{") else "o.json"
    with pytest.raises(MappingError) as caught:
        list(SOURCE.split(content, name))
    assert caught.value.code == "SPJ-ORDER-FILE"
    assert words in caught.value.facts["detail"]


def test_a_wrong_amount_in_a_file_is_told_by_its_field() -> None:
    content = CSV + "A;CZK;sto;2026-11-22;;x;1;0;0\n"
    (payload,) = SOURCE.split(content.encode(), "o.csv")
    with pytest.raises(MappingError) as caught:
        parse_order(payload, OPTIONS)
    assert "total:" in caught.value.facts["detail"]
