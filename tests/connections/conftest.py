from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spojka.companies.models import Company
from tests.connections.kasa import installed


@pytest.fixture
def kasa(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[None]:
    """The toy system is installed, and its simulator may be reached on loopback."""
    settings.KEY_FILE = tmp_path / "keys.json"
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8"]
    installed.install(monkeypatch)
    yield
    monkeypatch.undo()
    installed.uninstall()


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(name="Firma s.r.o.", company_id="27082440")
