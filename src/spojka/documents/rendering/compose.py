"""Composes what stands on a document: :class:`~spojka.documents.rendering.view.View`."""

from __future__ import annotations

from spojka.core.document import Document, DocumentLine, Kind, Seller, VatMode
from spojka.core.money import ZERO
from spojka.core.order import Address, Customer
from spojka.documents.rendering import supply
from spojka.documents.rendering.figures import due, recaps, totals
from spojka.documents.rendering.formats import NBSP, address_lines, grouped_iban, party_name
from spojka.documents.rendering.mentions import mentions
from spojka.documents.rendering.view import Column, Fact, Item, Party, Payment, View
from spojka.documents.rendering.words import Words

# Codes of the ways of paying that shops use, for a document without a title of its own.
_PAYMENT_METHODS = {
    "transfer": "pay.transfer",
    "bank_transfer": "pay.transfer",
    "bacs": "pay.transfer",
    "card": "pay.card",
    "cash": "pay.cash",
    "cod": "pay.cod",
    "cash_on_delivery": "pay.cod",
}


def build(document: Document, *, number: str, qr: tuple[str, str], cancelled: bool) -> View:
    """Put a document into words.

    Args:
        document: the document.
        number: its number.
        qr: kind (``spayd``, ``bysquare``, ``epc``) and SVG of its payment code; empty strings for
            a document without one.
        cancelled: mark the document as cancelled.
    """
    return _Composer(document, number, cancelled).view(qr)


