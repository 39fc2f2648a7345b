"""WooCommerce orders: every trap that real shops set."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.core.money import total
from spojka.core.order import LineKind, Order
from spojka.shops.contract import MappingError, MappingOptions
from spojka.shops.woocommerce.mapping import parse_order
from tests.shops import captured

D = Decimal


def parse(payload: Any, **options: Any) -> Order:
    return parse_order(payload, MappingOptions(**options))


def vat(order: Order) -> dict[Decimal | None, Decimal]:
    rates = {line.rate for line in order.lines}
    return {rate: total(x.tax for x in order.lines if x.rate == rate) for rate in rates}


def codes(order: Order) -> list[str]:
    return [problem.code for problem in order.problems]


def simple(**changes: Any) -> dict[str, Any]:
    """A small order: one product of 100 + 21."""
    return {
        "id": 7,
        "number": "7",
        "status": "processing",
        "currency": "CZK",
        "total": "121.00",
        "total_tax": "21.00",
        "date_created_gmt": "2026-11-22T09:00:00",
        "line_items": [product()],
        "tax_lines": [tax_line(1, 21, "21.00")],
        **changes,
    }


def product(**changes: Any) -> dict[str, Any]:
    taxes = [{"id": 1, "total": "21.00", "subtotal": "21.00"}]
    row = {"id": 1, "name": "Věc", "quantity": 1, "total": "100.00", "total_tax": "21.00"}
    return {**row, "taxes": taxes, **changes}


def tax_line(rate_id: int, rate: Any, tax: str, shipping: str = "0.00") -> dict[str, Any]:
    line = {"rate_id": rate_id, "rate_percent": rate, "tax_total": tax}
    return {**line, "shipping_tax_total": shipping}


# -- all captured orders ----------------------------------------------------------------------

ROUNDED_AT_SUBTOTAL = {38, 40}


@pytest.mark.parametrize(
    "payload", [pytest.param(payload, id=name) for name, payload in captured.all_orders()]
)
def test_captured_orders_agree_to_the_cent(payload: dict[str, Any]) -> None:
    order = parse(payload)
    assert total(line.gross for line in order.lines) == order.total
    assert total(line.tax for line in order.lines) == order.total_tax
    if payload["id"] in ROUNDED_AT_SUBTOTAL:
        assert codes(order) == ["SPJ-ORDER-VAT-SOURCES"]
        assert codes(parse(payload, vat_conflict="lines")) == []
        return
    assert codes(order) == []
    stated: dict[Decimal | None, Decimal] = {}
    for item in payload["tax_lines"]:
        rate = D(str(item["rate_percent"]))
        tax = D(item["tax_total"]) + D(item["shipping_tax_total"])
        stated[rate] = stated.get(rate, D(0)) + tax
    assert {rate: tax for rate, tax in vat(order).items() if rate is not None} == stated


def test_there_are_captured_orders_with_both_troubles() -> None:
    numbers = [payload["id"] for _, payload in captured.all_orders()]
    assert set(numbers) >= ROUNDED_AT_SUBTOTAL | {41}


def test_more_decimals_make_no_other_order() -> None:
    for name in ("store-02-coupon-percent", "store-12-rounding-many-cheap-per-line"):
        assert parse(captured.order(f"{name}__dp6")).lines == parse(captured.order(name)).lines


def test_the_same_order_from_floats_and_decimals() -> None:
    payload = captured.order("store-01-multi-vat-shipping")
    assert parse(json.loads(json.dumps(payload, default=float))) == parse(payload)


# -- precision --------------------------------------------------------------------------------


def test_a_shop_without_decimals_is_recognised() -> None:
    payload = next(item for name, item in captured.all_orders() if item["id"] == 41)
    order = parse(payload)
    assert [(line.net, line.tax) for line in order.lines] == [
        (D(223), D(27)),
        (D(6), D(1)),
        (D(412), D(87)),
        (D(74), D(15)),
    ]
    assert {line.rate for line in order.lines} == {D(12), D(21)}, "read, not divided"
    assert codes(order) == []


def test_whole_crowns_written_without_decimals() -> None:
    rows = [product(id=1, total="6", total_tax="1", taxes=[{"id": 1, "total": "1"}])]
    order = parse(
        simple(total="7", total_tax="1", line_items=rows, tax_lines=[tax_line(1, 21, "1", "0")])
    )
    assert codes(order) == []
    assert order.lines[0].rate == 21


def test_currencies_without_and_with_three_decimals() -> None:
    rows = [product(total="1000", total_tax="100", taxes=[{"id": 1, "total": "100"}])]
    taxes = [tax_line(1, 10, "100", "0")]
    yen = parse(
        simple(currency="JPY", total="1100", total_tax="100", line_items=rows, tax_lines=taxes)
    )
    assert (codes(yen), yen.total) == ([], D(1100))
    rows = [product(total="1.005", total_tax="0.101", taxes=[{"id": 1, "total": "0.101"}])]
    taxes = [tax_line(1, 10, "0.101", "0")]
    dinar = parse(
        simple(currency="KWD", total="1.106", total_tax="0.101", line_items=rows, tax_lines=taxes)
    )
    assert (codes(dinar), dinar.lines[0].net) == ([], D("1.005"))


# -- contradictions ---------------------------------------------------------------------------


def test_rows_that_miss_the_total_are_named_with_both_sums() -> None:
    order = parse(simple(total="121.01"))
    assert codes(order) == ["SPJ-ORDER-SUM"]
    assert order.problems[0].facts == {"rows": "121.00", "total": "121.01", "currency": "CZK"}


def test_a_contradiction_is_not_hidden_by_rounding_to_crowns() -> None:
    rows = [product(total="82.64", total_tax="17.35", taxes=[{"id": 1, "total": "17.35"}])]
    taxes = [tax_line(1, 21, "17.36")]
    order = parse(simple(total="100.00", total_tax="17.36", line_items=rows, tax_lines=taxes))
    assert codes(order) == ["SPJ-ORDER-SUM"]


def test_vat_summary_against_rows() -> None:
    order = parse(simple(tax_lines=[tax_line(1, 21, "21.01")]))
    assert codes(order) == ["SPJ-ORDER-VAT-SOURCES"]
    assert order.problems[0].facts["rate"] == "21"
    assert order.problems[0].facts["rows"] == "21.00"
    assert order.problems[0].facts["summary"] == "21.01"


def test_only_rounding_is_forgiven_by_the_option() -> None:
    by_rounding = simple(tax_lines=[tax_line(1, 21, "21.01")])
    by_more = simple(tax_lines=[tax_line(1, 21, "23.00")])
    assert codes(parse(by_rounding, vat_conflict="lines")) == []
    assert codes(parse(by_more, vat_conflict="lines")) == ["SPJ-ORDER-VAT-SOURCES"]


@pytest.mark.parametrize(("tax", "net"), [("20.00", "101.00"), ("12.00", "109.00")])
def test_vat_that_no_rounding_explains(tax: str, net: str) -> None:
    rows = [product(total=net, total_tax=tax, taxes=[{"id": 1, "total": tax}])]
    order = parse(simple(total_tax=tax, line_items=rows, tax_lines=[tax_line(1, 21, tax)]))
    assert codes(order) == ["SPJ-VAT-IMPLAUSIBLE"]
    assert order.problems[0].facts["line"] == "Věc"


def test_taxed_row_without_a_rate() -> None:
    order = parse(simple(line_items=[product(taxes=[])]))
    assert codes(order) == ["SPJ-ORDER-RATE-UNKNOWN"]


# -- rates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stated", [21, 21.0, "21", "21.0000", D("21.0000")])
def test_rates_in_every_writing(stated: Any) -> None:
    order = parse(simple(tax_lines=[tax_line(1, stated, "21.00")]))
    assert str(order.lines[0].rate) == "21"


def test_a_fractional_rate() -> None:
    rows = [product(total_tax="5.50", taxes=[{"id": 1, "total": "5.50"}])]
    order = parse(
        simple(
            total="105.50",
            total_tax="5.50",
            line_items=rows,
            tax_lines=[tax_line(1, 5.5, "5.50")],
        )
    )
    assert (order.lines[0].rate, codes(order)) == (D("5.5"), [])


def test_an_old_shop_names_the_rate_in_the_label() -> None:
    line = {"rate_id": "1", "label": "DPH 21 %", "tax_total": "21.00", "shipping_tax_total": "0.00"}
    order = parse(simple(tax_lines=[line]))
    assert (order.lines[0].rate, codes(order)) == (D(21), [])


def test_an_empty_tax_total_is_no_tax() -> None:
    taxes = [{"id": 1, "total": "21.00"}, {"id": 2, "total": ""}]
    order = parse(
        simple(
            line_items=[product(taxes=taxes)],
            tax_lines=[tax_line(1, 21, "21.00"), tax_line(2, 12, "0.00")],
        )
    )
    assert [line.rate for line in order.lines] == [D(21)]


def test_untaxed_beside_taxed_and_zero_rate() -> None:
    order = parse(captured.order("store-01-multi-vat-shipping"))
    assert [line.rate for line in order.lines] == [D(21), D(12), D(0), None, D(21)]


def test_a_fully_discounted_row_keeps_its_rate() -> None:
    order = parse(captured.order("store-05-zero-total-coupon"))
    assert (order.lines[0].net, order.lines[0].rate) == (D(0), D(21))
    assert parse(captured.order("rest-25-zero-total")).lines[0].rate == 12


# -- rows in several rates --------------------------------------------------------------------


def test_a_negative_fee_in_two_rates_is_split() -> None:
    order = parse(captured.order("rest-22-negative-fee"))
    fees = [line for line in order.lines if line.kind is LineKind.FEE]
    assert [(line.rate, line.tax) for line in fees] == [(D(21), D("-14.39")), (D(12), D("-3.78"))]
    assert total(line.net for line in fees) == D("-100.00")
    assert len({line.key for line in fees}) == 1
    for line in fees:
        assert abs(line.net * (line.rate or 0) / 100 - line.tax) < D("0.02")


def test_a_split_with_a_zero_rate_gives_it_the_rest() -> None:
    taxes = [{"id": 1, "total": "-10.50"}, {"id": 3, "total": "0.00"}]
    fee = {"id": 9, "name": "Sleva", "total": "-80.00", "total_tax": "-10.50", "taxes": taxes}
    order = parse(
        simple(
            total="30.50",
            total_tax="10.50",
            fee_lines=[fee],
            tax_lines=[tax_line(1, 21, "10.50"), tax_line(3, 0, "0.00")],
        )
    )
    fees = [(line.rate, line.net, line.tax) for line in order.lines if line.kind is LineKind.FEE]
    assert fees == [(D(21), D("-50.00"), D("-10.50")), (D(0), D("-30.00"), D(0))]
    assert codes(order) == []


def test_stacked_taxes_are_refused() -> None:
    taxes = [{"id": 1, "total": "5.00"}, {"id": 2, "total": "9.98"}]
    rows = [product(total_tax="14.98", taxes=taxes)]
    order = parse(
        simple(
            total="114.98",
            total_tax="14.98",
            line_items=rows,
            tax_lines=[tax_line(1, 5, "5.00"), tax_line(2, D("9.975"), "9.98")],
        )
    )
    assert codes(order) == ["SPJ-ORDER-STACKED-TAXES"]
    assert order.problems[0].facts["rates"] == "5, 9.975"


@given(
    st.lists(
        st.tuples(st.sampled_from([D(21), D(12), D(10), D(5)]), st.integers(200, 10_000_000)),
        min_size=2,
        max_size=4,
        unique_by=lambda pair: pair[0],
    ),
    st.sampled_from([1, -1]),
)
def test_split_rows_lose_nothing(bases: list[tuple[Decimal, int]], sign: int) -> None:
    """A fee made of several bases comes back as these bases, to the rounding of a cent of tax."""
    parts = [(rate, sign * D(cents) / 100) for rate, cents in bases]
    taxes = [(rate, (base * rate / 100).quantize(D("0.01"))) for rate, base in parts]
    net, tax = total(base for _, base in parts), total(part for _, part in taxes)
    fee = {
        "id": 1,
        "name": "Poplatek",
        "total": str(net),
        "total_tax": str(tax),
        "taxes": [{"id": i, "total": str(part)} for i, (_, part) in enumerate(taxes)],
    }
    order = parse(
        simple(
            total=str(net + tax),
            total_tax=str(tax),
            line_items=[],
            fee_lines=[fee],
            tax_lines=[tax_line(i, rate, str(part)) for i, (rate, part) in enumerate(taxes)],
        )
    )
    assert codes(order) == []
    assert total(line.net for line in order.lines) == net
    assert vat(order) == dict(taxes)
    fuzz = total(D("0.005") * 100 / rate for rate, _ in parts) + D("0.02")
    for line, (rate, base) in zip(order.lines, parts, strict=True):
        assert line.rate == rate
        assert abs(line.net - base) <= fuzz


# -- text, ids, times -------------------------------------------------------------------------


def test_names_are_freed_of_markup_once() -> None:
    names = {
        "Tričko <b>modré</b> &amp; bílé": "Tričko modré & bílé",
        "A &amp;amp; B": "A &amp; B",
        "dva  řádky<br/>jména\n": "dva řádky jména",
        "5 &lt; 6 kusů 🎁": "5 < 6 kusů 🎁",
        "Tri<b>č</b>ko": "Tričko",
        "a < b > c": "a < b > c",
    }
    for given_name, expected in names.items():
        order = parse(simple(line_items=[product(name=given_name)]))
        assert order.lines[0].name == expected


def test_company_ids_of_known_plugins() -> None:
    cz = parse(captured.order("store-06-company-cz")).customer
    assert (cz.address.company, cz.company_id) == ("Firma & syn, s.r.o.", "27082440")
    assert (cz.tax_id, cz.vat_id) == ("CZ27082440", "CZ27082440")
    for name in (
        "rest-26-sk-company-classic-meta-vat-exempt",
        "store-22-superfaktura-plugin-company-fields",
    ):
        sk = parse(captured.order(name)).customer
        assert (sk.company_id, sk.tax_id, sk.vat_id) == ("35757442", "2020269786", "SK2020269786")
    block = parse(captured.order("store-07-company-sk-reverse-charge")).customer
    assert (block.company_id, block.tax_id, block.vat_id) == ("35757442", "", "SK2020269786")


def test_ids_are_cleaned_and_the_users_mapping_wins() -> None:
    fields = [
        {"key": "_billing_ic", "value": "111"},
        {"key": "moje_ico", "value": "270 82-440"},
        {"key": "dic", "value": "cz 27082440"},
    ]
    mapping = {"company_id": ("chybi", "moje_ico", "_billing_ic"), "tax_id": ("dic",)}
    customer = parse(simple(meta_data=fields), company_id_fields=mapping).customer
    assert (customer.company_id, customer.vat_id) == ("27082440", "CZ27082440")


def test_reverse_charge_and_non_payer_differ_by_the_flag_only() -> None:
    exempt = parse(captured.order("store-07-company-sk-reverse-charge"))
    non_payer = parse(captured.order("store-18-non-vat-payer-taxes-off"))
    assert (exempt.vat_exempt, non_payer.vat_exempt) == (True, False)
    assert {line.rate for order in (exempt, non_payer) for line in order.lines} == {None}


def test_times_are_utc_and_fall_back_to_the_shops_zone() -> None:
    order = parse(simple(date_created_gmt=None, date_created="2026-07-01T00:30:00"))
    assert order.created_at == datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    order = parse(simple(date_paid_gmt="2026-11-22T09:00:00", date_paid="2026-11-22T10:00:00"))
    assert order.paid_at == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert parse(
        simple(date_created="2026-11-22T10:00:00+05:00", date_created_gmt="")
    ).created_at == (datetime(2026, 11, 22, 5, tzinfo=UTC))
    assert parse(simple(date_paid_gmt="0001-01-01T00:00:00")).paid_at is None, "no such day"


def test_coupons_are_not_subtracted_twice() -> None:
    order = parse(captured.order("store-02-coupon-percent"))
    assert order.discount > 0
    assert total(line.gross for line in order.lines) == order.total


def test_a_free_pickup_names_the_delivery_but_is_no_line() -> None:
    pickup = {"id": 3, "method_title": "Osobní odběr", "method_id": "local_pickup", "total": "0.00"}
    order = parse(simple(shipping_lines=[pickup]))
    assert (order.shipping_method, order.shipping_title) == ("local_pickup", "Osobní odběr")
    assert [line.kind for line in order.lines] == [LineKind.PRODUCT]


@pytest.mark.parametrize(
    ("quantity", "expected"), [(3, "3"), (0, "1"), (None, "1"), (1.5, "1.5"), ("2", "2")]
)
def test_quantities(quantity: Any, expected: str) -> None:
    order = parse(simple(line_items=[product(quantity=quantity)]))
    assert str(order.lines[0].quantity) == expected


def test_language_and_delivery() -> None:
    shipping = {"first_name": "Eva", "city": "Wien", "country": "AT", "address_1": "Ring 1"}
    order = parse(
        simple(
            meta_data=[{"key": "wpml_language", "value": "sk"}],
            billing={"country": "CZ"},
            shipping=shipping,
        )
    )
    assert (order.language, order.country) == ("sk", "AT")
    assert parse(captured.order("store-06-company-cz")).country == "CZ"


# -- what is odd, missing or no order ----------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (
            {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."},
            "Invalid ID",
        ),
        ([], "list"),
        ("<html>", "page"),
        (b"<html>", "page"),
        (None, "page"),
        ({"id": 59}, "currency, total"),
        ({"action": "woocommerce_order_refunded", "arg": 45}, "missing"),
        (simple(date_created_gmt="nonsense"), "date_created"),
        (simple(total=""), "total"),
        (captured.order("rest-20d-refund-partial-line"), "refund"),
    ],
)
def test_what_is_no_order_says_what_it_is(payload: Any, words: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse(payload)
    assert caught.value.code == "SPJ-ORDER-NOT-ORDER"
    assert words in caught.value.facts["detail"]


@pytest.mark.parametrize("value", ["12,50", "1e3", "NaN", "abc", 12.5, True, [], {"a": 1}])
def test_amounts_that_cannot_be_read(value: Any) -> None:
    with pytest.raises(MappingError) as caught:
        parse(simple(line_items=[product(total=value)]))
    assert caught.value.code == "SPJ-ORDER-AMOUNT"
    assert caught.value.facts["field"] == "total"


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(),
    st.text(max_size=5),
    st.lists(
        st.one_of(st.none(), st.integers(), st.dictionaries(st.text(), st.text())), max_size=2
    ),
    st.dictionaries(st.sampled_from(["key", "value", "id", "total"]), st.none(), max_size=2),
)


@given(st.data())
def test_odd_fields_never_crash(data: st.DataObject) -> None:
    """Any field of any part may be missing, null or of another type."""
    payload = deepcopy(captured.order("rest-20e-order-after-partial-refund"))
    parts: list[dict[str, Any]] = [payload, payload["billing"], payload["line_items"][0]]
    parts += [payload["tax_lines"][0], payload["refunds"][0], payload["shipping_lines"][0]]
    parts.append(payload["line_items"][0]["taxes"][0])
    for _ in range(data.draw(st.integers(1, 3))):
        part = data.draw(st.sampled_from(parts))
        key = data.draw(st.sampled_from(sorted(part)))
        if data.draw(st.booleans()):
            part.pop(key)
        else:
            part[key] = data.draw(ODD)
        if not part:
            break
    try:
        order = parse(payload)
    except MappingError as error:
        assert error.code in ("SPJ-ORDER-NOT-ORDER", "SPJ-ORDER-AMOUNT")
    else:
        agrees = total(line.gross for line in order.lines) == order.total
        assert agrees or order.problems


def test_custom_fields_of_any_shape_and_length() -> None:
    fields = [
        {"key": "a", "value": {"deep": 1}},
        {"key": "b", "value": [1]},
        {"key": "c", "value": "x" * 300},
        {"key": "", "value": "y"},
        {"value": "z"},
        "text",
        None,
        {"key": "d", "value": 5},
    ]
    assert parse(simple(meta_data=fields)).extra == (("c", "x" * 200), ("d", "5"))
