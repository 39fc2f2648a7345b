"""Limits: what the headers say is told to the budget; what stops, and what goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spojka.accounting.simulator import Fault
from spojka.accounting.superfaktura.system import SYSTEM
from spojka.accounting.superfaktura.tests.helpers import NOW, account, document, key
from spojka.core.document import Kind
from spojka.core.outcome import ThrottledError
from spojka.net.limits import DAY, MONTH

MIDNIGHT = datetime(2026, 10, 5, 22, 0, tzinfo=UTC)
"""Of the account: two hours before that of UTC."""


def test_the_budget_learns_what_is_left_and_until_when() -> None:
    with account(used_elsewhere=400) as there:
        d = document()
        SYSTEM.create(there.session(), d, key(d))
        assert there.budget.observed == [
            (599, MIDNIGHT, DAY, 1000),
            (29599, datetime(2026, 10, 31, 23, 0, tzinfo=UTC), MONTH, 30000),
        ]


@pytest.mark.parametrize("how", ["empty", "403"])
def test_reading_stops_at_the_limit_and_issuing_goes_on(how: str) -> None:
    with account(used_elsewhere=1000, limit_answer=how) as there:
        d, s = document(), there.session()
        issued = SYSTEM.create(s, d, key(d))
        assert issued.number == "2026001"
        with pytest.raises(ThrottledError) as caught:
            SYSTEM.pdf(s, d, issued)
        assert caught.value.problem.code == "SPJ-SUPERFAKTURA-LIMIT"
        assert caught.value.until == MIDNIGHT
        with pytest.raises(ThrottledError):
            SYSTEM.read(s, issued.external_id, Kind.INVOICE)
        with pytest.raises(ThrottledError):
            SYSTEM.look_up(s, d, key(d))
        # The account may go on: nothing was said that would stop it.
        assert there.budget.paused == []
        assert all(remaining > 0 for remaining, *_ in there.budget.observed)
        (login,) = [row for row in SYSTEM.verify(s) if row.problem]
        assert login.problem is not None
        assert login.problem.code == "SPJ-SUPERFAKTURA-LIMIT"


@pytest.mark.parametrize("how", ["empty", "429", "403"])
def test_where_everything_stops_the_account_rests_until_the_reset(how: str) -> None:
    with account(used_elsewhere=1000, limit_answer=how, limit_stops="all") as there:
        d = document()
        with pytest.raises(ThrottledError) as caught:
            SYSTEM.create(there.session(), d, key(d))
        assert caught.value.until == MIDNIGHT
        assert there.budget.paused == [MIDNIGHT]
        assert there.simulator.books() == []


def test_a_months_limit_lasts_until_the_next_month() -> None:
    with account(used_elsewhere=30000, daily_limit=40000) as there:
        with pytest.raises(ThrottledError) as caught:
            SYSTEM.load(there.session())
        assert caught.value.until == datetime(2026, 10, 31, 23, 0, tzinfo=UTC)


def test_a_stated_wait_is_obeyed_and_an_unstated_one_ends_at_midnight() -> None:
    with account() as there:
        d = document()
        there.simulator.fail(Fault.LIMIT, "create", retry_after="90")
        there.simulator.fail(Fault.LIMIT, "create", retry_after="Mon, 05 Oct 2026 11:00:00 GMT")
        there.simulator.fail(Fault.LIMIT, "create")
        for until in (NOW + timedelta(seconds=90), NOW + timedelta(hours=1), MIDNIGHT):
            with pytest.raises(ThrottledError) as caught:
                SYSTEM.create(there.session(), d, key(d))
            assert caught.value.until == until
        assert there.budget.paused[-1] == MIDNIGHT
