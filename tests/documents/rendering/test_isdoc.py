"""ISDOC: valid by the official schema and rules, exact in every sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from spojka.core.document import Document, Treatment
from spojka.core.order import Address
from spojka.documents.rendering import RenderError, check_isdoc, render_isdoc
from tests.documents.rendering import samples as s

NS = {"i": "http://isdoc.cz/namespace/2013"}
SCHEMAS = Path(__file__).resolve().parents[4] / "shared" / "data" / "isdoc"
needs_schemas = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason="the official ISDOC schema is not beside the repository"
)

ALL_KINDS = {
    "invoice": s.INVOICE,
    "non-payer": s.NON_PAYER_INVOICE,
    "credit note": s.CREDIT_NOTE,
    "proforma": s.PROFORMA,
    "tax document": s.TAX_DOCUMENT,
    "final": s.FINAL,
    "foreign": s.FOREIGN,
    "foreign final": replace(s.FINAL, currency="EUR", exchange_rate=s.RATE),
    "slovak": s.SK_INVOICE,
}


def read(document: Document) -> etree._Element:
    return etree.fromstring(render_isdoc(document, number=s.NUMBER))


def elements(root: etree._Element, path: str) -> list[etree._Element]:
    found = root.xpath(path, namespaces=NS)
    assert isinstance(found, list)
    return [element for element in found if isinstance(element, etree._Element)]


def text(root: etree._Element, path: str) -> str:
    found = root.xpath(f"string({path})", namespaces=NS)
    assert isinstance(found, str)
    return found


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMAS / "isdoc-invoice-6.0.2.xsd")))


@pytest.fixture(scope="module")
def schematron() -> Callable[[bytes], list[str]]:
    """Evaluate the published asserts with an XPath 2 processor; returns the texts of the failed.

    ``satisfied`` in one assert is a misprint of ``satisfies``.
    """
    saxonche = pytest.importorskip("saxonche")
    sch = etree.parse(str(SCHEMAS / "isdoc-6.0.2.sch"))
    space = {"sch": "http://purl.oclc.org/dsdl/schematron"}
    processor = saxonche.PySaxonProcessor(license=False)

    def run(xml: bytes) -> list[str]:
        evaluator = processor.new_xpath_processor()
        evaluator.declare_namespace("isdoc", NS["i"])
        evaluator.set_context(xdm_item=processor.parse_xml(xml_text=xml.decode()))
        failed = []
        for rule in sch.iterfind(".//sch:rule", space):
            for check in rule.iterfind("sch:assert", space):
                test = str(check.get("test")).replace(" satisfied ", " satisfies ")
                expression = f"every $n in //{rule.get('context')} satisfies boolean($n/({test}))"
                if not evaluator.effective_boolean_value(expression):
                    failed.append(test)
        return failed

    return run


@needs_schemas
@pytest.mark.parametrize("name", ALL_KINDS)
def test_every_kind_is_valid_by_schema_rules_and_sums(
    name: str, schema: etree.XMLSchema, schematron: Callable[[bytes], list[str]]
) -> None:
    xml = render_isdoc(ALL_KINDS[name], number=s.NUMBER)
    schema.assertValid(etree.fromstring(xml))
    assert schematron(xml) == []
    assert check_isdoc(xml) == []


@needs_schemas
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=s.documents())
def test_any_document_is_valid_and_adds_up(document: Document, schema: etree.XMLSchema) -> None:
    xml = render_isdoc(document, number=s.NUMBER)
    schema.assertValid(etree.fromstring(xml))
    assert check_isdoc(xml) == []
    root = etree.fromstring(xml)
    suffix = "Curr" if text(root, "//i:ForeignCurrencyCode") else ""
    payable = Decimal(text(root, f"//i:LegalMonetaryTotal/i:PayableAmount{suffix}"))
    assert payable == document.total - document.deducted


@needs_schemas
def test_rules_agree_with_the_official_ones_about_a_missing_original(
    schematron: Callable[[bytes], list[str]],
) -> None:
    root = read(s.CREDIT_NOTE)
    references = root.find("i:OriginalDocumentReferences", NS)
    assert references is not None
    root.remove(references)
    xml = etree.tostring(root)
    assert schematron(xml) == ["isdoc:OriginalDocumentReferences/*"]
    assert check_isdoc(xml) == [
        "a corrective document must name its original (OriginalDocumentReferences)"
    ]


@pytest.mark.parametrize(
    ("document", "code"),
    [(s.INVOICE, "1"), (s.CREDIT_NOTE, "2"), (s.PROFORMA, "4"), (s.TAX_DOCUMENT, "5")],
)
def test_document_type(document: Document, code: str) -> None:
    assert text(read(document), "//i:DocumentType") == code


def test_parties_and_symbols() -> None:
    root = read(s.INVOICE)
    assert text(root, "//i:UUID") == s.UUID.upper()
    assert text(root, "//i:AccountingSupplierParty//i:PartyIdentification/i:ID") == "27082440"
    assert text(root, "//i:AccountingCustomerParty//i:CompanyID") == "CZ25596641"
    assert text(root, "//i:AccountingCustomerParty//i:StreetName") == "Náměstí Míru"
    assert text(root, "//i:AccountingCustomerParty//i:BuildingNumber") == "820/9"
    assert text(root, "//i:PaymentMeansCode") == "42"
    assert text(root, "//i:Details/i:ID") == "19-4660550217"
    assert text(root, "//i:Details/i:BankCode") == "0100"
    assert text(root, "//i:Details/i:VariableSymbol") == s.NUMBER


def test_slovak_seller_has_both_tax_numbers() -> None:
    root = read(s.SK_INVOICE)
    scheme = "//i:AccountingSupplierParty//i:PartyTaxScheme[i:TaxScheme='{}']/i:CompanyID"
    assert text(root, scheme.format("VAT")) == "SK2021863811"
    assert text(root, scheme.format("TIN")) == "2021863811"
    assert text(root, "//i:LocalCurrencyCode") == "EUR"
    # The domestic account number is read out of the IBAN.
    assert text(root, "//i:Details/i:ID") == "19-8742637541"
    assert text(root, "//i:Details/i:BankCode") == "1200"


def test_non_payer_is_outside_vat() -> None:
    root = read(s.NON_PAYER_INVOICE)
    assert text(root, "/i:Invoice/i:VATApplicable") == "false"
    assert text(root, "//i:ClassifiedTaxCategory/i:VATApplicable") == "false"
    assert root.find("i:TaxPointDate", NS) is None


@pytest.mark.parametrize(("country", "flag"), [("CZ", "true"), ("DE", "false")])
def test_reverse_charge_is_flagged_at_home_only(country: str, flag: str) -> None:
    address = replace(s.CUSTOMER.address, country=country)
    document = replace(
        s.INVOICE,
        customer=replace(s.CUSTOMER, address=address),
        lines=(s.line("Šrot", "1000.00", "0", Treatment.REVERSE_CHARGE),),
    )
    root = read(document)
    assert text(root, "//i:LocalReverseChargeFlag") == flag
    assert "Daň odvede zákazník." in text(root, "//i:VATNote")


def test_foreign_currency_has_both_amounts() -> None:
    root = read(s.FOREIGN)
    assert text(root, "//i:LocalCurrencyCode") == "CZK"
    assert text(root, "//i:ForeignCurrencyCode") == "EUR"
    assert text(root, "//i:CurrRate") == "25.125"
    row = "//i:TaxSubTotal[i:TaxCategory/i:Percent=21]"
    assert text(root, f"{row}/i:TaxableAmountCurr") == "1437.00"
    assert text(root, f"{row}/i:TaxableAmount") == "36104.63"  # 1437 × 25.125 = 36104.625
    assert text(root, f"{row}/i:TaxAmount") == "7581.97"  # 301.77 × 25.125 = 7581.97…


def test_rate_for_a_hundred_units() -> None:
    rate = replace(s.RATE, rate=Decimal("6.5"), amount=100)
    root = read(replace(s.FOREIGN, currency="HUF", exchange_rate=rate))
    assert text(root, "//i:RefCurrRate") == "100"
    assert text(root, "//i:TaxSubTotal[i:TaxCategory/i:Percent=21]/i:TaxableAmount") == "93.41"


def test_foreign_currency_without_a_rate_is_a_named_error() -> None:
    with pytest.raises(RenderError) as caught:
        render_isdoc(replace(s.FOREIGN, exchange_rate=None), number=s.NUMBER)
    assert caught.value.problem.code == "SPJ-EXCHANGE-RATE-MISSING"
    assert dict(caught.value.problem.facts) == {"currency": "EUR", "date": "2026-03-06"}


def test_credit_note_names_its_original_and_is_negative() -> None:
    root = read(s.CREDIT_NOTE)
    assert text(root, "//i:OriginalDocumentReference/i:ID") == "2026000100"
    assert text(root, "//i:OriginalDocumentReference/i:IssueDate") == "2026-03-01"
    assert text(root, "//i:PayableAmount") == "-289.80"
    assert "Vrácení zboží" in text(root, "//i:Note")
    assert root.find("i:PaymentMeans", NS) is None


def test_credit_note_without_its_original_is_a_named_error() -> None:
    with pytest.raises(RenderError) as caught:
        render_isdoc(replace(s.CREDIT_NOTE, original=None), number=s.NUMBER)
    assert caught.value.problem.code == "SPJ-ORIGINAL-MISSING"


def test_deposits_reduce_base_and_tax_or_only_the_payment() -> None:
    root = read(s.FINAL)
    assert text(root, "//i:NonTaxedDeposit/i:ID") == "ZF2026002"
    assert text(root, "//i:NonTaxedDeposit/i:DepositAmount") == "100.00"
    assert text(root, "//i:TaxedDeposit/i:ID") == "DD2026001"
    assert text(root, "//i:TaxedDeposit/i:TaxInclusiveDepositAmount") == "1210.00"
    row = "//i:TaxSubTotal[i:TaxCategory/i:Percent=21]"
    assert text(root, f"{row}/i:TaxableAmount") == "1437.00"
    assert text(root, f"{row}/i:AlreadyClaimedTaxAmount") == "210.00"
    assert text(root, f"{row}/i:DifferenceTaxAmount") == "91.77"
    # 3060.37 − 1210 − 100
    assert text(root, "//i:PayableAmount") == "1750.37"


def test_tax_document_that_declared_more_than_is_deducted_is_a_named_error() -> None:
    deduction = replace(s.FINAL.deductions[0], amount=Decimal(1200))
    with pytest.raises(RenderError) as caught:
        render_isdoc(replace(s.FINAL, deductions=(deduction,)), number=s.NUMBER)
    assert caught.value.problem.code == "SPJ-DEDUCTION-SUM"
    assert caught.value.problem.facts["declared"] == "1210.00"


def test_rounding_is_outside_the_recapitulation() -> None:
    root = read(replace(s.INVOICE, rounding=Decimal("-0.37")))
    assert text(root, "//i:PayableRoundingAmount") == "-0.37"
    assert text(root, "//i:TaxInclusiveAmount[parent::i:LegalMonetaryTotal]") == "3060.37"
    assert text(root, "//i:PayableAmount") == "3060.00"


@pytest.mark.parametrize(
    ("method", "title", "code"),
    [
        ("bacs", "", "42"),
        ("", "Bankovní převod", "42"),
        ("stripe_cc", "", "48"),
        ("", "Online platba kartou", "48"),
        ("cod", "", "50"),
        ("x", "Dobírka (hotově nebo kartou)", "50"),
        ("", "Hotově na pobočce", "10"),
        ("cash", "", "10"),
        ("unheard-of", "", "42"),
    ],
)
def test_payment_means(method: str, title: str, code: str) -> None:
    root = read(replace(s.INVOICE, payment_method=method, payment_title=title))
    assert text(root, "//i:PaymentMeansCode") == code


def test_delivery_address() -> None:
    delivery = Address(name="Jana", street="Dlouhá 5", city="Plzeň", postcode="30100", country="CZ")
    root = read(replace(s.INVOICE, delivery=delivery))
    assert text(root, "//i:Delivery//i:CityName") == "Plzeň"


def test_an_id_that_is_no_uuid_gives_a_stable_one() -> None:
    first, second = (text(read(replace(s.INVOICE, uuid=key)), "//i:UUID") for key in ("a", "b"))
    assert first != second
    assert text(read(replace(s.INVOICE, uuid="a")), "//i:UUID") == first


# --- the check itself


LINE_TAX = "//i:InvoiceLine[1]/i:LineExtensionTaxAmount"  # ISDOC has no foreign one
BREAKABLE = [
    "//i:InvoiceLine[1]/i:LineExtensionAmount",
    "//i:InvoiceLine[1]/i:LineExtensionAmountTaxInclusive",
    LINE_TAX,
    "//i:TaxSubTotal[1]/i:TaxableAmount",
    "//i:TaxSubTotal[1]/i:TaxAmount",
    "//i:TaxSubTotal[1]/i:TaxInclusiveAmount",
    "//i:TaxSubTotal[1]/i:AlreadyClaimedTaxableAmount",
    "//i:TaxSubTotal[1]/i:AlreadyClaimedTaxAmount",
    "//i:TaxSubTotal[1]/i:AlreadyClaimedTaxInclusiveAmount",
    "//i:TaxSubTotal[1]/i:DifferenceTaxableAmount",
    "//i:TaxSubTotal[1]/i:DifferenceTaxAmount",
    "//i:TaxSubTotal[1]/i:DifferenceTaxInclusiveAmount",
    "//i:TaxTotal/i:TaxAmount",
    "//i:NonTaxedDeposit/i:DepositAmount",
    "//i:TaxedDeposit/i:TaxableDepositAmount",
    "//i:TaxedDeposit/i:TaxInclusiveDepositAmount",
    *(f"//i:LegalMonetaryTotal/i:{prefix}Tax{kind}Amount"
      for prefix in ("", "AlreadyClaimed", "Difference") for kind in ("Exclusive", "Inclusive")),
    "//i:LegalMonetaryTotal/i:PayableRoundingAmount",
    "//i:LegalMonetaryTotal/i:PaidDepositsAmount",
    "//i:LegalMonetaryTotal/i:PayableAmount",
]  # fmt: skip


@pytest.mark.parametrize("path", [*BREAKABLE, *(f"{p}Curr" for p in BREAKABLE if p != LINE_TAX)])
def test_one_cent_too_much_anywhere_is_found(path: str) -> None:
    root = read(ALL_KINDS["foreign final"])
    element = elements(root, path)[0]
    element.text = str(Decimal(element.text or "") + Decimal("0.01"))
    assert check_isdoc(etree.tostring(root)) != []


def test_findings_name_the_place_and_both_amounts() -> None:
    xml = render_isdoc(s.INVOICE, number=s.NUMBER)
    broken = xml.replace(b"<PayableAmount>3060.37<", b"<PayableAmount>3060.38<")
    assert check_isdoc(broken) == ["PayableAmount is 3060.38, but it should be 3060.37"]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (b"<CurrRate>1<", b"<CurrRate>2<", "CurrRate must be 1"),
        (b"<PayableAmount>", b"<PayableAmountCurr>1</PayableAmountCurr><PayableAmount>", "Curr"),
        (b"<VATApplicable>true<", b"<VATApplicable>false<", "on a document without VAT"),
        (b"<PayableAmount>3060.37<", b"<PayableAmount>x<", "not a number"),
        (b"SellersItem", b"SecondarySellersItem", "needs the primary one"),
        (b"isdoc.cz/namespace", b"example.com/", "not an ISDOC"),
    ],
)
def test_rules(old: bytes, new: bytes, finding: str) -> None:
    xml = render_isdoc(s.INVOICE, number=s.NUMBER)
    count = 1 if b"VATApplicable" in old else -1
    broken = xml.replace(old, new, count)
    assert broken != xml
    assert any(finding in found for found in check_isdoc(broken))


def test_foreign_amount_that_is_missing_is_found() -> None:
    root = read(s.FOREIGN)
    (total,) = elements(root, "//i:LegalMonetaryTotal")
    total.remove(elements(total, "i:PayableRoundingAmountCurr")[0])
    assert check_isdoc(etree.tostring(root)) == [
        "PayableRoundingAmount has no PayableRoundingAmountCurr beside it"
    ]


@pytest.mark.parametrize("junk", [b"", b"<a", b"<a/>", b"%PDF", "<á/>".encode("cp1250")])
def test_junk_is_reported_not_raised(junk: bytes) -> None:
    assert len(check_isdoc(junk)) == 1


def test_entities_are_not_read() -> None:
    xml = render_isdoc(s.INVOICE, number=s.NUMBER)
    bomb = xml.replace(b"<Invoice", b'<!DOCTYPE Invoice [<!ENTITY a "b">]><Invoice', 1)
    assert check_isdoc(bomb) == ["a document type declaration is not allowed"]


@needs_schemas
def test_the_published_example_passes() -> None:
    assert check_isdoc((SCHEMAS / "example-minimal-6.0.2.isdoc").read_bytes()) == []
