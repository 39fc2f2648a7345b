"""What Fakturoid is and needs, in the words of its forms."""

from __future__ import annotations

from typing import Final

from spojka.accounting.contract import Capability, Descriptor, Limit, Recovery
from spojka.core.descriptor import FieldKind, FieldSpec

HOME: Final = "https://app.fakturoid.cz"
SETTINGS: Final = f"{HOME}/{{slug}}/settings"

_KEYS = {
    "en": "In Fakturoid: Settings › User account › API, add an integration of the kind Client"
    " Credentials.",
    "cs": "Ve Fakturoidu: Nastavení › Uživatelský účet › API, přidejte integraci typu Client"
    " Credentials.",
    "sk": "Vo Fakturoide: Nastavenia › Používateľský účet › API, pridajte integráciu typu Client"
    " Credentials.",
}

FIELDS = (
    FieldSpec(
        key="client_id",
        label={"en": "Client ID", "cs": "Client ID", "sk": "Client ID"},
        help={
            "en": "Public part of the key. It belongs to the user who made it, and may do what that"
            " user may.",
            "cs": "Veřejná část klíče. Patří uživateli, který ho vytvořil, a smí to, co smí on.",
            "sk": "Verejná časť kľúča. Patrí používateľovi, ktorý ho vytvoril, a smie to, čo smie"
            " on.",
        },
        where=_KEYS,
        example="1d4e8a…",
    ),
    FieldSpec(
        key="client_secret",
        kind=FieldKind.SECRET,
        label={"en": "Client Secret", "cs": "Client Secret", "sk": "Client Secret"},
        help={
            "en": "Secret part of the same key. Fakturoid shows it only once.",
            "cs": "Tajná část téhož klíče. Fakturoid ji ukáže jen jednou.",
            "sk": "Tajná časť toho istého kľúča. Fakturoid ju ukáže len raz.",
        },
        where=_KEYS,
    ),
    FieldSpec(
        key="slug",
        kind=FieldKind.CHOICE,
        required=False,
        options="accounts",
        label={"en": "Account", "cs": "Účet", "sk": "Účet"},
        help={
            "en": "Which of the accounts that this user may enter is to issue. With a single one"
            " there is nothing to choose.",
            "cs": "Který z účtů, do nichž tento uživatel smí, má vystavovat. Je-li jen jeden, není"
            " co vybírat.",
            "sk": "Ktorý z účtov, do ktorých tento používateľ smie, má vystavovať. Ak je len jeden,"
            " netreba nič vyberať.",
        },
        where={
            "en": "Read from Fakturoid after logging in. It is the part of the address that follows"
            " app.fakturoid.cz/.",
            "cs": "Načte se z Fakturoidu po přihlášení. V adrese je to část za app.fakturoid.cz/.",
            "sk": "Načíta sa z Fakturoidu po prihlásení. V adrese je to časť za app.fakturoid.cz/.",
        },
        example="mojefirma",
    ),
    FieldSpec(
        key="address",
        kind=FieldKind.URL,
        required=False,
        advanced=True,
        label={"en": "Address of the server", "cs": "Adresa serveru", "sk": "Adresa servera"},
        help={
            "en": "Leave empty for Fakturoid's own server. Another address is for trials, such as"
            " the simulator.",
            "cs": "Nechte prázdné pro vlastní server Fakturoidu. Jiná adresa slouží ke zkouškám,"
            " třeba se simulátorem.",
            "sk": "Nechajte prázdne pre vlastný server Fakturoidu. Iná adresa slúži na skúšky,"
            " napríklad so simulátorom.",
        },
        example="http://127.0.0.1:8090",
    ),
)


def _series(kind: str, en: str, cs: str, sk: str) -> FieldSpec:
    return FieldSpec(
        key=f"series_{kind}",
        kind=FieldKind.CHOICE,
        required=False,
        options="series",
        label={"en": en, "cs": cs, "sk": sk},
        help={
            "en": "Empty: the default number series of the account.",
            "cs": "Prázdné: výchozí číselná řada účtu.",
            "sk": "Prázdne: predvolený číselný rad účtu.",
        },
    )


