"""The password again before grave changes: nothing is changed without it, and nothing is lost."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from spojka.companies.models import ApiToken, BankAccount, Company, Membership, Role
from spojka.connections.models import MailAccount
from spojka.web.confirmation import KEEP_SECONDS
from tests.safety.routes import contents, furnish, pages, things
from tests.web.conftest import log_in

PASSWORD = "dlouhé heslo na dveře"
GUARDED = {
    "settings/accounts/new/": {"currency": "PLN", "iban": "PL61109010140000071219812874"},
    "settings/accounts/{account}/": {"delete": "1"},
    "settings/shops/new/woocommerce/": {"field-key": "ck_0123456789"},
    "settings/shops/{shop}/": {"form": "access", "field-key": "ck_0123456789"},
    "setup/shop/": {"platform": "woocommerce", "field-key": "ck_0123456789"},
    "settings/email/": {"form": "account", "host": "mail.evil.example"},
    "settings/users/": {"email": "thief@example.com", "role": "owner"},
    "settings/users/{member}/": {"role": "owner"},
    "settings/tokens/": {"name": "thief", "role": "accountant"},
    "settings/tokens/{token}/revoke/": {},
}


@pytest.fixture
def jana(empty: Company) -> User:
    user = User.objects.create_user("jana@example.com", password=PASSWORD)
    Membership.objects.create(user=user, company=empty, role=Role.OWNER)
    return user


def enter() -> Client:
    client = Client()
    client.cookies["django_language"] = "en"
    client.post("/login/", {"username": "jana@example.com", "password": PASSWORD})
    return client


def sealed_in(answer: Any) -> str:
    found = re.search(r'name="confirm_sealed" value="([^"]+)"', answer.content.decode())
    assert found is not None
    return found[1]


def test_grave_changes_need_a_fresh_password(jana: User, empty: Company) -> None:
    furnish(empty)
    shop = empty.shops.create(platform="woocommerce", name="E-shop")
    named = {
        "account": empty.bank_accounts.get().pk,
        "shop": shop.pk,
        "member": empty.memberships.exclude(user=jana).get().pk,
        "token": empty.api_tokens.get().pk,
    }
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = enter()
        clock.shift(timedelta(minutes=10, seconds=1))
        before = contents()
        for route, form in GUARDED.items():
            address = f"/c/{empty.pk}/{route.format(**named)}"
            answer = client.post(address, form)
            assert answer.status_code == 403, address
            assert b"Is it you?" in answer.content
            shown = answer.content.decode()
            assert not any(len(value) > 10 and value in shown for value in form.values()), address
            wrong = client.post(
                address, {"confirm_password": "wrong", "confirm_sealed": sealed_in(answer)}
            )
            if wrong.status_code == 429:  # as many as at the log-in page
                break
            assert wrong.status_code == 403
            assert b"This is not your password." in wrong.content
        else:
            pytest.fail("wrong passwords are not counted")
        for address in (f"/c/{empty.pk}/{route.format(**named)}" for route in GUARDED):
            assert client.post(address, GUARDED[next(iter(GUARDED))]).status_code == 403
        assert {k: v for k, v in contents().items() if not k.startswith(AUDITED)} == {
            k: v for k, v in before.items() if not k.startswith(AUDITED)
        }


def test_every_page_that_takes_secrets_or_accounts_asks(furnished: Company) -> None:
    """Whoever adds such a page is reminded of the password; the list above is not enough."""
    named = things(furnished)
    addresses = [page.address(furnished, named) for page in pages() if page.of_company]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = log_in(furnished)
        clock.shift(timedelta(minutes=11))
        taking = [
            address
            for address in addresses
            if re.search(rb'type="password"|name="iban"', client.get(address).content)
        ]
        assert {address.partition("settings/")[2].partition("/")[0] for address in taking} >= {
            "accounts",
            "email",
            "shops",
        }
        for address in taking:
            answer = client.post(address)
            assert answer.status_code == 403, address
            assert "confirm_sealed" in answer.content.decode(), address


# Wrong passwords are counted, and the lock-out is in the audit log.
AUDITED = ("axes.", "companies.AuditEntry", "companies.ChainHead")


def test_what_was_entered_is_kept_until_the_password_is_right(jana: User, empty: Company) -> None:
    address = f"/c/{empty.pk}/settings/accounts/new/"
    entered = {"currency": "EUR", "iban": "CZ6508000000192000145399"}
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = enter()
        clock.shift(timedelta(minutes=11))
        assert client.get(address).status_code == 200  # looking is free
        sealed = sealed_in(client.post(address, entered))
        done = client.post(address, {"confirm_password": PASSWORD, "confirm_sealed": sealed})
        assert done.status_code == 302, done.content
        assert BankAccount.objects.get().iban == entered["iban"]
        clock.shift(timedelta(minutes=9))
        form = {"name": "script", "role": "viewer"}
        assert client.post(f"/c/{empty.pk}/settings/tokens/", form).status_code == 200
        assert ApiToken.objects.count() == 1
        clock.shift(timedelta(minutes=2))
        assert client.post(f"/c/{empty.pk}/settings/tokens/", form).status_code == 403


def test_what_was_entered_belongs_to_one_page_and_one_session(jana: User, empty: Company) -> None:
    account, mail = f"/c/{empty.pk}/settings/accounts/new/", f"/c/{empty.pk}/settings/email/"
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client, other = enter(), enter()
        clock.shift(timedelta(minutes=11))
        sealed = sealed_in(client.post(account, {"currency": "EUR"}))
        for who, address, blob in [
            (client, mail, sealed),
            (other, account, sealed),
            (client, account, sealed[:-4] + "AAAA"),
            (client, account, ""),
            (client, account, "ř"),
        ]:
            form = {"confirm_password": PASSWORD, "confirm_sealed": blob}
            answer = who.post(address, form)
            assert (answer.status_code, answer["Location"]) == (302, address)
        clock.shift(timedelta(seconds=KEEP_SECONDS + 1))
        late = client.post(account, {"confirm_password": PASSWORD, "confirm_sealed": sealed})
        assert late.status_code == 302
    assert not BankAccount.objects.exists() and not MailAccount.objects.exists()
