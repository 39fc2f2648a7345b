"""Whatever is asked of the simulated account, it answers and does not break off."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spojka.accounting.fakturoid.tests.test_simulator import Desk

_PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["", "x", "1e999", "NaN", "-5", "0", "2026-02-30", "99999999", "12,5"])
)
_LINES = st.lists(
    st.dictionaries(
        st.sampled_from(["id", "name", "quantity", "unit_price", "vat_rate", "_destroy"]), _PLAIN
    ),
    max_size=3,
)
ANYTHING = st.one_of(*[_PLAIN] * 4, _LINES, st.lists(_PLAIN, max_size=2))
FIELDS = (
    "document_type", "custom_id", "number", "lines", "due", "issued_on", "currency", "events",
    "exchange_rate", "correction_id", "related_id", "tax_document_ids", "tags", "amount",
    "paid_on", "native_amount", "email", "subject", "name", "registration_no", "webhook_url",
    "number_format_id", "vat_price_mode", "language", "payment_method", "taxable_fulfillment_due",
)  # fmt: skip
PATHS = (
    "invoices.json", "subjects.json", "webhooks.json", "invoices/{i}.json", "subjects/{s}.json",
    "invoices/{i}/payments.json", "invoices/{i}/message.json", "invoices/{i}/fire.json",
    "invoices/{i}/payments/7.json", "invoices/search.json?page=x", "events.json?since=yesterday",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["POST", "PATCH", "GET", "DELETE"]),
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4),
)
def test_nothing_that_is_asked_breaks_it(method: str, path: str, body: Any) -> None:
    desk = Desk()
    desk.login()
    made = desk.invoice()
    target = path.format(i=made["id"], s=made["subject_id"])
    lines = [{"name": "Práce", "unit_price": "1000", "vat_rate": "21"}]
    for asked in (body, {"subject_id": made["subject_id"], "lines": lines, **body}):
        status, _, _ = desk.ask(method, target, asked)
        assert status < 500
    json.dumps(desk.simulator.dump())
