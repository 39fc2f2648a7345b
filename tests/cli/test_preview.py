"""``spojka preview``, proven on real captured orders against figures read from the raw JSON."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import CAPTURED, Run

ORDERS = sorted((CAPTURED / "orders").glob("*.json"))
WEBHOOKS = sorted((CAPTURED / "webhooks").glob("*.json"))
HELD_WEBHOOKS = {"38": "SPJ-ORDER-VAT-SOURCES", "40": "SPJ-ORDER-VAT-SOURCES"}


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"), parse_float=Decimal)


def is_order(data: Any) -> bool:
    return isinstance(data, dict) and "line_items" in data and "amount" not in data


def body_of(path: Path) -> Any:
    try:
        return json.loads(load(path)["body"], parse_float=Decimal)
    except ValueError:
        return None


def write(folder: Path, data: Any, name: str = "order.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(data, default=str), "utf-8")
    return path


def half_up(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), "ROUND_HALF_UP")


def vat_per_rate(order: dict[str, Any]) -> dict[Decimal, Decimal]:
    """VAT per rate as the order's own summary states it, independent of how rows are read."""
    sums: dict[Decimal, Decimal] = {}
    for line in order["tax_lines"]:
        rate = Decimal(str(line["rate_percent"]))
        amount = half_up(Decimal(line["tax_total"]), 2) + half_up(
            Decimal(line["shipping_tax_total"]), 2
        )
        sums[rate] = sums.get(rate, Decimal(0)) + amount
    return {rate: amount for rate, amount in sums.items() if amount}


def assert_agrees(result: dict[str, Any], order: dict[str, Any]) -> None:
    """The document is worth what the order is: in total, in VAT per rate, and line by line."""
    document = result["document"]
    total = Decimal(order["total"])
    assert Decimal(document["total"]) == total
    assert Decimal(result["order"]["total"]) == total
    assert result["order"]["currency"] == document["currency"] == order["currency"]
    found = {Decimal(row["rate"]): Decimal(row["tax"]) for row in document["vat"] if row["tax"]}
    found = {rate: tax for rate, tax in found.items() if tax}
    assert found == vat_per_rate(order)
    lines = document["lines"]
    for name in ("net", "tax", "gross"):
        assert sum(Decimal(line[name]) for line in lines) == sum(
            Decimal(row[name]) for row in document["vat"]
        )
    assert (
        sum(Decimal(row["gross"]) for row in document["vat"]) + Decimal(document["rounding"])
        == total
    )
    assert Decimal(result["predicted"]["total"]) == total
    assert all(isinstance(line[name], str) for line in lines for name in ("net", "quantity"))


@pytest.mark.parametrize("path", [p for p in ORDERS if is_order(load(p))], ids=lambda p: p.stem)
def test_a_captured_order_becomes_an_invoice_that_agrees_to_the_cent(run: Run, path: Path) -> None:
    outcome = run("preview", path, "--shop", "woocommerce", "--system", "own", "--json")

    [result] = outcome.lines
    assert (outcome.code, result["result"], result["reason"]) == (0, "document", None)
    assert_agrees(result, load(path))


def test_every_captured_webhook_with_an_order_agrees_or_is_held_with_its_reason(run: Run) -> None:
    bodies = {path: body_of(path) for path in WEBHOOKS}
    orders = [path for path, body in bodies.items() if is_order(body)]
    assert len(orders) > 50

    outcome = run("preview", *orders, "--json")
    results = outcome.lines
    assert len(results) == len(orders)
    held = {}
    for path, result in zip(orders, results, strict=True):
        body = bodies[path]
        assert result["order"]["number"] == body["number"]
        if result["result"] == "held":
            held[body["number"]] = result["reason"]["code"]
        else:
            assert_agrees(result, body)
    assert held == HELD_WEBHOOKS
    assert outcome.code == 1


def test_what_is_no_order_is_held_and_does_not_stop_the_others(run: Run) -> None:
    other = [path for path in WEBHOOKS if not is_order(body_of(path))]
    order = CAPTURED / "orders" / "store-01-multi-vat-shipping.json"

    outcome = run("preview", *other, order, "--json")

    assert outcome.code == 1
    *rest, last = outcome.lines
    assert len(rest) == len(other)
    for result in rest:
        assert result["result"] == "held"
        assert result["reason"]["code"] == "SPJ-ORDER-NOT-ORDER"
        assert result["order"] == {"number": None, "currency": None, "total": None}
        assert result["reason"]["text"]
    assert last["result"] == "document"


def test_following_the_rows_settles_a_conflict_of_rounding(run: Run) -> None:
    path = next(path for path in WEBHOOKS if is_order(b := body_of(path)) and b["number"] == "38")
    outcome = run("preview", path, "--vat-conflict", "lines", "--json")

    [result] = outcome.lines
    assert (outcome.code, result["result"]) == (0, "document")
    assert result["document"]["total"] == result["order"]["total"]


