"""A document: invoice, proforma, tax document on payment or credit note.

A document is made once from a snapshot and never silently rewritten. All amounts are in
``currency``; on a credit note the amounts are negative. Dates are dates in the company's time
zone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from spojka.core.money import ZERO, total
from spojka.core.order import Address, Customer, LineKind


class Kind(StrEnum):
    """Kinds of documents."""

    INVOICE = "invoice"
    PROFORMA = "proforma"
    TAX_DOCUMENT = "tax_document"
    CREDIT_NOTE = "credit_note"


class Treatment(StrEnum):
    """How VAT treats a line."""

    STANDARD = "standard"
    ZERO = "zero"
    EXEMPT = "exempt"
    REVERSE_CHARGE = "reverse_charge"
    OSS = "oss"
    OUTSIDE_SCOPE = "outside_scope"
    NOT_A_PAYER = "not_a_payer"


class VatMode(StrEnum):
    """The company's position towards VAT."""

    PAYER = "payer"
    NON_PAYER = "non_payer"
    IDENTIFIED = "identified"
    """Identified person (§ 6g and following CZ, § 7 and 7a SK): a non-payer at home."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where the money is to be sent. ``number`` is the domestic form (123-456/0100), if any."""

    currency: str = ""
    iban: str = ""
    bic: str = ""
    number: str = ""
    bank: str = ""


@dataclass(frozen=True, slots=True)
class Seller:
    """The company as it stands on its documents."""

    name: str
    address: Address
    country: str = "CZ"
    company_id: str = ""
    tax_id: str = ""
    vat_id: str = ""
    vat_mode: VatMode = VatMode.PAYER
    register: str = ""
    """Entry in the commercial or trade register, a statutory item (§ 435 CZ, § 3a SK)."""
    email: str = ""
    phone: str = ""
    web: str = ""


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line. ``unit_price`` (without VAT) only informs: ``net`` and ``tax`` are the truth."""

    key: str
    kind: LineKind
    name: str
    quantity: Decimal
    unit_price: Decimal
    net: Decimal
    tax: Decimal
    rate: Decimal
    treatment: Treatment
    sku: str = ""
    ean: str = ""
    unit: str = ""

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class VatRow:
    """One row of the VAT recapitulation."""

    rate: Decimal
    treatment: Treatment
    net: Decimal
    tax: Decimal

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class Deduction:
    """A paid proforma that a final invoice deducts.

    ``taxed`` tells whether its VAT was already declared by a tax document on payment; then
    ``rows`` are the rates and amounts (positive) which that document declared.
    """

    number: str
    variable_symbol: str
    issued_on: date
    amount: Decimal
    taxed: bool = False
    rows: tuple[VatRow, ...] = ()
    external_id: str = ""
    """Of the proforma in its accounting system."""
    tax_document_id: str = ""
    """External id of the tax document on payment, where there is one."""


@dataclass(frozen=True, slots=True)
class Original:
    """The document that a credit note corrects, or the proforma of a tax document on payment."""

    number: str
    issued_on: date
    external_id: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """``amount`` units of the document's currency cost ``rate`` units of ``home``."""

    home: str
    rate: Decimal
    amount: int = 1
    source: str = ""
    valid_on: date | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that stands on a document but its number, which its system gives it."""

    uuid: str
    kind: Kind
    currency: str
    language: str
    seller: Seller
    customer: Customer
    issued_on: date
    due_on: date
    taxable_on: date | None
    order_number: str
    order_external_id: str
    lines: tuple[DocumentLine, ...]
    rounding: Decimal = ZERO
    """Cash rounding, outside VAT; part of the total."""
    delivery: Address | None = None
    variable_symbol: str = ""
    constant_symbol: str = ""
    specific_symbol: str = ""
    payment_method: str = ""
    payment_title: str = ""
    shipping_title: str = ""
    bank_account: BankAccount | None = None
    deductions: tuple[Deduction, ...] = ()
    original: Original | None = None
    reason: str = ""
    """Why a credit note is issued; a statutory item of a corrective document."""
    paid_on: date | None = None
    paid_amount: Decimal = ZERO
    exchange_rate: ExchangeRate | None = None
    customer_reference: str = ""
    note_above: str = ""
    note_below: str = ""
    issued_by: str = ""
    test: bool = False
    texts: tuple[tuple[str, str], ...] = field(default=())
    """Further prefilled fields by their name, for systems that know them."""

    @property
    def vat(self) -> tuple[VatRow, ...]:
        """VAT recapitulation: the sums of the lines by treatment and rate, highest rate first."""
        sums: dict[tuple[Treatment, Decimal], list[Decimal]] = {}
        for line in self.lines:
            row = sums.setdefault((line.treatment, line.rate), [ZERO, ZERO])
            row[0] += line.net
            row[1] += line.tax
        order = sorted(sums, key=lambda key: (-key[1], list(Treatment).index(key[0])))
        return tuple(VatRow(rate, treatment, *sums[treatment, rate]) for treatment, rate in order)

    @property
    def net(self) -> Decimal:
        return total(line.net for line in self.lines)

    @property
    def tax(self) -> Decimal:
        return total(line.tax for line in self.lines)

    @property
    def total(self) -> Decimal:
        """What the document is worth: lines with VAT and rounding, before deductions."""
        return self.net + self.tax + self.rounding

    @property
    def deducted(self) -> Decimal:
        return total(deduction.amount for deduction in self.deductions)

    @property
    def amount_due(self) -> Decimal:
        """What remains to be paid (negative: to be given back)."""
        return self.total - self.deducted - self.paid_amount
