"""Nothing that is sent makes a page fail: every form and every filter gets junk."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spojka.companies.models import Company
from tests.safety.routes import Page, pages, things
from tests.web.conftest import log_in

# What breaks programs: signs that are digits and no numbers, numbers that fit nowhere, ends of
# texts, directions of writing, halves of characters, formats, templates, and the like.
NASTY = (
    "", " ", "0", "-1", "²", "٣", "Ⅷ", "1e999", "NaN", "-Infinity", "1_000", "0x10", "1,5", "1.5.5",
    "9" * 30, "9223372036854775808", "-9223372036854775809", "2147483648", "0000", "9999-99",
    "0000-00", "2026-13", "10000-01", "0-0", "2026-02-30", "0001-01-01", "9999-12-31",
    "\x00", "a\x00b", "\ufeff", "\u202e", "\U0001f4a9", "\r\n", "ﬀ", "İ", "é" * 300, "x" * 5000,
    "{", "}", "{{", "%", "%s", "%(x)s", "{0.__class__}", "{{ 7*7 }}", "{% load x %}", "${7*7}",
    "<script>alert(1)</script>", "';--", "../../etc/passwd", "[", "(", "*", "\\", "null", "[]",
    "on", "true", "delete", "remove", "yes", "CZ", "a@b", "a@" + "b" * 300 + ".cz", "http://", "http://[",
    "http://[::1", "http://a:b@c:99999/", "//", "=1+1",
)  # fmt: skip
JUNK = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers().map(str),
    st.dates().map(str),
)

# Parameters that pages read from the address.
ASKED = (
    "q", "shop", "status", "document", "since", "until", "kind", "state", "month", "paid", "page",
    "open", "platform", "format", "reset", "year", "code", "next", "field", "id",
)  # fmt: skip
# What pages read from a form besides its fields.
SENT = (
    "act", "as", "code", "confirmed", "connection", "delete", "field", "form", "id", "kind",
    "language", "mode", "move", "next", "platform", "role", "template", "try", "up", "down",
)  # fmt: skip

FEW = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class _Fields(HTMLParser):
    """Collects the fields of a page's forms, with one of the values that each offers."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name") or ""
        if tag in {"input", "textarea", "button", "select"} and name:
            self.fields.setdefault(name, []).append(found.get("value") or "")
            self._select = name if tag == "select" else ""
        elif tag == "option" and self._select:
            self.fields[self._select].append(found.get("value") or "")


def fields_of(html: str) -> dict[str, list[str]]:
    """Return the names of a page's fields, each with the values that it offers."""
    parser = _Fields()
    parser.feed(html)
    parser.fields.pop("csrfmiddlewaretoken", None)
    return {name: sorted(set(values)) for name, values in parser.fields.items()}


def undone(client: Client, method: str, address: str, data: Any) -> int:
    """Send it and take back what it did, so that each example finds the same installation."""
    with transaction.atomic():
        point = transaction.savepoint()
        answer = getattr(client, method)(address, data)
        status: int = answer.status_code
        transaction.savepoint_rollback(point)
    return status


def junked(offered: dict[str, list[str]]) -> st.SearchStrategy[dict[str, Any]]:
    """Return forms that are mostly right, with junk in some places and unknown fields."""
    right = {
        name: st.one_of(st.sampled_from(values), JUNK, st.lists(JUNK, max_size=3))
        for name, values in offered.items()
    }
    more = {name: JUNK for name in SENT if name not in offered}
    return st.fixed_dictionaries({}, optional={**right, **more})


def test_no_form_makes_a_page_fail(furnished: Company) -> None:
    named = things(furnished)
    sent = 0
    client = log_in(furnished)
    client.raise_request_exception = True
    for page in pages():
        if page.name in {"logout", "start_demo"}:
            continue
        address = page.address(furnished, named)
        shown = client.get(address)
        html = shown.content.decode() if "text/html" in shown.get("Content-Type", "") else ""
        offered = fields_of(html)

        @FEW
        @given(form=junked(offered))
        def send(form: dict[str, Any]) -> None:
            nonlocal sent
            sent += 1
            assert undone(client, "post", address, form) < 500  # noqa: B023 - called right here

        send()
    assert sent > 500


def test_no_filter_makes_a_page_fail(furnished: Company) -> None:
    named = things(furnished)
    client = log_in(furnished)
    asked = st.fixed_dictionaries({}, optional=dict.fromkeys(ASKED, JUNK))
    for page in pages():
        address = page.address(furnished, named)

        @FEW
        @given(query=asked)
        def ask(query: dict[str, str]) -> None:
            assert undone(client, "get", address, query) < 500  # noqa: B023 - called right here

        ask()


