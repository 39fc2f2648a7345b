"""The catalogue is complete, well formed, and never fails a person who needs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.core.catalogue import (
    CODE,
    LANGUAGES,
    CatalogueError,
    DocumentExists,
    all_entries,
    entry,
    explain,
    read_entries,
    words,
)
from spojka.core.problem import Problem

USED = re.compile(CODE.pattern + r"(?![-A-Z0-9])")  # not the stem of a family: SPJ-VARIABLE-…
SOURCES = Path(__file__).parents[2] / "src"
ENTRIES = all_entries()


def used_codes() -> dict[str, str]:
    """Every code in the sources, with one file that uses it."""
    found: dict[str, str] = {}
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix not in {".py", ".toml", ".html", ".txt"} or path.name == "catalogue.toml":
            continue
        for code in USED.findall(path.read_text("utf-8")):
            found.setdefault(code, str(path.relative_to(SOURCES)))
    return found


def test_every_code_in_the_sources_is_in_the_catalogue() -> None:
    known = {e.code for e in ENTRIES}
    for path in SOURCES.rglob("errors.toml"):
        known |= {e.code for e in read_entries(path.read_text("utf-8"))}
    used = used_codes()
    assert "SPJ-UNMAPPED" in used
    assert {code: path for code, path in used.items() if code not in known} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_speaks_every_language(language: str) -> None:
    for e in ENTRIES:
        assert e.cause[language].strip().endswith((".", "}", ":")), e.code
        assert e.fix[language].strip().endswith("."), e.code
    for key, word in words().items():
        assert word[language].strip(), key


def test_translations_use_the_same_facts() -> None:
    placeholder = re.compile(r"(?<!\{)\{([a-z_]+)\}|\{\{\{([a-z_]+)\}\}\}")
    for e in ENTRIES:
        for texts in (e.cause, e.fix):
            facts = {frozenset(placeholder.findall(texts[lang])) for lang in LANGUAGES}
            assert len(facts) == 1, e.code


def test_translations_differ_from_one_another() -> None:
    for e in ENTRIES:
        # A short Czech sentence can be the same in Slovak, but hardly both of an entry's.
        told = {(e.cause[language], e.fix[language]) for language in LANGUAGES}
        assert len(told) == len(LANGUAGES), e.code


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_brace_of_the_catalogue_reaches_a_person(language: str) -> None:
    for e in ENTRIES:
        if e.code in {"SPJ-VARIABLE-UNKNOWN", "SPJ-VARIABLE-SYNTAX"}:
            continue  # they speak about braces
        explained = explain(Problem.of(e.code, **dict.fromkeys(e.facts, "X")), language)
        assert "{" not in explained.cause + explained.fix


def test_facts_are_filled_in() -> None:
    problem = Problem.of("SPJ-ORDER-SUM", rows="120.99", total="121.00", currency="CZK")
    explained = explain(problem, "cs")
    assert explained.cause == (
        "Řádky objednávky dávají dohromady 120,99 CZK, ale celková částka objednávky je 121,00 CZK."
    )
    assert explained.document_exists is DocumentExists.NO
    assert explained.document == "Doklad nebyl vystaven."
    assert not explained.retriable
    assert explained.action == "orders"


@pytest.mark.parametrize(("language", "shown"), [("cs", "22,01"), ("sk", "22,01"), ("en", "22.01")])
def test_amounts_have_the_language_s_point(language: str, shown: str) -> None:
    problem = Problem.of("SPJ-ORDER-VAT-SOURCES", rate="21", rows="22.01", summary="22.02")
    assert f"{shown}, " in explain(problem, language).cause


def test_a_number_that_looks_like_an_amount_is_left_alone() -> None:
    problem = Problem.of("SPJ-DOCUMENT-EXISTS", kind="@invoice", number="2026.001")
    assert "2026.001" in explain(problem, "cs").cause


def test_a_variable_is_shown_in_its_braces() -> None:
    problem = Problem.of("SPJ-VARIABLE-UNKNOWN", name="order.nmber", suggestion="order.number")
    explained = explain(problem, "en")
    assert explained.cause == "There is no variable {order.nmber} here. Similar: order.number"
    assert explained.fix.endswith("are doubled: {{ and }}.")


def test_a_reason_is_translated_with_the_text() -> None:
    problem = Problem.of("SPJ-SERIES-FORMAT", format="FA", reason="@series-no-counter")
    assert "chybí v něm pořadí (CCC)" in explain(problem, "cs").cause
    assert "chýba v ňom poradie (CCC)" in explain(problem, "sk").cause
    assert "the counter (CCC) is missing" in explain(problem, "en").cause


def test_a_fact_that_only_looks_like_a_word_is_left_alone() -> None:
    problem = Problem.of("SPJ-UNMAPPED", technical="@nobody knows {this}")
    assert "@nobody knows {this}" in explain(problem, "en").cause


def test_an_unknown_code_is_kept_and_explained() -> None:
    explained = explain(Problem.of("SPJ-FROM-THE-FUTURE", technical="no such thing"), "sk")
    assert explained.code == "SPJ-FROM-THE-FUTURE"
    assert "no such thing" in explained.cause
    assert explained.document_exists is DocumentExists.UNKNOWN


def test_the_ledger_knows_better_whether_the_document_exists() -> None:
    problem = Problem.of("SPJ-NET-CONNECT", host="example.org")
    explained = explain(problem, "en", document=DocumentExists.YES)
    assert explained.document == "The document exists."


def test_entries_of_a_system_come_first() -> None:
    own = read_entries(
        'SPJ-X.document = "no"\nSPJ-X.retriable = true\n'
        'SPJ-X.cause = {en = "a {b}", cs = "c", sk = "d"}\n'
        'SPJ-X.fix = {en = "e", cs = "f", sk = "g"}\n'
    )
    assert explain(Problem.of("SPJ-X", b=1), "en", entries=own).cause == "a 1"
    assert entry("SPJ-X").code == "SPJ-UNMAPPED"


@given(
    code=st.sampled_from([e.code for e in ENTRIES]) | st.text(),
    facts=st.dictionaries(st.sampled_from(["line", "rows", "rate", "technical"]), st.text()),
    language=st.sampled_from([*LANGUAGES, "de", ""]),
)
def test_explaining_never_fails(code: str, facts: dict[str, str], language: str) -> None:
    explained = explain(Problem(code, facts), language)
    assert explained.code == code
    assert explained.cause
    assert explained.fix


@pytest.mark.parametrize(
    "text",
    [
        "not toml at all",
        '[SPJ-A]\nretriable = true\ncause.en = "x"',
        '[SPJ-A]\ndocument = "perhaps"\nretriable = true',
        '[SPJ-A]\ndocument = "no"\nretriable = "yes"',
        '[SPJ-A]\ndocument = "no"\nretriable = true\ncause = {en = "x", cs = "x"}',
        '[SPJ-A]\ndocument = "no"\nretriable = true\ncause = {en = "{x", cs = "x", sk = "x"}\n'
        'fix = {en = "x", cs = "x", sk = "x"}',
    ],
)
def test_a_malformed_catalogue_is_refused(text: str) -> None:
    with pytest.raises(CatalogueError):
        read_entries(text)
