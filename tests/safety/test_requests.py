"""What every request must bring and every answer must carry: the whole installation is crawled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client, RequestFactory

from spojka.companies.models import Company, Role
from spojka.documents import attention
from spojka.web import middleware
from spojka.web.views.safety import client_address
from tests.safety.routes import calls, contents, pages, things
from tests.web.conftest import PNG, log_in

CHANGES = ("post", "put", "patch", "delete")


def every_address(company: Company) -> Iterator[str]:
    named = things(company)
    for page in pages():
        yield page.address(company, named)


def test_looking_changes_nothing(furnished: Company) -> None:
    client = log_in(furnished)
    client.get(f"/c/{furnished.pk}/settings/accounting/")
    before = contents()
    address = ""
    written: list[tuple[str, str]] = []

    def note_writing(execute: Any, sql: str, *rest: Any) -> Any:
        if not sql.startswith("SELECT"):
            written.append((address, sql[:80]))
        return execute(sql, *rest)

    for address in every_address(furnished):
        for method in ("get", "head", "options"):
            with connection.execute_wrapper(note_writing):
                getattr(client, method)(address)
    assert contents() == before, written


def test_a_change_without_the_forms_token_is_refused_everywhere(furnished: Company) -> None:
    client = log_in(furnished)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    before = contents()
    for address in every_address(furnished):
        for method in CHANGES:
            answer = getattr(strict, method)(address)
            assert answer.status_code in {403, 405}, f"{method} {address}"
    assert b"The form has expired" in strict.post("/language/").content
    assert contents() == before


def test_a_forms_token_of_another_site_is_refused(furnished: Company) -> None:
    """With a token and from another origin: as a page elsewhere could send it."""
    client = log_in(furnished)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    strict.get(f"/c/{furnished.pk}/settings/")
    token = strict.cookies["csrftoken"].value
    address = f"/c/{furnished.pk}/rules/mode/"
    form = {"csrfmiddlewaretoken": token}
    elsewhere = {"Origin": "https://evil.example"}
    assert strict.post(address, form, headers=elsewhere).status_code == 403
    assert strict.post(address, form).status_code != 403


def test_every_answer_is_safe_to_show(furnished: Company, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "spojka").mkdir()
    (tmp_path / "spojka" / "mark.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    client = log_in(furnished)
    client.raise_request_exception = False
    named = things(furnished)
    addresses = [
        *every_address(furnished),
        *(call.address(named) for call in calls()),
        "/static/spojka/mark.svg",
        "/static/nothing.css",
        "/nowhere/",
        "/api/v1/nowhere",
        "/api/v1/openapi.json",
        "/hooks/unknown/",
    ]
    answers = [
        (f"{method} {address}", getattr(client, method)(address))
        for address in addresses
        for method in ("get", "post")
    ]
    refused = log_in(furnished, Role.VIEWER).get(f"/c/{furnished.pk}/settings/")
    answers.append(("another role", refused))
    answers.append(("bad host", client.get("/login/", headers={"Host": "evil.example"})))
    seen = {answer.status_code for _, answer in answers}
    assert {200, 302, 400, 401, 403, 404, 405} <= seen
    for what, answer in answers:
        if answer.streaming:
            answer.getvalue()  # a static file: read to its end, so that it is closed
        headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy, what
        assert "default-src 'none'" in policy and "base-uri 'none'" in policy, what
        assert "object-src 'none'" in policy and "script-src 'self'" in policy, what
        framed = "/pdf/" in what
        ancestors = "'self'" if framed else "'none'"
        assert f"frame-ancestors {ancestors}" in policy, what
        assert headers["X-Frame-Options"] == ("SAMEORIGIN" if framed else "DENY"), what
        assert headers["X-Content-Type-Options"] == "nosniff", what
        assert headers["Referrer-Policy"] == "same-origin", what
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", what
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", what
        assert "camera=()" in headers["Permissions-Policy"], what
        assert "Strict-Transport-Security" not in headers, what  # the address is http
        if "/static/" not in what and "/fonts/" not in what:
            assert "no-store" in headers["Cache-Control"], what


def test_an_error_of_our_own_is_safe_too(
    furnished: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(attention, "count", broken)
    client = log_in(furnished)
    client.raise_request_exception = False
    answer = client.get(f"/c/{furnished.pk}/orders/")
    assert answer.status_code == 500
    assert b"SPJ-INTERNAL" in answer.content and b"hunter2" not in answer.content
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


def test_over_https_browsers_are_told_to_stay_there(db: None, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    client = Client()
    for address in ("/login/", "/nowhere/", "/api/v1/orders", "/hooks/x/"):
        for secure in (True, False):
            value = client.get(address, secure=secure)["Strict-Transport-Security"]
            assert value == "max-age=31536000; includeSubDomains"


def test_a_logo_is_nothing_but_a_picture(full: Company) -> None:
    client = log_in(full)
    address = f"/c/{full.pk}/settings/logo/"
    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    full.logo = None
    full.save()
    for name, content in [
        ("logo.svg", script),
        ("logo.png", script),
        ("logo.png", b"<html><script>alert(1)</script></html>"),
        ("logo.gif", b"GIF89a" + script),
    ]:
        answer = client.post(address, {"logo": ContentFile(content, name)})
        assert answer.status_code == 200 and b"neither a PNG nor a JPEG" in answer.content
        full.refresh_from_db()
        assert not full.logo
    # A picture that is a page as well stays a picture, whatever it is called.
    both = PNG + script
    assert client.post(address, {"logo": ContentFile(both, "x.svg")}).status_code == 302
    shown = client.get(f"/c/{full.pk}/logo/")
    assert shown["Content-Type"] == "image/png"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in shown["Content-Security-Policy"]


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "http:evil.example",
    "https:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    " //evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "//testserver@evil.example/",
    "https://testserver.evil.example/",
    "/x\r\nSet-Cookie: a=b",
]


def test_nobody_is_led_elsewhere(full: Company) -> None:
    client = log_in(full)
    user = User.objects.create_user("jana@example.com", password="dlouhé heslo na dveře")
    login = {"username": user.username, "password": "dlouhé heslo na dveře"}
    document = full.documents.filter(state="issued").first()
    assert document is not None
    for target in ELSEWHERE:
        anonymous = Client()
        answers = [
            client.post("/language/", {"next": target, "language": "cs"}),
            client.post(f"/c/{full.pk}/documents/{document.pk}/retry/", {"next": target}),
            anonymous.post("/login/", {**login, "next": target}),
            anonymous.get("/login/", {"next": target}),
        ]
        for answer in answers:
            assert answer.status_code == 302
            where = answer["Location"]
            assert where.startswith("/") and not where.startswith(("//", "/\\")), where
            assert "evil" not in where and not answer.has_header("Set-Cookie")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "a b", "x/../y", ""])
def test_a_host_that_is_not_ours_is_refused(db: None, settings: Any, host: str) -> None:
    settings.ALLOWED_HOSTS = ["spojka.example.com"]
    answer = Client().get("/help/", headers={"Host": host} if host else {})
    assert answer.status_code == 400
    assert b"SPOJKA_ALLOWED_HOSTS" in answer.content


def test_what_a_proxy_says_counts_only_if_there_is_one(db: None, settings: Any) -> None:
    assert settings.SECURE_PROXY_SSL_HEADER is None and not settings.USE_X_FORWARDED_HOST
    headers = {
        "X-Forwarded-For": "10.9.8.7, 203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
    }
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="127.0.0.1")
    assert client_address(request) == "127.0.0.1"
    assert not request.is_secure()
    assert request.get_host() == "testserver"

    settings.BEHIND_PROXY = True
    assert client_address(request) == "203.0.113.9"  # what the proxy added, not what was sent
    for nonsense in ("", "unknown", "'; drop", "1.2.3.4:80"):
        odd = RequestFactory().get(
            "/", headers={"X-Forwarded-For": nonsense}, REMOTE_ADDR="127.0.0.1"
        )
        assert client_address(odd) == "127.0.0.1"
    assert client_address(RequestFactory().get("/", REMOTE_ADDR="")) is None


def test_too_much_is_refused_in_the_style_of_the_house(
    full: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = log_in(full)
    monkeypatch.setattr(middleware, "MOST_FORM_BYTES", 1000)
    monkeypatch.setattr(middleware, "MOST_UPLOAD_BYTES", 2000)
    before = contents()
    shop = full.shops.get(platform="woocommerce")
    for answer in (
        client.post("/language/", {"language": "x" * 2001}),
        client.post(
            f"/c/{full.pk}/rules/new/",
            b"a=" + b"b" * 1001,
            content_type="application/x-www-form-urlencoded",
        ),
        client.post(
            f"/c/{full.pk}/shops/{shop.pk}/import/", {"file": ContentFile(b"x" * 2001, "a.json")}
        ),
        Client().post("/login/", {"username": "x" * 2001}),
    ):
        assert answer.status_code == 413
        assert b"This is too large" in answer.content or "příliš velké".encode() in answer.content
    assert contents() == before


def test_too_many_fields_are_too_much(full: Company, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 20
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    client = log_in(full)
    many = client.post("/language/", {f"f{n}": "1" for n in range(30)})
    files = client.post("/language/", {f"f{n}": ContentFile(b"x", "x") for n in range(3)})
    assert many.status_code == files.status_code == 413


def test_a_damaged_form_is_refused_and_not_our_error(full: Company) -> None:
    client = log_in(full)
    for kind in ("multipart/form-data; boundary=", "multipart/form-data; boundary=x"):
        answer = client.post(f"/c/{full.pk}/settings/logo/", b"--x\r\nbroken", content_type=kind)
        assert answer.status_code in {200, 400}
