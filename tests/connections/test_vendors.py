"""Each vendor's system is activated against its own simulator in the box, without an account."""

from __future__ import annotations

import pytest

from spojka.accounting import registry
from spojka.companies.models import Company
from spojka.connections import activation, checks, loading
from spojka.connections.activation import Act
from spojka.core.descriptor import CheckStatus
from spojka.engine import runner

pytestmark = pytest.mark.django_db
SIMULATED = sorted(key for key in registry.systems() if registry.simulator(key) is not None)


@pytest.mark.parametrize("key", SIMULATED)
@pytest.mark.parametrize(
    ("country", "mode"), [("CZ", "payer"), ("SK", "payer"), ("CZ", "non_payer")]
)
def test_it_fits_the_company_and_warns_of_nothing(
    company: Company, key: str, country: str, mode: str
) -> None:
    company.country, company.vat_mode = country, mode
    company.save()
    connection = activation.simulate(company, key, actor="jana")
    activation.start(connection, Act.ACTIVATE, actor="jana")
    runner.run_until_idle(30)
    connection.refresh_from_db()
    rows = checks.loaded(connection.checks)
    assert [row.key for row in rows if row.status is not CheckStatus.OK] == []
    assert connection.active and connection.load_problem is None
    data = loading.loaded(connection)
    assert data.series and data.bank_accounts and data.vat_mode == mode