def test_each_nasty_value_in_each_filter(furnished: Company) -> None:
    """The pages that read filters get every nasty value in every one of them."""
    client = log_in(furnished)
    base = f"/c/{furnished.pk}/"
    reads = {
        "orders/": ("q", "shop", "status", "since", "until", "page"),
        "documents/": ("q", "shop", "kind", "state", "month", "paid", "page"),
        "archive/": ("q", "page"),
        "archive/export/": ("since", "until"),
        "settings/audit/": ("q", "page"),
        "settings/rates/": ("page",),
        "series/example/": ("format", "reset"),
        "setup/shop/": ("platform",),
    }
    for path, names in reads.items():
        for name in names:
            for value in NASTY:
                assert undone(client, "get", base + path, {name: value}) < 500, (path, name, value)


def test_no_address_makes_a_page_fail(furnished: Company) -> None:
    named = things(furnished)
    client = log_in(furnished)
    numbers = ("0", "9" * 19, "9223372036854775808", "9" * 60, "00")
    texts = ("%00", "..%2f..%2f", "%F0%9F%92%A9", "a" * 3000, "%ff", "'", "%0d%0aX: y")
    for page in pages():
        for odd in (*numbers, *texts):
            address = _odd(page, odd, named, furnished)
            for method in ("get", "post"):
                assert undone(client, method, address, {}) < 500, address


def _odd(page: Page, odd: str, named: dict[str, Any], company: Company) -> str:
    right = page.address(company, named)
    parts = re.split(r"(?<=/)", page.route)
    filled = re.split(r"(?<=/)", right.removeprefix("/"))
    at = max((n for n, part in enumerate(parts) if "<" in part), default=None)
    if at is None:
        return f"{right}{odd}/"
    filled[at] = odd + ("/" if filled[at].endswith("/") else "")
    return "/" + "".join(filled)


def test_no_file_makes_an_upload_fail(furnished: Company) -> None:
    client = log_in(furnished)
    shop = furnished.shops.get(platform="woocommerce")
    own = furnished.shops.create(platform="canonical", name="API")
    deep = b"[" * 100_000 + b"]" * 100_000
    contents = (
        b"", b"\x00", b"\xff\xfe\x00", b"null", b"0", b'""', b"{}", b"[]", b"[[]]", b"[null]",
        b'[{"id": null}]', b'[{"id": 1e999}]', b'{"id": NaN}', b'[{"id": "x", "total": "NaN"}]',
        b'{"id": "\\u0000", "number": "\\ud800"}', deep, b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"number;total\n1;2\n", b"a,b\n" + b'"' * 1000, b"id\r" * 1000, b"9" * 5000,
        b"\xef\xbb\xbf[]",
        b'[{"id": 1, "line_items": 5}]', b'[{"id": 1, "total": {}, "currency": []}]',
        ("\u202e" * 100).encode(), b"=cmd|' /C calc'!A0",
    )  # fmt: skip
    names = ("a.json", "a.csv", "a", "../../a.json", "a\x00.json", "é" * 300 + ".csv", "a\r\nb.csv")
    for target in (shop, own):
        address = f"/c/{furnished.pk}/shops/{target.pk}/import/"
        for at, content in enumerate(contents):
            for name in ("a.json", "a.csv", names[at % len(names)]):
                file = ContentFile(content, name)
                assert undone(client, "post", address, {"file": file}) < 500, content[:40]
    for content in contents:
        file = ContentFile(b"\x89PNG\r\n\x1a\n" + content, "logo.png")
        address = f"/c/{furnished.pk}/settings/logo/"
        assert undone(client, "post", address, {"logo": file}) < 500


def test_no_stranger_makes_the_door_fail(db: None) -> None:
    client = Client()

    @settings(FEW, max_examples=60)
    @given(st.fixed_dictionaries({"email": JUNK, "password": JUNK, "language": JUNK}))
    def set_up(form: dict[str, str]) -> None:
        assert undone(client, "post", "/setup/", form) < 500

    @settings(FEW, max_examples=60)
    @given(st.fixed_dictionaries({"username": JUNK, "password": JUNK}, optional={"next": JUNK}))
    def log_in_as(form: dict[str, str]) -> None:
        assert undone(Client(), "post", "/login/", form) < 500

    set_up()
    log_in_as()
    for name in NASTY:
        assert undone(Client(), "post", "/login/", {"username": name, "password": name}) < 500
        assert undone(client, "post", "/language/", {"language": name, "next": name}) < 500
