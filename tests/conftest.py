"""Fixtures that tests of all rooms share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import connections

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


LONG = ("simulation", "upgrade", "crash", "web", "operations")
"""Folders whose files take longest: first, so that no processor is idle in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the long ones begin; the others keep their order."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(_folder(item.path), len(LONG)))


def _folder(path: Path) -> str:
    here = Path(__file__).parent
    return path.relative_to(here).parts[0] if path.is_relative_to(here) else ""


@pytest.fixture(autouse=True)
def _no_lease_left() -> Iterator[None]:
    """Forget the leases that a test left behind: their rows are gone."""
    yield
    if (leases := sys.modules.get("spojka.engine.leases")) is not None:
        leases._keeper.release()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; tests that need it are skipped, visibly, where it is absent.

    While it is open, an event loop runs in this process, in which Django refuses to ask its
    database. So it is closed after the tests of one file.
    """
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed: the browser tests are skipped")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def django_db_modify_db_settings_xdist_suffix(request: pytest.FixtureRequest) -> None:
    """Give each process of the tests a database of its own; on SQLite it is in memory anyway.

    pytest-django does it by the name of the engine, and does not know ours.
    """
    worker = getattr(request.config, "workerinput", {}).get("workerid", "")
    default = connections.databases["default"]
    if worker and default["ENGINE"] != "spojka.database.sqlite":
        name = default["TEST"].get("NAME") or f"test_{default['NAME']}"
        default["TEST"]["NAME"] = f"{name}_{worker}"
