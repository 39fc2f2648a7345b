"""From an empty installation to a company of one's own."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from spojka.companies.models import AuditEntry, Company, Membership
from spojka.connections import shops
from spojka.documents.models import Document
from spojka.engine import runner
from spojka.web.forms.company import FirstCompanyForm, to_iban
from tests.web.conftest import CAPTURED, log_in

pytestmark = pytest.mark.django_db

COMPANY = {
    "country": "CZ",
    "name": "Moje firma s.r.o.",
    "company_id": "27082440",
    "vat_mode": "payer",
    "tax_id": "CZ27082440",
    "street": "Dlouhá 1",
    "postcode": "110 00",
    "city": "Praha",
    "account": "19-2000145399/0800",
}


@pytest.mark.parametrize("address", ["/", "/login/", "/c/1/", "/help/", "/setup/company/"])
def test_every_address_of_an_empty_installation_leads_to_the_setup(address: str) -> None:
    answer = Client().get(address, follow=True)
    assert answer.redirect_chain[-1][0] == "/setup/"
    assert answer.status_code == 200


def test_the_first_user_is_made_once() -> None:
    owner = {"email": "jana@example.com", "password": "dlouhé heslo na dveře", "language": "sk"}
    client = Client()
    answer = client.post("/setup/", owner)
    assert answer.status_code == 302
    assert answer.cookies["django_language"].value == "sk"
    assert User.objects.get().check_password(owner["password"])
    assert AuditEntry.objects.get().action == "user.created"
    again = Client().post("/setup/", {**owner, "email": "thief@example.com"})
    assert again.status_code == 302
    assert User.objects.count() == 1


def test_a_weak_password_is_refused() -> None:
    owner = {"email": "jana@example.com", "password": "heslo", "language": "cs"}
    assert Client().post("/setup/", owner).status_code == 200
    assert not User.objects.exists()


def test_the_sample_company_is_made_once_and_issues_documents() -> None:
    user = User.objects.create_user("jana@example.com")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/setup/demo/").status_code == 302
    assert client.post("/setup/demo/").status_code == 302
    company = Company.objects.get()
    assert 'hx-trigger="every 2s"' in client.get(f"/c/{company.pk}/").content.decode()
    runner.run_until_idle(60)
    assert Document.objects.filter(company=company, state="issued").count() > 10
    assert 'hx-trigger="every 2s"' not in client.get(f"/c/{company.pk}/").content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"company_id": "27082441"}, "company_id"),
        ({"tax_id": ""}, "tax_id"),
        ({"tax_id": "CZ1"}, "tax_id"),
        ({"account": "19-2000145398/0800"}, "account"),
        ({"account": "CZ6508000000192000145398"}, "account"),
        ({"country": "SK", "tax_id": "2020273893", "vat_id": ""}, "vat_id"),
        ({"country": "SK", "tax_id": "2020273893", "vat_id": "SK2020273894"}, "vat_id"),
        ({"country": "DE", "vat_id": "DE1"}, "vat_id"),
    ],
)
def test_what_is_wrong_with_a_company_is_said_at_its_field(
    change: dict[str, str], field: str
) -> None:
    assert FirstCompanyForm(COMPANY).is_valid()
    form = FirstCompanyForm({**COMPANY, **change})
    assert not form.is_valid()
    assert list(form.errors) == [field]


def test_a_czech_payers_numbers_follow_from_each_other() -> None:
    form = FirstCompanyForm({**COMPANY, "tax_id": "27082440"})
    assert form.is_valid()
    assert form.cleaned_data["tax_id"] == form.cleaned_data["vat_id"] == "CZ27082440"


def test_an_account_number_becomes_its_iban() -> None:
    # The example that Czech banks print: 19-2000145399/0800 is CZ65 0800 0000 1920 0014 5399.
    assert to_iban("19-2000145399/0800", "CZ") == "CZ6508000000192000145399"
    assert to_iban("2000145399/0800", "CZ")[4:] == "08000000002000145399"


def test_the_wizard_leads_to_a_company_that_issues(tmp_path: Any) -> None:
    user = User.objects.create_user("jana@example.com")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/setup/company/", COMPANY)
    company = Company.objects.get()
    assert answer["Location"] == reverse("web:setup_shop", args=[company.pk])
    assert Membership.objects.get().company == company
    account = company.bank_accounts.get()
    assert (account.iban, account.currency) == ("CZ6508000000192000145399", "CZK")
    shop = {"platform": "canonical", "name": "Můj e-shop"}
    answer = client.post(reverse("web:setup_shop", args=[company.pk]), shop)
    assert answer["Location"] == reverse("web:setup_accounting", args=[company.pk])
    assert client.get(answer["Location"]).status_code == 200
    rules = reverse("web:setup_rules", args=[company.pk])
    client.post(rules, {"template": "card"})
    assert company.rules.count() == 2
    client.post(reverse("web:setup_switch_on", args=[company.pk]), {"mode": "live"})
    company.refresh_from_db()
    assert company.mode == "live"


def test_a_new_company_only_observes(empty: Company) -> None:
    assert empty.mode == Company.Mode.OBSERVE


def test_an_imported_file_says_what_became_of_each_order(empty: Company) -> None:
    client = log_in(empty)
    shop = shops.create(empty, "woocommerce", "WC", {"url": "https://a.example"}, actor="test")
    address = reverse("web:shop_import", args=[empty.pk, shop.pk])
    with (CAPTURED / "store-01-multi-vat-shipping.json").open("rb") as file:
        page = client.post(address, {"file": file}).content.decode()
    assert "new: 1" in page
    with (CAPTURED / "store-01-multi-vat-shipping.json").open("rb") as file:
        page = client.post(address, {"file": file}).content.decode()
    assert "the same as before: 1" in page


def test_a_shops_form_demands_what_its_platform_declares(empty: Company) -> None:
    client = log_in(empty)
    address = reverse("web:settings_shop_new", args=[empty.pk, "woocommerce"])
    page = client.post(address, {"name": "WC", "field-url": "not an address"})
    assert page.status_code == 200
    assert not empty.shops.exists()
    assert page.content.decode().count('aria-invalid="true"') == 3
