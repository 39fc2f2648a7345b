"""Take the pictures of the documentation from the real thing: ``make screenshots``.

Starts Spojka on an empty data directory, goes through the set-up in a real browser as a newcomer
would, takes the sample company, waits until its documents are issued, and photographs the pages.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
SIZE: ViewportSize = {"width": 1280, "height": 860}
START_SECONDS = 60.0
ISSUE_SECONDS = 180.0

PICTURES = {"orders.png": "Orders"}
"""Name of the file -> the page's name in the main menu."""


@contextmanager
def spojka(data: Path) -> Iterator[str]:
    """Run Spojka on an empty data directory; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    given = {name: value for name, value in os.environ.items() if not name.startswith("SPOJKA_")}
    given.pop("DATABASE_URL", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "spojka", "run", "--port", str(port)],
        cwd=ROOT,
        env={**given, "SPOJKA_DATA": str(data)},
    )
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(address, timeout=5):  # noqa: S310 - our own address
                return
        except URLError:
            time.sleep(0.25)
    raise SystemExit("Spojka did not come up; see its messages above")


def set_up(page: Page, address: str) -> None:
    """Go from the empty installation to the sample company."""
    page.goto(address)
    page.locator("[name=email]").fill("jana@example.com")
    page.locator("[name=password]").fill(secrets.token_urlsafe(16))
    page.locator("select[name=language]").select_option("en")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Try with sample orders").click()


def visit(page: Page, name: str) -> None:
    """Go to a page of the main menu; a page that fails is not photographed."""
    page.get_by_role("link", name=name, exact=True).click()
    response = page.reload(wait_until="networkidle")
    if response is None or not response.ok:
        raise SystemExit(f"the page {name} does not work")


def wait_until_issued(page: Page) -> None:
    """Reload the orders until nothing has changed for a while."""
    visit(page, "Orders")
    seen, unchanged = "", 0
    deadline = time.monotonic() + ISSUE_SECONDS
    while unchanged < 4 and time.monotonic() < deadline:
        time.sleep(1.5)
        page.reload()
        now = page.locator("main").inner_text()
        unchanged = unchanged + 1 if now == seen else 0
        seen = now


def main() -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        spojka(Path(data)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, locale="en-GB")
        set_up(page, address)
        wait_until_issued(page)
        for name, place in PICTURES.items():
            visit(page, place)
            page.screenshot(path=IMAGES / name)
            sys.stderr.write(f"spojka: took {(IMAGES / name).relative_to(ROOT)}\n")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
