"""Settings › Accounting systems through the client: forms, states, tabs; no secret is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from spojka.accounting.serving import Serving
from spojka.companies.models import Company, Membership, Role
from spojka.connections import activation, simulated, systems, vault
from spojka.connections.activation import Act
from spojka.connections.models import Account, Call, Connection
from spojka.core import rules
from spojka.documents import trial
from spojka.engine import runner
from tests.connections.kasa import installed
from tests.connections.kasa.simulator import KasaSimulator
from tests.web.conftest import log_in

KEY = KasaSimulator().credentials("")["api_key"]


@pytest.fixture(autouse=True)
def kasa(
    monkeypatch: pytest.MonkeyPatch, settings: Any, plain_static_files: None
) -> Iterator[None]:
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8"]
    installed.install(monkeypatch)
    yield
    monkeypatch.undo()
    installed.uninstall()


@pytest.fixture
def owner(empty: Company) -> Client:
    """An owner whose password was entered a moment ago."""
    Company.objects.filter(pk=empty.pk).update(
        street="Dlouhá 1", city="Praha", postcode="110 00", vat_id="CZ27082440", tax_id="CZ27082440"
    )
    empty.refresh_from_db()
    systems.own_connection(empty)
    user = User.objects.create_user("jana@example.com", password="dlouhé heslo na dveře")
    Membership.objects.create(user=user, company=empty, role=Role.OWNER)
    client = Client()
    client.cookies["django_language"] = "en"
    client.post("/login/", {"username": user.username, "password": "dlouhé heslo na dveře"})
    return client


@pytest.fixture
def simulator() -> KasaSimulator:
    return KasaSimulator()


@pytest.fixture
def there(simulator: KasaSimulator) -> Iterator[str]:
    with Serving(simulator) as server:
        yield server.address


@pytest.fixture
def tried(empty: Company) -> Connection:
    """An active connection to the simulator in the box."""
    connection = activation.simulate(empty, "kasa", actor="jana")
    return work(connection, Act.ACTIVATE)


def work(connection: Connection, act: Act | None = None) -> Connection:
    if act is not None:
        activation.start(connection, act, actor="jana")
    runner.run_until_idle(20)
    connection.refresh_from_db()
    return connection


def at(company: Company, name: str = "", *args: object) -> str:
    page = f"settings_connection_{name}" if name else "settings_connection"
    return reverse(f"web:{page}", args=[company.pk, *args])


def text(answer: Any) -> str:
    html = re.sub(r"(?s)<(script|style|noscript).*?</\1>", "", answer.content.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def form(where: str, /, **changes: str) -> dict[str, str]:
    values = {**KasaSimulator().credentials(where), **changes}
    return {"name": "Kasa", **{f"field-{key}": value for key, value in values.items()}}


def test_the_grid_shows_what_each_can_do(owner: Client, empty: Company) -> None:
    html = text(owner.get(reverse("web:settings_accounting", args=[empty.pk])))
    for word in ("Kasa", "CZ, SK", "credit notes", "Try without an account", "Spojka usual"):
        assert word in html, word


def test_the_form_is_the_systems_own(owner: Client, empty: Company) -> None:
    answer = owner.get(at(empty, "new", "kasa"))
    html = answer.content.decode()
    assert 'type="password"' in html and 'autocomplete="off"' in html
    assert "Kasa › Settings › API" in html and 'href="https://kasa.example/keys"' in html
    assert "field-account" not in html  # it is chosen, not typed
    assert "<details" in html and "Address of the server" in html
    wrong = text(owner.post(at(empty, "new", "kasa"), form("", email="not an e-mail")))
    assert "Enter a valid email address." in wrong
    assert not empty.connections.filter(system="kasa").exists()
    assert owner.get(at(empty, "new", "nothing")).status_code == 302
    assert owner.get(at(empty, "new", "own")).status_code == 302


def test_activation_is_followed_row_by_row(owner: Client, empty: Company, there: str) -> None:
    answer = owner.post(at(empty, "new", "kasa"), {**form(there), "default": "on"})
    connection = empty.connections.get(system="kasa")
    assert answer["Location"] == at(empty, "", connection.pk)
    running = owner.get(answer["Location"]).content.decode()
    assert 'hx-trigger="every 700ms"' in running and 'http-equiv="refresh"' in running
    assert "being verified" in running and "Activate</button>" not in running
    work(connection)
    done = owner.get(answer["Location"]).content.decode()
    assert "Kasa is connected: everything necessary works." in done
    assert "hx-trigger" not in done and "http-equiv" not in done
    assert systems.default_connection(empty) == connection
    assert "Choose the number series" in done


def test_a_failure_says_what_is_wrong_and_where_it_is_mended(
    owner: Client, empty: Company, there: str, simulator: KasaSimulator
) -> None:
    simulator.control({"account": {"plan": "free"}})
    owner.post(at(empty, "new", "kasa"), form(there))
    connection = work(empty.connections.get(system="kasa"))
    answer = owner.get(at(empty, "", connection.pk))
    shown = text(answer)
    for words in (
        "It is not active yet",
        "The plan of Kasa does not include the API.",
        "Change the plan in Kasa.",
        "SPJ-KASA-PLAN",
        "Technical detail 402 plan",
        "Change the credentials",
    ):
        assert words in shown, words
    assert "No document was issued" not in shown  # this is about no document
    assert 'href="https://kasa.example/keys"' in answer.content.decode()


def test_no_page_shows_a_secret(owner: Client, empty: Company, there: str) -> None:
    owner.post(at(empty, "new", "kasa"), form(there))
    connection = work(empty.connections.get(system="kasa"))
    for tab in ("", "access", "calls", "limits", "data", "settings", "history", "test"):
        answer = owner.get(at(empty, tab, connection.pk))
        assert answer.status_code == 200
        assert KEY not in answer.content.decode(), tab
    access = text(owner.get(at(empty, "access", connection.pk)))
    assert "Stored" in access and "leave it empty to keep it" in access
    html = owner.get(at(empty, "access", connection.pk)).content.decode()
    assert f"•••••••• {KEY[-4:]}" in html


def test_new_credentials_that_fail_leave_the_old_ones(
    owner: Client, empty: Company, there: str
) -> None:
    owner.post(at(empty, "new", "kasa"), form(there))
    connection = work(empty.connections.get(system="kasa"))
    owner.post(at(empty, "access", connection.pk), form(there, api_key="kasa-key-of-a-stranger"))
    shown = text(owner.get(at(empty, "", connection.pk)))
    assert "New credentials" in shown and "being verified" in shown
    work(connection)
    shown = text(owner.get(at(empty, "", connection.pk)))
    assert "They do not work. The former ones stay in use." in shown
    assert "Kasa did not accept the key." in shown and "in order" in shown
    again = owner.get(at(empty, "access", connection.pk)).content.decode()
    assert "•••••••• nger" in again  # what was tried can be corrected
    change = reverse("web:connection_change", args=[empty.pk, connection.pk])
    owner.post(change, {"act": "discard"})
    connection.refresh_from_db()
    assert connection.candidate is None and connection.active
    assert vault.get(systems.owner(connection), "api_key") == KEY


def test_one_of_several_accounts_is_offered(
    owner: Client, empty: Company, there: str, simulator: KasaSimulator
) -> None:
    simulator.control({"account": {"accounts": 2}})
    owner.post(at(empty, "new", "kasa"), form(there))
    connection = work(empty.connections.get(system="kasa"))
    assert "Which account?" in text(owner.get(at(empty, "", connection.pk)))
    change = reverse("web:connection_change", args=[empty.pk, connection.pk])
    owner.post(change, {"act": "account", "account": "firma-2"})
    work(connection)
    assert connection.active and connection.settings["account"] == "firma-2"
    access = owner.get(at(empty, "access", connection.pk)).content.decode()
    assert 'value="firma-2" selected' in access


def test_out_of_use_and_deleted(owner: Client, empty: Company, tried: Connection) -> None:
    change = reverse("web:connection_change", args=[empty.pk, tried.pk])
    owner.post(change, {"act": "deactivate"})
    tried.refresh_from_db()
    assert not tried.active
    assert "not active" in text(owner.get(at(empty, "", tried.pk)))
    owner.post(change, {"act": "activate"})
    assert work(tried).active
    owner.post(change, {"act": "delete"})
    assert not Connection.objects.filter(pk=tried.pk).exists()


def test_what_has_documents_is_not_deleted(
    owner: Client, empty: Company, tried: Connection
) -> None:
    trial.start(tried, actor="jana")
    change = reverse("web:connection_change", args=[empty.pk, tried.pk])
    shown = text(owner.post(change, {"act": "delete"}, follow=True))
    assert "SPJ-CONNECTION-HAS-DOCUMENTS" in shown
    assert Connection.objects.filter(pk=tried.pk).exists()


def test_a_paused_connection_says_why_and_what_waits(
    owner: Client, empty: Company, tried: Connection
) -> None:
    order = trial.start(tried, actor="jana")
    tried.paused_problem = {"code": "SPJ-KASA-PLAN", "facts": {}}
    tried.save()
    shown = text(owner.get(at(empty, "", tried.pk)))
    assert "stopped" in shown and "The plan of Kasa does not include the API." in shown
    assert f"1 document waits for it: {order.number}" in shown
    assert "stopped" in text(owner.get(reverse("web:attention", args=[empty.pk])))
    owner.post(reverse("web:connection_act", args=[empty.pk, tried.pk]), {"act": "verify"})
    assert work(tried).paused_problem is None


def test_a_warning_needs_attention_until_somebody_looks(
    owner: Client, empty: Company, tried: Connection
) -> None:
    tried.health_problem = {"code": "SPJ-KASA-RIGHTS", "facts": {}}
    tried.save()
    attention = reverse("web:attention", args=[empty.pk])
    assert "The user of Kasa may not issue invoices." in text(owner.get(attention))
    owner.post(reverse("web:retry_group", args=[empty.pk]), {"code": "SPJ-KASA-RIGHTS"})
    assert "All is well" in text(owner.get(attention))


def test_the_timeline_unfolds_and_filters(owner: Client, empty: Company, tried: Connection) -> None:
    Call.objects.create(
        owner=systems.owner(tried),
        method="POST",
        url="https://api.kasa.example/invoices?x=1",
        status=422,
        duration_ms=12,
        request='{"total": "1"}',
        response="<script>alert(1)</script>",
        trace="abc",
    )
    page = at(empty, "calls", tried.pk)
    shown = owner.get(page).content.decode()
    assert "/invoices?x=1" in shown and "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    failed = text(owner.get(page, {"failed": "1"}))
    assert "/invoices" in failed and "GET /me" not in failed
    assert "GET /me" not in text(owner.get(page, {"trace": "abc"}))
    assert "Nothing fits the filter" in text(owner.get(page, {"trace": "nothing"}))


def test_limits_show_what_was_used_and_how_long_it_lasts(
    owner: Client, empty: Company, tried: Connection
) -> None:
    account = Account.objects.get(name=tried.account_name)
    now = timezone.now()
    account.day_calls, account.day_until = 850, (now + timedelta(hours=9)).timestamp()
    account.pace, account.filled_at = 0.1, now.timestamp()
    account.save()
    html = owner.get(at(empty, "limits", tried.pk)).content.decode()
    assert re.search(r'<meter[^>]* max="1000"[^>]* value="850"', html)
    assert "850 of 1000 requests, 150 left" in text(owner.get(at(empty, "limits", tried.pk)))
    assert "SPJ-BUDGET-FORECAST" in html
    assert "SPJ-BUDGET-FORECAST" in owner.get(f"/c/{empty.pk}/").content.decode() or (
        empty.shops.count() == 0
    )


def test_loaded_data_and_choices_among_them(
    owner: Client, empty: Company, tried: Connection
) -> None:
    data = text(owner.get(at(empty, "data", tried.pk)))
    for words in ("Řada 1", "Účet CZK", "CZK, EUR", "VAT payer", "Customers known there 2"):
        assert words in data, words
    page = at(empty, "settings", tried.pk)
    owner.post(
        page,
        {"form": "choices", "choice-series_invoice": "2", "choice-bank_account": "CZK"},
    )
    tried.refresh_from_db()
    assert (tried.settings["series_invoice"], tried.settings["bank_account"]) == ("2", "CZK")
    assert tried.settings["email"] == "jana@example.com"  # the form's own fields stay
    wrong = text(owner.post(page, {"form": "choices", "choice-series_invoice": "9"}))
    assert "Select a valid choice" in wrong
    # A series that is gone there stays chosen until somebody chooses another one.
    tried.loaded = {**tried.loaded, "series": []}
    tried.save()
    assert 'value="2" selected' in owner.get(page).content.decode()


def test_which_orders_go_there(owner: Client, empty: Company, tried: Connection) -> None:
    page = at(empty, "settings", tried.pk)
    sent = {"form": "routing", "routing-countries": "sk, hu", "routing-currencies": "EUR"}
    owner.post(page, {**sent, "routing-business": "true"})
    tried.refresh_from_db()
    conditions = rules.conditions_from_json(tried.conditions)
    assert (conditions.countries, conditions.currencies) == (("SK", "HU"), ("EUR",))
    assert conditions.business is True
    wrong = text(owner.post(page, {**sent, "routing-currencies": "euro"}))
    assert "SPJ-RULE-INVALID" in wrong
    html = owner.get(page).content.decode()
    assert 'value="SK, HU"' in html
    assert "for some orders only" in text(
        owner.get(reverse("web:settings_accounting", args=[empty.pk]))
    )


def test_the_order_in_which_they_are_tried(
    owner: Client, empty: Company, tried: Connection
) -> None:
    other = activation.simulate(empty, "kasa", actor="jana")
    act = reverse("web:connection_act", args=[empty.pk, other.pk])
    for _ in range(3):
        owner.post(act, {"act": "up"})
    own = systems.own_connection(empty)
    assert list(empty.connections.order_by("position", "pk")) == [other, own, tried]
    owner.post(act, {"act": "down"})
    assert list(empty.connections.order_by("position", "pk")) == [own, other, tried]


def test_the_history_names_fields_and_no_values(owner: Client, empty: Company, there: str) -> None:
    owner.post(at(empty, "new", "kasa"), form(there))
    connection = work(empty.connections.get(system="kasa"))
    owner.post(at(empty, "access", connection.pk), form(there, email="petr@example.com"))
    work(connection)
    shown = text(owner.get(at(empty, "history", connection.pk)))
    assert "Credentials were changed" in shown and "email" in shown
    assert "petr@example.com" not in shown
    assert "The connection was activated" in shown


def test_things_happen_at_the_simulator(owner: Client, empty: Company, tried: Connection) -> None:
    trial.start(tried, actor="jana")
    runner.run_until_idle(20)
    page = at(empty, "simulator", tried.pk)
    assert "K0001" in text(owner.get(page))
    owner.post(page, {"form": "act", "what": "pay", "id": "K0001"})
    assert "paid" in text(owner.get(page))
    fault = {"form": "fault", "fault-fault": "reset_after", "fault-match": "", "fault-times": "3"}
    owner.post(page, fault)
    shown = text(owner.get(page))
    assert "it is done, and then the connection drops: 3×" in shown
    owner.post(page, {"form": ["fault", "heal"]})
    assert simulated.look(tried).troubles == []
    settings = {f"account-{k}": str(v) for k, v in simulated.look(tried).account.items()}
    owner.post(page, {**settings, "form": "account", "account-plan": "free"})
    assert simulated.look(tried).account["plan"] == "free"
    told = text(owner.post(page, {"form": "act", "what": "fly", "id": "1"}, follow=True))
    assert "The simulator cannot do this" in told
    deed = {"form": "deed", "deed-what": "pay", "deed-details": '{"external_id": "K0009"}'}
    assert "no such invoice" in text(owner.post(page, deed, follow=True))
    assert "Enter a valid JSON" in text(owner.post(page, {**deed, "deed-details": "{"}))


def test_a_real_connection_has_no_simulator(owner: Client, empty: Company) -> None:
    own = systems.own_connection(empty)
    answer = owner.get(at(empty, "simulator", own.pk))
    assert answer["Location"] == at(empty, "", own.pk)


def test_a_system_that_is_not_installed_any_more(owner: Client, empty: Company) -> None:
    lost = Connection.objects.create(company=empty, system="gone", name="Stará")
    shown = text(owner.get(reverse("web:settings_accounting", args=[empty.pk])))
    assert "Stará" in shown and "is not installed any more" in shown
    assert owner.get(at(empty, "", lost.pk)).status_code == 404


def test_only_owners_see_connections(empty: Company, tried: Connection) -> None:
    accountant = log_in(empty, Role.ACCOUNTANT)
    assert accountant.get(at(empty, "", tried.pk)).status_code == 403
    act = reverse("web:connection_act", args=[empty.pk, tried.pk])
    assert accountant.post(act, {"act": "verify"}).status_code == 403


def test_links_of_an_adapter_cannot_run_scripts(
    owner: Client, empty: Company, tried: Connection
) -> None:
    tried.checks = [{**tried.checks[0], "link": "javascript:alert(1)", "status": "fail",
                     "problem": {"code": "SPJ-KASA-KEY", "facts": {}}}]  # fmt: skip
    tried.save()
    html = owner.get(at(empty, "", tried.pk)).content.decode()
    assert "javascript:" not in html


@pytest.mark.parametrize("language", ["cs", "sk"])
def test_pages_speak_the_visitors_language(
    owner: Client, empty: Company, tried: Connection, language: str
) -> None:
    owner.cookies["django_language"] = language
    words = {"cs": "je napojen", "sk": "je napojen"}
    assert words[language] in text(owner.get(at(empty, "", tried.pk))).lower()
