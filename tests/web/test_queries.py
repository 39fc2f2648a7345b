"""Pages ask the database a bounded number of questions, however much there is to show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from spojka.companies.models import Company
from spojka.documents import rulebook
from spojka.web.urls import _company
from tests.web.conftest import make_stuck

pytestmark = pytest.mark.django_db
MOST = 12
FILTERS = "q=a&status=processing&document=without&since=2020-01-01&until=2030-01-01"
DOWNLOADS = {"archive_export"}
"""Files of everything, written as a stream: their questions grow with what is in them."""


def addresses(company: Company) -> Iterator[tuple[str, str]]:
    """Yield every page of a company, by the name of its address."""
    document = company.documents.order_by("id").first()
    event = company.shops.get().events.order_by("id").first()
    entry = company.archive_entries.exclude(sha256="").first()
    assert document is not None
    assert event is not None
    assert entry is not None
    shown = {
        "order": document.order_id,
        "payload": document.order_id,
        "document": document.pk,
        "pdf": document.pk,
        "isdoc": document.pk,
        "event": event.pk,
        "rule": company.rules.all()[0].pk,
        "series_edit": company.series.all()[0].pk,
        "settings_account": company.bank_accounts.all()[0].pk,
        "settings_shop": company.shops.get().pk,
        "shop_import": company.shops.get().pk,
        "settings_template": company.email_templates.all()[0].pk,
        "archived_file": entry.pk,
        "archive_entries": str(document.uuid),
        "settings_shop_new": "woocommerce",
        "settings_connection_new": "own",
        **{
            f"settings_connection{tab}": company.connections.latest("pk").pk
            for tab in (
                "",
                "_access",
                "_calls",
                "_limits",
                "_data",
                "_settings",
                "_history",
                "_test",
            )
        },
    }
    for name in (str(page.name) for page in _company if page.name not in DOWNLOADS):
        page = next(page for page in _company if page.name == name)
        needed = page.pattern.converters
        if needed and name not in shown:
            continue  # an act, which only takes POST
        arguments = [company.pk, *([shown[name]] if needed else [])]
        yield name, reverse(f"web:{name}", args=arguments)
    for name in ("orders", "documents"):
        yield f"{name}, filtered", f"{reverse(f'web:{name}', args=[company.pk])}?{FILTERS}"


def test_every_page_asks_at_most_twelve_questions(client: Client, full: Company) -> None:
    document = full.documents.filter(state="issued").first()
    event = full.shops.get().events.order_by("id").first()
    used = full.connections.latest("pk")
    assert document is not None and event is not None
    for handler, pk in (("order", document.order_id), ("event", event.pk)):
        make_stuck(handler, pk, f"shop:{document.order.shop_id}")
    make_stuck("changes", used.pk, f"connection:{used.pk}")
    too_many: dict[str, list[str]] = {}
    seen = 0
    for name, address in addresses(full):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            answer = client.get(address)
            if hasattr(answer, "streaming_content"):
                b"".join(answer.streaming_content)
        if answer.status_code == 405:
            continue
        assert answer.status_code in {200, 302}, (name, answer.status_code)
        seen += 1
        if len(asked) > MOST:
            too_many[f"{name} {len(asked)}"] = [query["sql"][:300] for query in asked]
    assert seen > 35
    assert not too_many, "\n".join(
        "\n  ".join([name, *queries]) for name, queries in too_many.items()
    )


def test_a_simulation_asks_the_same_for_many_orders_as_for_few(full: Company) -> None:
    def questions(limit: int) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert rulebook.simulate(full, limit=limit).counts["orders"] == limit
        # An order in another currency asks for the rate of its day.
        return len([query for query in asked if "documents_rateofday" not in query["sql"]])

    assert questions(2) == questions(12)
