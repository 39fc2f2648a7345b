"""The sample company: a newcomer sees real documents within a minute after the install.

It is fed with orders captured from a real WooCommerce shop (customers are made up), which ship with
the package, through the same import as anybody's file.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from importlib.resources import files

from django.db import transaction
from django.utils import timezone

from spojka.companies.models import BankAccount, Company
from spojka.connections import shops, systems
from spojka.core.dates import local_date
from spojka.core.document import VatMode
from spojka.documents import rulebook
from spojka.documents.emailing import default_templates
from spojka.documents.models import RateOfDay
from spojka.documents.series import add_default_series
from spojka.orders import intake

PLATFORM = "woocommerce"


@transaction.atomic
def create_demo(*, actor: str, language: str = "cs") -> Company:
    """Make the sample company with its orders; documents follow as soon as a worker runs."""
    company = Company.objects.create(
        name="Ukázková firma s.r.o.",
        country="CZ",
        company_id="27082440",
        tax_id="CZ27082440",
        vat_id="CZ27082440",
        vat_mode=VatMode.PAYER.value,
        oss=True,
        street="Vodičkova 12",
        city="Praha 1",
        postcode="110 00",
        register="Zapsáno v obchodním rejstříku u Městského soudu v Praze, oddíl C, vložka 12345",
        email="fakturace@ukazkova-firma.example",
        phone="+420 601 000 000",
        web="www.ukazkova-firma.example",
        issued_by="Jana Ukázková",
        language="cs",
        is_demo=True,
        mode=Company.Mode.LIVE,
    )
    # The account number that Czech banks print in their own examples.
    BankAccount.objects.create(
        company=company,
        currency="CZK",
        number="19-2000145399/0800",
        iban="CZ6508000000192000145399",
        bic="GIBACZPX",
        bank="Česká spořitelna",
    )
    RateOfDay.objects.create(
        company=company,
        home="CZK",
        currency="EUR",
        valid_on=local_date(timezone.now(), company.zone) - timedelta(days=1),
        rate=Decimal("24.310"),
        source="manual",
    )
    add_default_series(company)
    default_templates(company)
    rulebook.apply_template(company, "mixed", actor=actor)
    systems.own_connection(company)
    shop = shops.create(
        company, PLATFORM, "Ukázkový e-shop", {"url": "https://e-shop.example"}, actor=actor
    )
    shop.write_back = False  # there is no shop to write to
    shop.save(update_fields=["write_back"])
    for path in sorted(files("spojka.documents").joinpath("samples").iterdir(), key=str):
        if path.name.endswith(".json"):
            intake.import_file(shop, path.name, path.read_bytes(), actor=actor)
    return company
