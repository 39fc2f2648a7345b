"""Variables in texts that the user writes: ``Order {order.number} of {order.date}``.

A variable stands in braces; braces that are meant as text are doubled. Values are inserted as
plain text and never read again, so that a customer called ``{company.name}`` stays called so.
The language has no expressions on purpose: users' templates must not be programs.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum

from spojka.core.catalogue import words
from spojka.core.descriptor import Text, say
from spojka.core.document import Document
from spojka.core.money import plain, round_money
from spojka.core.order import Address, Order, OrderLine
from spojka.core.problem import Problem


class VariableError(ValueError):
    """A template names an unknown variable, or its braces do not pair up; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class Scope(StrEnum):
    """Where a template is used, and so which variables it has."""

    ORDER = "order"
    """Fields of a document before it is issued."""
    LINE = "line"
    """The text of a line: the variables of the order and of its row."""
    DOCUMENT = "document"
    """E-mails and notes about an issued document: those of the order, document and company."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, as the help page shows it. ``group`` is the scope that brings it in."""

    name: str
    group: Scope
    label: Text
    example: str


def _variable(group: Scope, name: str, cs: str, sk: str, en: str, example: str) -> Variable:
    return Variable(name, group, {"cs": cs, "sk": sk, "en": en}, example)


def _order(name: str, cs: str, sk: str, en: str, example: str) -> Variable:
    return _variable(Scope.ORDER, f"order.{name}", cs, sk, en, example)


def _client(name: str, cs: str, sk: str, en: str, example: str) -> Variable:
    return _variable(Scope.ORDER, f"order.client.{name}", cs, sk, en, example)


def _product(name: str, cs: str, sk: str, en: str, example: str) -> Variable:
    return _variable(Scope.LINE, f"order.product.{name}", cs, sk, en, example)


def _document(name: str, cs: str, sk: str, en: str, example: str) -> Variable:
    return _variable(Scope.DOCUMENT, name, cs, sk, en, example)