class TestRefunds:
    ORDER = CAPTURED / "orders" / "rest-20h-order-after-full-refund.json"
    LIST = CAPTURED / "orders" / "rest-20i-refunds-list.json"

    def test_refunds_of_the_same_call_are_joined_to_their_order(self, run: Run) -> None:
        outcome = run("preview", self.LIST, self.ORDER, "--kind", "credit_note", "--json")

        by_id = {result["refund"]["id"]: result for result in outcome.lines}
        assert list(by_id) == ["54", "55", "56"]
        note = by_id["54"]["document"]
        assert (note["kind"], note["total"]) == ("credit_note", "-499.00")
        assert [(row["rate"], row["tax"]) for row in note["vat"]] == [("21", "-86.60")]
        for refund_id in ("55", "56"):
            assert by_id[refund_id]["reason"]["code"] == "SPJ-REFUND-RATES"
        assert outcome.code == 1

    def test_divided_refunds_give_back_exactly_what_was_invoiced(self, run: Run) -> None:
        arguments = (self.ORDER, self.LIST, "--kind", "credit_note", "--refunds", "allocate")
        notes = [result["document"] for result in run("preview", *arguments, "--json").lines]

        [invoice] = [result["document"] for result in run("preview", self.ORDER, "--json").lines]
        for row in invoice["vat"]:
            given = [r for note in notes for r in note["vat"] if r["rate"] == row["rate"]]
            for name in ("net", "tax"):
                assert sum(Decimal(r[name]) for r in given) == -Decimal(row[name])

    def test_refunds_beside_an_order_do_not_count_as_orders(self, run: Run) -> None:
        outcome = run("preview", self.LIST, self.ORDER, "--json")
        assert [result["result"] for result in outcome.lines] == ["document"]

    def test_a_refund_without_its_order_is_held(self, run: Run) -> None:
        refund = CAPTURED / "orders" / "rest-20d-refund-partial-line.json"
        outcome = run("preview", refund, "--kind", "credit_note", "--json")

        [result] = outcome.lines
        assert (result["result"], result["reason"]["code"]) == ("held", "SPJ-REFUND-NO-ORDER")
        assert result["refund"] == {"id": "54", "amount": "499.00"}
        assert outcome.code == 1

    def test_an_order_without_refunds_has_nothing_to_credit(self, run: Run) -> None:
        order = CAPTURED / "orders" / "store-01-multi-vat-shipping.json"
        outcome = run("preview", order, "--kind", "credit_note", "--json")

        [result] = outcome.lines
        assert (result["result"], result["reason"]["code"]) == ("nothing", "SPJ-NO-REFUND")
        assert outcome.code == 0


