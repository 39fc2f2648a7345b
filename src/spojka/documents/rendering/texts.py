"""The words printed on documents, in Czech, Slovak and English.

Titles and mentions follow the statutes of the two home markets: § 29, 42 and 45 of the Czech VAT
act (235/2004 Sb.), § 435 of the Czech civil code, § 74 of the Slovak VAT act (222/2004 Z. z.).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_TABLE: dict[str, tuple[str, str, str]] = {
    # --- titles
    "invoice": ("Faktura", "Faktúra", "Invoice"),
    "invoice.tax": ("Faktura – daňový doklad", "Faktúra – daňový doklad", "Invoice – tax document"),
    "proforma": (
        "Zálohová faktura – není daňový doklad",
        "Zálohová faktúra – nie je daňový doklad",
        "Proforma invoice – not a tax document",
    ),
    "tax_document": (
        "Daňový doklad k přijaté platbě",
        "Daňový doklad k prijatej platbe",
        "Tax document on payment received",
    ),
    "credit_note": ("Dobropis", "Dobropis", "Credit note"),
    "credit_note.tax": (
        "Opravný daňový doklad (dobropis)",
        "Opravná faktúra (dobropis)",
        "Credit note – corrective tax document",
    ),
    # --- parties
    "seller": ("Dodavatel", "Dodávateľ", "Seller"),
    "customer": ("Odběratel", "Odberateľ", "Customer"),
    "delivery": ("Dodací adresa", "Dodacia adresa", "Delivery address"),
    "company_id": ("IČO", "IČO", "Company ID"),
    "tax_id": ("DIČ", "DIČ", "Tax ID"),
    "vat_id.cz": ("DIČ", "DIČ", "VAT ID"),
    "vat_id.sk": ("IČ DPH", "IČ DPH", "VAT ID"),
    "vat_id": ("DIČ / VAT ID", "IČ DPH / VAT ID", "VAT ID"),
    "non_payer": ("Neplátce DPH", "Neplatiteľ DPH", "Not VAT registered"),
    "identified.cz": (
        "Identifikovaná osoba, není plátcem DPH v tuzemsku",
        "Identifikovaná osoba, nie je platiteľom DPH v tuzemsku",
        "Identified person, not a VAT payer at home",
    ),
    "identified.sk": (
        "Osoba registrovaná k DPH podle § 7 nebo 7a, není plátcem DPH",
        "Osoba registrovaná pre DPH podľa § 7 alebo 7a, nie je platiteľom DPH",
        "Registered for VAT under § 7 or 7a, not a VAT payer",
    ),
    # --- facts
    "issued_on": ("Datum vystavení", "Dátum vystavenia", "Issue date"),
    "taxable_on": (
        "Datum uskutečnění zdanitelného plnění",
        "Dátum dodania",
        "Date of taxable supply",
    ),
    "received_on": ("Datum přijetí platby", "Dátum prijatia platby", "Payment received on"),
    "due_on": ("Datum splatnosti", "Dátum splatnosti", "Due date"),
    "payment_method": ("Způsob platby", "Spôsob platby", "Payment method"),
    "shipping_method": ("Způsob dopravy", "Spôsob dopravy", "Delivery method"),
    "order_number": ("Číslo objednávky", "Číslo objednávky", "Order number"),
    "customer_reference": ("Vaše objednávka", "Vaša objednávka", "Your reference"),
    "variable_symbol": ("Variabilní symbol", "Variabilný symbol", "Variable symbol"),
    "constant_symbol": ("Konstantní symbol", "Konštantný symbol", "Constant symbol"),
    "specific_symbol": ("Specifický symbol", "Špecifický symbol", "Specific symbol"),
    "corrects": ("Opravuje doklad", "Opravuje doklad", "Corrects document"),
    "for_proforma": ("K zálohové faktuře", "K zálohovej faktúre", "For proforma invoice"),
    "dated": ("{number} ze dne {date}", "{number} zo dňa {date}", "{number} of {date}"),
    "reason": ("Důvod opravy", "Dôvod opravy", "Reason for correction"),
    # --- ways of paying
    "pay.transfer": ("Bankovní převod", "Bankový prevod", "Bank transfer"),
    "pay.card": ("Platba kartou", "Platba kartou", "Payment card"),
    "pay.cash": ("Hotově", "V hotovosti", "Cash"),
    "pay.cod": ("Dobírka", "Dobierka", "Cash on delivery"),
    # --- items
    "description": ("Popis", "Popis", "Description"),
    "quantity": ("Množství", "Množstvo", "Quantity"),
    "unit_price": ("Cena za jedn.", "Cena za jedn.", "Unit price"),
    "unit_price.tax": ("Jedn. cena bez DPH", "Jedn. cena bez DPH", "Unit price excl. VAT"),
    "rate": ("DPH", "DPH", "VAT"),
    "net": ("Bez DPH", "Bez DPH", "Excl. VAT"),
    "tax": ("Částka DPH", "Suma DPH", "VAT amount"),
    "gross": ("Celkem s DPH", "Spolu s DPH", "Total incl. VAT"),
    "line_total": ("Celkem", "Spolu", "Total"),
    "ean": ("EAN {code}", "EAN {code}", "EAN {code}"),
    # --- recapitulation
    "recap": ("Rekapitulace DPH", "Rekapitulácia DPH", "VAT summary"),
    "recap.home": (
        "Rekapitulace DPH v {currency}",
        "Rekapitulácia DPH v {currency}",
        "VAT summary in {currency}",
    ),
    "recap.rate": ("Sazba", "Sadzba", "Rate"),
    "recap.base": ("Základ daně", "Základ dane", "Tax base"),
    "recap.base.difference": ("Rozdíl základu", "Rozdiel základu", "Base difference"),
    "recap.tax": ("DPH", "DPH", "VAT"),
    "recap.tax.difference": ("Rozdíl DPH", "Rozdiel DPH", "VAT difference"),
    "recap.gross": ("Celkem", "Spolu", "Total"),
    "recap.full": ("Celé plnění", "Celé plnenie", "Full supply"),
    "recap.claimed": (
        "Odečet zdaněné zálohy {number}",
        "Odpočet zdaneného preddavku {number}",
        "Deducted taxed deposit {number}",
    ),
    "recap.remainder": ("Zbývá vyúčtovat", "Zostáva vyúčtovať", "Remainder"),
    "exchange_rate": (
        "Kurz: {amount} {currency} = {rate} {home}",
        "Kurz: {amount} {currency} = {rate} {home}",
        "Exchange rate: {amount} {currency} = {rate} {home}",
    ),
    "treatment.exempt": ("osvobozeno", "oslobodené", "exempt"),
    "treatment.reverse_charge": ("přenesená DP", "prenesená DP", "reverse charge"),
    "treatment.outside_scope": ("mimo DPH", "mimo DPH", "outside VAT"),
    "treatment.not_a_payer": ("bez DPH", "bez DPH", "no VAT"),
    # --- totals
    "total.net": ("Celkem bez DPH", "Spolu bez DPH", "Total excl. VAT"),
    "total.tax": ("DPH", "DPH", "VAT"),
    "total.rounding": ("Zaokrouhlení", "Zaokrúhlenie", "Rounding"),
    "total": ("Celkem", "Spolu", "Total"),
    "total.gross": ("Celkem s DPH", "Spolu s DPH", "Total incl. VAT"),
    "total.deducted": (
        "Odečtená záloha {number}",
        "Odpočítaná záloha {number}",
        "Deducted deposit {number}",
    ),
    "total.paid": ("Uhrazeno", "Uhradené", "Paid"),
    "total.returned": ("Vráceno", "Vrátené", "Refunded"),
    "amount_due": ("K úhradě", "Na úhradu", "Amount due"),
    "amount_back": ("K vrácení", "Na vrátenie", "To be refunded"),
    # --- state
    "paid": ("Uhrazeno", "Uhradené", "Paid"),
    "paid_on": ("Uhrazeno {date}", "Uhradené {date}", "Paid on {date}"),
    "settled": ("Vypořádáno", "Vysporiadané", "Settled"),
    "do_not_pay": (
        "Neplaťte, již uhrazeno.",
        "Neplaťte, už uhradené.",
        "Already paid, please do not pay again.",
    ),
    "cancelled": ("Stornováno", "Stornované", "Cancelled"),
    "test": ("TEST", "TEST", "TEST"),
    "test.note": (
        "Zkušební doklad. Nejde o účetní ani daňový doklad.",
        "Skúšobný doklad. Nejde o účtovný ani daňový doklad.",
        "Test document. Not an accounting or tax document.",
    ),
    # --- payment
    "payment": ("Platební údaje", "Platobné údaje", "Payment details"),
    "account": ("Číslo účtu", "Číslo účtu", "Account number"),
    "bank": ("Banka", "Banka", "Bank"),
    "qr.spayd": ("QR Platba", "QR Platba", "QR Platba"),
    "qr.bysquare": ("PAY by square", "PAY by square", "PAY by square"),
    "qr.epc": ("SEPA QR platba", "SEPA QR platba", "SEPA QR payment"),
    "qr.alt": ("QR kód s platebními údaji", "QR kód s platobnými údajmi", "QR code to pay by"),
    "logo.alt": ("Logo dodavatele", "Logo dodávateľa", "Logo of the seller"),
    # --- mentions
    "mention.non_payer": ("Nejsem plátce DPH.", "Nie som platiteľ DPH.", "Not VAT registered."),
    "mention.reverse_charge": (
        "Daň odvede zákazník.",
        "Prenesenie daňovej povinnosti.",
        "Reverse charge.",
    ),
    "mention.intra_community": (
        "Dodání zboží do jiného členského státu EU, osvobozeno od daně ({law}).",
        "Dodanie tovaru do iného členského štátu EÚ, oslobodené od dane ({law}).",
        "Intra-Community supply of goods, exempt from VAT ({law}).",
    ),
    "mention.export": (
        "Vývoz zboží do třetí země, osvobozeno od daně ({law}).",
        "Vývoz tovaru do tretieho štátu, oslobodené od dane ({law}).",
        "Export of goods to a third country, exempt from VAT ({law}).",
    ),
    "mention.exempt": (
        "Plnění osvobozené od daně ({law}).",
        "Dodanie je oslobodené od dane ({law}).",
        "Supply exempt from VAT ({law}).",
    ),
    "mention.oss": (
        "Zvláštní režim jednoho správního místa (OSS), DPH státu {country}.",
        "Osobitná úprava jediného kontaktného miesta (OSS), DPH štátu {country}.",
        "Special scheme One Stop Shop (OSS), VAT of {country}.",
    ),
    "mention.outside_scope": (
        "Položky označené „mimo DPH“ nejsou předmětem daně.",
        "Položky označené „mimo DPH“ nie sú predmetom dane.",
        "Items marked “outside VAT” are outside the scope of VAT.",
    ),
    "law.intra_community.cz": (
        "§ 64 zákona č. 235/2004 Sb.",
        "§ 64 zákona č. 235/2004 Sb.",
        "§ 64 of the Czech VAT Act",
    ),
    "law.export.cz": (
        "§ 66 zákona č. 235/2004 Sb.",
        "§ 66 zákona č. 235/2004 Sb.",
        "§ 66 of the Czech VAT Act",
    ),
    "law.exempt.cz": (
        "§ 51 zákona č. 235/2004 Sb.",
        "§ 51 zákona č. 235/2004 Sb.",
        "§ 51 of the Czech VAT Act",
    ),
    "law.intra_community.sk": (
        "§ 43 zákona č. 222/2004 Z. z.",
        "§ 43 zákona č. 222/2004 Z. z.",
        "§ 43 of the Slovak VAT Act",
    ),
    "law.export.sk": (
        "§ 47 zákona č. 222/2004 Z. z.",
        "§ 47 zákona č. 222/2004 Z. z.",
        "§ 47 of the Slovak VAT Act",
    ),
    "law.exempt.sk": (
        "§ 28 až 42 zákona č. 222/2004 Z. z.",
        "§ 28 až 42 zákona č. 222/2004 Z. z.",
        "§ 28 to 42 of the Slovak VAT Act",
    ),
    "law.intra_community": (
        "čl. 138 směrnice 2006/112/ES",
        "čl. 138 smernice 2006/112/ES",
        "Art. 138 of Directive 2006/112/EC",
    ),
    "law.export": (
        "čl. 146 směrnice 2006/112/ES",
        "čl. 146 smernice 2006/112/ES",
        "Art. 146 of Directive 2006/112/EC",
    ),
    "law.exempt": (
        "čl. 132 a násl. směrnice 2006/112/ES",
        "čl. 132 a nasl. smernice 2006/112/ES",
        "Art. 132 ff. of Directive 2006/112/EC",
    ),
    # --- foot
    "issued_by": ("Vystavil: {name}", "Vystavil: {name}", "Issued by: {name}"),
    "page": ("Strana", "Strana", "Page"),
    "phone": ("Tel.", "Tel.", "Tel."),
}


def _column(index: int) -> Mapping[str, str]:
    return MappingProxyType({key: row[index] for key, row in _TABLE.items()})


TEXTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {language: _column(index) for index, language in enumerate(("cs", "sk", "en"))}
)
"""Texts by language, then by key. Every key exists in every language."""