SETTINGS_FIELDS = (
    _series("invoice", "Series of invoices", "Řada faktur", "Rad faktúr"),
    _series("proforma", "Series of proformas", "Řada zálohových faktur", "Rad zálohových faktúr"),
    _series("credit_note", "Series of credit notes", "Řada dobropisů", "Rad dobropisov"),
    FieldSpec(
        key="bank_account",
        kind=FieldKind.CHOICE,
        required=False,
        options="bank_accounts",
        label={"en": "Bank account", "cs": "Bankovní účet", "sk": "Bankový účet"},
        help={
            "en": "Stands on documents. Empty: the default account of Fakturoid.",
            "cs": "Bude na dokladech. Prázdné: výchozí účet ve Fakturoidu.",
            "sk": "Bude na dokladoch. Prázdne: predvolený účet vo Fakturoide.",
        },
    ),
    FieldSpec(
        key="follow_up",
        kind=FieldKind.CHOICE,
        required=False,
        default="final_invoice",
        choices=(
            (
                "final_invoice",
                {
                    "en": "Nothing by itself: the invoice is issued by rules here",
                    "cs": "Samo nic: fakturu vystaví zdejší pravidla",
                    "sk": "Samo nič: faktúru vystavia tunajšie pravidlá",
                },
            ),
            (
                "final_invoice_paid",
                {
                    "en": "A paid invoice, made by Fakturoid",
                    "cs": "Zaplacená faktura, vystaví ji Fakturoid",
                    "sk": "Zaplatená faktúra, vystaví ju Fakturoid",
                },
            ),
            (
                "tax_document",
                {
                    "en": "A tax document on payment, made by Fakturoid",
                    "cs": "Daňový doklad k přijaté platbě, vystaví ho Fakturoid",
                    "sk": "Daňový doklad k prijatej platbe, vystaví ho Fakturoid",
                },
            ),
            (
                "none",
                {
                    "en": "Nothing at all",
                    "cs": "Vůbec nic",
                    "sk": "Vôbec nič",
                },
            ),
        ),
        label={
            "en": "After a proforma is paid",
            "cs": "Po zaplacení zálohové faktury",
            "sk": "Po zaplatení zálohovej faktúry",
        },
        help={
            "en": "What Fakturoid does when a proforma is paid, by us or by its own bank matching."
            " What it makes by itself is taken over, never issued a second time.",
            "cs": "Co Fakturoid udělá, když se zálohová faktura zaplatí – u nás, nebo jeho vlastním"
            " párováním plateb. Co vystaví sám, to převezmeme a podruhé nevystavíme.",
            "sk": "Čo Fakturoid urobí, keď sa zálohová faktúra zaplatí – u nás, alebo jeho vlastným"
            " párovaním platieb. Čo vystaví sám, to prevezmeme a druhýkrát nevystavíme.",
        },
    ),
    FieldSpec(
        key="oss",
        kind=FieldKind.CHOICE,
        required=False,
        default="goods",
        choices=(
            ("goods", {"en": "Goods", "cs": "Zboží", "sk": "Tovar"}),
            ("service", {"en": "Services", "cs": "Služby", "sk": "Služby"}),
        ),
        label={
            "en": "Sales in the One Stop Shop are",
            "cs": "V režimu jednoho správního místa prodáváte",
            "sk": "V režime jedného miesta predávate",
        },
        help={
            "en": "Fakturoid reports goods and services apart.",
            "cs": "Fakturoid vykazuje zboží a služby zvlášť.",
            "sk": "Fakturoid vykazuje tovar a služby osobitne.",
        },
    ),
    FieldSpec(
        key="supply_code",
        required=False,
        advanced=True,
        label={
            "en": "Code of supply in reverse charge",
            "cs": "Kód předmětu plnění v přenesené povinnosti",
            "sk": "Kód predmetu plnenia v prenesenej povinnosti",
        },
        help={
            "en": "Only for domestic reverse charge: the code of the control statement.",
            "cs": "Jen pro tuzemské přenesení daňové povinnosti: kód do kontrolního hlášení.",
            "sk": "Len pre tuzemské prenesenie daňovej povinnosti: kód do kontrolného výkazu.",
        },
        example="4",
    ),
    FieldSpec(
        key="rounding",
        kind=FieldKind.CHOICE,
        required=False,
        advanced=True,
        default="total",
        choices=(
            (
                "total",
                {
                    "en": "Fakturoid rounds the total",
                    "cs": "Celkovou částku zaokrouhlí Fakturoid",
                    "sk": "Celkovú sumu zaokrúhli Fakturoid",
                },
            ),
            (
                "line",
                {
                    "en": "A line of its own without VAT",
                    "cs": "Vlastním řádkem bez DPH",
                    "sk": "Vlastným riadkom bez DPH",
                },
            ),
        ),
        label={
            "en": "Cash rounding",
            "cs": "Zaokrouhlení hotovosti",
            "sk": "Zaokrúhlenie hotovosti",
        },
        help={
            "en": "Choose the line if documents come back with a total that is not rounded.",
            "cs": "Řádek zvolte, pokud se doklady vracejí s nezaokrouhlenou částkou.",
            "sk": "Riadok zvoľte, ak sa doklady vracajú s nezaokrúhlenou sumou.",
        },
    ),
)

DESCRIPTOR = Descriptor(
    key="fakturoid",
    name="Fakturoid",
    markets=("CZ", "SK"),
    summary={
        "en": "Online invoicing for Czech and Slovak companies, with bank matching.",
        "cs": "Online fakturace pro české a slovenské firmy, s párováním plateb.",
        "sk": "Online fakturácia pre české a slovenské firmy, s párovaním platieb.",
    },
    fields=FIELDS,
    capabilities=frozenset(
        {
            Capability.INVOICE,
            Capability.PROFORMA,
            Capability.FINAL,
            Capability.TAX_DOCUMENT,
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
    recovery=Recovery.SEARCH,
    limits=(Limit(calls=400, seconds=60),),
    account=("client_id",),
    settings=SETTINGS_FIELDS,
    hosts=("app.fakturoid.cz",),
    links={
        # The page of bank accounts is in their documentation; of the others only the folder is.
        "home": HOME,
        "api_keys": HOME,
        "series": SETTINGS,
        "bank_accounts": f"{SETTINGS}/bank_accounts",
        "plan": SETTINGS,
    },
)
