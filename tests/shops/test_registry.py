"""Order sources are found by their folder, and by the entry points of other packages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from spojka.shops import registry
from spojka.shops.canonical.source import DESCRIPTOR
from spojka.shops.contract import Ability

OPERATIONS = {
    Ability.WEBHOOK: "read_webhook",
    Ability.FETCH: "fetch",
    Ability.POLL: "changed",
    Ability.WRITE_NOTE: "write_note",
    Ability.WATCH: "watch",
    Ability.FILE: "split",
}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    registry.sources.cache_clear()
    yield
    registry.sources.cache_clear()


def test_built_in_sources_are_found() -> None:
    assert {"canonical", "woocommerce"} <= set(registry.sources())
    assert registry.source("woocommerce").descriptor.name == "WooCommerce"


def test_an_unknown_source_names_the_known_ones() -> None:
    with pytest.raises(registry.UnknownSourceError) as caught:
        registry.source("opencart")
    assert "woocommerce" in str(caught.value)


def test_another_package_adds_a_source_but_replaces_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(key: str) -> Any:
        other = SimpleNamespace(descriptor=replace(DESCRIPTOR, key=key, name="Other"))
        return SimpleNamespace(name=key, load=lambda: other)

    monkeypatch.setattr(
        registry, "entry_points", lambda group: [entry("other"), entry("canonical")]
    )
    assert registry.source("other").descriptor.name == "Other"
    assert registry.source("canonical").descriptor is DESCRIPTOR


def test_what_is_declared_is_there_and_the_other_way_round() -> None:
    for source in registry.sources().values():
        for ability, operation in OPERATIONS.items():
            declared = ability in source.descriptor.abilities
            assert hasattr(source, operation) is declared, (source.descriptor.key, ability)


def test_texts_are_in_all_languages() -> None:
    for source in registry.sources().values():
        descriptor = source.descriptor
        texts = [descriptor.summary, *(label for _, label in descriptor.statuses)]
        texts += [field.label for field in descriptor.fields]
        for text in texts:
            assert all(text.get(language) for language in ("cs", "sk", "en"))