class _Composer(Words):
    """Composes one document, part by part."""

    def __init__(self, document: Document, number: str, cancelled: bool) -> None:
        super().__init__(document)
        self.number = number
        self.cancelled = cancelled

    def view(self, qr: tuple[str, str]) -> View:
        document, texts = self.document, self.texts
        return View(
            language=self.language,
            title=self.title(),
            number=self.number,
            author=document.seller.name,
            seller=self.seller(document.seller),
            customer=self.customer(document.customer),
            delivery=self.delivery(),
            facts=self.facts(),
            references=self.references(),
            note_above=_paragraphs(document.note_above),
            columns=self.columns(),
            items=tuple(self.item(line) for line in document.lines),
            recaps=recaps(self),
            totals=totals(self),
            due=due(self),
            cancelled=self.cancelled,
            stamp=self.stamp(),
            watermark=self.watermark(),
            warning=texts["test.note"] if document.test else "",
            message=texts["do_not_pay"] if self.paid_already else "",
            payment=self.payment(qr),
            mentions=mentions(self),
            note_below=_paragraphs(document.note_below),
            register=document.seller.register,
            contacts=self.contacts(document.seller),
            issued_by=texts["issued_by"].format(name=document.issued_by)
            if document.issued_by
            else "",
            page=texts["page"],
            logo_alt=texts["logo.alt"],
        )

    # --- head

    def title(self) -> str:
        kind = self.document.kind
        if kind in {Kind.INVOICE, Kind.CREDIT_NOTE} and self.is_tax:
            return self.texts[f"{kind}.tax"]
        return self.texts[kind]

    @property
    def settled(self) -> bool:
        """Nothing is owed: paid, deducted, or worth nothing."""
        return self.document.amount_due == ZERO

    @property
    def paid_already(self) -> bool:
        """The customer could pay a second time by mistake."""
        kind, document = self.document.kind, self.document
        if self.cancelled or kind is Kind.CREDIT_NOTE:
            return False
        return kind is Kind.TAX_DOCUMENT or (self.settled and document.total > ZERO)

    def stamp(self) -> str:
        if self.cancelled:
            return self.texts["cancelled"]
        if self.document.kind is Kind.CREDIT_NOTE:
            is_settled = self.settled and self.document.total != ZERO
            return self.texts["settled"] if is_settled else ""
        if not self.paid_already:
            return ""
        paid_on = self.document.paid_on
        if paid_on is None:
            return self.texts["paid"]
        return self.texts["paid_on"].format(date=self.formats.date(paid_on))

    def watermark(self) -> str:
        if self.cancelled:
            return self.texts["cancelled"].upper()
        return self.texts["test"] if self.document.test else ""

    # --- parties

    def seller(self, seller: Seller) -> Party:
        ids = self.ids(seller.country, seller.company_id, seller.tax_id, seller.vat_id)
        note = ""
        if seller.vat_mode is VatMode.NON_PAYER:
            note = self.texts["non_payer"]
        elif seller.vat_mode is VatMode.IDENTIFIED:
            note = self.texts[
                "identified.sk" if seller.country.upper() == "SK" else "identified.cz"
            ]
        lines = address_lines(seller.address) + self.country_line(seller.country)
        return Party(self.texts["seller"], seller.name, lines, ids, note)

    def customer(self, customer: Customer) -> Party:
        address = customer.address
        name, person = party_name(address)
        country = address.country or self.document.seller.country
        ids = self.ids(country, customer.company_id, customer.tax_id, customer.vat_id)
        return Party(
            self.texts["customer"],
            name,
            ((person,) if person else ()) + address_lines(address) + self.country_line(country),
            ids,
        )

    def delivery(self) -> Party | None:
        delivery, billing = self.document.delivery, self.document.customer.address
        if delivery is None or _place(delivery) in {_place(billing), _place(Address())}:
            return None
        name, person = party_name(delivery)
        country = delivery.country or self.document.seller.country
        lines = address_lines(delivery) + self.country_line(country)
        return Party(self.texts["delivery"], name, ((person,) if person else ()) + lines)

    def country_line(self, country: str) -> tuple[str, ...]:
        """Name the country on a document that crosses a border."""
        document = self.document
        countries = {document.seller.country, document.customer.address.country}
        if document.delivery is not None:
            countries.add(document.delivery.country)
        if len({code.upper() for code in countries if code}) < 2:
            return ()
        return (self.formats.country(country),)

    def ids(self, country: str, company_id: str, tax_id: str, vat_id: str) -> tuple[Fact, ...]:
        """Label the numbers of a party by the custom of its own country.

        Czechia has one tax number (DIČ, which is the VAT number of a payer); Slovakia has two
        (DIČ and IČ DPH).
        """
        country = country.upper()
        facts = [Fact(self.texts["company_id"], company_id)]
        if country == "CZ":
            facts.append(Fact(self.texts["vat_id.cz"], vat_id or tax_id))
        else:
            label = "vat_id.sk" if country == "SK" else "vat_id"
            if tax_id != vat_id:
                facts.append(Fact(self.texts["tax_id"], tax_id))
            facts.append(Fact(self.texts[label], vat_id))
        return tuple(fact for fact in facts if fact.value)

    # --- facts

    def facts(self) -> tuple[Fact, ...]:
        document, formats = self.document, self.formats
        facts = [Fact(self.texts["issued_on"], formats.date(document.issued_on))]
        if document.taxable_on is not None and self.is_tax:
            key = "received_on" if document.kind is Kind.TAX_DOCUMENT else "taxable_on"
            facts.append(Fact(self.texts[key], formats.date(document.taxable_on)))
        if document.kind in {Kind.INVOICE, Kind.PROFORMA}:
            facts.append(Fact(self.texts["due_on"], formats.date(document.due_on)))
        method = _PAYMENT_METHODS.get(document.payment_method)
        title = document.payment_title or (self.texts[method] if method else "")
        facts += [
            Fact(self.texts["payment_method"], title),
            Fact(self.texts["variable_symbol"], document.variable_symbol),
            Fact(self.texts["order_number"], document.order_number),
            Fact(self.texts["customer_reference"], document.customer_reference),
            Fact(self.texts["shipping_method"], document.shipping_title),
        ]
        return tuple(fact for fact in facts if fact.value.strip())

    def references(self) -> tuple[Fact, ...]:
        document = self.document
        facts = []
        if document.original is not None and document.kind in {Kind.CREDIT_NOTE, Kind.TAX_DOCUMENT}:
            key = "corrects" if document.kind is Kind.CREDIT_NOTE else "for_proforma"
            dated = self.texts["dated"].format(
                number=document.original.number,
                date=self.formats.date(document.original.issued_on),
            )
            facts.append(Fact(self.texts[key], dated))
        if document.reason:
            facts.append(Fact(self.texts["reason"], document.reason))
        return tuple(facts)

    # --- items

    def columns(self) -> tuple[Column, ...]:
        keys = (
            ("quantity", "unit_price.tax", "rate", "net", "tax", "gross")
            if self.with_vat
            else ("quantity", "unit_price", "line_total")
        )
        return (
            Column(self.texts["description"], text=True),
            *(Column(self.texts[key]) for key in keys),
        )

    def item(self, line: DocumentLine) -> Item:
        formats, currency = self.formats, self.document.currency
        quantity = formats.number(line.quantity) + (f"{NBSP}{line.unit}" if line.unit else "")
        detail = [line.sku, self.texts["ean"].format(code=line.ean) if line.ean else ""]
        figures = (
            (
                self.rate(line.rate, line.treatment),
                formats.amount(line.net, currency),
                formats.amount(line.tax, currency),
                formats.amount(line.gross, currency),
            )
            if self.with_vat
            else (formats.amount(line.gross, currency),)
        )
        unit_price = formats.unit_price(line.unit_price, currency)
        cells = (line.name, quantity, unit_price, *figures)
        return Item(cells, " · ".join(part for part in detail if part))

    # --- payment

    def payment(self, qr: tuple[str, str]) -> Payment | None:
        """The box to pay from; none for a document that asks for no money."""
        document, account = self.document, self.document.bank_account
        if account is None or self.cancelled or not supply.asks_for_payment(document):
            return None
        facts = (
            Fact(self.texts["account"], account.number),
            Fact(self.texts["bank"], account.bank),
            Fact("IBAN", grouped_iban(account.iban)),
            Fact("BIC", account.bic),
            Fact(self.texts["variable_symbol"], document.variable_symbol),
            Fact(self.texts["due_on"], self.formats.date(document.due_on)),
            Fact(self.texts["constant_symbol"], document.constant_symbol),
            Fact(self.texts["specific_symbol"], document.specific_symbol),
        )
        kind, image = qr
        return Payment(
            title=self.texts["payment"],
            facts=tuple(fact for fact in facts if fact.value),
            qr=image,
            qr_label=self.texts[f"qr.{kind}"] if kind else "",
            qr_alt=self.texts["qr.alt"],
        )

    # --- foot

    def contacts(self, seller: Seller) -> tuple[str, ...]:
        phone = f"{self.texts['phone']}{NBSP}{seller.phone}" if seller.phone else ""
        return tuple(part for part in (phone, seller.email, seller.web) if part)


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _place(address: Address) -> tuple[str, ...]:
    """What makes two addresses the same place of the same person, whatever their spelling."""
    parts = (*party_name(address), *address_lines(address))
    return tuple(part.casefold() for part in parts)
