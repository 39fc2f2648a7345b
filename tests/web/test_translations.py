"""The catalogues are complete, and formats are those of the language."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from django.utils import translation

from spojka.site import translations
from spojka.web import formats

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|<\w+>")


def texts(value: object) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (str(value),)


@pytest.mark.parametrize("language", translations.LANGUAGES)
def test_catalogues_are_complete(language: str) -> None:
    catalog = translations.load(language)
    there = {(message.id, message.context) for message in catalog if message.id}
    wanted = {(message.id, message.context) for message in translations.collect() if message.id}
    assert wanted - there == set(), "run: python -m spojka.site.translations update"
    assert there - wanted == set(), "run: python -m spojka.site.translations update"
    for message in catalog:
        if message.id:
            assert not message.fuzzy, message.id
            assert all(texts(message.string)), f"{language}: {message.id!r} is not translated"
            for text in texts(message.string):
                found = set(PLACEHOLDER.findall(text))
                assert found == set(PLACEHOLDER.findall(texts(message.id)[-1])), message.id


def test_both_languages_differ_from_the_source() -> None:
    """A catalogue filled with its own source texts would be complete, and no translation."""
    for language in ("cs", "sk"):
        messages = [message for message in translations.load(language) if message.id]
        same = [message for message in messages if message.string == message.id]
        assert len(same) < len(messages) / 30


@pytest.mark.parametrize(
    ("language", "amount", "currency", "wanted"),
    [
        ("cs", "1234.5", "CZK", "1\xa0234,50\xa0Kč"),
        ("cs", "-1234.5", "EUR", "-1\xa0234,50\xa0€"),
        ("sk", "1234567.5", "EUR", "1\xa0234\xa0567,50\xa0€"),
        ("en", "1234.5", "CZK", "CZK\xa01,234.50"),
        ("en", "1234.5", "EUR", "€1,234.50"),
        ("cs", "845", "JPY", "845\xa0JP¥"),
        ("cs", "0.1234", "CZK", "0,1234\xa0Kč"),
        ("cs", "0", "CZK", "0,00\xa0Kč"),
    ],
)
def test_money(language: str, amount: str, currency: str, wanted: str) -> None:
    with translation.override(language):
        assert formats.money(Decimal(amount), currency) == wanted


@pytest.mark.parametrize(
    ("language", "wanted"), [("cs", "7. 3. 2026"), ("sk", "7. 3. 2026"), ("en", "7 Mar 2026")]
)
def test_day(language: str, wanted: str) -> None:
    with translation.override(language):
        assert formats.day(date(2026, 3, 7)).replace("\xa0", " ") == wanted


def test_number_has_no_needless_zeros() -> None:
    with translation.override("cs"):
        assert formats.number(Decimal("21.0000")) == "21"
        assert formats.number(Decimal("2.50")) == "2,5"
        assert formats.number(Decimal("1E+3")) == "1\xa0000"
