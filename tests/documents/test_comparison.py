"""Both sides are compared in total, per rate and in what stands on the document."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from spojka.accounting.contract import Issued, IssuedLine, Totals
from spojka.core.catalogue import LANGUAGES, explain
from spojka.core.document import Treatment, VatRow
from spojka.core.order import LineKind
from spojka.documents import comparison
from tests.documents.test_register import document

OURS = replace(document(), variable_symbol="2026001", due_on=date(2026, 12, 6))


def answer(**changes: Any) -> Issued:
    """Return an answer that agrees, changed."""
    agreed = Issued(
        external_id="1",
        number="F1",
        total=OURS.total,
        vat=OURS.vat,
        currency=OURS.currency,
        variable_symbol=OURS.variable_symbol,
        issued_on=OURS.issued_on,
        due_on=OURS.due_on,
        lines=tuple(
            IssuedLine(line.name, line.quantity, line.gross, line.rate) for line in OURS.lines
        ),
    )
    return replace(agreed, **changes)


def test_what_agrees_and_what_is_not_told_differs_in_nothing() -> None:
    assert comparison.differences(OURS, answer(), "F1") == ()
    assert comparison.differences(OURS, Issued("1", "F1")) == ()
    assert comparison.told(Issued("1", "")) == frozenset()


@pytest.mark.parametrize(
    ("field", "theirs"),
    [
        ("number", "F2"),
        ("currency", "USD"),
        ("total", OURS.total + Decimal("0.01")),
        ("issued_on", date(2020, 1, 1)),
        ("due_on", date(2020, 1, 1)),
        ("variable_symbol", "9"),
    ],
)
def test_each_field_is_compared(field: str, theirs: Any) -> None:
    (found,) = comparison.differences(OURS, answer(**{field: theirs}), "F1")
    assert (found.field, found.theirs) == (field, str(theirs))
    assert comparison.field_of(found.problem()) == field
    assert field in comparison.told(answer(**{field: theirs}))
    for language in LANGUAGES:
        assert "@" not in explain(found.problem(), language).cause


def test_rates_are_compared_whatever_their_treatment_or_form() -> None:
    row = OURS.vat[0]
    same = VatRow(Decimal(f"{row.rate}.00"), Treatment.OSS, row.net, row.tax)
    nothing = VatRow(Decimal(10), Treatment.STANDARD, Decimal(0), Decimal(0))
    assert comparison.differences(OURS, answer(vat=(same, nothing, *OURS.vat[1:]))) == ()
    moved = replace(row, net=row.net + 1, tax=row.tax - 1)
    (found,) = comparison.differences(OURS, answer(vat=(moved, *OURS.vat[1:])))
    assert found.field == "vat"
    assert str(moved.net) in found.theirs
    assert comparison.field_of(found.problem()) == "vat"


def test_lines_may_be_rounded_and_one_for_rounding_may_be_added() -> None:
    lines = answer().lines or ()
    cent = Decimal("0.01")
    first = replace(lines[0], gross=lines[0].gross + cent)
    rounding = IssuedLine("", Decimal(1), -cent, Decimal(0))
    assert comparison.differences(OURS, answer(lines=(first, *lines[1:], rounding))) == ()
    (found,) = comparison.differences(OURS, answer(lines=(*lines, replace(lines[0]))))
    assert found.field == "lines"


def test_a_prediction_is_held_with_both_figures_per_rate() -> None:
    assert comparison.predicted(Totals(OURS.total, OURS.vat), OURS) is None
    more = comparison.predicted(Totals(OURS.total + 1, OURS.vat), OURS)
    assert more is not None
    assert more.code == "SPJ-TOTAL-PREDICTED"
    assert more.facts["ours"] == more.facts["theirs"]
    row = OURS.vat[0]
    moved = replace(row, net=row.net + 1, tax=row.tax - 1)
    vat = comparison.predicted(Totals(OURS.total, (moved, *OURS.vat[1:])), OURS)
    assert vat is not None
    assert vat.code == "SPJ-VAT-PREDICTED"
    for language in LANGUAGES:
        assert str(moved.net) in explain(vat, language).cause


def test_a_row_that_rounds_may_stand_outside_of_vat() -> None:
    row = replace(
        OURS.lines[0], kind=LineKind.ROUNDING, net=Decimal("0.30"), tax=Decimal(0),
        rate=Decimal(0), treatment=Treatment.OUTSIDE_SCOPE,
    )  # fmt: skip
    ours = replace(OURS, lines=(*OURS.lines, row))
    assert len(ours.vat) == len(OURS.vat) + 1
    for vat in (ours.vat, OURS.vat):
        assert comparison.differences(ours, answer(total=ours.total, vat=vat), "F1") == ()
    (found,) = comparison.differences(ours, answer(vat=OURS.vat), "F1")
    assert found.field == "total", "it is still a part of what is to be paid"
    sold = replace(ours, lines=(*OURS.lines, replace(row, kind=LineKind.PRODUCT)))
    (found,) = comparison.differences(sold, answer(total=sold.total, vat=OURS.vat), "F1")
    assert found.field == "vat"
