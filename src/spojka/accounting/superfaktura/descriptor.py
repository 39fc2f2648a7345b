"""What SuperFaktura is, what its form asks for, and what can be chosen afterwards."""

from __future__ import annotations

from spojka.accounting.contract import Capability, Descriptor, Recovery
from spojka.accounting.superfaktura.client import SERVERS
from spojka.accounting.superfaktura.mapping import WHOLE_ROWS
from spojka.core.descriptor import FieldKind, FieldSpec, Text
from spojka.net.limits import DAY, MONTH, Limit

_API_PAGE: Text = {
    "en": "In SuperFaktura: Tools › API.",
    "cs": "V SuperFaktuře: Nástroje › API.",
    "sk": "V SuperFaktúre: Nástroje › API.",
}
_BY_DEFAULT: Text = {
    "en": "Empty: the one that SuperFaktura has as default.",
    "cs": "Prázdné: ta, kterou má SuperFaktura jako výchozí.",
    "sk": "Prázdne: ten, ktorý má SuperFaktúra ako predvolený.",
}

FIELDS = (
    FieldSpec(
        "server",
        {"en": "Your SuperFaktura", "cs": "Vaše SuperFaktura", "sk": "Vaša SuperFaktúra"},
        FieldKind.CHOICE,
        help={
            "en": "The address at which you log in. A key of one country does not work in another.",
            "cs": "Adresa, na které se přihlašujete. Klíč jedné země v jiné zemi neplatí.",
            "sk": "Adresa, na ktorej sa prihlasujete. Kľúč jednej krajiny v inej krajine neplatí.",
        },
        choices=tuple(
            (host, dict.fromkeys(("en", "cs", "sk"), f"{name} ({host})"))
            for host, name in SERVERS.items()
        ),
        default=next(iter(SERVERS)),
    ),
    FieldSpec(
        "email",
        {"en": "Login e-mail", "cs": "Přihlašovací e-mail", "sk": "Prihlasovací e-mail"},
        FieldKind.EMAIL,
        help={
            "en": "Best of a user made for this purpose, with the role Administrator.",
            "cs": "Nejlépe uživatele založeného k tomuto účelu, s rolí Administrátor.",
            "sk": "Najlepšie používateľa založeného na tento účel, s rolou Administrátor.",
        },
        where=_API_PAGE,
        example="faktury@example.com",
    ),
    FieldSpec(
        "api_key",
        {"en": "API key", "cs": "API klíč", "sk": "API kľúč"},
        FieldKind.SECRET,
        help={
            "en": "Not the password. The API is a part of the paid membership.",
            "cs": "Není to heslo. API je součástí placeného členství.",
            "sk": "Nie je to heslo. API je súčasťou plateného členstva.",
        },
        where=_API_PAGE,
    ),
    FieldSpec(
        "company_id",
        {"en": "Company", "cs": "Firma", "sk": "Firma"},
        required=False,
        help={
            "en": "Which of your companies in SuperFaktura issues the documents (company_id).",
            "cs": "Která z vašich firem v SuperFaktuře doklady vystavuje (company_id).",
            "sk": "Ktorá z vašich firiem v SuperFaktúre doklady vystavuje (company_id).",
        },
        where=_API_PAGE,
        pattern=r"\d{1,12}",
        options="accounts",
    ),
    FieldSpec(
        "address",
        {"en": "Other address", "cs": "Jiná adresa", "sk": "Iná adresa"},
        FieldKind.URL,
        required=False,
        help={
            "en": "Leave empty for the vendor's own server.",
            "cs": "Pro server výrobce nechte prázdné.",
            "sk": "Pre server výrobcu nechajte prázdne.",
        },
        advanced=True,
    ),
)

