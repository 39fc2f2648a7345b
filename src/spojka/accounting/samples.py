"""Documents that every system is tried with: small ones, and ones with awkward amounts.

The contract suite tries simulators with them, ``spojka certify`` real accounts.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

from spojka.core import tax
from spojka.core.document import (
    Deduction,
    Document,
    DocumentLine,
    ExchangeRate,
    Kind,
    Original,
    Seller,
    Treatment,
    VatMode,
)
from spojka.core.money import quantize
from spojka.core.order import Address, Customer, LineKind

ZERO = Decimal(0)
_numbers = count(1001)

CURRENCIES: Mapping[str, str] = {"CZ": "CZK", "PL": "PLN", "HU": "HUF", "RO": "RON"}
"""Where it is not the euro."""


def line(
    name: str,
    net: str | Decimal,
    tax: str | Decimal,
    rate: str | Decimal,
    *,
    quantity: str | Decimal = "1",
    kind: LineKind = LineKind.PRODUCT,
    treatment: Treatment = Treatment.STANDARD,
    sku: str = "",
) -> DocumentLine:
    """Return a line of a document; amounts are those of the whole line."""
    pieces, amount = Decimal(quantity), Decimal(net)
    return DocumentLine(
        key=name,
        kind=kind,
        name=name,
        quantity=pieces,
        unit_price=quantize(amount / pieces, 4),
        net=amount,
        tax=Decimal(tax),
        rate=Decimal(rate),
        treatment=treatment,
        sku=sku,
        unit="ks",
    )


@dataclass(frozen=True, slots=True)
class Samples:
    """Makes documents of one company on one day, all of them marked as tests."""

    country: str = "CZ"
    """Of the VAT table."""
    today: date = date(2026, 3, 2)
    vat_mode: VatMode = VatMode.PAYER
    company: Seller | None = None
    """A real one; else one of Bohemia or Slovakia that is made up."""

    @classmethod
    def of(cls, company: Seller, today: date) -> Samples:
        """Return samples of a real company."""
        return cls(company.country, today, company.vat_mode, company)

    @property
    def currency(self) -> str:
        return CURRENCIES.get(self.country, "EUR")

    @property
    def rates(self) -> tuple[Decimal, Decimal]:
        """Standard and first reduced rate of the day."""
        found = tax.rates(self.country, self.today)
        return found.standard, found.reduced[0] if found.reduced else found.standard

    @property
    def seller(self) -> Seller:
        if self.company is not None:
            return self.company
        return Seller(
            name="Vzorová firma s.r.o.",
            address=Address(
                company="Vzorová firma s.r.o.",
                street="Dlouhá 1",
                city="Praha" if self.country == "CZ" else "Bratislava",
                postcode="110 00" if self.country == "CZ" else "811 01",
                country=self.country,
            ),
            country=self.country,
            company_id="27074358" if self.country == "CZ" else "44981082",
            vat_id="CZ27074358" if self.country == "CZ" else "SK2022870542",
            vat_mode=self.vat_mode,
        )

    def customer(self, number: int = 1, country: str = "") -> Customer:
        """Return a person; each number is another one."""
        return Customer(
            address=Address(
                name=f"Jana Zkušební {number}",
                street=f"Krátká {number}",
                city="Brno",
                postcode="602 00",
                country=country or self.country,
            ),
            email=f"jana{number}@example.com",
            phone="+420601123456",
        )

    def business(self, country: str = "") -> Customer:
        """Return a company with a registration and a VAT number."""
        home = country or self.country
        return Customer(
            address=Address(
                company="Odběratel a.s.",
                name="Petr Nákupčí",
                street="Široká 5",
                city="Ostrava",
                postcode="702 00",
                country=home,
            ),
            email="nakup@example.com",
            company_id="45274649" if home == "CZ" else "31333532",
            tax_id="CZ45274649" if home == "CZ" else "2020372640",
            vat_id="CZ45274649" if home == "CZ" else "SK2020372640",
        )

    def invoice(self, lines: Iterable[DocumentLine] = (), **changes: object) -> Document:
        """Return an unpaid invoice, of its own order."""
        order = next(_numbers)
        made = Document(
            uuid=str(uuid.uuid4()),
            kind=Kind.INVOICE,
            currency=self.currency,
            language="sk" if self.country == "SK" else "cs",
            seller=self.seller,
            customer=self.customer(order),
            issued_on=self.today,
            due_on=self.today + timedelta(days=14),
            taxable_on=self.today,
            order_number=f"T-{order}",
            order_external_id=str(order),
            lines=tuple(lines) or (self._mug(),),
            variable_symbol=str(order),
            payment_method="bacs",
            payment_title="Bankovní převod",
            test=True,
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    def _mug(self) -> DocumentLine:
        if self.vat_mode is not VatMode.PAYER:
            nothing = Treatment.NOT_A_PAYER
            return line("Hrnek", "200.00", "0", "0", quantity="2", treatment=nothing)
        standard, _ = self.rates
        return line("Hrnek", "200.00", quantize(2 * standard, 2), standard, quantity="2")

    def paid_invoice(self) -> Document:
        made = self.invoice(payment_method="card", payment_title="Kartou online")
        return replace(made, paid_on=self.today, paid_amount=made.total)

    def proforma(self) -> Document:
        return self.invoice(kind=Kind.PROFORMA, taxable_on=None)

    def final(self, proforma: Document, number: str, external_id: str) -> Document:
        """Return the invoice that settles a paid proforma of the same order."""
        paid = Deduction(
            number=number,
            variable_symbol=proforma.variable_symbol,
            issued_on=proforma.issued_on,
            amount=proforma.total,
            external_id=external_id,
        )
        return replace(
            proforma,
            uuid=str(uuid.uuid4()),
            kind=Kind.INVOICE,
            taxable_on=self.today,
            deductions=(paid,),
            paid_on=self.today,
        )

    def credit_note(
        self, invoice: Document, number: str, external_id: str, part: Decimal = Decimal(1)
    ) -> Document:
        """Return a credit note for a part (1: all) of each line of an invoice."""
        lines = tuple(
            replace(
                row,
                net=-quantize(row.net * part, 2),
                tax=-quantize(row.tax * part, 2),
                quantity=row.quantity,
            )
            for row in invoice.lines
        )
        return replace(
            invoice,
            uuid=str(uuid.uuid4()),
            kind=Kind.CREDIT_NOTE,
            lines=lines,
            paid_on=None,
            paid_amount=ZERO,
            reason="Vrácení zboží",
            original=Original(
                number=number,
                issued_on=invoice.issued_on,
                external_id=external_id,
                uuid=invoice.uuid,
            ),
        )

    def spread(self) -> Mapping[str, Document]:
        """Return documents whose amounts shops really have, by what is awkward about them."""
        high, low = self.rates

        def gross(
            name: str,
            whole: str,
            rate: Decimal,
            quantity: str = "1",
            kind: LineKind = LineKind.PRODUCT,
        ) -> DocumentLine:
            amount = Decimal(whole)
            tax = quantize(amount * rate / (100 + rate), 2)
            return line(name, amount - tax, tax, rate, quantity=quantity, kind=kind)

        foreign = "EUR" if self.currency == "CZK" else "CZK"
        rate = ExchangeRate(
            home=self.currency,
            rate=Decimal("24.580") if self.currency == "CZK" else Decimal("0.0407"),
            source="ČNB",
            valid_on=self.today,
        )
        whole = self.invoice([gross("Kniha", "349.00", low), gross("Lampa", "1299.00", high)])
        return {
            "two rates, prices with VAT": whole,
            "shipping and a fee": self.invoice(
                [
                    gross("Triko", "499.00", high),
                    gross("Doprava", "89.00", high, kind=LineKind.SHIPPING),
                    gross("Dobírka", "39.00", high, kind=LineKind.FEE),
                ]
            ),
            "a discount as a negative line": self.invoice(
                [
                    gross("Bunda", "2490.00", high),
                    gross("Sleva", "-249.00", high, kind=LineKind.DISCOUNT),
                ]
            ),
            "many cheap pieces, a unit price with a fraction of a cent": self.invoice(
                [gross("Šroub", "9.55", high, quantity="33"), gross("Matice", "7.13", high, "17")]
            ),
            "a fractional quantity": self.invoice([gross("Látka", "187.45", high, quantity="1.5")]),
            "prices without VAT": self.invoice(
                [
                    line("Služba", "1000.00", quantize(10 * high, 2), high),
                    line("Školení", "333.33", quantize(Decimal("3.3333") * high, 2), high),
                ]
            ),
            "VAT rounded row by row": self.invoice(
                [
                    line(f"Knoflík {n}", "9.99", quantize(Decimal("0.0999") * high, 2), high)
                    for n in range(1, 8)
                ]
            ),
            "VAT that the shop rounded another way": self.invoice(
                [line("Ubrus", "99.99", quantize(high, 2) + Decimal("0.01"), high)]
            ),
            "a company": self.invoice([gross("Židle", "3990.00", high)], customer=self.business()),
            "a zero rate line": self.invoice(
                [
                    gross("Zboží", "121.00", high),
                    line("Poukaz", "500.00", "0", "0", treatment=Treatment.OUTSIDE_SCOPE),
                ]
            ),
            "reverse charge to the Union": self.invoice(
                [line("Stroj", "5000.00", "0", "0", treatment=Treatment.REVERSE_CHARGE)],
                customer=self.business("SK" if self.country != "SK" else "CZ"),
            ),
            "to a consumer abroad by the One Stop Shop": self.invoice(
                [
                    line("Mapa", "100.00", "19.00", "19", treatment=Treatment.OSS),
                    line(
                        "Doprava",
                        "10.00",
                        "1.90",
                        "19",
                        kind=LineKind.SHIPPING,
                        treatment=Treatment.OSS,
                    ),
                ],
                customer=self.customer(7, "DE"),
            ),
            "a foreign currency": self.invoice(
                [gross("Hodinky", "129.90", high)], currency=foreign, exchange_rate=rate
            ),
            "sent at once as paid": self.paid_invoice(),
            "nothing to pay": self.invoice(
                [
                    gross("Dárek", "100.00", high),
                    gross("Sleva", "-100.00", high, kind=LineKind.DISCOUNT),
                ]
            ),
        }
