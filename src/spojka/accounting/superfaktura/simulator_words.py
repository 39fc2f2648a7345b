"""What the SuperFaktura simulator knows by heart: its messages, and the lists of values.

Messages are in the language of the account. The documentation quotes most of them in one language
only; what is translated here is made up after it, the rest is said in that language.
Source of the lists: API documentation, "Value lists"; ids of countries beyond Slovakia and Czechia
are made up.
"""

from __future__ import annotations

WORDS: dict[str, str | tuple[str, str, str]] = {
    "no_right_create": (
        "Nemôžete vytvárať faktúry",
        "Nemůžete vytvářet faktury",
        "You can't create invoice",
    ),
    "guest": (
        "Ako používateľ typu Hosť nemáte oprávnenie na túto akciu.",
        "Jako uživatel typu Host nemáte oprávnění k této akci.",
        "As a guest user you are not authorized to do this.",
    ),
    "no_right_change": (
        "Nemáte právo meniť faktúru",
        "Nemáte právo měnit fakturu",
        "You can't edit this item",
    ),
    "premium": (
        "Musíte mať platné prémiové členstvo",
        "Musíte mít platné prémiové členství",
        "You need a valid premium membership",
    ),
    "login": (
        "Nesprávny prihlasovací e-mail alebo API kľúč",
        "Nesprávný přihlašovací e-mail nebo API klíč",
        "Authentication failed",
    ),
    "no_client": "Missing required client data.",
    "no_items": (
        "Dokument musí obsahovať aspoň jednu položku",
        "Dokument musí obsahovat alespoň jednu položku",
        "The document must contain at least one item",
    ),
    "currency": "Incorrect currency",
    "date": ("Neplatný dátum.", "Neplatné datum.", "Invalid date."),
    "due": (
        "Dátum splatnosti nemôže byť skôr ako dátum vystavenia",
        "Datum splatnosti nemůže být dříve než datum vystavení",
        "The due date cannot be before the issue date",
    ),
    "sequence": ("Neplatný číselný rad", "Neplatná číselná řada", "Invalid sequence"),
    "number": (
        "Faktúra s týmto číslom už existuje",
        "Faktura s tímto číslem již existuje",
        "An invoice with this number already exists",
    ),
    "period": ("Obdobie je uzamknuté", "Období je uzamčeno", "The period is locked"),
    "checksum": (
        "Požiadavka s týmto checksum už bola prijatá",
        "Požadavek s tímto checksum byl již přijat",
        "A request with this checksum already exists",
    ),
    "not_found": "Invoice not found",
    "id_not_found": "Invoice ID not found.",
    "bad_format": "Bad data format.",
    "paid": (
        "Faktúra je už plne uhradená",
        "Faktura je již plně uhrazena",
        "Invoice is already fully paid",
    ),
    "type": "Invalid document type",
    "payment": "Payment not found",
    "payment_gone": ("Platba sa nenašla", "Platba nebyla nalezena", "Payment not found"),
    "payment_id": "Invalid id for invoice payment",
    "recipient": "Please insert valid recipient email address.",
    "emails": (
        "Prekročili ste limit odoslaných e-mailov za hodinu",
        "Překročili jste limit odeslaných e-mailů za hodinu",
        "You have exceeded the limit of emails per hour",
    ),
    "not_cancelled": "Document can not be canceled",
    "not_deleted": "Invoice could not be deleted",
    "foreign": (
        "Snažíte sa označiť cudziu faktúru",
        "Snažíte se označit cizí fakturu",
        "You can't mark this invoice",
    ),
    "post_only": "This method is POST only",
    "saved": ("Úhrada bola uložená", "Úhrada byla uložena", "The payment was saved"),
    "rounding": ("Zaokrúhlenie", "Zaokrouhlení", "Rounding"),
    "regular": ("Faktúra", "Faktura", "Invoice"),
    "proforma": ("Zálohová faktúra", "Zálohová faktura", "Proforma invoice"),
    "cancel": ("Dobropis", "Dobropis", "Credit note"),
    "client_not_found": "Client not found",
    "tag_missing": ("Chýbajúce údaje", "Chybějící údaje", "Missing data"),
    "tag_exists": ("Tento tag už existuje", "Tento tag již existuje", "This tag already exists"),
    "tag_right": ("Nemôžete pridávať tagy", "Nemůžete přidávat tagy", "You can't add tags"),
    "tag_saved": ("Tag bol uložený", "Tag byl uložen", "The tag was saved"),
}
"""One for all, or Slovak, Czech and English."""

CURRENCIES = frozenset(
    {"AUD", "BGN", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HRK", "HUF", "JPY", "LKR",
     "MXN", "PLN", "RON", "RSD", "RUB", "SEK", "USD"}
)  # fmt: skip
TYPES = frozenset(
    ["regular", "proforma", "cancel", "estimate", "order", "delivery", "draft", "reverse_order"]
)
PAYABLE = frozenset({"regular", "proforma", "cancel"})
LANGUAGES = frozenset(
    [
        "cze",
        "deu",
        "eng",
        "hrv",
        "hun",
        "ita",
        "nld",
        "pol",
        "rom",
        "rus",
        "slo",
        "slv",
        "spa",
        "ukr",
    ]
)
COUNTRIES = {
    "SK": (191, "Slovensko"), "CZ": (57, "Česká republika"), "AT": (14, "Rakúsko"),
    "DE": (81, "Nemecko"), "PL": (172, "Poľsko"), "HU": (96, "Maďarsko"), "GB": (225, "UK"),
    "US": (227, "USA"), "FR": (73, "Francúzsko"), "NL": (151, "Holandsko"),
}  # fmt: skip
MASKS = {"regular": "RRRRCCC", "proforma": "ZALRRRRCCC", "cancel": "DOBRRRRCCC"}
HOME = {"SK": "EUR", "CZ": "CZK", "AT": "EUR"}
SYMBOLS = {"EUR": "€", "CZK": "Kč", "USD": "$", "GBP": "£"}


_LANGUAGES = ("slo", "cze", "eng")


def say(language: str, name: str) -> str:
    """Return a message; accounts in other languages are answered in English here."""
    told = WORDS[name]
    if isinstance(told, str):
        return told
    return told[_LANGUAGES.index(language) if language in _LANGUAGES else 2]
