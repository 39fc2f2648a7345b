"""The own issuer's register: numbers without gap or double, whoever comes at once or is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from django.utils import timezone
from psycopg import sql

from spojka.archive import store
from spojka.archive.models import Entry
from spojka.companies.models import Company
from spojka.connections.models import Shop
from spojka.core import codec
from spojka.core.document import Document, DocumentLine, Kind, Seller, Treatment
from spojka.core.order import Address, Customer, LineKind
from spojka.core.outcome import RejectedError, Rejection
from spojka.documents.models import Document as DocumentRow
from spojka.documents.models import RegisterEntry, Series, SeriesCounter
from spojka.documents.register import CompanyRegister, symbol_of
from spojka.documents.series import add_default_series, next_example
from spojka.orders.models import InboxEvent, Order, OrderVersion

WORKER = Path(__file__).with_name("register_worker.py")


def document(kind: Kind = Kind.INVOICE, on: date = date(2026, 3, 7), **fields: object) -> Document:
    line = DocumentLine(
        key="1",
        kind=LineKind.PRODUCT,
        name="Žluťoučký hrnek",
        quantity=Decimal(1),
        unit_price=Decimal("100.00"),
        net=Decimal("100.00"),
        tax=Decimal("21.00"),
        rate=Decimal(21),
        treatment=Treatment.STANDARD,
    )
    base: dict[str, object] = {
        "uuid": str(uuid4()),
        "kind": kind,
        "currency": "CZK",
        "language": "cs",
        "seller": Seller("Hrnečky s.r.o.", Address()),
        "customer": Customer(),
        "issued_on": on,
        "due_on": on,
        "taxable_on": on,
        "order_number": "42",
        "order_external_id": "42",
        "lines": (line,),
    }
    return Document(**{**base, **fields})  # type: ignore[arg-type]


@pytest.fixture
def company(db: None) -> Company:
    company = Company.objects.create(name="Hrnečky s.r.o.")
    add_default_series(company)
    return company


@pytest.fixture
def register(company: Company) -> CompanyRegister:
    return CompanyRegister(company)


def refused(code: str) -> pytest.RaisesExc[RejectedError]:
    return pytest.raises(RejectedError, match=code)


# ── Entering ──────────────────────────────────────────────────────────────────────────────────


def test_a_document_gets_the_next_number_of_its_kind(register: CompanyRegister) -> None:
    assert register.enter(document(), "a").number == "FA20260001"
    assert register.enter(document(), "b").number == "FA20260002"
    assert register.enter(document(Kind.PROFORMA), "c").number == "ZAL20260001"
    assert register.enter(document(Kind.TAX_DOCUMENT), "d").number == "DD20260001"
    assert register.enter(document(Kind.CREDIT_NOTE), "e").number == "DOP20260001"


def test_what_is_issued_is_the_document(register: CompanyRegister) -> None:
    given = document()
    issued = register.enter(given, "a")
    assert issued.external_id == given.uuid
    assert issued.variable_symbol == "20260001"
    assert issued.issued_on == date(2026, 3, 7)
    assert (issued.total, issued.currency) == (Decimal("121.00"), "CZK")
    assert issued.vat == given.vat
    assert issued.paid_amount == 0
    assert register.find("a") == issued
    assert register.find("b") is None


def test_the_symbol_of_the_document_comes_first(register: CompanyRegister) -> None:
    assert register.enter(document(variable_symbol="777"), "a").variable_symbol == "777"


def test_a_symbol_made_of_a_number_has_at_most_ten_digits() -> None:
    assert symbol_of("FA-2026/03-000123") == "2603000123"[-10:] or symbol_of("") == ""
    assert symbol_of("FA-2026/03-000123") == "2603000123"
    assert symbol_of("FA1") == "1"


def test_the_same_key_gives_the_same_document(register: CompanyRegister) -> None:
    first = register.enter(document(), "a")
    assert register.enter(document(), "a") == first
    assert RegisterEntry.objects.count() == 1
    assert register.enter(document(), "b").number == "FA20260002"


def test_a_document_is_entered_once_whatever_the_key(register: CompanyRegister) -> None:
    given = document()
    assert register.enter(given, "a") == register.enter(given, "b")
    assert RegisterEntry.objects.count() == 1


def test_the_archive_keeps_what_was_issued(register: CompanyRegister, company: Company) -> None:
    given = document()
    register.enter(given, "a")
    entry = Entry.objects.get()
    assert (entry.kind, entry.subject, entry.number) == ("issued", given.uuid, "FA20260001")
    content = store.read(entry.sha256)
    assert content is not None
    assert codec.load(Document, json.loads(content)) == given
    assert "Žluťoučký".encode() in content
    assert store.verify(company).ok


def test_each_year_begins_with_one_and_years_do_not_disturb_each_other(
    register: CompanyRegister,
) -> None:
    days = [date(2026, 12, 31), date(2027, 1, 1), date(2026, 12, 31), date(2027, 1, 2)]
    numbers = [register.enter(document(on=day), str(key)).number for key, day in enumerate(days)]
    assert numbers == ["FA20260001", "FA20270001", "FA20260002", "FA20270002"]


def test_the_first_number_is_that_of_the_first_year_only(
    register: CompanyRegister, company: Company
) -> None:
    Series.objects.filter(company=company, kind="invoice").update(first=346)
    series = Series.objects.get(company=company, kind="invoice")
    assert next_example(series, date(2026, 3, 7)) == "FA20260346"
    assert register.enter(document(), "a").number == "FA20260346"
    assert next_example(series, date(2026, 3, 7)) == "FA20260347"
    assert next_example(series, date(2027, 1, 1)) == "FA20270001"
    assert register.enter(document(on=date(2027, 1, 1)), "b").number == "FA20270001"


def test_a_monthly_series_begins_again_each_month(
    register: CompanyRegister, company: Company
) -> None:
    Series.objects.filter(company=company).update(format="FARRMMCCC", reset="monthly")
    days = [date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28)]
    numbers = [register.enter(document(on=day), str(day)).number for day in days]
    assert numbers == ["FA2601001", "FA2602001", "FA2602002"]


def test_a_rejected_document_takes_no_number(register: CompanyRegister, company: Company) -> None:
    with refused("SPJ-SERIES-MISSING"):
        register.enter(document(texts=(("series", "999999"),)), "a")
    assert register.enter(document(), "a").number == "FA20260001"
    assert store.verify(company).entries == 1


# ── Choosing the series ───────────────────────────────────────────────────────────────────────


def test_without_a_series_it_says_so(company: Company) -> None:
    Series.objects.filter(kind="invoice").update(active=False)
    with refused("SPJ-SERIES-MISSING") as caught:
        CompanyRegister(company).enter(document(), "a")
    assert caught.value.rejection is Rejection.CONFIG
    assert caught.value.problem.facts["kind"] == "@invoice"


def test_the_series_that_the_document_names_is_used(
    register: CompanyRegister, company: Company
) -> None:
    other = Series.objects.create(company=company, kind="invoice", name="B", format="BRRCCC")
    given = document(texts=(("series", str(other.pk)),))
    assert register.enter(given, "a").number == "B26001"
    for wrong in ("x", "-1", str(Series.objects.get(company=company, kind="proforma").pk)):
        with refused("SPJ-SERIES-MISSING"):
            register.enter(document(texts=(("series", wrong),)), "b")


def test_a_series_of_another_company_is_not_used(register: CompanyRegister) -> None:
    other = Company.objects.create(name="Other")
    foreign = add_default_series(other)[0]
    with refused("SPJ-SERIES-MISSING"):
        register.enter(document(texts=(("series", str(foreign.pk)),)), "a")


def test_the_series_of_the_orders_shop_comes_before_the_common_one(
    register: CompanyRegister, company: Company
) -> None:
    shop = Shop.objects.create(company=company, platform="canonical", name="Druhý")
    Series.objects.create(company=company, shop=shop, kind="invoice", name="D", format="DRRCCC")
    given, proforma = document(), document(Kind.PROFORMA)
    planned(company, shop, given)
    planned(company, shop, proforma)
    assert register.enter(given, "a").number == "D26001"
    assert register.enter(document(), "b").number == "FA20260001"
    assert register.enter(proforma, "c").number == "ZAL20260001"


def planned(company: Company, shop: Shop, given: Document) -> DocumentRow:
    event = InboxEvent.objects.create(shop=shop, via="api", body=b"{}", digest="0")
    order = Order.objects.create(
        shop=shop,
        company=company,
        external_id=given.uuid,
        number="42",
        status="processing",
        currency="CZK",
        total=121,
        ordered_at=timezone.now(),
    )
    version = OrderVersion.objects.create(
        order=order, ordinal=1, content={}, payload={}, digest="0", event=event
    )
    return DocumentRow.objects.create(
        uuid=given.uuid, company=company, order=order, version=version, kind=given.kind.value
    )


def test_two_series_that_make_the_same_number_are_told(
    register: CompanyRegister, company: Company
) -> None:
    register.enter(document(), "a")
    twin = Series.objects.create(company=company, kind="invoice", name="T", format="FARRRRCCCC")
    with refused("SPJ-SERIES-NUMBER-TAKEN") as caught:
        register.enter(document(texts=(("series", str(twin.pk)),)), "b")
    assert dict(caught.value.problem.facts) == {"number": "FA20260001", "series": "T"}
    assert not SeriesCounter.objects.filter(series=twin, last__gt=0).exists()
    assert register.enter(document(), "c").number == "FA20260002"


def test_a_format_that_cannot_be_used_is_told(register: CompanyRegister, company: Company) -> None:
    Series.objects.filter(kind="invoice").update(format="FACCC")
    with refused("SPJ-SERIES-REPEATS"):
        register.enter(document(), "a")


def test_default_series_are_added_once(company: Company) -> None:
    assert add_default_series(company) == []
    Series.objects.get(kind="credit_note").delete()
    assert [series.kind for series in add_default_series(company)] == ["credit_note"]
    assert {choice.detail for choice in CompanyRegister(company).series()} == {
        "FARRRRCCCC",
        "ZALRRRRCCCC",
        "[DD]RRRRCCCC",
        "DOPRRRRCCCC",
    }


# ── Payments and cancelling ───────────────────────────────────────────────────────────────────


def test_a_payment_is_recorded_once_per_key(register: CompanyRegister, company: Company) -> None:
    given = document()
    register.enter(given, "a")
    first = register.record_payment(given.uuid, "p1", date(2026, 3, 8), Decimal("21.00"))
    again = register.record_payment(given.uuid, "p1", date(2026, 3, 9), Decimal("99.00"))
    assert again == first
    register.record_payment(given.uuid, "p2", date(2026, 3, 9), Decimal("100.00"))
    issued = register.find("a")
    assert issued is not None
    assert issued.paid_amount == Decimal("121.00")
    assert list(Entry.objects.values_list("kind", flat=True)) == ["issued", "paid", "paid"]
    assert store.verify(company).ok


def test_the_payment_of_the_key_is_taken_back(register: CompanyRegister) -> None:
    given = document()
    register.enter(given, "a")
    register.record_payment(given.uuid, "p1", date(2026, 3, 8), Decimal("21.00"))
    register.record_payment(given.uuid, "p2", date(2026, 3, 8), Decimal("100.00"))
    register.remove_payment(given.uuid, "p1")
    register.remove_payment(given.uuid, "p1")
    issued = register.find("a")
    assert issued is not None
    assert issued.paid_amount == Decimal("100.00")
    assert Entry.objects.filter(kind="unpaid").count() == 1


def test_another_key_takes_all_payments_back_and_only_once(register: CompanyRegister) -> None:
    given = document()
    register.enter(given, "a")
    register.remove_payment(given.uuid, "nothing to take back")
    register.record_payment(given.uuid, "p1", date(2026, 3, 8), Decimal("21.00"))
    register.record_payment(given.uuid, "p2", date(2026, 3, 8), Decimal("100.00"))
    register.remove_payment(given.uuid, "u1")
    issued = register.find("a")
    assert issued is not None
    assert issued.paid_amount == 0
    register.record_payment(given.uuid, "p3", date(2026, 3, 9), Decimal("121.00"))
    register.remove_payment(given.uuid, "u1")  # repeated: what came later stays
    issued = register.find("a")
    assert issued is not None
    assert issued.paid_amount == Decimal("121.00")


def test_a_cancelled_document_keeps_its_number_and_takes_no_payment(
    register: CompanyRegister, company: Company
) -> None:
    given = document()
    register.enter(given, "a")
    register.cancel(given.uuid, "c")
    register.cancel(given.uuid, "c")
    issued = register.find("a")
    assert issued is not None
    assert (issued.state, issued.number) == ("cancelled", "FA20260001")
    assert Entry.objects.filter(kind="cancelled").count() == 1
    with refused("SPJ-REGISTER-CANCELLED"):
        register.record_payment(given.uuid, "p", date(2026, 3, 8), Decimal("1.00"))
    assert register.enter(document(), "b").number == "FA20260002"


@pytest.mark.parametrize("external_id", ["", "x", "7d3b0c9e-4d0f-4a57-9d6e-1f2a3b4c5d6e"])
def test_an_unknown_document_is_told(register: CompanyRegister, external_id: str) -> None:
    with refused("SPJ-REGISTER-UNKNOWN"):
        register.cancel(external_id, "c")


def test_a_company_does_not_reach_the_documents_of_another(register: CompanyRegister) -> None:
    given = document()
    register.enter(given, "a")
    foreign = CompanyRegister(Company.objects.create(name="Other"))
    assert foreign.find("a") is None
    with refused("SPJ-REGISTER-UNKNOWN"):
        foreign.record_payment(given.uuid, "p", date(2026, 3, 8), Decimal("1.00"))


# ── Many at once, and killed ──────────────────────────────────────────────────────────────────


class Installation:
    """An installation of its own with processes of its own: a SQLite file, or on PostgreSQL a
    database of its own where the tests run there."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.environment = {**os.environ, "SPOJKA_DATA": str(folder), "SPOJKA_LOG_LEVEL": "ERROR"}
        self.environment["DATABASE_URL"] = database_url
        self.run("prepare")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, str(WORKER), *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
        return out.decode()

    def numbers(self) -> list[str]:
        found: list[str] = json.loads(self.run("numbers"))
        return found


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        yield Installation(tmp_path, "")
        return
    name = f"spojka_register_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield Installation(tmp_path, urlsplit(url)._replace(path=f"/{name}").geturl())
        finally:
            server.execute(sql.SQL("DROP DATABASE {} (FORCE)").format(sql.Identifier(name)))


