"""What iDoklad says of itself: the form, the settings, what it can do."""

from __future__ import annotations

from spojka.accounting.contract import Capability, Descriptor, Recovery
from spojka.accounting.idoklad.checks import LINKS
from spojka.core.descriptor import FieldKind, FieldSpec
from spojka.net.limits import MINUTE, MONTH, Limit

_WHERE = {
    "en": "In iDoklad: Settings › User settings › API.",
    "cs": "V iDokladu: Nastavení › Uživatelské nastavení › API.",
    "sk": "V iDoklade: Nastavenia › Používateľské nastavenia › API.",
}

_FIELDS = (
    FieldSpec(
        key="client_id",
        label={"en": "Client ID", "cs": "Client ID", "sk": "Client ID"},
        help={
            "en": "Name of the API access of your agenda.",
            "cs": "Jméno přístupu k API vaší agendy.",
            "sk": "Meno prístupu k API vašej agendy.",
        },
        where=_WHERE,
        example="0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
    ),
    FieldSpec(
        key="client_secret",
        label={"en": "Client Secret", "cs": "Client Secret", "sk": "Client Secret"},
        kind=FieldKind.SECRET,
        help={
            "en": "The secret that belongs to the Client ID.",
            "cs": "Tajný klíč, který patří ke Client ID.",
            "sk": "Tajný kľúč, ktorý patrí ku Client ID.",
        },
        where=_WHERE,
    ),
    FieldSpec(
        key="application_id",
        label={"en": "Application ID", "cs": "Application ID", "sk": "Application ID"},
        required=False,
        help={
            "en": "Only if your access asks for it. Empty: the login without an application.",
            "cs": "Jen pokud ho váš přístup vyžaduje. Prázdné: přihlášení bez aplikace.",
            "sk": "Iba ak ho váš prístup vyžaduje. Prázdne: prihlásenie bez aplikácie.",
        },
        where={
            "en": "In the developer portal developer.idoklad.cz, at your application.",
            "cs": "Ve vývojářském portálu developer.idoklad.cz u vaší aplikace.",
            "sk": "Vo vývojárskom portáli developer.idoklad.cz pri vašej aplikácii.",
        },
        example="7f1d0e52-93a4-4c0b-8f6e-2d5b1a3c4e60",
    ),
    FieldSpec(
        key="webhook_id",
        label={
            "en": "Public ID of the webhook",
            "cs": "Veřejné ID webhooku",
            "sk": "Verejné ID webhooku",
        },
        required=False,
        advanced=True,
        help={
            "en": "So that iDoklad reports changes at once. Without it they are read regularly.",
            "cs": "Aby iDoklad hlásil změny hned. Bez něj se čtou pravidelně.",
            "sk": "Aby iDoklad hlásil zmeny hneď. Bez neho sa čítajú pravidelne.",
        },
        where={
            "en": "In the developer portal, once a webhook with our address and your key is there.",
            "cs": "Ve vývojářském portálu, až tam přidáte webhook s naší adresou a vaším klíčem.",
            "sk": "Vo vývojárskom portáli, keď tam pridáte webhook s našou adresou a vaším kľúčom.",
        },
    ),
    FieldSpec(
        key="webhook_secret",
        label={"en": "Key of the webhook", "cs": "Klíč webhooku", "sk": "Kľúč webhooku"},
        kind=FieldKind.SECRET,
        required=False,
        advanced=True,
        help={
            "en": "Make up a long one. iDoklad signs with it, so that nobody else is believed.",
            "cs": "Vymyslete si dlouhý. iDoklad jím podepisuje, aby se nevěřilo nikomu jinému.",
            "sk": "Vymyslite si dlhý. iDoklad ním podpisuje, aby sa neverilo nikomu inému.",
        },
        where={
            "en": "Enter the same key in the developer portal, where the webhook is added.",
            "cs": "Stejný klíč zadejte ve vývojářském portálu, kde se webhook přidává.",
            "sk": "Rovnaký kľúč zadajte vo vývojárskom portáli, kde sa webhook pridáva.",
        },
    ),
    FieldSpec(
        key="address",
        label={"en": "Server address", "cs": "Adresa serveru", "sk": "Adresa servera"},
        kind=FieldKind.URL,
        required=False,
        advanced=True,
        help={
            "en": "Leave empty for the vendor's own server.",
            "cs": "Nechte prázdné pro server výrobce.",
            "sk": "Nechajte prázdne pre server výrobcu.",
        },
    ),
)

