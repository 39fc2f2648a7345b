"""What can be done with orders, documents and rules, and what is confirmed first."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile as File
from django.test import Client
from django.urls import reverse

from spojka.archive.models import Entry
from spojka.companies.models import ApiToken, AuditEntry, Company, Membership, Role
from spojka.connections import shops
from spojka.documents.models import Document, RuleRow, Series
from spojka.engine import runner
from tests.web.conftest import PNG, log_in


def issued(company: Company, kind: str = "invoice", *, paid: bool | None = None) -> Document:
    rows = Document.objects.filter(company=company, kind=kind, state="issued")
    found = next(row for row in rows if paid is None or row.is_paid == paid)
    assert found.number
    return found


def test_a_payment_is_recorded(client: Client, full: Company) -> None:
    document = issued(full, "proforma", paid=False)
    address = reverse("web:pay", args=[full.pk, document.pk])
    assert client.post(address, {"paid_on": "2026-11-22"}).status_code == 302
    runner.run_until_idle(30)
    document.refresh_from_db()
    assert document.is_paid


def test_too_large_a_payment_is_refused_with_its_code(client: Client, full: Company) -> None:
    document = issued(full, "proforma", paid=False)
    address = reverse("web:pay", args=[full.pk, document.pk])
    page = client.post(address, {"paid_on": "2026-11-22", "amount": "999999"}, follow=True)
    assert b"SPJ-PAYMENT-AMOUNT" in page.content


def test_cancelling_asks_for_the_number(client: Client, full: Company) -> None:
    document = issued(full, "proforma", paid=False)
    address = reverse("web:cancel", args=[full.pk, document.pk])
    assert "stays taken" in client.get(address).content.decode()
    assert client.post(address, {"typed": "yes"}).status_code == 200
    document.refresh_from_db()
    assert document.state == "issued" and not document.effects.filter(kind="cancel").exists()
    assert client.post(address, {"typed": document.number}).status_code == 302
    runner.run_until_idle(30)
    document.refresh_from_db()
    assert document.state == "cancelled"


def test_a_credit_note_of_an_amount(client: Client, full: Company) -> None:
    document = next(
        row
        for row in Document.objects.filter(company=full, kind="invoice", state="issued")
        if len(row.core().vat) == 1 and not row.corrections.exists()
    )
    address = reverse("web:credit", args=[full.pk, document.pk])
    values = {"what": "amount", "amount": "10", "reason": "Sleva", "typed": document.number}
    assert client.post(address, {**values, "reason": ""}).status_code == 200
    assert client.post(address, {**values, "amount": ""}).status_code == 200
    assert client.post(address, values).status_code == 302
    runner.run_until_idle(30)
    assert document.corrections.get().total == Decimal(-10)


def test_a_credit_note_of_an_item(client: Client, full: Company) -> None:
    document = next(
        row
        for row in Document.objects.filter(company=full, kind="invoice", state="issued")
        if row.core().lines[0].quantity > 1 and not row.corrections.exists()
    )
    line = document.core().lines[0]
    address = reverse("web:credit", args=[full.pk, document.pk])
    values = {"what": "items", "reason": "Vráceno", "typed": document.number}
    assert client.post(address, values).status_code == 200, "no quantity was entered"
    client.post(address, {**values, "line0": "1"})
    runner.run_until_idle(30)
    credit = document.corrections.get().core()
    assert [abs(one.quantity) for one in credit.lines] == [1]
    assert credit.lines[0].name == line.name


def test_bulk_payment_shows_its_plan_first(client: Client, full: Company) -> None:
    address = reverse("web:bulk", args=[full.pk])
    rows = Document.objects.filter(company=full).exclude(state="dropped")
    open_rows = [
        row
        for row in rows
        if row.state == "issued" and row.kind in {"invoice", "proforma"} and not row.is_paid
    ]
    assert 0 < len(open_rows) < len(rows)
    values = {"act": "pay", "id": [row.pk for row in rows]}
    plan = client.post(address, values).content.decode()
    assert f"{len(open_rows)} documents will be marked as paid" in plan
    assert "it is not issued" in plan
    assert not AuditEntry.objects.filter(action="document.pay").exists()
    client.post(address, {**values, "confirmed": "yes", "paid_on": "2026-11-22"})
    assert AuditEntry.objects.filter(action="document.pay").count() == len(open_rows)


@pytest.mark.parametrize(
    ("act", "start"), [("zip", b"PK"), ("merged", b"%PDF"), ("csv", b"\xef\xbb\xbf")]
)
def test_bulk_files(client: Client, full: Company, act: str, start: bytes) -> None:
    client.cookies["django_language"] = "cs"
    ids = [issued(full).pk, issued(full, "proforma").pk]
    answer = client.post(reverse("web:bulk", args=[full.pk]), {"act": act, "id": ids})
    assert answer.content.startswith(start)


def test_an_order_is_ignored_with_a_reason_and_looked_after_again(
    client: Client, full: Company
) -> None:
    held = Document.objects.filter(company=full, state="held").first()
    assert held is not None
    order = held.order
    client.post(reverse("web:ignore", args=[full.pk, order.pk]), {"reason": "zkouška"})
    order.refresh_from_db()
    assert order.ignored_reason == "zkouška"
    page = client.get(reverse("web:order", args=[full.pk, order.pk])).content.decode()
    assert "Ignored: zkouška" in page
    client.post(reverse("web:unignore", args=[full.pk, order.pk]))
    order.refresh_from_db()
    assert order.ignored_reason == ""


def test_a_field_of_the_shop_becomes_the_company_id(client: Client, full: Company) -> None:
    order = next(
        order
        for order in full.orders.all()
        if any(value.isdigit() for _key, value in order.content().extra)
    )
    key, value = next(pair for pair in order.content().extra if pair[1].isdigit())
    address = reverse("web:use_field", args=[full.pk, order.pk])
    client.post(address, {"field": key, "as": "company_id"})
    order.refresh_from_db()
    assert order.content().customer.company_id == value
    assert order.shop.company_id_fields["company_id"][0] == key


def test_trying_a_rule_saves_nothing(client: Client, full: Company) -> None:
    before = list(RuleRow.objects.values())
    values = {"name": "Vše", "kind": "invoice", "enabled": "on"}
    page = client.post(reverse("web:rule_new", args=[full.pk]), {**values, "try": "yes"})
    assert "Nothing is saved yet" in page.content.decode()
    assert list(RuleRow.objects.values()) == before
    client.post(reverse("web:rule_new", args=[full.pk]), values)
    assert RuleRow.objects.filter(name="Vše").exists()


def test_an_edited_rule_keeps_what_was_not_touched(client: Client, full: Company) -> None:
    row = full.rules.get(kind="proforma")
    page = client.get(reverse("web:rule", args=[full.pk, row.pk]))
    form = page.context["form"]
    values = {
        bound.html_name: value for bound in form if (value := bound.value()) not in (None, False)
    }
    client.post(reverse("web:rule", args=[full.pk, row.pk]), values)
    after = full.rules.get(pk=row.pk)
    for name, wanted in row.conditions.items():
        found = after.conditions[name]
        assert (sorted(found) if isinstance(found, list) else found) == (
            sorted(wanted) if isinstance(wanted, list) else wanted
        )


def test_rules_are_moved_switched_and_shown_as_never_reached(client: Client, full: Company) -> None:
    first, second = full.rules.all()[:2]
    act = reverse("web:rule_act", args=[full.pk, second.pk])
    client.post(act, {"act": "up"})
    assert list(full.rules.all()[:2]) == [second, first]
    client.post(act, {"act": "toggle"})
    assert not full.rules.get(pk=second.pk).enabled
    client.post(
        reverse("web:rule_new", args=[full.pk]), {"name": "Vše", "kind": "invoice", "enabled": "on"}
    )
    client.post(
        reverse("web:rule_new", args=[full.pk]), {"name": "Nic", "kind": "invoice", "enabled": "on"}
    )
    assert (
        "never reached: “Vše” takes all of it"
        in client.get(reverse("web:rules", args=[full.pk])).content.decode()
    )


def test_a_bad_format_of_numbers_is_refused_with_its_code(client: Client, full: Company) -> None:
    row = Series.objects.filter(company=full).first()
    assert row is not None
    page = client.get(
        reverse("web:series_example", args=[full.pk]), {"format": "FA", "reset": "yearly"}
    )
    assert b"SPJ-SERIES-FORMAT" in page.content
    good = client.get(
        reverse("web:series_example", args=[full.pk]), {"format": "FARRCCC", "reset": "yearly"}
    )
    assert b"002" in good.content
    values = {"name": "X", "kind": "invoice", "format": "CCC", "reset": "yearly", "first": "1"}
    page = client.post(reverse("web:series_new", args=[full.pk]), values)
    assert b"SPJ-SERIES-REPEATS" in page.content


def test_the_archive_is_verified_and_exported(client: Client, full: Company) -> None:
    page = client.post(reverse("web:archive_verify", args=[full.pk])).content.decode()
    assert "The archive is untouched" in page
    assert f"{Entry.objects.filter(company=full).count()} entries" in page
    answer = client.get(
        reverse("web:archive_export", args=[full.pk]),
        {"since": "2020-01-01", "until": "2030-01-01"},
    )
    assert answer.content.startswith(b"PK")


def test_the_logo_is_a_picture_of_bounded_size(client: Client, full: Company) -> None:
    address = reverse("web:settings_logo", args=[full.pk])
    for content in (b"<svg/>", PNG + b"0" * 1024 * 1024):
        page = client.post(address, {"logo": File("logo.png", content)})
        assert page.status_code == 200
    assert client.post(address, {"logo": File("logo.png", PNG)}).status_code == 302


def test_a_token_is_shown_once(client: Client, full: Company) -> None:
    address = reverse("web:settings_tokens", args=[full.pk])
    page = client.post(address, {"name": "skript", "role": "viewer"}).content.decode()
    token = ApiToken.objects.get(name="skript")
    assert page.count("spj_") == 1
    assert "spj_" not in client.get(address).content.decode()
    client.post(reverse("web:token_revoke", args=[full.pk, token.pk]))
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_the_last_owner_stays(client: Client, full: Company) -> None:
    owner = Membership.objects.get(company=full, role=Role.OWNER)
    address = reverse("web:user_act", args=[full.pk, owner.pk])
    client.post(address, {"role": "remove"})
    client.post(address, {"role": "viewer"})
    assert Membership.objects.get(pk=owner.pk).role == Role.OWNER


def test_a_shops_secret_is_never_shown(empty: Company) -> None:
    secret = "cs_" + "a" * 36 + "1234"
    fields = {
        "url": "https://a.example",
        "consumer_key": "ck_" + "b" * 40,
        "consumer_secret": secret,
    }
    shop = shops.create(empty, "woocommerce", "WC", fields, actor="test")
    page = log_in(empty).get(reverse("web:settings_shop", args=[empty.pk, shop.pk]))
    assert secret not in page.content.decode()
    assert "1234" in page.content.decode()
