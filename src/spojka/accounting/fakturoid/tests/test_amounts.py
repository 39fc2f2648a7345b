"""Amounts: what is sent, what is predicted, what the simulated account computes from it.

The figures of single documents come from the documentation's own examples, from § 37 of the Czech
VAT act, and from prices that shops really have.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spojka.accounting.contract import Choice, LoadedData
from spojka.accounting.fakturoid import mapping
from spojka.accounting.fakturoid.arithmetic import Counting, Mode, Priced, Seen, compute, learn
from spojka.accounting.fakturoid.system import SYSTEM
from spojka.accounting.fakturoid.tests.test_simulator import Desk
from spojka.accounting.fakturoid.tests.world import (
    CUSTOMER,
    KEY,
    SELLER,
    SESSION,
    document,
    line,
    per_rate,
    world,
)
from spojka.core.document import Document, ExchangeRate, Kind, Treatment, VatMode
from spojka.core.order import Customer
from spojka.core.outcome import RejectedError

D = Decimal


def sent(d: Document, **more: Any) -> dict[str, Any]:
    return mapping.invoice(replace(SESSION, **more), d, KEY, "7")


# Arithmetic


@pytest.mark.parametrize(
    ("mode", "price", "rate", "net", "tax"),
    [
        (Mode.NET, "1000.00", "21", "1000.00", "210.00"),
        (Mode.GROSS, "1210.00", "21", "1000.00", "210.00"),
        (Mode.NO_VAT, "1210.00", "21", "1210.00", "0.00"),
        (Mode.GROSS, "-1210.00", "21", "-1000.00", "-210.00"),
        (Mode.GROSS, "99.00", "5.5", "93.84", "5.16"),
    ],
)
def test_one_line(mode: Mode, price: str, rate: str, net: str, tax: str) -> None:
    for way in Counting:
        sums = compute([Priced(D(1), D(price), D(rate))], mode, way, "CZK")
        assert list(sums.values()) == [(D(net), D(tax))]


def test_half_a_heller_goes_to_the_base_or_to_the_vat() -> None:
    """249.90 at 12 %: 223.125 and 26.775. § 37 (2) b computes the base, then the difference."""
    found = {
        way: compute([Priced(D(1), D("249.90"), D(12))], Mode.GROSS, way, "CZK")[D(12)]
        for way in Counting
    }
    assert found[Counting.LINE_BASE] == found[Counting.RATE_BASE] == (D("223.13"), D("26.77"))
    assert found[Counting.LINE_TAX] == found[Counting.RATE_TAX] == (D("223.12"), D("26.78"))


def test_vat_of_lines_or_of_their_sum() -> None:
    lines = [Priced(D(1), D("1.02"), D(21))] * 3
    assert compute(lines, Mode.NET, Counting.LINE_BASE, "CZK")[D(21)] == (D("3.06"), D("0.63"))
    assert compute(lines, Mode.NET, Counting.RATE_BASE, "CZK")[D(21)] == (D("3.06"), D("0.64"))


def test_documents_that_exist_tell_how_it_is_computed() -> None:
    lines = [Priced(D(1), D("1.02"), D(21))] * 3
    by_rate = Seen(lines, Mode.NET, "CZK", {D(21): (D("3.06"), D("0.64"))})
    tie = [Priced(D(1), D("249.90"), D(12))]
    base = Seen(tie, Mode.GROSS, "CZK", {D(12): (D("223.13"), D("26.77"))})
    odd = Seen(tie, Mode.GROSS, "CZK", {D(12): (D("200.00"), D("49.90"))})
    by_line = Seen(lines, Mode.NET, "CZK", {D(21): (D("3.06"), D("0.63"))})
    assert learn([]) == tuple(Counting)
    assert learn([by_rate]) == (Counting.RATE_BASE, Counting.RATE_TAX)
    assert learn([by_rate, base, odd]) == (Counting.RATE_BASE,)
    assert learn([by_rate, by_line]) == tuple(Counting)  # the account was changed


@pytest.mark.parametrize(
    ("account", "ways"),
    [
        ({"vat_by": "line", "half": "base"}, ["line-base"]),
        ({"vat_by": "rate", "half": "base"}, ["rate-base"]),
        ({"vat_by": "line", "half": "tax"}, ["line-tax"]),
        ({"vat_by": "rate", "half": "tax"}, ["rate-tax"]),
    ],
)
def test_loading_learns_the_arithmetic_of_the_account(account: Any, ways: list[str]) -> None:
    with world(**account) as w:
        assert w.load().facts["vat_ways"] == list(Counting)
        cheap = [line("0.99", name=f"Věc {at}") for at in range(3)]
        for at, d in enumerate((document(Kind.INVOICE, *cheap), document(Kind.INVOICE, TIE))):
            w.create(d, f"{at}:create")
        assert w.load().facts["vat_ways"] == ways


TIE = line("249.90", "12", name="Kniha", net="223.13")
"""What a shop makes of 249.90 at 12 % that rounds half a heller of VAT down."""


def test_a_difference_that_is_known_is_held_before_it_is_sent() -> None:
    d = document(Kind.INVOICE, TIE)
    with world(half="tax") as w:
        issued = w.create(d)  # nothing was known: it is sent, and compared afterwards
        assert per_rate(issued.vat) == {D(12): (D("223.12"), D("26.78"))}
        assert issued.total == d.total
        w.load()
        predicted = SYSTEM.predict(w.session(), d)
        assert per_rate(predicted.vat) == {D(12): (D("223.12"), D("26.78"))}


amounts = st.integers(1, 5_000_000).map(lambda cents: D(cents).scaleb(-2))
rates = st.sampled_from([D(21), D(12), D(0), D(23), D("5.5")])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(amounts, rates, st.integers(1, 9)), min_size=1, max_size=6),
    st.sampled_from(["line", "rate"]),
    st.sampled_from(["base", "tax"]),
    st.booleans(),
)
def test_what_is_predicted_is_what_the_account_computes(
    rows: list[tuple[Decimal, Decimal, int]], by: str, half: str, back: bool
) -> None:
    """The prediction for each way of computing against the simulator, which shares no code."""
    lines = [
        line(str(-gross if back else gross), str(rate), str(pieces), f"Věc {at}")
        for at, (gross, rate, pieces) in enumerate(rows)
    ]
    d = document(Kind.INVOICE, *lines)
    desk = Desk(vat_by=by, half=half)
    desk.login()
    facts = {"currency": "CZK", "vat_ways": [f"{by}-{half}"]}
    s = replace(SESSION, loaded=LoadedData(facts=facts))
    body = mapping.invoice(s, d, KEY, str(desk.subject()))
    _, made, _ = desk.ask("POST", "invoices.json", body)
    predicted = SYSTEM.predict(s, d)
    assert D(made["total"]) == predicted.total
    theirs = {
        D(row["vat_rate"]): (D(row["base"]), D(row["vat"])) for row in made["vat_rates_summary"]
    }
    assert {rate: both for rate, both in theirs.items() if any(both)} == per_rate(predicted.vat)
    assert predicted.total == d.total  # prices with VAT keep the total, whatever becomes of VAT


# What is sent


def test_prices_are_sent_with_vat_in_pieces_where_they_divide() -> None:
    d = document(
        Kind.INVOICE,
        line("363.00", "21", "3", "Hrnek"),
        line("100.00", "21", "3", "Sada"),
        line("-50.00", "21", "1", "Sleva"),
    )
    body = sent(d)
    assert body["vat_price_mode"] == "from_total_with_vat"
    assert body["lines"] == [
        {"name": "Hrnek", "quantity": "3", "unit_name": "ks", "unit_price": "121",
         "vat_rate": "21"},
        {"name": "3 × Sada", "quantity": "1", "unit_price": "100", "vat_rate": "21"},
        {"name": "Sleva", "quantity": "1", "unit_name": "ks", "unit_price": "-50",
         "vat_rate": "21"},
    ]  # fmt: skip
    assert "number" not in body
    assert None not in body.values()


def test_prices_without_vat_are_sent_where_only_they_divide_into_pieces() -> None:
    """3 × 1.02 without VAT are 3.06 and 0.64 of VAT; 3.70 cannot be divided by three."""
    body = sent(document(Kind.INVOICE, line("3.70", quantity="3", net="3.06")))
    assert body["vat_price_mode"] == "without_vat"
    assert (body["lines"][0]["quantity"], body["lines"][0]["unit_price"]) == ("3", "1.02")


def test_a_line_of_nothing_is_left_out_and_a_gift_is_not() -> None:
    nothing = replace(line("0.00"), quantity=D(0))
    gift = line("0.00", name="Dárek")
    assert [x["name"] for x in sent(document(Kind.INVOICE, line(), nothing, gift))["lines"]] == [
        "Hrnek",
        "Dárek",
    ]


@pytest.mark.parametrize("account", ["asked", "always"])
def test_cash_rounding_by_fakturoid(account: str) -> None:
    d = document(Kind.INVOICE, line("120.60"), rounding=D("0.40"))
    with world(rounding=account) as w:
        issued = w.create(d)
        assert (issued.total, per_rate(issued.vat)) == (D("121.00"), per_rate(d.vat))
        assert issued.raw["rounding_adjustment"] == "0.4"


@pytest.mark.parametrize(
    ("rounding", "chosen"), [("0.40", "line"), ("-0.02", ""), ("-0.02", "total")]
)
def test_cash_rounding_by_a_line(rounding: str, chosen: str) -> None:
    """Where it is chosen, and where it is not to whole crowns (five cents of euro)."""
    d = document(Kind.INVOICE, line("120.60" if chosen == "line" else "120.62"),
                 rounding=D(rounding))  # fmt: skip
    with world(rounding="never") as w:
        w.settings["rounding"] = chosen
        issued = w.create(d)
        assert (issued.total, per_rate(issued.vat)) == (d.total, per_rate(d.vat))
        assert [x.name for x in issued.lines] == ["Hrnek"]
        assert issued.raw["lines"][-1]["name"] == "Zaokrouhlení"


def test_an_account_that_rounds_by_itself_is_known_after_loading() -> None:
    d = document(Kind.INVOICE, line("120.60"))
    with world(rounding="always") as w:
        by_hand = w.create(d)
        w.simulator.act("edit", external_id=by_hand.external_id, custom_id=None)
        assert w.load().facts["rounds"] is True
        assert SYSTEM.predict(w.session(), d).total == D("121.00")
        assert SYSTEM.predict(w.session(), document(Kind.INVOICE, line("121.00"))).total == 121


def test_who_pays_no_vat_sends_none() -> None:
    seller = replace(SELLER, vat_mode=VatMode.NON_PAYER)
    free = line("500.00", "0", "2", treatment=Treatment.NOT_A_PAYER)
    d = document(Kind.INVOICE, free, seller=seller)
    body = sent(d)
    assert not {"vat_price_mode", "taxable_fulfillment_due", "oss"} & body.keys()
    assert "vat_rate" not in body["lines"][0]
    with world(vat_mode="non_vat_payer") as w:
        w.load()
        issued = w.create(d)
        assert (issued.total, per_rate(issued.vat)) == (d.total, per_rate(d.vat))


def test_a_document_with_vat_in_an_account_without_it_differs_beforehand() -> None:
    with world(vat_mode="non_vat_payer") as w:
        w.load()
        predicted = SYSTEM.predict(w.session(), document())
        assert per_rate(predicted.vat) == {D(0): (D("177.00"), D(0))}


@pytest.mark.parametrize(
    ("treatment", "rate", "chosen", "expected"),
    [
        (Treatment.OSS, "23", {}, {"oss": "goods"}),
        (Treatment.OSS, "23", {"oss": "service"}, {"oss": "service"}),
        (Treatment.REVERSE_CHARGE, "0", {}, {"transferred_tax_liability": True}),
        (
            Treatment.REVERSE_CHARGE,
            "0",
            {"supply_code": "4"},
            {"transferred_tax_liability": True, "supply_code": "4"},
        ),
        (Treatment.EXEMPT, "0", {}, {}),
        (Treatment.ZERO, "0", {}, {}),
    ],
)
def test_treatments(
    treatment: Treatment, rate: str, chosen: dict[str, str], expected: dict[str, Any]
) -> None:
    d = document(Kind.INVOICE, line("1000.00", rate, treatment=treatment))
    with world() as w:
        w.settings |= chosen
        body = mapping.invoice(w.session(), d, KEY, "7")
        names = ("oss", "transferred_tax_liability", "supply_code")
        assert {name: body[name] for name in names if name in body} == expected
        issued = w.create(d)
        assert (issued.total, per_rate(issued.vat)) == (d.total, per_rate(d.vat))
        if treatment is Treatment.OSS:
            assert {row.treatment for row in issued.vat} == {Treatment.OSS}


def test_another_currency_needs_the_rate_to_that_of_the_account() -> None:
    rate = ExchangeRate(home="CZK", rate=D("24.135"), source="ČNB")
    d = document(currency="EUR", exchange_rate=rate)
    assert sent(d)["exchange_rate"] == "24.135"
    for wrong in (None, replace(rate, home="EUR")):
        with pytest.raises(RejectedError) as refused:
            sent(replace(d, exchange_rate=wrong))
        assert refused.value.problem.code == "SPJ-FAKTUROID-EXCHANGE-RATE"
    assert "exchange_rate" not in sent(document())


@pytest.mark.parametrize(
    ("method", "title", "expected"),
    [
        ("bacs", "Převodem", {"payment_method": "bank"}),
        ("cod", "Dobírka", {"payment_method": "cod"}),
        ("stripe", "Kartou", {"payment_method": "card"}),
        ("cash", "Hotově", {"payment_method": "cash"}),
        ("ppcp", "PayPal", {"payment_method": "paypal"}),
        ("", "", {}),
        ("comgate", "Online platba", {"payment_method": "custom",
                                      "custom_payment_method": "Online platba"}),
        ("gopay", "Online platební brána GoPay", {"payment_method": "custom",
                                                  "custom_payment_method": "Online platební"}),
        ("x", "Nejnevyzpytatelnějšího", {"payment_method": "custom",
                                         "custom_payment_method": "Nejnevyzpytatelnější"}),
    ],
)  # fmt: skip
def test_ways_of_paying(method: str, title: str, expected: dict[str, str]) -> None:
    body = sent(document(payment_method=method, payment_title=title))
    names = ("payment_method", "custom_payment_method")
    assert {name: body[name] for name in names if name in body} == expected


@pytest.mark.parametrize(
    ("language", "theirs"), [("cs", "cz"), ("sk", "sk"), ("en", "en"), ("uk", None)]
)
def test_languages(language: str, theirs: str | None) -> None:
    assert sent(document(language=language)).get("language") == theirs


def test_the_customer_stands_on_the_document_as_in_the_order() -> None:
    slovak = Customer(
        address=replace(
            CUSTOMER.address, company="Firma s.r.o.", country="SK", street2="2. poschodie"
        ),
        email="firma@example.sk",
        company_id="31333532",
        tax_id="2020372640",
        vat_id="SK2020372640",
    )
    delivery = replace(CUSTOMER.address, name="Sklad", city="Ostrava")
    body = sent(document(customer=slovak, delivery=delivery))
    assert {name: value for name, value in body.items() if name.startswith("client_")} == {
        "client_name": "Firma s.r.o.",
        "client_street": "Dlouhá 5, 2. poschodie",
        "client_city": "Brno",
        "client_zip": "60200",
        "client_country": "SK",
        "client_registration_no": "31333532",
        "client_vat_no": "SK2020372640",
        "client_local_vat_no": "2020372640",
        "client_has_delivery_address": True,
        "client_delivery_name": "Sklad",
        "client_delivery_street": "Dlouhá 5",
        "client_delivery_city": "Ostrava",
        "client_delivery_zip": "60200",
        "client_delivery_country": "CZ",
    }
    contact = mapping.subject(document(customer=slovak))
    assert (contact["name"], contact["full_name"]) == ("Firma s.r.o.", "Jana Nováková")
    assert contact["setting_update_from_ares"] == "off"


def test_texts_above_the_lines() -> None:
    d = document(note_above="Děkujeme.", reason="Vráceno", customer_reference="PO-7")
    assert sent(d)["note"] == "Děkujeme.\nVráceno\nČíslo objednávky odběratele: PO-7"
    assert "note" not in sent(document())


@pytest.mark.parametrize(
    ("currency", "chosen", "expected"),
    [
        ("CZK", "", None),
        ("CZK", "12", 12),
        ("EUR", "", 13),
        ("EUR", "12", 13),
        ("EUR", "14", 14),
        ("USD", "", None),
        ("USD", "12", 12),
    ],
)
def test_the_bank_account_is_one_in_the_currency_of_the_document(
    currency: str, chosen: str, expected: int | None
) -> None:
    accounts = (
        Choice("11", "Běžný", default=True, currency="CZK"),
        Choice("12", "Druhý", currency="CZK"),
        Choice("13", "Euro", currency="EUR"),
        Choice("14", "Euro 2", currency="EUR"),
    )
    d = document(currency=currency, exchange_rate=ExchangeRate(home="CZK", rate=D(24)))
    loaded = LoadedData(bank_accounts=accounts, facts={"currency": "CZK"})
    body = sent(d, settings={"bank_account": chosen}, loaded=loaded)
    assert body.get("bank_account_id") == expected


def test_what_is_shown_beforehand_has_no_secret() -> None:
    with world() as w:
        shown = SYSTEM.requests(w.session(), document(), KEY)
        assert [one.url.rpartition("/")[2] for one in shown] == ["subjects.json", "invoices.json"]
        assert w.simulator.account["client_secret"] not in repr(shown)
        assert {one.headers["Authorization"] for one in shown} == {"Bearer ***"}
        assert w.simulator.requests == []