VARIABLES: tuple[Variable, ...] = (
    _order(
        "id",
        "označení objednávky v e-shopu",
        "označenie objednávky v e-shope",
        "the shop's own id of the order",
        "4211",
    ),
    _order("number", "číslo objednávky", "číslo objednávky", "order number", "2026-00042"),
    _order("currency", "měna", "mena", "currency", "CZK"),
    _order("date", "datum objednávky", "dátum objednávky", "order date", "7. 3. 2026"),
    _order("amount", "celková částka s DPH", "celková suma s DPH", "total with VAT", "1234,50"),
    _order("discount", "sleva s DPH", "zľava s DPH", "discount with VAT", "100,00"),
    _order("payment_name", "způsob platby", "spôsob platby", "payment method", "Převodem na účet"),
    _order("delivery_name", "způsob dopravy", "spôsob dopravy", "shipping method", "Zásilkovna"),
    _order("status", "stav objednávky", "stav objednávky", "order status", "processing"),
    _order("paid_on", "datum zaplacení", "dátum zaplatenia", "date of payment", "8. 3. 2026"),
    _order(
        "transaction_id",
        "číslo platební transakce",
        "číslo platobnej transakcie",
        "payment transaction id",
        "3199-7741",
    ),
    _order(
        "customer_reference",
        "číslo objednávky u zákazníka",
        "číslo objednávky u zákazníka",
        "the customer's own order number",
        "PO-77",
    ),
    _client("id", "číslo zákazníka", "číslo zákazníka", "customer id", "815"),
    _client("name", "jméno zákazníka", "meno zákazníka", "customer's name", "Jana Nováková"),
    _client(
        "company",
        "název firmy zákazníka",
        "názov firmy zákazníka",
        "customer's company",
        "Nováková s.r.o.",
    ),
    _client("company_id", "IČO", "IČO", "company id", "27082440"),
    _client("tax_id", "DIČ (na Slovensku)", "DIČ", "tax id", "2020273893"),
    _client("vat_id", "DIČ plátce DPH", "IČ DPH", "VAT number", "CZ27082440"),
    _client("email", "e-mail", "e-mail", "e-mail", "jana@example.org"),
    _client("phone", "telefon", "telefón", "telephone", "+420 601 123 456"),
    _client("address", "ulice a číslo", "ulica a číslo", "street", "Dlouhá 12"),
    _client("city", "město", "mesto", "city", "Praha"),
    _client("zip", "PSČ", "PSČ", "postcode", "110 00"),
    _client("country", "země", "krajina", "country", "CZ"),
    _client("delivery_name", "jméno příjemce", "meno príjemcu", "recipient's name", "Petr Novák"),
    _client("delivery_company", "firma příjemce", "firma príjemcu", "recipient's company", ""),
    _client("delivery_address", "ulice dodání", "ulica dodania", "delivery street", "Krátká 3"),
    _client("delivery_city", "město dodání", "mesto dodania", "delivery city", "Brno"),
    _client("delivery_zip", "PSČ dodání", "PSČ dodania", "delivery postcode", "602 00"),
    _client("delivery_country", "země dodání", "krajina dodania", "delivery country", "CZ"),
    _client(
        "delivery_phone",
        "telefon příjemce",
        "telefón príjemcu",
        "recipient's telephone",
        "+420 602 123 456",
    ),
    _client(
        "delivery_note",
        "poznámka zákazníka",
        "poznámka zákazníka",
        "customer's note",
        "Prosím volat předem",
    ),
    _product("name", "název položky", "názov položky", "item name", "Hrnek s potiskem"),
    _product("quantity", "množství", "množstvo", "quantity", "2"),
    _product("unit", "jednotka", "jednotka", "unit", "ks"),
    _product(
        "unit_price",
        "cena za jednotku bez DPH",
        "cena za jednotku bez DPH",
        "unit price without VAT",
        "150,00",
    ),
    _product("total_price", "cena celkem s DPH", "cena spolu s DPH", "price with VAT", "363,00"),
    _product("tax", "sazba DPH v %", "sadzba DPH v %", "VAT rate in %", "21"),
    _product("number", "kód položky (SKU)", "kód položky (SKU)", "item code (SKU)", "HR-01"),
    _product("ean", "EAN", "EAN", "EAN", "8591234567890"),
    _product("variant", "varianta", "variant", "variant", "modrá"),
    _document("document.number", "číslo dokladu", "číslo dokladu", "document number", "FA2026001"),
    _document("document.kind", "druh dokladu", "druh dokladu", "kind of document", "faktura"),
    _document(
        "document.variable_symbol",
        "variabilní symbol",
        "variabilný symbol",
        "variable symbol",
        "2026001",
    ),
    _document(
        "document.issued_on", "datum vystavení", "dátum vystavenia", "issue date", "8. 3. 2026"
    ),
    _document("document.taxable_on", "DUZP", "dátum dodania", "taxable date", "8. 3. 2026"),
    _document("document.due_on", "datum splatnosti", "dátum splatnosti", "due date", "22. 3. 2026"),
    _document(
        "document.total", "celkem k dokladu s DPH", "spolu s DPH", "total with VAT", "1234,50"
    ),
    _document("document.amount_due", "zbývá zaplatit", "zostáva zaplatiť", "amount due", "0,00"),
    _document("document.currency", "měna dokladu", "mena dokladu", "document's currency", "CZK"),
    _document(
        "document.original_number",
        "číslo opravovaného dokladu",
        "číslo opravovaného dokladu",
        "number of the corrected document",
        "FA2026000",
    ),
    _document(
        "document.iban",
        "IBAN k úhradě",
        "IBAN na úhradu",
        "IBAN to pay to",
        "CZ6508000000192000145399",
    ),
    _document(
        "company.name",
        "název vaší firmy",
        "názov vašej firmy",
        "your company's name",
        "Hrnečky s.r.o.",
    ),
    _document(
        "company.email",
        "e-mail vaší firmy",
        "e-mail vašej firmy",
        "your company's e-mail",
        "info@example.org",
    ),
    _document(
        "company.phone",
        "telefon vaší firmy",
        "telefón vašej firmy",
        "your company's telephone",
        "+420 603 123 456",
    ),
    _document(
        "company.web",
        "web vaší firmy",
        "web vašej firmy",
        "your company's web",
        "https://example.org",
    ),
)
"""All variables, in the order of the help page."""

_SCOPES = {
    Scope.ORDER: {Scope.ORDER},
    Scope.LINE: {Scope.ORDER, Scope.LINE},
    Scope.DOCUMENT: {Scope.ORDER, Scope.DOCUMENT},
}

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def names(scope: Scope) -> tuple[str, ...]:
    """Return the names of the variables that a template of ``scope`` may use."""
    return tuple(variable.name for variable in VARIABLES if variable.group in _SCOPES[scope])


def check(template: str, scope: Scope) -> None:
    """Check a template when it is saved, so that it cannot fail when it is used.

    Raises:
        VariableError: ``SPJ-VARIABLE-UNKNOWN`` or ``SPJ-VARIABLE-SYNTAX``.
    """
    expand(template, dict.fromkeys(names(scope), ""))


def expand(template: str, context: Mapping[str, str]) -> str:
    """Insert the values of ``context`` into a template.

    Raises:
        VariableError: ``SPJ-VARIABLE-UNKNOWN`` or ``SPJ-VARIABLE-SYNTAX``.
    """
    return "".join(_parts(template, context))


def _parts(template: str, context: Mapping[str, str]) -> Iterator[str]:
    end = 0
    for token in _TOKEN.finditer(template):
        yield template[end : token.start()]
        end = token.end()
        text = token.group()
        if text in ("{{", "}}"):
            yield text[0]
        elif token.group(1) is None:
            near = template[max(token.start() - 10, 0) : token.start() + 20]
            raise VariableError(Problem.of("SPJ-VARIABLE-SYNTAX", near=near))
        else:
            yield _value(token.group(1).strip(), context)
    yield template[end:]


