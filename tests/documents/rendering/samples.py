"""Documents that the tests of this folder render: plain ones, and arbitrary ones for Hypothesis."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from spojka.core.document import (
    BankAccount,
    Deduction,
    Document,
    DocumentLine,
    ExchangeRate,
    Kind,
    Original,
    Seller,
    Treatment,
    VatMode,
    VatRow,
)
from spojka.core.money import ZERO, quantize
from spojka.core.order import Address, Customer, LineKind

UUID = "3f2b0a52-6b0a-4a53-9d6e-7d1a1c2b3d4e"
NUMBER = "2026000123"

CZ_SELLER = Seller(
    name="Kavárna u Mlýna s.r.o.",
    address=Address(street="Mlýnská 12/3a", city="Brno", postcode="60200", country="CZ"),
    country="CZ",
    company_id="27082440",
    vat_id="CZ27082440",
    register="Zapsáno u Krajského soudu v Brně, oddíl C, vložka 12345",
    email="fakturace@example.com",
    phone="+420 541 123 456",
)
SK_SELLER = Seller(
    name="Obchodík Tatry s. r. o.",
    address=Address(street="Hlavná 1", city="Košice", postcode="04001", country="SK"),
    country="SK",
    company_id="36631124",
    tax_id="2021863811",
    vat_id="SK2021863811",
    register="Zapísaná v OR OS Košice I, vložka č. 1234/V",
)
NON_PAYER = replace(CZ_SELLER, vat_id="", vat_mode=VatMode.NON_PAYER)
CUSTOMER = Customer(
    Address(
        name="Žofie Příkladná",
        company="Vzorová dílna, a.s.",
        street="Náměstí Míru 820/9",
        city="Praha 2",
        postcode="12000",
        country="CZ",
    ),
    email="zofie@example.com",
    company_id="25596641",
    vat_id="CZ25596641",
)
CZK_ACCOUNT = BankAccount(
    "CZK", "CZ6301000000194660550217", "KOMBCZPP", "19-4660550217/0100", "Komerční banka"
)
EUR_ACCOUNT = BankAccount("EUR", "SK3112000000198742637541", "PRSKSKBA")
RATE = ExchangeRate("CZK", Decimal("25.125"), 1, "ČNB", date(2026, 3, 6))


def line(
    name: str = "Hrnek",
    net: str = "1000.00",
    rate: str = "21",
    treatment: Treatment = Treatment.STANDARD,
    quantity: str = "1",
    kind: LineKind = LineKind.PRODUCT,
    sku: str = "",
) -> DocumentLine:
    amount, percent, count = Decimal(net), Decimal(rate), Decimal(quantity)
    is_taxed = treatment in {Treatment.STANDARD, Treatment.OSS}
    tax = quantize(amount * percent / 100, 2) if is_taxed else ZERO
    return DocumentLine(
        key="1",
        kind=kind,
        name=name,
        quantity=count,
        unit_price=quantize(amount / count, 2),
        net=amount,
        tax=tax,
        rate=percent,
        treatment=treatment,
        sku=sku,
        unit="ks",
    )


INVOICE = Document(
    uuid=UUID,
    kind=Kind.INVOICE,
    currency="CZK",
    language="cs",
    seller=CZ_SELLER,
    customer=CUSTOMER,
    issued_on=date(2026, 3, 7),
    due_on=date(2026, 3, 21),
    taxable_on=date(2026, 3, 6),
    order_number="10458",
    order_external_id="458",
    lines=(
        line("Káva", "1180.00", "12", quantity="4", sku="KAVA-250"),
        line("Hrnek", "1437.00", "21", quantity="6"),
    ),
    variable_symbol=NUMBER,
    payment_method="bacs",
    payment_title="Bankovní převod",
    bank_account=CZK_ACCOUNT,
)
SK_INVOICE = replace(
    INVOICE,
    seller=SK_SELLER,
    language="sk",
    currency="EUR",
    lines=(line("Hrnček", "100.00", "23"),),
    bank_account=EUR_ACCOUNT,
    payment_title="Bankový prevod",
)
NON_PAYER_INVOICE = replace(
    INVOICE,
    seller=NON_PAYER,
    taxable_on=None,
    lines=(line("Hrnek", "500.00", "0", Treatment.NOT_A_PAYER),),
)
CREDIT_NOTE = replace(
    INVOICE,
    kind=Kind.CREDIT_NOTE,
    lines=(line("Hrnek", "-239.50", "21", quantity="-1"),),
    original=Original("2026000100", date(2026, 3, 1)),
    reason="Vrácení zboží",
)
FINAL = replace(
    INVOICE,
    deductions=(
        Deduction(
            number="DD2026001",
            variable_symbol="2026900001",
            issued_on=date(2026, 2, 20),
            amount=Decimal("1210.00"),
            taxed=True,
            rows=(VatRow(Decimal(21), Treatment.STANDARD, Decimal("1000.00"), Decimal("210.00")),),
        ),
        Deduction("ZF2026002", "2026900002", date(2026, 2, 21), Decimal("100.00")),
    ),
)
PROFORMA = replace(INVOICE, kind=Kind.PROFORMA)
TAX_DOCUMENT = replace(
    INVOICE,
    kind=Kind.TAX_DOCUMENT,
    original=Original("ZF2026001", date(2026, 3, 1)),
    paid_on=date(2026, 3, 6),
)
FOREIGN = replace(INVOICE, currency="EUR", exchange_rate=RATE, bank_account=EUR_ACCOUNT)


# --- arbitrary documents

texts = st.text(max_size=30)
cents = st.integers(-5_000_000, 5_000_000).map(lambda cents: Decimal(cents).scaleb(-2))
positive_cents = st.integers(1, 500_000).map(lambda cents: Decimal(cents).scaleb(-2))
dates = st.dates(date(2020, 1, 1), date(2030, 12, 31))
addresses = st.builds(
    Address,
    name=texts,
    company=texts,
    street=texts,
    city=texts,
    postcode=texts,
    country=st.sampled_from(["CZ", "SK", "DE", "US", "", "cz"]),
)
rates = st.sampled_from([Decimal(21), Decimal("12.0"), Decimal(5), Decimal(0)])
payer_treatments = st.sampled_from([t for t in Treatment if t is not Treatment.NOT_A_PAYER])


@st.composite
def lines(draw: st.DrawFn, treatments: st.SearchStrategy[Treatment]) -> DocumentLine:
    treatment = draw(treatments)
    is_taxed = treatment in {Treatment.STANDARD, Treatment.OSS}
    net = draw(cents)
    rate = draw(rates)
    # A shop's own rounding may differ from the computed tax by a cent.
    tax = quantize(net * rate / 100, 2) + draw(st.sampled_from([ZERO, Decimal("0.01")]))
    return DocumentLine(
        key="1",
        kind=draw(st.sampled_from(LineKind)),
        name=draw(texts),
        quantity=Decimal(draw(st.integers(-50, 50))) / 4,
        unit_price=draw(cents),
        net=net,
        tax=tax if is_taxed else ZERO,
        rate=rate if is_taxed else ZERO,
        treatment=treatment,
        sku=draw(texts),
        ean=draw(texts),
        unit=draw(texts),
    )


@st.composite
def deductions(draw: st.DrawFn) -> Deduction:
    rows = tuple(
        VatRow(rate, Treatment.STANDARD, draw(positive_cents), draw(positive_cents))
        for rate in draw(st.lists(rates, max_size=2, unique=True))
    )
    declared = sum((row.gross for row in rows), ZERO)
    rest = draw(positive_cents) if not rows else draw(st.sampled_from([ZERO, Decimal("0.37")]))
    return Deduction(
        number=draw(texts),
        variable_symbol=draw(st.from_regex(r"[0-9]{0,10}", fullmatch=True)),
        issued_on=draw(dates),
        amount=declared + rest,
        taxed=bool(rows),
        rows=rows,
    )


@st.composite
def documents(draw: st.DrawFn) -> Document:
    is_payer = draw(st.booleans())
    seller = replace(
        draw(st.sampled_from([CZ_SELLER, SK_SELLER])),
        vat_mode=VatMode.PAYER if is_payer else VatMode.NON_PAYER,
        register=draw(texts),
    )
    treatments = payer_treatments if is_payer else st.just(Treatment.NOT_A_PAYER)
    home = "CZK" if seller.country == "CZ" else "EUR"
    currency = draw(st.sampled_from(["CZK", "EUR", "HUF", "JPY"]))
    rate = ExchangeRate(
        home,
        draw(st.integers(1, 400_000)) * Decimal("0.0001"),
        draw(st.sampled_from([1, 100])),
        "ČNB",
    )
    kind = draw(st.sampled_from(Kind))
    issued_on = draw(dates)
    return replace(
        INVOICE,
        kind=kind,
        currency=currency,
        language=draw(st.sampled_from(["cs", "sk", "en", "de", "cs-CZ", ""])),
        seller=seller,
        customer=Customer(draw(addresses), company_id=draw(texts), vat_id=draw(texts)),
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=draw(st.integers(0, 60))),
        taxable_on=draw(st.none() | dates),
        lines=tuple(draw(st.lists(lines(treatments), min_size=1, max_size=6))),
        rounding=draw(st.sampled_from([ZERO, Decimal("0.40"), Decimal("-0.17")])),
        delivery=draw(st.none() | addresses),
        payment_method=draw(st.sampled_from(["bacs", "stripe", "cod", "cash", "?", ""])),
        payment_title=draw(texts),
        bank_account=draw(st.sampled_from([None, CZK_ACCOUNT, EUR_ACCOUNT])),
        deductions=tuple(draw(st.lists(deductions(), max_size=2))) if kind is Kind.INVOICE else (),
        original=Original(draw(texts), draw(dates)) if kind is Kind.CREDIT_NOTE else None,
        exchange_rate=rate if currency != home else None,
        note_above=draw(texts),
        reason=draw(texts),
    )