class TestCompany:
    def test_an_order_without_vat_is_read_as_a_non_payers(self, run: Run) -> None:
        order = CAPTURED / "orders" / "store-18-non-vat-payer-taxes-off.json"
        [result] = run("preview", order, "--json").lines
        assert {line["treatment"] for line in result["document"]["lines"]} == {"not_a_payer"}

    def test_a_payer_is_asked_where_the_vat_is(self, run: Run) -> None:
        order = CAPTURED / "orders" / "store-18-non-vat-payer-taxes-off.json"
        [result] = run("preview", order, "--vat-mode", "payer", "--json").lines
        assert (result["result"], result["reason"]["code"]) == ("held", "SPJ-ORDER-NO-VAT")

    def test_reverse_charge_and_oss_are_recognised(self, run: Run) -> None:
        sk = CAPTURED / "orders" / "store-07-company-sk-reverse-charge.json"
        de = CAPTURED / "orders" / "store-09-consumer-de-oss.json"
        found = [
            {line["treatment"] for line in result["document"]["lines"]}
            for result in run("preview", sk, de, "--json").lines
        ]
        assert found == [{"reverse_charge"}, {"oss"}]
        [refused] = run("preview", de, "--no-oss", "--json").lines
        assert refused["result"] == "held"

    def test_the_file_describes_the_company_and_options_win(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "company.toml"
        file.write_text(
            'name = "Firma s.r.o."\ncountry = "CZ"\nvat_mode = "non_payer"\nlanguage = "en"\n'
            "due_days = 7\n[due_days_by_payment]\nbacs = 3\n",
            "utf-8",
        )
        order = CAPTURED / "orders" / "store-06-company-cz.json"
        [held] = run("preview", order, "--company", file, "--json").lines
        assert held["reason"]["code"] == "SPJ-ORDER-VAT-NON-PAYER"
        arguments = ("--company", file, "--vat-mode", "payer", "--date", "2026-11-22", "--json")
        [result] = run("preview", order, *arguments).lines
        document = result["document"]
        assert (document["issued_on"], document["due_on"]) == ("2026-11-22", "2026-11-25")
        assert document["language"] == "en"

    @pytest.mark.parametrize(
        "content", ["country = 7", "nothing = 1", "= broken", 'vat_mode = "x"', "due_days = -1"]
    )
    def test_a_wrong_file_is_explained(self, run: Run, tmp_path: Path, content: str) -> None:
        file = tmp_path / "company.toml"
        file.write_text(content, "utf-8")
        outcome = run("preview", ORDERS[-1], "--company", file)
        assert outcome.code == 1
        assert "SPJ-COMPANY-FILE" in outcome.err


class TestInput:
    ORDER = CAPTURED / "orders" / "store-01-multi-vat-shipping.json"

    def test_a_list_of_orders_gives_a_result_each(self, run: Run, tmp_path: Path) -> None:
        orders = [load(self.ORDER), {"code": "error"}, load(self.ORDER)]
        outcome = run("preview", write(tmp_path, orders), "--json")
        assert [result["result"] for result in outcome.lines] == ["document", "held", "document"]

    def test_standard_input(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        stdin = io.TextIOWrapper(io.BytesIO(self.ORDER.read_bytes()), "utf-8")
        monkeypatch.setattr(sys, "stdin", stdin)
        [result] = run("preview", "-", "--json").lines
        assert result["order"]["number"] == "26"

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\xff\xfe\x00",
            b"<html>",
            b"[]",
            b"null",
            b"7",
            b'"text"',
            b"[[[]]]",
            b"[" * 100_000,
            b'{"headers": [], "body": "{\\"headers\\": 1, \\"body\\": \\"\\"}"}',
            b'{"id": 1e99999, "line_items": {}}',
            b'{"amount": "1.00", "id": 5}',
            b"9" * 5000,
        ],
        ids=range(13),
    )
    def test_garbage_is_held(self, run: Run, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x.json"
        path.write_bytes(content)
        outcome = run("preview", path, "--json")
        [result] = outcome.lines
        assert (outcome.code, result["result"]) == (1, "held")
        assert result["reason"]["code"] in {"SPJ-ORDER-NOT-ORDER", "SPJ-REFUND-NO-ORDER"}

    def test_a_missing_file_is_held_and_the_others_are_done(self, run: Run, tmp_path: Path) -> None:
        outcome = run("preview", tmp_path / "none.json", self.ORDER, "--json")
        assert [result["result"] for result in outcome.lines] == ["held", "document"]

    def test_an_unknown_shop_or_system_is_a_usage_error(self, run: Run) -> None:
        for option in ("--shop", "--system"):
            outcome = run("preview", self.ORDER, option, "nobody")
            assert outcome.code == 2
            assert "nobody" in outcome.err

    def test_the_table_is_for_people(self, run: Run) -> None:
        outcome = run("preview", self.ORDER)
        assert outcome.code == 0
        assert "2836.90" in outcome.out
        assert "21 % 188.66" in outcome.out


def test_drafts_are_written(run: Run, tmp_path: Path) -> None:
    order = CAPTURED / "orders" / "store-01-multi-vat-shipping.json"
    outcome = run("preview", order, "--pdf", tmp_path / "p", "--isdoc", tmp_path / "i", "--json")

    assert outcome.code == 0
    [pdf] = (tmp_path / "p").iterdir()
    assert pdf.read_bytes().startswith(b"%PDF-")
    [isdoc] = (tmp_path / "i").iterdir()
    assert b"2836.90" in isdoc.read_bytes()


def test_it_needs_no_database_no_settings_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    program = (
        "import sys; from spojka.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "assert not any(m.split('.')[0] == 'django' for m in sys.modules), 'Django was loaded'\n"
        "sys.exit(code)"
    )
    order = CAPTURED / "orders" / "store-01-multi-vat-shipping.json"
    done = subprocess.run(
        [sys.executable, "-c", program, "preview", str(order), "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"] == "document"
    assert list(tmp_path.iterdir()) == []


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["", "0", "-1.00", "12.345678", "1e9", "NaN", "CZ", "2026-13-45T99:00:00"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
SAMPLES = [load(path) for path in ORDERS if is_order(load(path))]


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside an order."""
    found = [path] if path else []
    inside = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in inside:
        found += places(value, (*path, key))
    return found


@st.composite
def mutated_orders(draw: st.DrawFn) -> Any:
    """A real order with some values replaced by anything, removed, or added."""
    order = json.loads(json.dumps(draw(st.sampled_from(SAMPLES)), default=str))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(places(order)))
        target = order
        try:
            for key in path[:-1]:
                target = target[key]
            if draw(st.booleans()):
                target[path[-1]] = draw(JSON_VALUES)
            else:
                del target[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    order[draw(st.sampled_from(["x_extra", "status", "customer_note"]))] = draw(JSON_VALUES)
    return order


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=mutated_orders(), kind=st.sampled_from(["invoice", "proforma", "credit_note"]))
def test_a_damaged_order_is_never_a_crash_and_never_a_wrong_sum(
    run: Run, tmp_path: Path, order: Any, kind: str
) -> None:
    outcome = run("preview", write(tmp_path, order), "--kind", kind, "--json")

    assert outcome.code in {0, 1}
    assert outcome.lines
    for result in outcome.lines:
        assert result["result"] in {"document", "held", "nothing"}
        if result["result"] == "document":
            document = result["document"]
            rows = sum(Decimal(row["gross"]) for row in document["vat"])
            assert rows + Decimal(document["rounding"]) == Decimal(document["total"])
            if kind != "credit_note":
                assert document["total"] == result["order"]["total"]
        else:
            assert result["reason"]["code"].startswith("SPJ-")
