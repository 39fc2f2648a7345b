"""R11: twenty secrets, entered wherever a secret can be entered, are found nowhere again.

They are driven through success, refusal and crash, with servers on the other side that repeat every
secret they are given. Then everything is searched that leaves the process or stays behind: the
database, log lines with their tracebacks, pages, API answers, error pages, exports.

What is encrypted or hashed by design is no hit; the key of a session stands in the session's own
table, which no backup has (tests/operations/test_restore.py).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import logging
import logging.config
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as live_settings
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from spojka.accounting import registry
from spojka.api.v1 import api
from spojka.archive import store as archive
from spojka.companies.models import ApiToken, Company, Membership, Role
from spojka.connections import shops, systems, vault
from spojka.connections.models import Connection, Shop
from spojka.core.document import Kind
from spojka.documents import actions, emailing, rulebook
from spojka.documents.series import add_default_series
from spojka.engine import runner
from spojka.operations import backup
from spojka.orders import intake
from spojka.site.logging import configure
from tests.documents.conftest import ON_PAYMENT, captured
from tests.security import loud
from tests.web.test_pages import company_urls

pytestmark = pytest.mark.django_db
MARKER = "marker-that-is-no-secret"


@dataclass
class Net:
    """Everything that came out, by where it came out."""

    found: dict[str, list[bytes]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def plant(self, name: str) -> str:
        """Return a new secret to be entered somewhere."""
        self.secrets[name] = f"Canary/{name}+{len(self.secrets):02}=zeď?"
        return self.secrets[name]

    def plant_hex(self, name: str) -> str:
        """Return one in the form of WooCommerce's."""
        self.secrets[name] = f"cs_{len(self.secrets):02x}{'c0ffee' * 6}ab"
        return self.secrets[name]

    def plant_ascii(self, name: str) -> str:
        self.secrets[name] = f"canary.{name}.{len(self.secrets):02}/+x"
        return self.secrets[name]

    def came(self, where: str, content: object) -> None:
        raw = content if isinstance(content, bytes) else str(content).encode()
        self.found.setdefault(where, []).append(raw)

    def hits(self) -> set[tuple[str, str]]:
        """Return (name of the secret, where) for everything that was found, in whatever form."""
        return {
            (name, where)
            for name, secret in self.secrets.items()
            for where, contents in self.found.items()
            if any(form in content for content in contents for form in forms(secret))
        }


def forms(secret: str) -> set[bytes]:
    raw = secret.encode()
    texts = {secret, quote(secret), quote(secret, safe=""), escape(secret)}
    texts |= {json.dumps(secret)[1:-1], raw.hex(), raw.hex().upper()}
    # Inside a longer base64 text: the three alignments without what neighbours touch.
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + raw).decode()
        texts.add(coded[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6])
    return {text.encode() for text in texts}


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def logs(net: Net) -> Iterator[io.StringIO]:
    """All log lines of this process, as the installation writes them, at their most talkative."""
    text = io.StringIO()
    described = configure("DEBUG", "json", live_settings.SECRET_KEY)
    described["loggers"]["django.template"] = {"level": "INFO"}  # megabytes of nothing
    described["handlers"]["stderr"]["stream"] = text
    before = logging.getLogger().handlers[:], logging.getLogger().level
    logging.config.dictConfig(described)
    yield text
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)


@pytest.fixture
def company(db: None) -> Company:
    made = Company.objects.create(
        name=f"Firma {MARKER}", company_id="27082440", vat_id="CZ27082440", tax_id="CZ27082440",
        street="Vodičkova 12", city="Praha", postcode="110 00", mode=Company.Mode.LIVE,
    )  # fmt: skip
    add_default_series(made)
    emailing.default_templates(made)
    rulebook.replace_rules(made, [ON_PAYMENT], actor="test")
    return made


