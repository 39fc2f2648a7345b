"""Checks an ISDOC: its arithmetic, and the rules of the official Schematron.

The schema and the Schematron say nothing about sums; accountants' software does. The rules
``isdoc-6.0.2.sch`` (published at isdoc.github.io) are XPath 2, which lxml does not run, so that
they are written here in Python. The schema itself (``isdoc-invoice-6.0.2.xsd``) is not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation

from lxml import etree

from spojka.core.money import ZERO, plain, total

_NS = "{http://isdoc.cz/namespace/2013}"
_CORRECTIVE = {"2", "3", "6"}

_AMOUNTS = (
    "LineExtensionAmount",
    "LineExtensionAmountTaxInclusive",
    "DepositAmount",
    "TaxableDepositAmount",
    "TaxInclusiveDepositAmount",
    "PayableRoundingAmount",
    "PaidDepositsAmount",
    "PayableAmount",
    *(
        f"{prefix}{name}"
        for prefix in ("", "AlreadyClaimed", "Difference")
        for name in ("TaxableAmount", "TaxAmount", "TaxInclusiveAmount", "TaxExclusiveAmount")
    ),
)
"""Elements that a document in a foreign currency carries twice."""


def check_isdoc(xml: bytes) -> list[str]:
    """Return what is wrong with an ISDOC, in English sentences; nothing wrong gives ``[]``.

    Amounts must agree exactly, in the home currency and, where there is one, in the foreign one.
    Never raises: what cannot be read is itself reported.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        return [f"not well-formed XML: {error.msg}"]
    if root.getroottree().docinfo.internalDTD is not None:
        return ["a document type declaration is not allowed"]
    if root.tag != f"{_NS}Invoice":
        return [f"the root element is {root.tag}, not an ISDOC Invoice"]
    try:
        return list(_problems(root))
    except _UnreadableError as error:
        return [str(error)]


class _UnreadableError(Exception):
    """An element that the sums need is missing or is no number."""


def _problems(root: etree._Element) -> Iterator[str]:
    yield from _references(root)
    yield from _currencies(root)
    yield from _applicability(root)
    yield from _items(root)
    yield from _sums(root, "")
    if root.find(f"{_NS}ForeignCurrencyCode") is not None:
        yield from _sums(root, "Curr")


# --- rules of the Schematron


def _references(root: etree._Element) -> Iterator[str]:
    if _text(root, "DocumentType") in _CORRECTIVE and not _all(
        root, "OriginalDocumentReferences/OriginalDocumentReference"
    ):
        yield "a corrective document must name its original (OriginalDocumentReferences)"


def _currencies(root: etree._Element) -> Iterator[str]:
    foreign = _text(root, "ForeignCurrencyCode")
    if foreign:
        if foreign == _text(root, "LocalCurrencyCode"):
            yield "ForeignCurrencyCode must differ from LocalCurrencyCode"
        for name in _AMOUNTS:
            for element in root.iter(f"{_NS}{name}"):
                parent = element.getparent()
                if parent is not None and parent.find(f"{_NS}{name}Curr") is None:
                    yield f"{name} has no {name}Curr beside it"
        return
    for name in ("CurrRate", "RefCurrRate"):
        if _number(root, name) != 1:
            yield f"{name} must be 1 on a document in the home currency"
    for name in _AMOUNTS:
        if next(root.iter(f"{_NS}{name}Curr"), None) is not None:
            yield f"{name}Curr must not be on a document in the home currency"


def _applicability(root: etree._Element) -> Iterator[str]:
    if _text(root, "VATApplicable") != "false":
        return
    for line in _lines(root):
        if _text(line, "ClassifiedTaxCategory/VATApplicable") == "true":
            yield f"line {_text(line, 'ID')}: VATApplicable is true on a document without VAT"


def _items(root: etree._Element) -> Iterator[str]:
    for line in _lines(root):
        name = f"line {_text(line, 'ID')}"
        primary, secondary, tertiary = (
            line.find(f"{_NS}Item/{_NS}{order}SellersItemIdentification") is not None
            for order in ("", "Secondary", "Tertiary")
        )
        if secondary and not primary:
            yield f"{name}: a secondary item id needs the primary one"
        if tertiary and not (primary and secondary):
            yield f"{name}: a tertiary item id needs the primary and the secondary one"
        batches = _all(line, "Item/StoreBatches/StoreBatch/Quantity")
        if not batches:
            continue
        units = {unit for batch in batches if (unit := batch.get("unitCode"))}
        invoiced = line.find(f"{_NS}InvoicedQuantity")
        own = invoiced.get("unitCode") if invoiced is not None else None
        if len(units) > 1 or (own and units - {own}):
            yield f"{name}: its batches are in another unit"
        if total(_decimal(batch) for batch in batches) != _number(line, "InvoicedQuantity"):
            yield f"{name}: its batches do not add up to its quantity"


# --- arithmetic


