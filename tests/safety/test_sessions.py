"""Who is logged in, for how long, and what ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from spojka.companies.models import (
    ApiToken,
    AuditEntry,
    Company,
    Membership,
    Role,
    UserSession,
)
from spojka.companies.sessions import end_sessions
from spojka.connections.models import new_path_token
from tests.web.conftest import log_in

pytestmark = pytest.mark.django_db

PASSWORD = "dlouhé heslo na dveře"
BITS = 128


@pytest.fixture
def jana() -> User:
    return User.objects.create_user("jana@example.com", password=PASSWORD)


def enter(user: str = "jana@example.com", password: str = PASSWORD, **extra: Any) -> Client:
    client = Client()
    client.cookies["django_language"] = "en"
    client.post("/login/", {"username": user, "password": password}, **extra)
    return client


def is_in(client: Client) -> bool:
    return client.get("/help/").status_code == 200


def test_the_key_of_a_session_changes_at_log_in_and_is_worthless_after_log_out(jana: User) -> None:
    client = Client()
    client.get("/login/")
    client.cookies["spojka"] = "a" * 32  # a key that somebody else planted
    client.post("/login/", {"username": jana.username, "password": PASSWORD})
    key = client.cookies["spojka"].value
    assert key != "a" * 32 and len(key) == 32  # of 36 letters: 165 bits
    assert UserSession.objects.get().user == jana
    assert is_in(client)
    client.post("/logout/")
    thief = Client()
    thief.cookies["spojka"] = key
    assert not is_in(thief)
    assert not UserSession.objects.filter(user=jana).exists()


def test_somebody_idle_is_logged_out(jana: User, settings: Any) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = enter()
        for _ in range(4):  # busy all day
            clock.shift(timedelta(hours=7))
            assert is_in(client)
        clock.shift(timedelta(hours=8, seconds=1))
        answer = client.get("/help/", follow=True)
        assert answer.redirect_chain == [("/login/?next=/help/", 302)]
        assert b"You have been logged out" in answer.content


def test_a_page_that_refreshes_itself_is_nobody(jana: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = enter()
        for _ in range(9):
            clock.shift(timedelta(hours=1))
            client.get("/help/", headers={"HX-Request": "true"})
        assert not is_in(client)


def test_no_session_lasts_for_ever(jana: User) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = enter()
        for _ in range(7 * 4):
            clock.shift(timedelta(hours=6))
            assert is_in(client)
        clock.shift(timedelta(minutes=1))
        assert not is_in(client)


def test_activity_is_noted_once_a_minute(jana: User, django_assert_num_queries: Any) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = enter()
        with django_assert_num_queries(2):  # session, user
            client.get("/help/variables/")
        clock.shift(timedelta(minutes=2))
        client.get("/help/variables/")
        with django_assert_num_queries(2):
            client.get("/help/variables/")


def test_a_session_of_unknown_age_is_over(jana: User) -> None:
    client = enter()
    session = client.session
    del session["began_at"]
    session.save()
    assert not is_in(client)


def test_a_new_password_ends_all_other_sessions(jana: User) -> None:
    here, there = enter(), enter()
    form = {
        "old_password": PASSWORD,
        "new_password1": "jiné dlouhé heslo",
        "new_password2": "jiné dlouhé heslo",
    }
    assert here.post("/password/", form).status_code == 302
    assert is_in(here) and not is_in(there)
    assert UserSession.objects.filter(user=jana).count() == 1
    assert AuditEntry.objects.filter(action="user.password", actor=jana.username).exists()


def test_a_disabled_user_is_out_at_once_and_for_good(jana: User) -> None:
    client, other = enter(), log_in(Company.objects.create(name="Jiná"))
    jana.is_active = False
    jana.save()
    assert not is_in(client) and is_in(other)
    assert not UserSession.objects.filter(user=jana).exists()
    jana.is_active = True
    jana.save()
    assert not is_in(client)


def test_whoever_leaves_a_company_is_logged_out(jana: User, empty: Company) -> None:
    row = Membership.objects.create(user=jana, company=empty, role=Role.ACCOUNTANT)
    client, owner = enter(), log_in(empty)
    assert client.get(f"/c/{empty.pk}/orders/").status_code == 200
    owner.post(f"/c/{empty.pk}/settings/users/{row.pk}/", {"role": "remove"})
    assert not is_in(client) and is_in(owner)
    again = enter()
    assert again.get(f"/c/{empty.pk}/orders/").status_code == 404


def test_a_smaller_role_counts_at_once(jana: User, empty: Company) -> None:
    row = Membership.objects.create(user=jana, company=empty, role=Role.OWNER)
    client, owner = enter(), log_in(empty)
    assert client.get(f"/c/{empty.pk}/settings/").status_code == 200
    owner.post(f"/c/{empty.pk}/settings/users/{row.pk}/", {"role": "viewer"})
    assert client.get(f"/c/{empty.pk}/settings/").status_code == 403


def test_sessions_are_ended_all_but_one(jana: User) -> None:
    first, second, third = enter(), enter(), enter()
    assert end_sessions(jana, keep=second.session.session_key) == 2
    assert [is_in(first), is_in(second), is_in(third)] == [False, True, False]


def test_sessions_that_ran_out_are_cleared_away_at_log_in(jana: User) -> None:
    enter()
    UserSession.objects.update(expire_date=timezone.now() - timedelta(days=1))
    enter()
    assert UserSession.objects.count() == 1


def test_wrong_passwords_lock_one_name_at_one_address(jana: User, settings: Any) -> None:
    def attempt(password: str, address: str = "203.0.113.1", name: str = jana.username) -> Any:
        client = Client()
        client.cookies["django_language"] = "en"
        form = {"username": name, "password": password}
        return client.post("/login/", form, REMOTE_ADDR=address)

    assert settings.AXES_FAILURE_LIMIT <= 10
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(settings.AXES_FAILURE_LIMIT - 1):
            assert attempt("wrong").status_code == 200
        locked = attempt("wrong")
        assert locked.status_code == 429
        assert locked["Retry-After"] == "900"
        assert b"Too many wrong passwords" in locked.content
        assert b"Try again in 15 minutes" in locked.content
        assert attempt(PASSWORD).status_code == 429  # the right one, too late
        assert attempt(PASSWORD, address="203.0.113.2").status_code == 302
        assert attempt("wrong", name="petr@example.com").status_code == 200
        assert AuditEntry.objects.filter(action="user.locked_out").count() == 1
        clock.shift(timedelta(minutes=16))
        assert attempt(PASSWORD).status_code == 302


def test_a_right_password_forgets_the_wrong_ones(jana: User, settings: Any) -> None:
    for _ in range(3):
        for _ in range(settings.AXES_FAILURE_LIMIT - 1):
            enter(password="wrong")
        assert is_in(enter())


def test_names_that_nobody_has_do_not_fill_the_audit_log(settings: Any) -> None:
    for number in range(3):
        for _ in range(settings.AXES_FAILURE_LIMIT + 1):
            enter(user=f"nobody{number}@example.com", password="wrong")
    assert not AuditEntry.objects.exists()


def test_logging_in_is_in_the_audit_log(jana: User) -> None:
    enter()
    assert AuditEntry.objects.get().action == "user.login"


def test_tokens_cannot_be_guessed(empty: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    import secrets

    make = secrets.token_urlsafe

    def noting(size: int) -> str:
        sizes.append(size)
        return make(size)

    monkeypatch.setattr(secrets, "token_urlsafe", noting)
    ApiToken.make(empty, "a")
    new_path_token()
    owner = log_in(empty)
    owner.post(f"/c/{empty.pk}/settings/users/", {"email": "new@example.com", "role": "viewer"})
    assert len(sizes) == 3
    assert all(size * 8 >= BITS for size in sizes)


def _settings(tmp_path: Path, **environment: str) -> dict[str, Any]:
    """Return what a process of its own makes of an environment."""
    code = (
        "import json; from spojka.site import settings as s;"
        "print(json.dumps({k: v for k, v in vars(s).items() if k.startswith(("
        "'SESSION_', 'CSRF_', 'SECURE_', 'LANGUAGE_COOKIE', 'ALLOWED_HOSTS', 'BEHIND_'))}))"
    )
    env = {**os.environ, "SPOJKA_DATA": str(tmp_path), **environment}
    env["PYTHONPATH"] = "src"
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_cookies_of_an_installation_with_https(tmp_path: Path) -> None:
    found = _settings(tmp_path, SPOJKA_URL="https://spojka.example.com")
    for kind in ("SESSION", "CSRF"):
        assert found[f"{kind}_COOKIE_NAME"].startswith("__Host-")
        assert found[f"{kind}_COOKIE_SECURE"]
        assert found[f"{kind}_COOKIE_SAMESITE"] == "Lax"
    assert found["LANGUAGE_COOKIE_NAME"].startswith("__Host-")
    assert found["CSRF_COOKIE_HTTPONLY"]
    assert found["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://spojka.example.com"]
    assert "spojka.example.com" in found["ALLOWED_HOSTS"] and "*" not in found["ALLOWED_HOSTS"]
    assert "SECURE_PROXY_SSL_HEADER" not in found and not found["BEHIND_PROXY"]
    behind = _settings(
        tmp_path, SPOJKA_URL="https://spojka.example.com", SPOJKA_BEHIND_PROXY="true"
    )
    assert behind["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(jana: User, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    client = Client()
    client.get("/login/", secure=True)
    client.post("/language/", {"language": "cs"}, secure=True)
    client.post("/login/", {"username": jana.username, "password": PASSWORD}, secure=True)
    assert client.cookies.keys() == {"spojka", "csrftoken", "django_language"}
    for name, cookie in client.cookies.items():
        assert cookie["httponly"] and cookie["secure"], name
        assert cookie["samesite"] == "Lax" and cookie["path"] == "/" and not cookie["domain"], name
