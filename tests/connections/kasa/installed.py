"""Puts the toy system into the registry, as if its package were installed."""

from __future__ import annotations

import pytest

from spojka.accounting import registry
from spojka.core import catalogue
from tests.connections.kasa.system import SYSTEM


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    systems = {**registry.systems(), "kasa": SYSTEM}
    monkeypatch.setattr(registry, "systems", lambda: systems)
    registry.simulator.cache_clear()
    catalogue._entries.cache_clear()


def uninstall() -> None:
    registry.simulator.cache_clear()
    catalogue._entries.cache_clear()