def _sums(root: etree._Element, suffix: str) -> Iterator[str]:
    """Check the sums of one currency: ``suffix`` is empty for the home one, else ``Curr``."""

    def figure(parent: etree._Element, name: str) -> Decimal:
        return _number(parent, name + suffix)

    def agree(what: str, found: Decimal, expected: Decimal) -> Iterator[str]:
        if found != expected:
            yield f"{what}{suffix} is {plain(found)}, but it should be {plain(expected)}"

    net, gross = _by_category(_lines(root), "LineExtensionAmount", suffix)
    deposits = _all(root, "TaxedDeposits/TaxedDeposit")
    taxable, inclusive = _by_category(deposits, "TaxableDepositAmount", suffix)
    if not suffix:
        for line in _lines(root):
            expected = figure(line, "LineExtensionAmount") + _number(line, "LineExtensionTaxAmount")
            name = f"line {_text(line, 'ID')}: LineExtensionAmountTaxInclusive"
            yield from agree(name, figure(line, "LineExtensionAmountTaxInclusive"), expected)

    rows = _all(root, "TaxTotal/TaxSubTotal")
    sums: dict[tuple[Decimal, str], dict[str, Decimal]] = {}
    for row in rows:
        key = _category(row, "TaxCategory")
        label = f"{plain(key[0])} %: "
        for prefix in ("", "AlreadyClaimed", "Difference"):
            base, tax = figure(row, f"{prefix}TaxableAmount"), figure(row, f"{prefix}TaxAmount")
            name = f"{prefix}TaxInclusiveAmount"
            yield from agree(label + name, figure(row, name), base + tax)
        for name in ("TaxableAmount", "TaxAmount", "TaxInclusiveAmount"):
            left = figure(row, name) - figure(row, f"AlreadyClaimed{name}")
            yield from agree(f"{label}Difference{name}", figure(row, f"Difference{name}"), left)
        group = sums.setdefault(key, {})
        for name in ("TaxableAmount", "TaxInclusiveAmount"):
            for prefix in ("", "AlreadyClaimed"):
                full = prefix + name
                group[full] = group.get(full, ZERO) + figure(row, full)
    for key in sorted({*sums, *net, *taxable}):
        group, label = sums.get(key, {}), f"{plain(key[0])} %: "
        for name, expected_by_category in (
            ("TaxableAmount", net),
            ("TaxInclusiveAmount", gross),
            ("AlreadyClaimedTaxableAmount", taxable),
            ("AlreadyClaimedTaxInclusiveAmount", inclusive),
        ):
            found = group.get(name, ZERO)
            yield from agree(label + name, found, expected_by_category.get(key, ZERO))

    head = root.find(f"{_NS}TaxTotal")
    end = root.find(f"{_NS}LegalMonetaryTotal")
    if head is None or end is None:
        raise _UnreadableError("TaxTotal or LegalMonetaryTotal is missing")
    yield from agree(
        "TaxTotal/TaxAmount",
        figure(head, "TaxAmount"),
        total(figure(row, "TaxAmount") for row in rows),
    )
    for prefix in ("", "AlreadyClaimed", "Difference"):
        for ours, theirs in (
            ("TaxExclusiveAmount", "TaxableAmount"),
            ("TaxInclusiveAmount", "TaxInclusiveAmount"),
        ):
            expected = total(figure(row, prefix + theirs) for row in rows)
            yield from agree(prefix + ours, figure(end, prefix + ours), expected)
    untaxed = _all(root, "NonTaxedDeposits/NonTaxedDeposit")
    paid = total(figure(deposit, "DepositAmount") for deposit in untaxed)
    yield from agree("PaidDepositsAmount", figure(end, "PaidDepositsAmount"), paid)
    has_rounding = end.find(f"{_NS}PayableRoundingAmount{suffix}") is not None
    rounding = figure(end, "PayableRoundingAmount") if has_rounding else ZERO
    payable = figure(end, "DifferenceTaxInclusiveAmount") + rounding - paid
    yield from agree("PayableAmount", figure(end, "PayableAmount"), payable)


def _by_category(
    elements: Iterable[etree._Element], base: str, suffix: str
) -> tuple[dict[tuple[Decimal, str], Decimal], dict[tuple[Decimal, str], Decimal]]:
    """Sum base and amount with tax of lines or deposits by their VAT category."""
    inclusive = {
        "LineExtensionAmount": "LineExtensionAmountTaxInclusive",
        "TaxableDepositAmount": "TaxInclusiveDepositAmount",
    }[base]
    net: dict[tuple[Decimal, str], Decimal] = {}
    gross: dict[tuple[Decimal, str], Decimal] = {}
    for element in elements:
        key = _category(element, "ClassifiedTaxCategory")
        net[key] = net.get(key, ZERO) + _number(element, base + suffix)
        gross[key] = gross.get(key, ZERO) + _number(element, inclusive + suffix)
    return net, gross


def _category(element: etree._Element, name: str) -> tuple[Decimal, str]:
    """Return percent and whether VAT applies (which is true where nothing is said)."""
    percent = _number(element, f"{name}/Percent")
    return percent, _text(element, f"{name}/VATApplicable") or "true"


# --- reading


def _path(path: str) -> str:
    return "/".join(_NS + step for step in path.split("/"))


def _all(element: etree._Element, path: str) -> list[etree._Element]:
    return element.findall(_path(path))


def _lines(root: etree._Element) -> list[etree._Element]:
    return _all(root, "InvoiceLines/InvoiceLine")


def _text(element: etree._Element, path: str) -> str:
    return (element.findtext(_path(path)) or "").strip()


def _decimal(element: etree._Element) -> Decimal:
    try:
        number = Decimal((element.text or "").strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        name = etree.QName(element).localname
        raise _UnreadableError(f"{name} is not a number: {element.text!r}")
    return number


def _number(element: etree._Element, path: str) -> Decimal:
    found = element.find(_path(path))
    if found is None:
        raise _UnreadableError(f"{path} is missing in {etree.QName(element).localname}")
    return _decimal(found)