SETTINGS = (
    FieldSpec(
        "series_invoice",
        {"en": "Series of invoices", "cs": "Řada faktur", "sk": "Rad faktúr"},
        FieldKind.CHOICE,
        required=False,
        help=_BY_DEFAULT,
        options="series:invoice",
    ),
    FieldSpec(
        "series_proforma",
        {
            "en": "Series of proformas",
            "cs": "Řada zálohových faktur",
            "sk": "Rad zálohových faktúr",
        },
        FieldKind.CHOICE,
        required=False,
        help=_BY_DEFAULT,
        options="series:proforma",
    ),
    FieldSpec(
        "series_credit_note",
        {"en": "Series of credit notes", "cs": "Řada dobropisů", "sk": "Rad dobropisov"},
        FieldKind.CHOICE,
        required=False,
        help=_BY_DEFAULT,
        options="series:credit_note",
    ),
    FieldSpec(
        "bank_account",
        {"en": "Bank account", "cs": "Bankovní účet", "sk": "Bankový účet"},
        FieldKind.CHOICE,
        required=False,
        help={
            "en": "The account that stands on documents. Empty: the company's by currency.",
            "cs": "Účet, který stojí na dokladech. Prázdné: účet firmy podle měny.",
            "sk": "Účet, ktorý stojí na dokladoch. Prázdne: účet firmy podľa meny.",
        },
        options="bank_accounts",
    ),
    FieldSpec(
        "tags",
        {"en": "Tags", "cs": "Štítky", "sk": "Štítky"},
        required=False,
        help={
            "en": "Tags that documents get, divided by commas. They have to exist there.",
            "cs": "Štítky, které doklady dostanou, oddělené čárkou. Musí tam existovat.",
            "sk": "Štítky, ktoré doklady dostanú, oddelené čiarkou. Musia tam existovať.",
        },
        example="e-shop",
        advanced=True,
    ),
    FieldSpec(
        "lines",
        {"en": "Lines", "cs": "Řádky", "sk": "Riadky"},
        FieldKind.CHOICE,
        required=False,
        help={
            "en": "How lines of several pieces are sent. Whole lines have no quantity of their "
            "own, and come out the same whatever the unit price is rounded to.",
            "cs": "Jak se posílají řádky s více kusy. Celé řádky nemají vlastní množství a vyjdou "
            "stejně, ať se jednotková cena zaokrouhlí jakkoli.",
            "sk": "Ako sa posielajú riadky s viacerými kusmi. Celé riadky nemajú vlastné množstvo "
            "a vyjdú rovnako, nech sa jednotková cena zaokrúhli akokoľvek.",
        },
        choices=(
            ("", {"en": "with quantity", "cs": "s množstvím", "sk": "s množstvom"}),
            (WHOLE_ROWS, {"en": "whole lines", "cs": "celé řádky", "sk": "celé riadky"}),
        ),
        advanced=True,
    ),
)

DESCRIPTOR = Descriptor(
    key="superfaktura",
    name="SuperFaktura",
    markets=("SK", "CZ", "AT"),
    summary={
        "en": "Online invoicing in Slovakia, Czechia and Austria. Needs a membership with the API.",
        "cs": "Online fakturace na Slovensku, v Česku a Rakousku. Potřebuje členství s API.",
        "sk": "Online fakturácia na Slovensku, v Česku a Rakúsku. Potrebuje členstvo s API.",
    },
    fields=FIELDS,
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
            Capability.CANCEL,
            Capability.DELETE,
            Capability.CHANGES,
            Capability.WEBHOOK,
        }
    ),
    recovery=Recovery.REPLAY,
    # Counted per company, also for keys of several users (observed by an independent client).
    limits=(
        Limit(1000, DAY, time_zone="Europe/Bratislava"),
        Limit(30_000, MONTH, time_zone="Europe/Bratislava"),
    ),
    account=("server", "email", "company_id"),
    settings=SETTINGS,
    hosts=tuple(SERVERS),
    links={
        "home": "https://{server}",
        "api_keys": "https://{server}/api_access",
        "series": "https://{server}/sequences",
        "bank_accounts": "https://{server}/bank_accounts",
        "users": "https://{server}/users/edit_profile/settings",
        "documents": "https://{server}/invoices",
    },
)
