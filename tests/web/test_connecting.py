"""Accounting systems are connected in a real browser: the activation guide, step by step.

The vendors' other sides are their simulators behind sockets, reached by the address under
*Advanced*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spojka.accounting import registry
from spojka.accounting.serving import Serving
from spojka.core import catalogue
from tests.web.test_browser import ISSUE_MS, installation, make_owner, page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["page"]
pytestmark = pytest.mark.browser
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Vendor:
    """How each thing that can be wrong is brought about at a vendor, and what is said then."""

    secret: str
    """The field of the form that a wrong key is typed into."""
    plan: dict[str, Any]
    right: dict[str, Any]
    well: dict[str, Any]
    codes: tuple[str, str, str]
    """Of a wrong key, a wrong plan, a missing right."""


VENDORS = {
    "fakturoid": Vendor(
        secret="client_secret",
        plan={"blocked": True},
        right={"blocked": False, "allowed_scope": ["expenses"]},
        well={"allowed_scope": ["invoices"]},
        codes=("SPJ-FAKTUROID-KEY", "SPJ-FAKTUROID-BLOCKED", "SPJ-FAKTUROID-RIGHTS"),
    ),
    "idoklad": Vendor(
        secret="client_secret",
        plan={"plan": 1},
        right={"plan": 3, "role": 2},
        well={"role": 0},
        codes=("SPJ-IDOKLAD-LOGIN", "SPJ-IDOKLAD-PLAN", "SPJ-IDOKLAD-RIGHTS"),
    ),
    "superfaktura": Vendor(
        secret="api_key",
        plan={"premium": False},
        right={"premium": True, "role": "guest"},
        well={"role": "admin"},
        codes=("SPJ-SUPERFAKTURA-LOGIN", "SPJ-SUPERFAKTURA-PLAN", "SPJ-SUPERFAKTURA-GUEST"),
    ),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One installation for all of it; networks of this machine are open, as an operator may."""
    folder: Path = tmp_path_factory.mktemp("connecting")
    with installation(folder, SPOJKA_ALLOWED_NETWORKS="127.0.0.0/8") as url:
        yield url


@pytest.fixture
def inside(page: Page, address: str) -> Page:
    """Whoever tries the sample company."""
    page.goto(address)
    if page.url.endswith("/setup/"):
        make_owner(page, address)
        page.get_by_role("button", name="Try with sample orders").click()
    else:
        page.get_by_label("E-mail").fill("jana@example.com")
        page.get_by_label("Password").fill("a sentence to remember")
        page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Settings", exact=True).click()
    page.get_by_role("link", name="Accounting systems").click()
    return page


def fill(page: Page, values: dict[str, str]) -> None:
    if page.locator("#id_field-address").is_hidden():
        page.get_by_text("Advanced", exact=True).click()
    for name, value in values.items():
        field = page.locator(f"#id_field-{name}")
        if field.count() == 0:
            continue  # the account is chosen, not typed
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def press(page: Page, button: str | re.Pattern[str]) -> None:
    """Press a button and wait for the page that answers: the old one would be read else."""
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()


def follow(page: Page, link: str) -> None:
    """Follow a link, likewise."""
    with page.expect_navigation():
        page.get_by_role("link", name=link, exact=True).click()


def outcome(page: Page) -> str:
    """Wait until the checklist has run, and return what the page says."""
    page.locator("#live").wait_for()
    page.get_by_text("being verified").first.wait_for(state="detached", timeout=ISSUE_MS)
    return page.locator("#live").inner_text()


def cause(code: str) -> str:
    """Return the beginning of what the catalogue says, up to the first fact of the case."""
    entry = catalogue.entry(code)
    assert entry.code == code, f"{code} is not in the catalogue"
    return entry.cause["en"].partition("{")[0].strip()


