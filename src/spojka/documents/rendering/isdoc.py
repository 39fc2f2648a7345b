"""ISDOC 6.0.2, the Czech national format of electronic invoices.

Source: the schema and the rules published at isdoc.github.io (``isdoc-invoice-6.0.2.xsd``,
``isdoc-6.0.2.sch``). Amounts without ``Curr`` are in the home currency; a document in a foreign
one has every amount a second time with ``Curr``.
"""

from __future__ import annotations

import re
from decimal import Decimal
from uuid import NAMESPACE_URL, UUID, uuid5

from lxml import etree

from spojka.core.document import BankAccount, Document, DocumentLine, Kind, Seller
from spojka.core.money import plain, quantize
from spojka.core.order import Address, Customer
from spojka.core.paying import Way, way_of
from spojka.core.problem import Problem
from spojka.core.symbols import SymbolError, domestic_account
from spojka.documents.rendering import supply
from spojka.documents.rendering.formats import party_name
from spojka.documents.rendering.isdoc_amounts import (
    Amounts,
    Category,
    Taxed,
    Twin,
    unit_price,
)
from spojka.documents.rendering.mentions import line_mentions
from spojka.documents.rendering.supply import RenderError
from spojka.documents.rendering.words import Words

NAMESPACE = "http://isdoc.cz/namespace/2013"
VERSION = "6.0.2"

_TYPES = {Kind.INVOICE: 1, Kind.CREDIT_NOTE: 2, Kind.PROFORMA: 4, Kind.TAX_DOCUMENT: 5}

