"""The whole way in a real browser, on an installation that begins empty and runs as it ships."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.web.conftest import CAPTURED

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 90
ISSUE_MS = 90_000


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """An empty installation with its worker, on a free port."""
    with installation(tmp_path) as url:
        yield url


@contextmanager
def installation(folder: Path, **settings: str) -> Iterator[str]:
    """Run an empty installation with its worker on a free port; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPOJKA_", "DJANGO_"))}
    kept.pop("DATABASE_URL", None)
    paths = [str(ROOT / "src"), kept.get("PYTHONPATH", "")]
    environment = {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "SPOJKA_DATA": str(folder / "data"),
        **settings,
    }
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "spojka", "run", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, log)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:  # refused, or too slow on a busy machine
            time.sleep(0.2)
    pytest.fail(f"the server did not come up:\n{log.read_text()}")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a new visitor who reads English; any complaint of the browser fails the test."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.set_default_timeout(ISSUE_MS)
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def make_owner(page: Page, address: str) -> None:
    page.goto(address)
    assert page.url.endswith("/setup/")
    page.get_by_label("Your e-mail").fill("jana@example.com")
    page.get_by_label("New password").fill("a sentence to remember")
    page.get_by_role("button", name="Continue").click()


def test_a_newcomer_sees_sample_documents_and_downloads_a_pdf(page: Page, address: str) -> None:
    make_owner(page, address)
    page.get_by_role("button", name="Try with sample orders").click()
    # The overview refreshes itself: nobody reloads here.
    page.locator(".chip", has_text="issued").first.wait_for(timeout=ISSUE_MS)
    page.get_by_text("working", exact=True).wait_for(state="detached", timeout=ISSUE_MS)
    page.get_by_role("link", name="Orders", exact=True).click()
    page.locator("tr", has_text="FA2").first.get_by_role("link").first.click()
    life = page.locator(".life")
    assert "The order arrived" in life.inner_text()
    assert "Issue in the accounting system: done" in life.inner_text()
    page.get_by_text("Why", exact=True).click()
    assert "this rule fired" in life.inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").first.click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")
    page.get_by_role("link", name="Needs attention").click()
    page.locator(".mono", has_text="SPJ-").first.wait_for()


def test_an_owner_sets_up_a_company_imports_simulates_and_goes_live(
    page: Page, address: str
) -> None:
    make_owner(page, address)
    page.get_by_role("button", name="Set up my company").click()
    page.get_by_label("Company name").fill("Moje firma s.r.o.")
    page.get_by_label("Company id (IČO)").fill("27082440")
    page.get_by_label("Tax id (DIČ)").fill("CZ27082440")
    page.get_by_label("Street and number").fill("Dlouhá 1")
    page.get_by_label("Postcode").fill("110 00")
    page.get_by_label("City").fill("Praha")
    page.get_by_label("Bank account").fill("19-2000145399/0800")
    page.get_by_role("button", name="Continue").click()
    _connect_nothing_yet(page)
    page.get_by_role("button", name="Continue").click()
    page.locator(".choice", has_text="Cash on delivery").get_by_role("button").click()
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Observe first").click()
    page.get_by_role("link", name="Import orders").click()
    order = CAPTURED / "store-01-multi-vat-shipping.json"
    page.get_by_label("File with orders").set_input_files(order)
    page.get_by_role("button", name="Import", exact=True).click()
    page.locator("main", has_text="new: 1").wait_for()
    page.get_by_role("link", name="What would the rules do?").click()
    page.locator("main", has_text="invoice: 1").wait_for()
    page.get_by_role("link", name="Go live").click()
    page.get_by_role("button", name="Go live").click()
    page.locator(".chip", has_text="issued").first.wait_for(timeout=ISSUE_MS)
    page.locator("main table").get_by_role("link").first.click()
    download_link = page.get_by_role("link", name="Download PDF")
    for _attempt in range(60):
        if download_link.is_visible():
            break
        time.sleep(0.5)
        page.reload()
    with page.expect_download() as download:
        download_link.click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")


def _connect_nothing_yet(page: Page) -> None:
    """Name a shop whose orders come by file; its address leads nowhere, and the wizard says so."""
    page.get_by_label("Name of the shop").fill("E-shop")
    page.get_by_label("Address of the shop").fill("http://127.0.0.1:9")
    page.get_by_label("Consumer key").fill("ck_" + "0" * 40)
    page.get_by_label("Consumer secret").fill("cs_" + "0" * 40)
    page.get_by_role("button", name="Verify and continue").click()
    page.get_by_text("What was checked").wait_for()
    assert page.locator(".mono", has_text="SPJ-NET").first.is_visible()
    page.get_by_role("link", name="Continue and mend it later").click()