def test_r11_no_secret_is_found_anywhere(
    net: Net, logs: io.StringIO, company: Company, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.METRICS_TOKEN = net.plant_ascii("metrics-token")
    net.secrets["signing-secret"] = settings.SECRET_KEY
    with loud.serving(loud.echo()) as http, loud.serving(loud.mail()) as smtp:
        client = _log_in(net, company)
        _enter_in_pages(net, client, company, http, smtp)
        _enter_tokens(net, client, company)
        keeper = _enter_connection(net, company, http, monkeypatch)
        _issue(company, keeper)
        _hooks(net, company)
        _crawl(net, client, company)
        _crash_page(net, client, company, monkeypatch)
    for entry in json.loads(Path(settings.KEY_FILE).read_text())["keys"].values():
        net.secrets["key-file"] = entry["key"]
    _dump(net)
    _exports(net, company)
    net.came("logs", logs.getvalue())

    assert len(net.secrets) >= 20, sorted(net.secrets)
    assert "Traceback" in logs.getvalue(), "nothing crashed: the test has lost its point"
    for where in ("database: companies_company", "pages", "api", "exports"):
        assert any(MARKER.encode() in one for one in net.found[where]), f"{where} not searched"
    assert net.hits() == set()


def test_the_search_finds_what_is_there(net: Net) -> None:
    """A search that finds nothing is worth something only if it would find it."""
    secret = net.plant("planted")
    for where, form in enumerate(sorted(forms(secret))):
        net.came(str(where), b"before" + form + b"after")
    net.came("login", base64.b64encode(b"\0jana\0" + secret.encode()))
    assert {where for _, where in net.hits()} == net.found.keys()


def _log_in(net: Net, company: Company) -> Client:
    """A user logs in, wrongly and rightly, and changes the password."""
    first, second = net.plant("password"), net.plant("new-password")
    user = User.objects.create_user("jana@example.com", password=first)
    Membership.objects.create(user=user, company=company, role=Role.OWNER)
    client = Client(raise_request_exception=False)
    client.cookies["django_language"] = "en"
    login = reverse("web:login")
    wrong = client.post(login, {"username": user.username, "password": net.plant("wrong-password")})
    net.came("pages", wrong.content)
    answer = client.post(login, {"username": user.username, "password": first})
    assert answer.status_code == 302
    changed = client.post(
        reverse("web:password"),
        {"old_password": first, "new_password1": second, "new_password2": second},
    )
    assert changed.status_code == 302
    net.secrets["session"] = client.cookies[live_settings.SESSION_COOKIE_NAME].value
    return client


def _enter_in_pages(net: Net, client: Client, company: Company, http: int, smtp: int) -> None:
    """Shop keys and the mail password, entered in forms, entered again, verified in vain."""

    def access(kind: str) -> dict[str, str]:
        return {
            "name": "Shop",
            "field-url": f"http://127.0.0.1:{http}/401",
            "field-consumer_key": f"ck_{'0' * 40}",  # a name, not a secret
            "field-consumer_secret": net.plant_hex(f"consumer-secret-{kind}"),
        }

    def mail(kind: str) -> dict[str, object]:
        return {
            "form": "account", "host": "127.0.0.1", "port": smtp, "security": "none",
            "username": "jana", "sender_name": "Jana", "sender_address": "jana@example.com",
            "password": net.plant(f"mail-password-{kind}"),
        }  # fmt: skip

    new = reverse("web:settings_shop_new", args=[company.pk, "woocommerce"])
    net.came("pages", client.post(new, access("old"), follow=True).content)
    shop = company.shops.get()
    edit = reverse("web:settings_shop", args=[company.pk, shop.pk])
    net.came("pages", client.post(edit, {**access("new"), "form": "access"}, follow=True).content)
    assert vault.get(shops.owner(shop), "consumer_secret") == net.secrets["consumer-secret-new"]
    refused = {**access("url"), "field-url": f"http://jana:{net.plant_ascii('url')}@shop.example"}
    # The form shows to whoever typed it what was typed, to be corrected; it must not be kept.
    assert client.post(edit, {**refused, "form": "access"}).status_code == 200
    email = reverse("web:settings_email", args=[company.pk])
    for kind in ("old", "new"):
        net.came("pages", client.post(email, mail(kind), follow=True).content)
    net.secrets["webhook-secret"] = shops.webhook_secret(shop)


def _enter_tokens(net: Net, client: Client, company: Company) -> None:
    """Tokens and passwords that the product makes: shown once, and never again."""
    tokens = reverse("web:settings_tokens", args=[company.pk])
    text = client.post(tokens, {"name": "ERP", "role": "accountant"}).content.decode()
    net.secrets["api-token"] = text.partition("spj_")[1] + text.partition("spj_")[2][:43]
    token = ApiToken.objects.get()
    assert ApiToken.hash(net.secrets["api-token"]) == token.digest
    _, net.secrets["revoked-token"] = ApiToken.make(company, "old")
    ApiToken.objects.filter(name="old").update(revoked_at=datetime.now(UTC))
    users = reverse("web:settings_users", args=[company.pk])
    shown = client.post(users, {"email": "petr@example.com", "role": "viewer"})
    password = shown.context["password"]
    assert password in shown.content.decode()
    net.secrets["initial-password"] = password
    caller = Client()
    for name in ("api-token", "revoked-token", "unknown-token"):
        bearer = net.secrets.get(name) or net.plant_ascii(name)
        for path in _api_paths(company):
            answer = caller.get(path, HTTP_AUTHORIZATION=f"Bearer {bearer}")
            net.came("api", answer.content if not answer.streaming else b"")
    net.came("api", caller.get("/api/v1/shops", HTTP_AUTHORIZATION="Basic x").content)


def _api_paths(company: Company) -> list[str]:
    return [
        path.replace("{order_id}", "1").replace("{document_id}", "1").replace("{event_id}", "1")
        for path, operations in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items()
        if "get" in operations
    ]


def _enter_connection(
    net: Net, company: Company, http: int, monkeypatch: pytest.MonkeyPatch
) -> loud.Keeper:
    keeper = loud.Keeper()
    known = {**registry.systems(), "keeper": keeper}
    monkeypatch.setattr(registry, "systems", lambda: known)
    made = Connection.objects.create(
        company=company, system="keeper", name="Keeper", active=True, default=True,
        settings={"url": f"http://127.0.0.1:{http}"},
    )  # fmt: skip
    for key in ("api_key", "password", "client_secret"):
        vault.put(systems.owner(made), key, net.plant_ascii(f"system-{key}"))
    return keeper


def _issue(company: Company, keeper: loud.Keeper) -> None:
    """Documents that succeed, are refused, are not answered, and crash the adapter."""
    shop = company.shops.get()
    for at, (status, crash) in enumerate([(200, False), (422, False), (0, False), (500, True)]):
        keeper.status, keeper.crash = status, crash
        payload = captured("rest-20b-set-paid", id=at + 1, number=str(at + 1))
        order, _ = intake.store(shop, payload)
        runner.run_until_idle(20)
        assert order.documents.filter(kind=Kind.INVOICE).exists()
    keeper.status, keeper.crash = 200, False
    issued = company.documents.get(state="issued")
    actions.send_email(issued, to="jana@example.com", actor="test")
    runner.run_until_idle(20)
    states = set(company.documents.values_list("state", flat=True))
    assert {"issued", "held", "uncertain"} <= states


def _hooks(net: Net, company: Company) -> None:
    """Deliveries that are signed rightly and wrongly, and the reading that fails afterwards."""
    shop = company.shops.get()
    body = json.dumps({"id": 77}).encode()
    address = reverse("hook", args=[shop.path_token])
    right = hmac.new(shops.webhook_secret(shop).encode(), body, hashlib.sha256).digest()
    for signed in (base64.b64encode(right).decode(), net.plant_ascii("signature")):
        answer = Client().post(
            address,
            body,
            content_type="application/json",
            headers={"X-WC-Webhook-Signature": signed, "X-WC-Webhook-Topic": "order.updated"},
        )
        net.came("api", answer.content)
    runner.run_until_idle(20)


def _crawl(net: Net, client: Client, company: Company) -> None:
    """Every page and every call of the API, with the objects there are."""
    for name, address in company_urls(company):
        answer = client.get(address)
        assert answer.status_code < 500, name
        if not answer.streaming:
            net.came("pages", answer.content)
    for path in ("/help/", "/help/errors/", "/no-such-page/", "/healthz", "/readyz", "/metrics"):
        net.came("pages", client.get(path).content)
    bearer = f"Bearer {net.secrets['api-token']}"
    for path in _api_paths(company):
        answer = client.get(path, HTTP_AUTHORIZATION=bearer)
        net.came("api", answer.content)
        net.came("api", str(answer.headers))
    net.came("api", f"{MARKER} {client.get('/api/v1/shops', HTTP_AUTHORIZATION=bearer).content!r}")


def _crash_page(
    net: Net, client: Client, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that crashes with a secret in its hands."""

    def crash(_company: Company) -> None:
        secret = vault.get(shops.owner(Shop.objects.get()), "consumer_secret")
        raise RuntimeError(f"crashed with {secret}")

    monkeypatch.setattr(archive, "verify", crash)
    bearer = f"Bearer {net.secrets['api-token']}"
    for answer in (
        client.post(reverse("web:archive_verify", args=[company.pk])),
        client.get("/api/v1/archive/verify", HTTP_AUTHORIZATION=bearer),
    ):
        assert answer.status_code == 500
        net.came("error pages", answer.content)


def _dump(net: Net) -> None:
    """Everything that a dump of the database holds; sessions are in no backup."""
    tables = database.introspection.table_names()
    assert {"connections_call", "engine_wake", "companies_auditentry"} <= set(tables)
    with database.cursor() as cursor:
        for table in tables:
            if table in backup.SESSIONS:
                continue
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for cell in row:
                    raw = bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell)
                    net.came(f"database: {table}", raw)


def _exports(net: Net, company: Company) -> None:
    today = datetime.now(UTC).date()
    content = archive.export_zip(company, today.replace(month=1, day=1), today.replace(day=28))
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for name in file.namelist():
            net.came("exports", file.read(name))