def _value(name: str, context: Mapping[str, str]) -> str:
    try:
        return context[name]
    except KeyError:
        similar = difflib.get_close_matches(name.lower(), context, n=3, cutoff=0.6)
        raise VariableError(
            Problem.of(
                "SPJ-VARIABLE-UNKNOWN",
                name=name,
                suggestion=", ".join(similar) or "@nothing-similar",
            )
        ) from None


def order_context(
    order: Order, *, zone: tzinfo | None = None, language: str = "cs"
) -> dict[str, str]:
    """Return the variables of an order.

    Dates are those of ``zone``, the company's time zone (by default that of the order's own
    times), and are written, like amounts, the way ``language`` writes them.
    """
    customer, address = order.customer, order.customer.address
    delivery = order.delivery or address
    return {
        "order.id": order.external_id,
        "order.number": order.number,
        "order.currency": order.currency,
        "order.date": _moment(order.created_at, zone, language),
        "order.amount": _amount(order.total, order.currency, language),
        "order.discount": _amount(order.discount, order.currency, language),
        "order.payment_name": order.payment_title or order.payment_method,
        "order.delivery_name": order.shipping_title or order.shipping_method,
        "order.status": order.status,
        "order.paid_on": _moment(order.paid_at, zone, language),
        "order.transaction_id": order.transaction_id,
        "order.customer_reference": order.customer_reference,
        "order.client.id": customer.external_id,
        "order.client.name": address.name or address.company,
        "order.client.company": address.company,
        "order.client.company_id": customer.company_id,
        "order.client.tax_id": customer.tax_id,
        "order.client.vat_id": customer.vat_id,
        "order.client.email": customer.email,
        "order.client.phone": customer.phone or address.phone,
        "order.client.address": _street(address),
        "order.client.city": address.city,
        "order.client.zip": address.postcode,
        "order.client.country": address.country,
        "order.client.delivery_name": delivery.name or delivery.company,
        "order.client.delivery_company": delivery.company,
        "order.client.delivery_address": _street(delivery),
        "order.client.delivery_city": delivery.city,
        "order.client.delivery_zip": delivery.postcode,
        "order.client.delivery_country": delivery.country,
        "order.client.delivery_phone": delivery.phone or customer.phone,
        "order.client.delivery_note": order.note,
    }


def line_context(line: OrderLine, *, currency: str = "", language: str = "cs") -> dict[str, str]:
    """Return the variables of one row of an order; amounts are in the order's currency."""
    unit_price = line.net / line.quantity if line.quantity else line.net
    return {
        "order.product.name": line.name,
        "order.product.quantity": _number(line.quantity, language),
        "order.product.unit": line.unit,
        "order.product.unit_price": _amount(unit_price, currency, language),
        "order.product.total_price": _amount(line.gross, currency, language),
        "order.product.tax": "" if line.rate is None else _number(line.rate, language),
        "order.product.number": line.sku,
        "order.product.ean": line.ean,
        "order.product.variant": line.variant,
    }


def document_context(document: Document, number: str) -> dict[str, str]:
    """Return the variables of an issued document and its company, in the document's language."""
    language, currency = document.language, document.currency
    original, account = document.original, document.bank_account
    return {
        "document.number": number,
        "document.kind": say(words()[document.kind.value], language),
        "document.variable_symbol": document.variable_symbol,
        "document.issued_on": _day(document.issued_on, language),
        "document.taxable_on": _day(document.taxable_on, language),
        "document.due_on": _day(document.due_on, language),
        "document.total": _amount(document.total, currency, language),
        "document.amount_due": _amount(document.amount_due, currency, language),
        "document.currency": currency,
        "document.original_number": original.number if original else "",
        "document.iban": account.iban if account else "",
        "company.name": document.seller.name,
        "company.email": document.seller.email,
        "company.phone": document.seller.phone,
        "company.web": document.seller.web,
    }


def _street(address: Address) -> str:
    return ", ".join(part for part in (address.street, address.street2) if part)


def _moment(moment: datetime | None, zone: tzinfo | None, language: str) -> str:
    return _day(moment.astimezone(zone or moment.tzinfo).date() if moment else None, language)


def _day(day: date | None, language: str) -> str:
    """Write a date as CLDR has it for Czech and Slovak; in ISO form for everybody else."""
    if day is None:
        return ""
    return f"{day.day}. {day.month}. {day.year}" if language in {"cs", "sk"} else day.isoformat()


def _amount(amount: Decimal, currency: str, language: str) -> str:
    return _decimal(plain(round_money(amount, currency)), language)


def _number(number: Decimal, language: str) -> str:
    """Write a number without needless zeros: 2.0000 is 2, 2.50 is 2.5."""
    text = plain(number)
    return _decimal(text.rstrip("0").rstrip(".") if "." in text else text, language)


def _decimal(text: str, language: str) -> str:
    return text.replace(".", ",") if language in {"cs", "sk"} else text
