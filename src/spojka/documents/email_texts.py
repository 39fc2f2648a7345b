"""The e-mails that a new company begins with; it may rewrite them as it likes."""

from __future__ import annotations

from dataclasses import dataclass

from spojka.core.document import Kind


@dataclass(frozen=True, slots=True)
class EmailText:
    """One text. Variables in braces are those of :mod:`spojka.core.variables`."""

    event: str
    kind: str
    language: str
    subject: str
    body: str


_SIGNATURES = {
    "cs": "Hezký den\n{company.name}",
    "sk": "Pekný deň\n{company.name}",
    "en": "Kind regards\n{company.name}",
}

_GREETINGS = {"cs": "Dobrý den,", "sk": "Dobrý deň,", "en": "Hello,"}


def _text(event: str, kind: str, language: str, subject: str, *paragraphs: str) -> EmailText:
    body = "\n\n".join((_GREETINGS[language], *paragraphs, _SIGNATURES[language]))
    return EmailText(event, kind, language, subject, f"{body}\n")


TEXTS = (
    _text(
        "issued",
        Kind.INVOICE.value,
        "cs",
        "Faktura {document.number} k objednávce {order.number}",
        "děkujeme za váš nákup! Fakturu k objednávce {order.number} najdete v příloze.",
        "Číslo faktury: {document.number}\n"
        "Celkem: {document.total} {document.currency}\n"
        "Zbývá zaplatit: {document.amount_due} {document.currency}, splatnost {document.due_on}\n"
        "Variabilní symbol: {document.variable_symbol}",
        "Kdyby cokoli nesedělo, stačí na tento e-mail odpovědět.",
    ),
    _text(
        "issued",
        Kind.INVOICE.value,
        "sk",
        "Faktúra {document.number} k objednávke {order.number}",
        "ďakujeme za váš nákup! Faktúru k objednávke {order.number} nájdete v prílohe.",
        "Číslo faktúry: {document.number}\n"
        "Spolu: {document.total} {document.currency}\n"
        "Zostáva zaplatiť: {document.amount_due} {document.currency}, splatnosť {document.due_on}\n"
        "Variabilný symbol: {document.variable_symbol}",
        "Keby čokoľvek nesedelo, stačí na tento e-mail odpovedať.",
    ),
    _text(
        "issued",
        Kind.INVOICE.value,
        "en",
        "Invoice {document.number} for your order {order.number}",
        "Thank you for your order! The invoice for order {order.number} is attached.",
        "Invoice number: {document.number}\n"
        "Total: {document.total} {document.currency}\n"
        "Left to pay: {document.amount_due} {document.currency}, due on {document.due_on}\n"
        "Payment reference: {document.variable_symbol}",
        "If anything is not right, just reply to this e-mail.",
    ),
    _text(
        "issued",
        Kind.PROFORMA.value,
        "cs",
        "Podklady k platbě objednávky {order.number}",
        "děkujeme za objednávku {order.number}! V příloze posíláme zálohovou fakturu. "
        "Jakmile platbu přijmeme, pustíme se do toho.",
        "K úhradě: {document.amount_due} {document.currency} do {document.due_on}\n"
        "IBAN: {document.iban}\n"
        "Variabilní symbol: {document.variable_symbol}",
        "Pokud jste už zaplatili, berte prosím tuto zprávu jen na vědomí.",
    ),
    _text(
        "issued",
        Kind.PROFORMA.value,
        "sk",
        "Podklady na platbu objednávky {order.number}",
        "ďakujeme za objednávku {order.number}! V prílohe posielame zálohovú faktúru. "
        "Len čo platbu prijmeme, pustíme sa do toho.",
        "Na úhradu: {document.amount_due} {document.currency} do {document.due_on}\n"
        "IBAN: {document.iban}\n"
        "Variabilný symbol: {document.variable_symbol}",
        "Ak ste už zaplatili, berte túto správu, prosím, len na vedomie.",
    ),
    _text(
        "issued",
        Kind.PROFORMA.value,
        "en",
        "Payment details for your order {order.number}",
        "Thank you for your order {order.number}! A proforma invoice is attached. "
        "As soon as your payment arrives, we will get to work.",
        "To pay: {document.amount_due} {document.currency} by {document.due_on}\n"
        "IBAN: {document.iban}\n"
        "Payment reference: {document.variable_symbol}",
        "If you have paid already, there is nothing more to do.",
    ),
    _text(
        "issued",
        Kind.TAX_DOCUMENT.value,
        "cs",
        "Daňový doklad {document.number} k platbě objednávky {order.number}",
        "platbu za objednávku {order.number} jsme v pořádku přijali, děkujeme. "
        "V příloze posíláme daňový doklad {document.number} k přijaté platbě.",
        "Fakturu dostanete, jakmile objednávku vyřídíme.",
    ),
    _text(
        "issued",
        Kind.TAX_DOCUMENT.value,
        "sk",
        "Daňový doklad {document.number} k platbe objednávky {order.number}",
        "platbu za objednávku {order.number} sme v poriadku prijali, ďakujeme. "
        "V prílohe posielame daňový doklad {document.number} k prijatej platbe.",
        "Faktúru dostanete, len čo objednávku vybavíme.",
    ),
    _text(
        "issued",
        Kind.TAX_DOCUMENT.value,
        "en",
        "Tax document {document.number} for the payment of order {order.number}",
        "Your payment for order {order.number} has arrived, thank you. "
        "The tax document {document.number} for it is attached.",
        "The invoice follows as soon as your order is completed.",
    ),
    _text(
        "issued",
        Kind.CREDIT_NOTE.value,
        "cs",
        "Dobropis {document.number} k objednávce {order.number}",
        "k objednávce {order.number} jsme vystavili dobropis {document.number}, najdete ho "
        "v příloze. Opravuje doklad {document.original_number}.",
        "Částka: {document.total} {document.currency}",
        "Budete-li mít dotaz, stačí na tento e-mail odpovědět.",
    ),
    _text(
        "issued",
        Kind.CREDIT_NOTE.value,
        "sk",
        "Dobropis {document.number} k objednávke {order.number}",
        "k objednávke {order.number} sme vystavili dobropis {document.number}, nájdete ho "
        "v prílohe. Opravuje doklad {document.original_number}.",
        "Suma: {document.total} {document.currency}",
        "Ak budete mať otázku, stačí na tento e-mail odpovedať.",
    ),
    _text(
        "issued",
        Kind.CREDIT_NOTE.value,
        "en",
        "Credit note {document.number} for your order {order.number}",
        "We have issued the credit note {document.number} for order {order.number}; it is "
        "attached. It corrects the document {document.original_number}.",
        "Amount: {document.total} {document.currency}",
        "If you have a question, just reply to this e-mail.",
    ),
    _text(
        "paid",
        "",
        "cs",
        "Platba objednávky {order.number} dorazila",
        "platba za objednávku {order.number} (doklad {document.number}) je u nás. Děkujeme!",
    ),
    _text(
        "paid",
        "",
        "sk",
        "Platba objednávky {order.number} dorazila",
        "platba za objednávku {order.number} (doklad {document.number}) je u nás. Ďakujeme!",
    ),
    _text(
        "paid",
        "",
        "en",
        "Your payment for order {order.number} has arrived",
        "The payment for order {order.number} (document {document.number}) is here. Thank you!",
    ),
)
