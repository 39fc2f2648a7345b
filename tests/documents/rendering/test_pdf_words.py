"""What stands on the page of each kind of document, proven by reading the page back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from spojka.core.document import Document, Treatment, VatMode
from spojka.core.order import Address, LineKind
from spojka.documents.rendering import (
    render_pdf,
)
from tests.documents.rendering import samples as s
from tests.documents.rendering.reading import assert_in_order, pages, text

# --- statutory items


def test_czech_payer_has_every_item_of_section_29() -> None:
    found = text(s.INVOICE)
    for item in (
        "Faktura – daňový doklad",
        s.NUMBER,
        "Kavárna u Mlýna s.r.o.",
        "Mlýnská 12/3a",
        "602 00 Brno",
        "IČO 27082440",
        "DIČ CZ27082440",
        "Vzorová dílna, a.s.",
        "Náměstí Míru 820/9",
        "120 00 Praha 2",
        "IČO 25596641",
        "DIČ CZ25596641",
        "Datum vystavení 7. 3. 2026",
        "Datum uskutečnění zdanitelného plnění 6. 3. 2026",
        "Datum splatnosti 21. 3. 2026",
        "Variabilní symbol 2026000123",
        "Zapsáno u Krajského soudu v Brně, oddíl C, vložka 12345",
        "Strana 1 / 1",
    ):
        assert item in found
    # Description, extent, unit price without VAT, rate, base, tax, total of each line.
    assert_in_order(found, "Káva", "4 ks", "295,00", "12 %", "1 180,00", "141,60", "1 321,60")
    assert_in_order(found, "Hrnek", "6 ks", "239,50", "21 %", "1 437,00", "301,77", "1 738,77")
    # Base, rate and tax per rate.
    assert_in_order(found, "Rekapitulace DPH", "21 %", "1 437,00", "301,77", "1 738,77")
    assert_in_order(found, "Rekapitulace DPH", "12 %", "1 180,00", "141,60", "1 321,60")
    assert_in_order(found, "Celkem s DPH 3 060,37 Kč", "K úhradě 3 060,37 Kč")


def test_slovak_payer_has_every_item_of_section_74() -> None:
    found = text(s.SK_INVOICE)
    for item in (
        "Faktúra – daňový doklad",
        "IČO 36631124",
        "DIČ 2021863811",
        "IČ DPH SK2021863811",
        "Zapísaná v OR OS Košice I, vložka č. 1234/V",
        "Dátum vystavenia 7. 3. 2026",
        "Dátum dodania 6. 3. 2026",
        "Základ dane",
        "Na úhradu 123,00 €",
    ):
        assert item in found
    # The customer is Czech: its one tax number keeps its own name.
    assert "DIČ CZ25596641" in found


def test_english_formats() -> None:
    found = text(replace(s.INVOICE, language="en"))
    assert "Invoice – tax document" in found
    assert "Issue date 7 March 2026" in found
    assert "Amount due CZK 3,060.37" in found
    assert "12%" in found


def test_other_languages_are_written_in_english() -> None:
    assert "Issue date" in text(replace(s.INVOICE, language="de"))


@pytest.mark.parametrize(
    ("language", "title", "block", "mention"),
    [
        ("cs", "Faktura", "Neplátce DPH", "Nejsem plátce DPH."),
        ("sk", "Faktúra", "Neplatiteľ DPH", "Nie som platiteľ DPH."),
        ("en", "Invoice", "Not VAT registered", "Not VAT registered."),
    ],
)
def test_non_payer_says_so_and_shows_no_vat(
    language: str, title: str, block: str, mention: str
) -> None:
    found = text(replace(s.NON_PAYER_INVOICE, language=language))
    assert title in found
    assert block in found
    assert mention in found
    assert "daňový doklad" not in found
    assert "Rekapitul" not in found
    assert "plnění" not in found
    assert "Zapsáno u Krajského soudu v Brně" in found  # § 435 of the civil code


def test_identified_person() -> None:
    seller = replace(s.CZ_SELLER, vat_mode=VatMode.IDENTIFIED)
    home = replace(s.NON_PAYER_INVOICE, seller=seller)
    assert "Identifikovaná osoba, není plátcem DPH v tuzemsku" in text(home)
    assert "daňový doklad" not in text(home)
    abroad = replace(
        home,
        customer=replace(s.CUSTOMER, vat_id="DE123456789", address=Address(country="DE")),
        lines=(s.line("Grafika", "500.00", "0", Treatment.REVERSE_CHARGE, kind=LineKind.FEE),),
        taxable_on=date(2026, 3, 6),
    )
    found = text(abroad)
    assert "Faktura – daňový doklad" in found
    assert "Daň odvede zákazník." in found


KIND_TITLES: Mapping[str, tuple[Document, tuple[str, str, str]]] = {
    "proforma": (
        s.PROFORMA,
        (
            "Zálohová faktura – není daňový doklad",
            "Zálohová faktúra – nie je daňový doklad",
            "Proforma invoice – not a tax document",
        ),
    ),
    "tax document": (
        s.TAX_DOCUMENT,
        (
            "Daňový doklad k přijaté platbě",
            "Daňový doklad k prijatej platbe",
            "Tax document on payment received",
        ),
    ),
    "credit note": (
        s.CREDIT_NOTE,
        (
            "Opravný daňový doklad (dobropis)",
            "Opravná faktúra (dobropis)",
            "Credit note – corrective tax document",
        ),
    ),
}


@pytest.mark.parametrize("kind", KIND_TITLES)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_titles(kind: str, index: int) -> None:
    document, titles = KIND_TITLES[kind]
    language = ("cs", "sk", "en")[index]
    assert titles[index] in text(replace(document, language=language))


def test_proforma_has_no_taxable_date() -> None:
    assert "uskutečnění" not in text(s.PROFORMA)


def test_tax_document_tells_when_the_payment_came_and_asks_for_none() -> None:
    found = text(s.TAX_DOCUMENT)
    assert "Datum přijetí platby 6. 3. 2026" in found
    assert "K zálohové faktuře ZF2026001 ze dne 1. 3. 2026" in found
    assert "K úhradě 0,00 Kč" in found
    assert "Neplaťte, již uhrazeno." in found
    assert "Platební údaje" not in found


def test_credit_note_states_the_items_of_section_45() -> None:
    found = text(s.CREDIT_NOTE)
    assert "Opravuje doklad 2026000100 ze dne 1. 3. 2026" in found
    assert "Důvod opravy Vrácení zboží" in found
    assert_in_order(found, "Rozdíl základu", "Rozdíl DPH", "21 %", "-239,50", "-50,30", "-289,80")
    assert "K vrácení 289,80 Kč" in found
    assert "Platební údaje" not in found


def test_credit_note_of_a_non_payer_is_no_tax_document() -> None:
    lines = s.NON_PAYER_INVOICE.lines
    found = text(replace(s.CREDIT_NOTE, seller=s.NON_PAYER, lines=lines))
    assert "Dobropis" in found
    assert "daňový" not in found


def test_final_invoice_deducts_deposits() -> None:
    found = text(s.FINAL)
    assert_in_order(
        found,
        "Celé plnění",
        "1 437,00",
        "Odečet zdaněné zálohy DD2026001",
        "-1 000,00 -210,00 -1 210,00",
        "Zbývá vyúčtovat",
        "437,00 91,77 528,77",
    )
    assert "Odečtená záloha DD2026001 -1 210,00 Kč" in found
    assert "Odečtená záloha ZF2026002 -100,00 Kč" in found
    assert "K úhradě 1 750,37 Kč" in found


def test_final_invoice_with_nothing_left_warns_not_to_pay() -> None:
    deduction = replace(s.FINAL.deductions[1], amount=s.INVOICE.total)
    found = text(replace(s.INVOICE, deductions=(deduction,)))
    assert "K úhradě 0,00 Kč" in found
    assert "Neplaťte, již uhrazeno." in found
    assert "Platební údaje" not in found


def test_paid_invoice_is_stamped() -> None:
    paid = replace(s.INVOICE, paid_on=date(2026, 3, 8), paid_amount=s.INVOICE.total)
    found = text(paid)
    assert "Uhrazeno 8. 3. 2026" in found
    assert "Uhrazeno -3 060,37 Kč" in found
    assert "Neplaťte, již uhrazeno." in found
    assert "Platební údaje" not in found


def test_partly_paid_invoice_asks_for_the_rest() -> None:
    found = text(replace(s.INVOICE, paid_amount=Decimal(1000)))
    assert "K úhradě 2 060,37 Kč" in found
    assert "Neplaťte" not in found


def test_document_worth_nothing_was_not_paid() -> None:
    free = replace(s.INVOICE, lines=(s.line(net="0.00"),))
    found = text(free)
    assert "K úhradě 0,00 Kč" in found
    assert "Neplaťte" not in found


def test_rounding_has_its_row() -> None:
    found = text(replace(s.INVOICE, rounding=Decimal("-0.37")))
    assert "Zaokrouhlení -0,37 Kč" in found
    assert "K úhradě 3 060,00 Kč" in found


def test_cancelled_document_is_marked_and_asks_for_no_payment() -> None:
    found = text(s.INVOICE, cancelled=True)
    assert "Stornováno" in found
    assert "STORNOVÁNO" in found
    assert "Platební údaje" not in found


def test_test_document_is_marked_on_every_page() -> None:
    document = replace(s.INVOICE, test=True, lines=s.INVOICE.lines * 40)
    found = pages(render_pdf(document, number=s.NUMBER))
    assert len(found) > 1
    assert all("TEST" in page for page in found)
    assert "Zkušební doklad." in found[0]
    assert "TEST" not in text(s.INVOICE)


def test_delivery_address_stands_only_where_it_differs() -> None:
    other = Address(name="Jana Malá", street="Dlouhá 5", city="Košice", country="SK")
    found = text(replace(s.INVOICE, delivery=other))
    assert "Dodací adresa" in found
    assert "Jana Malá" in found
    assert "Slovensko" in found
    same = replace(s.CUSTOMER.address, postcode="120 00", phone="+420")
    assert "Dodací adresa" not in text(replace(s.INVOICE, delivery=same))


def test_notes_keep_their_lines() -> None:
    found = text(
        replace(s.INVOICE, note_above="První\nDruhá", note_below="Poslední", issued_by="J N")
    )
    assert_in_order(found, "První Druhá", "Popis", "Poslední")
    assert "Vystavil: J N" in found


# --- treatments


def abroad(country: str, vat_id: str, treatment: Treatment) -> Document:
    """An invoice for goods that go to a customer in another country."""
    address = replace(s.CUSTOMER.address, country=country)
    rate = "19" if treatment is Treatment.OSS else "0"
    return replace(
        s.INVOICE,
        customer=replace(s.CUSTOMER, vat_id=vat_id, address=address),
        lines=(s.line("Kniha", "100.00", rate, treatment),),
    )


@pytest.mark.parametrize(
    ("language", "mention"),
    [
        ("cs", "Daň odvede zákazník."),
        ("sk", "Prenesenie daňovej povinnosti."),
        ("en", "Reverse charge."),
    ],
)
def test_reverse_charge(language: str, mention: str) -> None:
    found = text(replace(abroad("CZ", "CZ25596641", Treatment.REVERSE_CHARGE), language=language))
    assert mention in found
    assert "§ 64" not in found


def test_intra_community_supply_of_goods() -> None:
    found = text(abroad("DE", "DE123456789", Treatment.REVERSE_CHARGE))
    assert "Daň odvede zákazník." in found
    assert "Dodání zboží do jiného členského státu EU" in found
    assert "§ 64 zákona č. 235/2004 Sb." in found
    assert "Německo" in found
    slovak = replace(
        abroad("DE", "DE123456789", Treatment.EXEMPT), seller=s.SK_SELLER, language="sk"
    )
    assert "§ 43 zákona č. 222/2004 Z. z." in text(slovak)


def test_export_and_exemption() -> None:
    assert "Vývoz zboží do třetí země" in text(abroad("US", "", Treatment.EXEMPT))
    home = text(abroad("CZ", "", Treatment.EXEMPT))
    assert "Plnění osvobozené od daně (§ 51 zákona č. 235/2004 Sb.)" in home
    assert "osvobozeno" in home


def test_one_stop_shop_names_the_country_of_the_tax() -> None:
    found = text(abroad("DE", "", Treatment.OSS))
    assert "Zvláštní režim jednoho správního místa (OSS), DPH státu Německo." in found
    assert "19 % DE" in found
    # The rate tells that the shop went by the billing address, not by the place of delivery.
    poland = Address(name="X", city="Krakov", country="PL")
    elsewhere = replace(abroad("DE", "", Treatment.OSS), delivery=poland)
    assert "DPH státu Německo." in text(elsewhere)


def test_vouchers_are_outside_vat() -> None:
    found = text(replace(s.INVOICE, lines=(s.line("Poukaz", "500", "0", Treatment.OUTSIDE_SCOPE),)))
    assert "mimo DPH" in found
    assert "daňový doklad" not in found


# --- foreign currency


def test_foreign_currency_declares_vat_at_home_too() -> None:
    found = text(s.FOREIGN)
    assert_in_order(found, "Rekapitulace DPH v CZK", "21 %", "36 104,63", "7 581,97")
    assert "Kurz: 1 EUR = 25,125 CZK (ČNB, 6. 3. 2026)" in found
    assert "K úhradě 3 060,37 €" in found


def test_foreign_currency_without_a_rate_still_renders() -> None:
    found = text(replace(s.FOREIGN, exchange_rate=None))
    assert "K úhradě 3 060,37 €" in found
    assert "v CZK" not in found
