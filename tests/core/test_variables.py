"""Variables: every one has a value, unknown ones are refused, values stay plain text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.core.catalogue import LANGUAGES
from spojka.core.document import BankAccount, Document, Kind, Seller
from spojka.core.order import Address, Customer, LineKind, Order, OrderLine
from spojka.core.variables import (
    VARIABLES,
    Scope,
    VariableError,
    check,
    document_context,
    expand,
    line_context,
    names,
    order_context,
)

LINE = OrderLine(
    key="1",
    kind=LineKind.PRODUCT,
    name="Hrnek",
    quantity=Decimal("2.000"),
    net=Decimal("300.00"),
    tax=Decimal("63.00"),
    rate=Decimal("21.0000"),
    sku="HR-01",
    unit="ks",
)
ORDER = Order(
    external_id="4211",
    number="2026-00042",
    status="processing",
    currency="CZK",
    total=Decimal("1234.5"),
    created_at=datetime(2025, 12, 31, 23, 30, tzinfo=UTC),
    customer=Customer(
        address=Address(
            name="Jana Nováková",
            street="Dlouhá 12",
            street2="3. patro",
            city="Praha",
            postcode="110 00",
            country="CZ",
        ),
        email="jana@example.org",
        company_id="27082440",
    ),
    lines=(LINE,),
    payment_method="bacs",
    payment_title="Převodem",
    shipping_method="flat_rate:3",
    note="Volat předem",
)
DOCUMENT = Document(
    uuid="u",
    kind=Kind.INVOICE,
    currency="CZK",
    language="cs",
    seller=Seller(name="Hrnečky s.r.o.", address=Address(), email="info@example.org"),
    customer=ORDER.customer,
    issued_on=date(2026, 3, 8),
    due_on=date(2026, 3, 22),
    taxable_on=None,
    order_number=ORDER.number,
    order_external_id=ORDER.external_id,
    lines=(),
    variable_symbol="2026001",
    bank_account=BankAccount(iban="CZ6508000000192000145399"),
)


def problem_of(template: str, scope: Scope = Scope.ORDER) -> tuple[str, dict[str, str]]:
    with pytest.raises(VariableError) as raised:
        check(template, scope)
    return raised.value.problem.code, dict(raised.value.problem.facts)


def test_variables_are_expanded_in_the_midst_of_text() -> None:
    template = "Dodací adresa: {order.client.delivery_address}, { order.client.delivery_city }."
    assert expand(template, order_context(ORDER)) == "Dodací adresa: Dlouhá 12, 3. patro, Praha."


def test_braces_that_are_text_are_doubled() -> None:
    assert expand("{{order.number}} = {order.number} }}", {"order.number": "7"}) == (
        "{order.number} = 7 }"
    )


def test_the_order() -> None:
    context = order_context(ORDER, zone=ZoneInfo("Europe/Prague"))
    assert context["order.date"] == "1. 1. 2026"
    assert context["order.amount"] == "1234,50"
    assert context["order.payment_name"] == "Převodem"
    assert context["order.delivery_name"] == "flat_rate:3"
    assert context["order.client.delivery_note"] == "Volat předem"
    assert context["order.paid_on"] == ""


def test_dates_and_amounts_follow_the_language() -> None:
    context = order_context(ORDER, language="en")
    assert context["order.date"] == "2025-12-31"
    assert context["order.amount"] == "1234.50"


def test_the_delivery_address_stands_for_itself_where_there_is_one() -> None:
    order = replace(ORDER, delivery=Address(name="Petr", city="Brno", country="SK"))
    context = order_context(order)
    assert context["order.client.delivery_city"] == "Brno"
    assert context["order.client.delivery_address"] == ""
    assert context["order.client.city"] == "Praha"


def test_the_line() -> None:
    context = line_context(LINE, currency="CZK")
    assert context["order.product.quantity"] == "2"
    assert context["order.product.unit_price"] == "150,00"
    assert context["order.product.total_price"] == "363,00"
    assert context["order.product.tax"] == "21"
    assert line_context(replace(LINE, rate=None))["order.product.tax"] == ""
    assert line_context(replace(LINE, quantity=Decimal(0)))["order.product.unit_price"] == "300,00"


def test_whole_tens_keep_their_zeros() -> None:
    line = replace(LINE, quantity=Decimal("1E+1"), rate=Decimal(20))
    context = line_context(line, language="en")
    assert (context["order.product.quantity"], context["order.product.tax"]) == ("10", "20")


def test_the_document() -> None:
    context = document_context(DOCUMENT, "FA2026001")
    text = "{document.kind} {document.number}, splatnost {document.due_on}, {company.name}"
    assert expand(text, context) == "faktura FA2026001, splatnost 22. 3. 2026, Hrnečky s.r.o."
    assert context["document.taxable_on"] == ""
    assert context["document.iban"] == "CZ6508000000192000145399"


def test_every_listed_variable_has_a_value_and_every_value_is_listed() -> None:
    order = order_context(ORDER)
    assert tuple(order) == names(Scope.ORDER)
    assert {**order, **line_context(LINE)}.keys() == set(names(Scope.LINE))
    assert {**order, **document_context(DOCUMENT, "1")}.keys() == set(names(Scope.DOCUMENT))


def test_the_list_of_the_help_page_is_complete() -> None:
    listed = [variable.name for variable in VARIABLES]
    assert len(listed) == len(set(listed))
    for variable in VARIABLES:
        assert all(variable.label[language] for language in LANGUAGES), variable.name


def test_an_unknown_variable_is_refused_with_what_is_similar() -> None:
    code, facts = problem_of("{order.nmber}")
    assert code == "SPJ-VARIABLE-UNKNOWN"
    assert facts["name"] == "order.nmber"
    assert facts["suggestion"].split(", ")[0] == "order.number"
    assert problem_of("{zzz}")[1]["suggestion"] == "@nothing-similar"
    assert problem_of("{}")[0] == "SPJ-VARIABLE-UNKNOWN"


def test_a_variable_belongs_to_its_scope() -> None:
    check("{order.product.name} {order.number}", Scope.LINE)
    check("{document.number} {order.number}", Scope.DOCUMENT)
    assert problem_of("{order.product.name}", Scope.ORDER)[0] == "SPJ-VARIABLE-UNKNOWN"
    assert problem_of("{document.number}", Scope.LINE)[0] == "SPJ-VARIABLE-UNKNOWN"


@pytest.mark.parametrize("template", ["{order.number", "order.number}", "{{}", "{a{order.number}}"])
def test_braces_that_do_not_pair_up_are_refused(template: str) -> None:
    assert problem_of(template)[0] == "SPJ-VARIABLE-SYNTAX"


@given(value=st.text())
def test_a_value_is_inserted_once_and_as_it_is(value: str) -> None:
    context = {"order.number": value, "order.id": "other"}
    assert expand("<{order.number}>", context) == f"<{value}>"


@given(text=st.text())
def test_any_text_with_its_braces_doubled_is_itself(text: str) -> None:
    assert expand(text.replace("{", "{{").replace("}", "}}"), {}) == text


@given(template=st.text(alphabet="{} order.numbe", max_size=30))
def test_what_check_lets_pass_expands(template: str) -> None:
    try:
        check(template, Scope.ORDER)
    except VariableError as error:
        assert error.problem.code.startswith("SPJ-VARIABLE-")
    else:
        assert isinstance(expand(template, order_context(ORDER)), str)