_SETTINGS = (
    FieldSpec(
        key="series_invoice",
        label={"en": "Series of invoices", "cs": "Řada faktur", "sk": "Rad faktúr"},
        kind=FieldKind.CHOICE,
        required=False,
        options="series:invoice",
        help={
            "en": "Empty: the agenda's default. A series of its own for the e-shop is best.",
            "cs": "Prázdné: výchozí řada agendy. Nejlepší je vlastní řada pro e-shop.",
            "sk": "Prázdne: predvolený rad agendy. Najlepší je vlastný rad pre e-shop.",
        },
    ),
    FieldSpec(
        key="series_proforma",
        label={
            "en": "Series of proformas",
            "cs": "Řada zálohových faktur",
            "sk": "Rad zálohových faktúr",
        },
        kind=FieldKind.CHOICE,
        required=False,
        options="series:proforma",
    ),
    FieldSpec(
        key="series_credit_note",
        label={"en": "Series of credit notes", "cs": "Řada dobropisů", "sk": "Rad dobropisov"},
        kind=FieldKind.CHOICE,
        required=False,
        options="series:credit_note",
    ),
    FieldSpec(
        key="bank_account",
        label={"en": "Bank account", "cs": "Bankovní účet", "sk": "Bankový účet"},
        kind=FieldKind.CHOICE,
        required=False,
        options="bank_accounts",
        help={
            "en": "Empty: the one in the document's currency.",
            "cs": "Prázdné: účet v měně dokladu.",
            "sk": "Prázdne: účet v mene dokladu.",
        },
    ),
    FieldSpec(
        key="payment_option",
        label={
            "en": "Payment method if none fits",
            "cs": "Způsob úhrady, když žádný neodpovídá",
            "sk": "Spôsob úhrady, keď žiadny nezodpovedá",
        },
        kind=FieldKind.CHOICE,
        required=False,
        options="payment_methods",
    ),
    FieldSpec(
        key="reverse_charge_code",
        label={
            "en": "Code of domestic reverse charge",
            "cs": "Kód tuzemského přenesení daňové povinnosti",
            "sk": "Kód tuzemského prenesenia daňovej povinnosti",
        },
        required=False,
        advanced=True,
        help={
            "en": "From iDoklad's code list; used for reverse charge inside the country.",
            "cs": "Z číselníku iDokladu; použije se u přenesené daňové povinnosti v tuzemsku.",
            "sk": "Z číselníka iDokladu; použije sa pri prenesenej daňovej povinnosti v tuzemsku.",
        },
        example="4",
    ),
)

DESCRIPTOR = Descriptor(
    key="idoklad",
    name="iDoklad",
    markets=("CZ", "SK"),
    summary={
        "en": "Online invoicing by Solitea. API access is part of its higher plans.",
        "cs": "Online fakturace od Solitey. Přístup k API je součástí vyšších tarifů.",
        "sk": "Online fakturácia od Solitey. Prístup k API je súčasťou vyšších programov.",
    },
    fields=_FIELDS,
    capabilities=frozenset(
        {
            Capability.INVOICE,
            Capability.PROFORMA,
            Capability.FINAL,
            Capability.CREDIT_NOTE,
            Capability.PAY,
            Capability.UNPAY,
            Capability.EMAIL,
            Capability.PDF,
            Capability.DELETE,
            Capability.CHANGES,
            Capability.WEBHOOK,
        }
    ),
    recovery=Recovery.NUMBER,
    # 200 a minute; the month is the smaller plan's, and is corrected once the plan is read.
    limits=(Limit(200, MINUTE), Limit(7_500, MONTH)),
    account=("client_id",),
    settings=_SETTINGS,
    links=LINKS,
    hosts=("identity.idoklad.cz", "api.idoklad.cz"),
)
