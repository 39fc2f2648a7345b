from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spojka.accounting import registry
from spojka.core import catalogue

PACKAGES = Path(__file__).parent / "package"


def forget() -> None:
    """Have systems and catalogue looked for anew."""
    registry.systems.cache_clear()
    registry.simulator.cache_clear()
    catalogue._entries.cache_clear()


@pytest.fixture
def denik() -> Iterator[None]:
    """The toy system is installed, as somebody's package would be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PACKAGES)
        forget()
        yield
    forget()