def expected(count: int) -> list[str]:
    return [f"FA2026{counter:04}" for counter in range(1, count + 1)]


def test_threads_of_several_processes_share_a_series(installation: Installation) -> None:
    workers = [installation.start("enter", str(offset), "15", "3") for offset in (0, 1000)]
    # The third enters the same documents as the first: each of them exists once.
    workers.append(installation.start("enter", "0", "15", "3"))
    for worker in workers:
        _, err = worker.communicate(timeout=120)
        assert worker.returncode == 0, err.decode()
    assert installation.numbers() == expected(2 * 3 * 15)
    assert json.loads(installation.run("verify")) == {"ok": True, "entries": 90, "findings": 0}


def test_killed_processes_leave_no_gap_and_no_double(installation: Installation) -> None:
    kills, turns = 40, 10_000
    assert json.loads(installation.run("killed", str(kills), str(turns))) == {"killed": kills}
    numbers = installation.numbers()
    entered = len(numbers)
    assert entered > kills  # some were entered before each kill, on the average
    assert numbers == expected(entered)
    # Whoever was killed is asked again: what was entered stays, what was not is entered now.
    installation.run("enter", "0", "100", "1")
    numbers = installation.numbers()
    assert entered < len(numbers) + 100
    assert numbers == expected(len(numbers))
    assert json.loads(installation.run("verify")) == {
        "ok": True,
        "entries": len(numbers),
        "findings": 0,
    }