@pytest.mark.parametrize("key", VENDORS)
def test_whatever_is_wrong_is_said_and_what_is_mended_is_active(
    inside: Page, address: str, key: str
) -> None:
    vendor = VENDORS[key]
    made = registry.simulator(key)
    assert made is not None
    simulator = made()
    with Serving(simulator) as server:
        right = dict(simulator.credentials(server.address))
        page = inside
        page.locator(f"#system-{key}").get_by_role("link", name="Connect").click()
        fill(page, {**right, vendor.secret: "wrong-key-0123456789"})
        press(page, "Activate")
        wrong_key, wrong_plan, missing_right = vendor.codes
        said = {wrong_key: outcome(page)}

        simulator.control({"account": vendor.plan})
        follow(page, "Change the credentials")
        fill(page, {vendor.secret: right[vendor.secret]})
        press(page, "Verify and save")
        said[wrong_plan] = outcome(page)

        simulator.control({"account": vendor.right})
        press(page, "Activate")
        said[missing_right] = outcome(page)

        simulator.control({"account": vendor.well})
        follow(page, "Change the credentials")
        fill(page, {"address": NOBODY})
        press(page, "Verify and save")
        said["SPJ-NET-CONNECT"] = outcome(page)

        for code, text in said.items():
            assert code in text and cause(code) in text, f"{code}: {text}"
            assert "It is not active yet" in text and "is connected" not in text
            assert not re.search(r'[{}]|":', text), text  # no raw JSON
        assert len(said) == 4

        follow(page, "Change the credentials")
        fill(page, {"address": server.address})
        press(page, "Verify and save")
        text = outcome(page)
        assert "everything necessary works" in text, text
        follow(page, "Loaded data")
        page.get_by_text("this happens by itself").wait_for()
        assert "Nothing was loaded yet" not in page.locator("#live").inner_text()
        for secret in {right[vendor.secret], "wrong-key-0123456789"}:
            follow(page, "Calls")
            assert secret not in page.content()


@pytest.mark.parametrize("key", VENDORS)
def test_without_an_account_a_test_order_goes_the_whole_way(
    inside: Page, address: str, key: str
) -> None:
    page = inside
    with page.expect_navigation():
        page.locator(f"#system-{key}").get_by_role("button", name="Try without an account").click()
    assert "everything necessary works" in outcome(page)
    follow(page, "Test order")
    press(page, "Issue a test order")
    page.get_by_text("working", exact=True).wait_for(state="detached", timeout=ISSUE_MS)
    text = page.locator("#live").inner_text()
    assert "both sides agree" in text, text
    with page.expect_download() as download:
        page.get_by_role("link", name="Download PDF").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")
    follow(page, "Simulator")
    assert re.search(r"TEST\d{4}", page.locator("#live").inner_text())
    follow(page, "Test order")
    press(page, re.compile("again|credit note"))
    page.get_by_text("working", exact=True).wait_for(state="detached", timeout=ISSUE_MS)
    assert "both sides differ" not in page.locator("#live").inner_text()


def test_it_works_without_scripts(browser: Browser, inside: Page, address: str) -> None:
    """The checklist is followed by reloading: the page does so by itself."""
    state = inside.context.storage_state()
    context = browser.new_context(
        java_script_enabled=False, storage_state=state, locale="en-GB", base_url=address
    )
    page = context.new_page()
    page.set_default_timeout(ISSUE_MS)
    page.goto(inside.url)
    page.locator("#system-fakturoid").get_by_role("button", name="Try without").click()
    page.get_by_text("everything necessary works").wait_for()
    follow(page, "Simulator")
    page.get_by_text("Let something go wrong").wait_for()
    context.close()


def test_nothing_overflows_on_a_phone(browser: Browser, inside: Page, address: str) -> None:
    state = inside.context.storage_state()
    context = browser.new_context(
        storage_state=state, viewport={"width": 390, "height": 800}, locale="en-GB"
    )
    page = context.new_page()
    page.goto(inside.url)
    connections = page.locator("a.plain").evaluate_all("links => links.map(link => link.href)")
    tabs = ("", "calls/", "limits/", "data/", "settings/", "history/", "test/", "simulator/")
    pages = [link + tab for link in connections[-2:] for tab in tabs]
    for url in [inside.url, f"{inside.url}new/superfaktura/", *pages]:
        page.goto(url)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{url}: {width}"
    context.close()
