"""Numbers of documents: formats are read, rendered, read back, and never repeat."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.core.catalogue import explain
from spojka.core.numbering import MAX_LENGTH, NumberFormat, Parsed, Reset, SeriesError

DAY = date(2026, 3, 7)

FORMATS = st.sampled_from(
    [
        ("FARRRRCCC", Reset.YEARLY),
        ("RRCCCCCC", Reset.YEARLY),
        ("CCC/RRRR", Reset.YEARLY),
        ("CCCRRRR", Reset.YEARLY),
        ("RRRRMM-CCC", Reset.MONTHLY),
        ("CCRRMMDD9", Reset.MONTHLY),
        ("[CC]CC.RR", Reset.YEARLY),
        ("CCCC", Reset.NEVER),
    ]
)
DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31))


@pytest.mark.parametrize(
    ("text", "reset", "number"),
    [
        ("FARRRRCCC", Reset.YEARLY, "FA2026042"),
        ("INRRRRCCC", Reset.YEARLY, "IN2026042"),
        ("ADVRRRRCCC", Reset.YEARLY, "ADV2026042"),
        ("CRNRRRRCCC", Reset.YEARLY, "CRN2026042"),
        ("DOPRRRRCCC", Reset.YEARLY, "DOP2026042"),
        ("ZALRRCC", Reset.YEARLY, "ZAL2642"),
        ("RRMMDD/CCCC", Reset.MONTHLY, "260307/0042"),
        ("E-SHOP_[CC]1.CCCCC-RRRR", Reset.YEARLY, "E-SHOP_CC1.00042-2026"),
        ("[RR]CCC", Reset.NEVER, "RR042"),
        ("rrccCC", Reset.NEVER, "rrcc42"),
    ],
)
def test_a_format_renders(text: str, reset: Reset, number: str) -> None:
    assert NumberFormat.parse(text, reset).render(42, DAY) == number


def test_a_counter_outgrows_its_width() -> None:
    number_format = NumberFormat.parse("RRCC")
    assert number_format.render(99, DAY) == "2699"
    assert number_format.render(100, DAY) == "26100"
    assert number_format.match("26100") == Parsed(100, 2026, None)


def test_a_counter_starts_from_one() -> None:
    with pytest.raises(ValueError, match="starts from one"):
        NumberFormat.parse("RRCC").render(0, DAY)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "@series-empty"),
        ("FARRRR", "@series-no-counter"),
        ("FARRRRC", "@series-no-counter"),
        ("CCRRRRCCC", "@series-two-counters"),
        ("RRRRRRCCC", "@series-run"),
        ("RRRCCC", "@series-run"),
        ("RRRRMMMCCC", "@series-run"),
        ("RRRR-RRCCC", "@series-two-years"),
        ("RRMM-MMCCC", "@series-two-years"),
        ("FÁRRRRCCC", "@series-character"),
        ("FA RRRRCCC", "@series-character"),
        ("FA\nRRRRCCC", "@series-character"),
        ("[Á]RRRRCCC", "@series-character"),
        ("[CCRRRRCCC", "@series-bracket"),
        ("CC]RRRRCCC", "@series-bracket"),
        ("[[A]]RRRRCCC", "@series-bracket"),
        ("RRRR" + "C" * MAX_LENGTH, "@series-too-long"),
    ],
)
def test_a_format_that_cannot_be_used_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SeriesError) as raised:
        NumberFormat.parse(text)
    problem = raised.value.problem
    assert (problem.code, problem.facts["reason"]) == ("SPJ-SERIES-FORMAT", reason)
    assert "@" not in explain(problem, "cs").cause


@pytest.mark.parametrize(
    ("text", "reset", "missing"),
    [
        ("FACCC", Reset.YEARLY, "@the-year"),
        ("FAMMCCC", Reset.YEARLY, "@the-year"),
        ("FARRRRCCC", Reset.MONTHLY, "@the-month"),
        ("FAMMCCC", Reset.MONTHLY, "@the-year"),
        ("FACCC", Reset.MONTHLY, "@the-year-and-month"),
    ],
)
def test_a_format_whose_numbers_would_repeat_is_refused(
    text: str, reset: Reset, missing: str
) -> None:
    with pytest.raises(SeriesError) as raised:
        NumberFormat.parse(text, reset)
    problem = raised.value.problem
    assert (problem.code, problem.facts["missing"]) == ("SPJ-SERIES-REPEATS", missing)
    assert "@" not in explain(problem, "sk").cause


def test_the_period_follows_the_reset() -> None:
    assert NumberFormat.parse("RRRRCCC").period(DAY) == "2026"
    assert NumberFormat.parse("RRMMCCC", Reset.MONTHLY).period(DAY) == "2026-03"
    assert NumberFormat.parse("RRRRCCC", Reset.NEVER).period(DAY) == ""


@pytest.mark.parametrize(
    "number",
    ["", "FA202604", "FA2026000", "FB2026042", "FA2026042 ", "FA20260042x", "FA２０２６042"],
)
def test_a_number_of_another_format_is_not_read(number: str) -> None:
    assert NumberFormat.parse("FARRRRCCC").match(number) is None


def test_a_padded_counter_beyond_its_width_is_not_ours() -> None:
    assert NumberFormat.parse("FARRRRCCC").match("FA20260042") is None
    assert NumberFormat.parse("FARRRRCCC").match("FA20261042") == Parsed(1042, 2026, None)


def test_an_impossible_month_is_not_read() -> None:
    number_format = NumberFormat.parse("RRRRMMCCC", Reset.MONTHLY)
    assert number_format.match("202613001") is None
    assert number_format.match("202612001") == Parsed(1, 2026, 12)


@given(chosen=FORMATS, counter=st.integers(1, 10**7), on=DAYS)
def test_a_number_is_read_back(chosen: tuple[str, Reset], counter: int, on: date) -> None:
    number_format = NumberFormat.parse(*chosen)
    parsed = number_format.match(number_format.render(counter, on))
    assert parsed is not None
    assert parsed.counter == counter
    assert parsed.year in {None, on.year}
    assert parsed.month in {None, on.month}
    if number_format.reset is not Reset.NEVER:
        assert parsed.year == on.year


@given(
    chosen=FORMATS,
    first=st.tuples(st.integers(1, 10**5), DAYS),
    second=st.tuples(st.integers(1, 10**5), DAYS),
)
def test_numbers_of_a_series_never_repeat(
    chosen: tuple[str, Reset], first: tuple[int, date], second: tuple[int, date]
) -> None:
    number_format = NumberFormat.parse(*chosen)
    same_place = (first[0], number_format.period(first[1])) == (
        second[0],
        number_format.period(second[1]),
    )
    if not same_place:
        assert number_format.render(*first) != number_format.render(*second)


@given(text=st.text(alphabet="RMDCA1-[]á ", max_size=14))
def test_any_text_is_either_a_format_or_a_named_problem(text: str) -> None:
    try:
        number_format = NumberFormat.parse(text, Reset.NEVER)
    except SeriesError as error:
        assert error.problem.facts["format"] == text
    else:
        assert number_format.match(number_format.render(7, DAY)) is not None