_CASH, _TRANSFER = 10, 42
_PAYMENT_MEANS = {
    Way.CASH: _CASH,
    Way.CHEQUE: 20,
    Way.TRANSFER: _TRANSFER,
    Way.CARD: 48,
    Way.PAYPAL: 48,
    Way.GATEWAY: 48,
    Way.ON_DELIVERY: 50,
}
"""PaymentMeansCode."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HOUSE_NUMBER = re.compile(
    r"(?P<street>.*\D)\s+(?P<number>\d+\s?[a-zA-Z]?(\s?/\s?\d+\s?[a-zA-Z]?)?)"
)


def render_isdoc(document: Document, *, number: str) -> bytes:
    """Render a document as ISDOC 6.0.2 (UTF-8).

    Args:
        document: any kind of document. Its ``uuid`` becomes the ISDOC one; an id that is no UUID
            gives a stable one made of it.
        number: the document's number.

    Raises:
        RenderError: SPJ-EXCHANGE-RATE-MISSING, a foreign currency without a rate;
            SPJ-ORIGINAL-MISSING, a credit note that does not say what it corrects;
            SPJ-DEDUCTION-SUM, a deducted tax document declared more than what is deducted.
    """
    root = _Invoice(document, number).build()
    etree.indent(root, space=" ")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def payment_means(document: Document) -> int:
    """Return the ISDOC code of the way of paying: 10 cash, 20 cheque, 42 transfer, 48 card, 50 cash
    on delivery. An unknown way counts as a transfer, which every document allows."""
    way = way_of(document.payment_method, document.payment_title)
    return _PAYMENT_MEANS[way] if way is not None else _TRANSFER


class _Invoice:
    """Builds the XML of one document."""

    def __init__(self, document: Document, number: str) -> None:
        self.document = document
        self.number = number
        self.words = Words(document)
        self.amounts = Amounts(document)
        self.is_foreign = supply.is_foreign(document)
        self.is_applicable = any(category.applicable for category in self.amounts.categories)

    def build(self) -> etree._Element:
        document = self.document
        root = etree.fromstring(f'<Invoice xmlns="{NAMESPACE}" version="{VERSION}"/>')
        _add(root, "DocumentType", str(_TYPES[document.kind]))
        _add(root, "ID", self.number)
        _add(root, "UUID", _uuid(document.uuid))
        _add(root, "IssuingSystem", "Spojka")
        _add(root, "IssueDate", document.issued_on.isoformat())
        if document.taxable_on is not None and self.words.is_tax:
            _add(root, "TaxPointDate", document.taxable_on.isoformat())
        _add(root, "VATApplicable", _flag(self.is_applicable))
        _add(root, "ElectronicPossibilityAgreementReference")
        notes = (document.reason, document.note_above, document.note_below)
        if any(notes):
            note = _add(root, "Note", "\n".join(part for part in notes if part))
            note.set("languageID", self.words.language)
        self._currency(root)
        self._seller(_add(_add(root, "AccountingSupplierParty"), "Party"), document.seller)
        self._customer(_add(_add(root, "AccountingCustomerParty"), "Party"), document.customer)
        self._references(root)
        if document.delivery is not None:
            self._party(_add(_add(root, "Delivery"), "Party"), document.delivery)
        lines = _add(root, "InvoiceLines")
        for index, line in enumerate(document.lines):
            self._line(_add(lines, "InvoiceLine"), index, line)
        self._deposits(root)
        self._tax_total(_add(root, "TaxTotal"))
        self._monetary_total(_add(root, "LegalMonetaryTotal"))
        self._payment(root)
        return root

    # --- head

    def _currency(self, root: etree._Element) -> None:
        _add(root, "LocalCurrencyCode", supply.home_currency(self.document))
        rate = self.document.exchange_rate if self.is_foreign else None
        if rate is not None:
            _add(root, "ForeignCurrencyCode", self.document.currency)
        _add(root, "CurrRate", plain(rate.rate) if rate is not None else "1")
        _add(root, "RefCurrRate", str(rate.amount) if rate is not None else "1")

    def _references(self, root: etree._Element) -> None:
        document = self.document
        if document.order_number:
            order = _add(_add(root, "OrderReferences"), "OrderReference")
            order.set("id", "order")
            _add(order, "SalesOrderID", document.order_number)
            if document.customer_reference:
                _add(order, "ExternalOrderID", document.customer_reference)
        if document.kind is not Kind.CREDIT_NOTE:
            return
        if document.original is None:
            raise RenderError(Problem.of("SPJ-ORIGINAL-MISSING", number=self.number))
        original = _add(_add(root, "OriginalDocumentReferences"), "OriginalDocumentReference")
        _add(original, "ID", document.original.number)
        _add(original, "IssueDate", document.original.issued_on.isoformat())
        if _is_uuid(document.original.uuid):
            _add(original, "UUID", _uuid(document.original.uuid))

    # --- parties

    def _seller(self, party: etree._Element, seller: Seller) -> None:
        self._party(party, seller.address, seller.name, seller.company_id, seller.country)
        _tax_numbers(party, seller.country, seller.tax_id, seller.vat_id)
        if seller.register:
            _add(_add(party, "RegisterIdentification"), "Preformatted", seller.register)
        _contact(party, self.document.issued_by, seller.phone, seller.email)

    def _customer(self, party: etree._Element, customer: Customer) -> None:
        address = customer.address
        self._party(party, address, company_id=customer.company_id)
        country = address.country or self.document.seller.country
        _tax_numbers(party, country, customer.tax_id, customer.vat_id)
        _contact(party, party_name(address)[1], customer.phone or address.phone, customer.email)

    def _party(
        self,
        party: etree._Element,
        address: Address,
        name: str = "",
        company_id: str = "",
        country: str = "",
    ) -> None:
        _add(_add(party, "PartyIdentification"), "ID", company_id)
        _add(_add(party, "PartyName"), "Name", name or party_name(address)[0])
        postal = _add(party, "PostalAddress")
        street = " ".join(part for part in (address.street, address.street2) if part).strip()
        split = _HOUSE_NUMBER.fullmatch(street)
        _add(postal, "StreetName", split["street"].rstrip(" ,") if split else street)
        _add(postal, "BuildingNumber", split["number"] if split else "")
        _add(postal, "CityName", address.city)
        _add(postal, "PostalZone", address.postcode)
        code = (address.country or country or self.document.seller.country).upper()
        place = _add(postal, "Country")
        _add(place, "IdentificationCode", code)
        _add(place, "Name", self.words.formats.country(code))

    # --- lines

    def _line(self, element: etree._Element, index: int, line: DocumentLine) -> None:
        amount = self.amounts.lines[index]
        _add(element, "ID", str(index + 1))
        quantity = _add(element, "InvoicedQuantity", plain(line.quantity))
        if line.unit:
            quantity.set("unitCode", _clean(line.unit))
        self._both(element, "LineExtensionAmount", amount.net)
        self._both(element, "LineExtensionAmountTaxInclusive", amount.gross)
        _add(element, "LineExtensionTaxAmount", plain(amount.tax.home))
        net_price, gross_price = unit_price(self.document, line)
        _add(element, "UnitPrice", _price(net_price))
        _add(element, "UnitPriceTaxInclusive", _price(gross_price))
        category = self.amounts.category(line.rate, line.treatment)
        _classified(_add(element, "ClassifiedTaxCategory"), category)
        mentions = line_mentions(self.words, line)
        if mentions:
            _add(element, "VATNote", " ".join(mentions))
        item = _add(element, "Item")
        _add(item, "Description", line.name)
        if line.ean:
            _add(_add(item, "CatalogueItemIdentification"), "ID", line.ean)
        if line.sku:
            _add(_add(item, "SellersItemIdentification"), "ID", line.sku)

    # --- deposits and sums

    def _deposits(self, root: etree._Element) -> None:
        untaxed = [deposit for deposit in self.amounts.deposits if deposit.category is None]
        taxed = [deposit for deposit in self.amounts.deposits if deposit.category is not None]
        if untaxed:
            group = _add(root, "NonTaxedDeposits")
            for deposit in untaxed:
                element = _add(group, "NonTaxedDeposit")
                _add(element, "ID", deposit.deduction.number)
                _add(element, "VariableSymbol", deposit.deduction.variable_symbol)
                self._both(element, "DepositAmount", deposit.amount.net)
        if taxed:
            group = _add(root, "TaxedDeposits")
            for deposit in taxed:
                element = _add(group, "TaxedDeposit")
                _add(element, "ID", deposit.deduction.number)
                _add(element, "VariableSymbol", deposit.deduction.variable_symbol)
                self._both(element, "TaxableDepositAmount", deposit.amount.net)
                self._both(element, "TaxInclusiveDepositAmount", deposit.amount.gross)
                if deposit.category is not None:
                    _classified(_add(element, "ClassifiedTaxCategory"), deposit.category)

    def _tax_total(self, element: etree._Element) -> None:
        for category in self.amounts.categories:
            full = self.amounts.full.get(category, Taxed())
            claimed = self.amounts.claimed.get(category, Taxed())
            row = _add(element, "TaxSubTotal")
            for prefix, amount in (
                ("", full),
                ("AlreadyClaimed", claimed),
                ("Difference", full - claimed),
            ):
                self._both(row, f"{prefix}TaxableAmount", amount.net)
                self._both(row, f"{prefix}TaxAmount", amount.tax)
                self._both(row, f"{prefix}TaxInclusiveAmount", amount.gross)
            tax_category = _add(row, "TaxCategory")
            _add(tax_category, "Percent", plain(category.percent))
            _add(tax_category, "VATApplicable", _flag(category.applicable))
            _add(tax_category, "LocalReverseChargeFlag", _flag(category.reverse))
        self._both(element, "TaxAmount", self.amounts.full_total.tax)

    def _monetary_total(self, element: etree._Element) -> None:
        amounts = self.amounts
        for name, amount in (
            ("TaxExclusiveAmount", amounts.full_total.net),
            ("TaxInclusiveAmount", amounts.full_total.gross),
            ("AlreadyClaimedTaxExclusiveAmount", amounts.claimed_total.net),
            ("AlreadyClaimedTaxInclusiveAmount", amounts.claimed_total.gross),
            ("DifferenceTaxExclusiveAmount", amounts.difference.net),
            ("DifferenceTaxInclusiveAmount", amounts.difference.gross),
            ("PayableRoundingAmount", amounts.rounding),
            ("PaidDepositsAmount", amounts.untaxed_deposits),
            ("PayableAmount", amounts.payable),
        ):
            # Here, unlike everywhere else, the schema wants the home amount first.
            self._both(element, name, amount, home_first=True)

    def _payment(self, root: etree._Element) -> None:
        """State how the amount is paid; a document that asks for no money names no account."""
        document = self.document
        if document.kind not in {Kind.INVOICE, Kind.PROFORMA}:
            return
        code = payment_means(document)
        payment = _add(_add(root, "PaymentMeans"), "Payment")
        _add(payment, "PaidAmount", plain(self.amounts.payable.home))
        _add(payment, "PaymentMeansCode", str(code))
        if code == _CASH:
            details = _add(payment, "Details")
            _add(details, "DocumentID", self.number)
            _add(details, "IssueDate", document.issued_on.isoformat())
        elif document.bank_account is not None:
            details = _add(payment, "Details")
            _add(details, "PaymentDueDate", document.due_on.isoformat())
            _bank_account(details, document.bank_account)
            for name, symbol in (
                ("VariableSymbol", document.variable_symbol),
                ("ConstantSymbol", document.constant_symbol),
                ("SpecificSymbol", document.specific_symbol),
            ):
                if symbol:
                    _add(details, name, symbol)

    def _both(
        self, parent: etree._Element, name: str, amount: Twin, *, home_first: bool = False
    ) -> None:
        """Add an amount; on a document in a foreign currency, in both currencies."""
        figures = [(name, amount.home)]
        if self.is_foreign:
            figures.insert(1 if home_first else 0, (f"{name}Curr", amount.own))
        for key, figure in figures:
            _add(parent, key, plain(figure))


def _add(parent: etree._Element, name: str, text: str = "") -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if text:
        element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    """Leave out characters that XML 1.0 does not allow."""
    return _NOT_XML.sub("", text)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _price(amount: Decimal) -> str:
    return plain(quantize(amount, 4))


def _classified(element: etree._Element, category: Category) -> None:
    _add(element, "Percent", plain(category.percent))
    _add(element, "VATCalculationMethod", "0")
    _add(element, "VATApplicable", _flag(category.applicable))


def _tax_numbers(party: etree._Element, country: str, tax_id: str, vat_id: str) -> None:
    """Add the tax numbers: ``VAT`` is the VAT number, ``TIN`` the Slovak DIČ, which is not one."""
    schemes = [("VAT", vat_id)]
    if country.upper() == "SK":
        schemes.append(("TIN", tax_id))
    elif not vat_id:
        schemes = [("VAT", tax_id)]
    for scheme, number in schemes:
        if number:
            element = _add(party, "PartyTaxScheme")
            _add(element, "CompanyID", number)
            _add(element, "TaxScheme", scheme)


def _contact(party: etree._Element, name: str, phone: str, email: str) -> None:
    parts = (("Name", name), ("Telephone", phone), ("ElectronicMail", email))
    if any(value for _, value in parts):
        contact = _add(party, "Contact")
        for key, value in parts:
            if value:
                _add(contact, key, value)


def _bank_account(details: etree._Element, account: BankAccount) -> None:
    number, _, bank_code = (account.number or _domestic(account.iban)).partition("/")
    _add(details, "ID", number.strip())
    _add(details, "BankCode", bank_code.strip())
    _add(details, "Name", account.bank)
    _add(details, "IBAN", re.sub(r"\s", "", account.iban).upper())
    _add(details, "BIC", account.bic)


def _domestic(iban: str) -> str:
    """Return the domestic number inside a Czech or Slovak IBAN, or nothing."""
    try:
        return str(domestic_account(iban) or "")
    except SymbolError:
        return ""


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _uuid(text: str) -> str:
    uuid = UUID(text) if _is_uuid(text) else uuid5(NAMESPACE_URL, f"urn:spojka:document:{text}")
    return str(uuid).upper()
