"""Commands on an installation: they do it, say what they did, and explain what they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from spojka.cli.main import COMMANDS
from spojka.companies.models import Company
from spojka.connections import shops, vault
from spojka.connections.models import Shop
from spojka.core.catalogue import all_entries
from spojka.documents import rulebook
from spojka.documents.models import Document
from spojka.documents.series import add_default_series
from spojka.engine import runner
from spojka.engine.models import Wake
from spojka.orders.models import Order
from tests.cli.conftest import CAPTURED, Run


@pytest.fixture(autouse=True)
def data(tmp_path: Path, settings: Settings) -> Path:
    """A data directory of the test's own."""
    settings.DATA_DIR = tmp_path
    settings.KEY_FILE = tmp_path / "keys.json"
    return tmp_path


@pytest.fixture
def shop(db: None) -> Shop:
    company = Company.objects.create(
        name="Firma",
        company_id="27082440",
        vat_id="CZ27082440",
        street="Vodičkova 12",
        city="Praha",
        postcode="110 00",
        mode=Company.Mode.LIVE,
    )
    add_default_series(company)
    rulebook.apply_template(company, "prepaid", actor="test")
    return shops.create(company, "woocommerce", "Shop", {"url": "https://x.example"}, actor="test")


def order_file(folder: Path, *names: str) -> Path:
    """Write captured orders into one file."""
    path = folder / "orders.json"
    orders = [json.loads((CAPTURED / "orders" / name).read_text("utf-8")) for name in names]
    path.write_text(json.dumps(orders), "utf-8")
    return path


GOOD = "store-01-multi-vat-shipping.json"


def test_an_imported_order_is_listed_issued_and_exported(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    file = order_file(tmp_path, GOOD)
    imported = run("import", file, "--shop", shop.pk, "--json").lines[0]
    assert (imported["created"], imported["failed"]) == (1, [])
    again = run("import", file, "--shop", "Shop", "--company", "firma", "--json").lines[0]
    assert (again["created"], again["unchanged"]) == (0, 1)
    [order] = run("orders", "--json").lines
    assert (order["number"], order["total"]) == ("26", "2836.90")

    runner.run_until_idle(20)
    if not Document.objects.filter(kind="invoice").exists():
        assert run("issue", "26").code == 0
        runner.run_until_idle(20)
    [document] = run("documents", "list", "--kind", "invoice", "--json").lines
    assert (document["state"], document["total"]) == ("issued", "2836.90")
    refused = run("issue", "26")
    assert refused.code == 1
    assert "SPJ-DOCUMENT-EXISTS" in refused.err

    target = tmp_path / "out.zip"
    assert run("documents", "export", target, "--format", "zip", "--json").code == 0
    with zipfile.ZipFile(target) as archive:
        assert f"{document['number']}.pdf" in archive.namelist()
    table = tmp_path / "out.csv"
    run("documents", "export", table, "--format", "csv")
    assert "2836,90" in table.read_text("utf-8-sig")


def test_an_order_that_is_refused_is_named_and_the_others_are_read(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    file = order_file(tmp_path, "store-20-checkout-draft.json", GOOD)
    outcome = run("import", file, "--shop", shop.pk, "--json")

    assert outcome.code == 1
    assert outcome.lines[0]["created"] == 1
    assert outcome.lines[0]["failed"][0]["code"] == "SPJ-ORDER-NOT-ORDER"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("issue", "999"), "SPJ-ORDER-UNKNOWN"),
        (("orders", "--company", "Nikdo"), "SPJ-COMPANY-UNKNOWN"),
        (("verify", "shop", "Nikdo"), "SPJ-SHOP-UNKNOWN"),
        (("verify", "connection", "Nikdo"), "SPJ-CONNECTION-UNKNOWN"),
        (("keys", "retire", "k-none"), "SPJ-VAULT-KEY"),
        (("errors", "SPJ-NOTHING-OF-THE-KIND"), "SPJ-CODE-UNKNOWN"),
    ],
)
def test_what_is_not_there_is_explained_with_its_code(
    run: Run, shop: Shop, arguments: tuple[str, ...], code: str
) -> None:
    text = run(*arguments)
    assert text.code == 1
    assert text.err.startswith(code)
    assert "→" in text.err
    machine = run(*arguments, "--json")
    error = machine.lines[0]["error"]
    assert (machine.code, error["code"]) == (1, code)
    assert error["fix"]


def test_with_several_companies_one_has_to_be_named(run: Run, shop: Shop) -> None:
    Company.objects.create(name="Druhá")
    outcome = run("orders")
    assert outcome.code == 1
    assert "Druhá" in outcome.err
    assert run("orders", "--company", "Druhá").code == 0


def test_held_documents_are_tried_again(run: Run, shop: Shop, tmp_path: Path) -> None:
    order = json.loads((CAPTURED / "orders" / GOOD).read_text("utf-8"))
    path = tmp_path / "o.json"
    path.write_text(json.dumps({**order, "total": "1.00"}), "utf-8")
    run("import", path, "--shop", shop.pk)
    runner.run_until_idle(20)
    if not Document.objects.exists():
        run("issue", "26")
    assert Document.objects.get().state == "held"

    outcome = run("retry", "26", "--json")
    assert (outcome.code, outcome.lines[0]["state"]) == (1, "held")
    assert run("retry", "--code", "SPJ-ORDER-SUM", "--json").lines[0]["retried"] == 1
    assert run("retry").code == 2


def test_an_order_that_spojka_fails_at_is_tried_again(run: Run, shop: Shop, tmp_path: Path) -> None:
    run("import", order_file(tmp_path, GOOD), "--shop", shop.pk)
    runner.run_until_idle(20)
    Wake.objects.create(
        handler="order",
        key=str(Order.objects.get().pk),
        account=f"shop:{shop.pk}",
        due_at=timezone.now() + timedelta(hours=1),
        failures=2,
        failing_since=timezone.now(),
        last_error="KeyError",
        trace="c0ffee",
    )
    [told] = run("retry", "26", "--json").lines
    assert (told["failures"], told["error"], told["trace"]) == (2, "KeyError", "c0ffee")
    assert run("retry", "--code", "SPJ-STUCK", "--json").lines == [{"retried": 1}]
    runner.run_until_idle(20)
    assert not Wake.objects.filter(handler="order").exists()


def test_the_archive_is_verified_and_exported(run: Run, shop: Shop, tmp_path: Path) -> None:
    run("import", order_file(tmp_path, GOOD), "--shop", shop.pk)
    run("issue", "26")
    runner.run_until_idle(20)

    result = run("archive", "verify", "--json").lines[0]
    assert result["ok"] is True
    assert result["entries"] > 0
    target = tmp_path / "archive.zip"
    arguments = ("--since", "2020-01-01", "--until", "2099-12-31", "--json")
    assert run("archive", "export", target, *arguments).code == 0
    assert zipfile.is_zipfile(target)
    assert run("archive", "retention", "--yes", "--json").lines[0] == {"erased": 0}


def test_keys_are_added_rotated_and_retired_without_losing_a_secret(run: Run, shop: Shop) -> None:
    vault.put("shop:1", "secret", "a very secret value")
    [before] = run("keys", "status", "--json").lines
    added = run("keys", "add", "--json").lines[0]["key"]
    assert run("keys", "retire", before["key"]).code == 1

    assert run("keys", "rotate", "--json").lines[0]["failed"] == []
    assert run("keys", "retire", before["key"], "--json").code == 0
    states = {row["key"]: row for row in run("keys", "status", "--json").lines}
    assert states[added]["primary"] and states[before["key"]]["retired"]
    assert vault.get("shop:1", "secret") == "a very secret value"
    assert "secret value" not in run("keys", "status").out


def test_the_doctor_names_what_is_wrong_and_with_its_fix(
    run: Run, shop: Shop, data: Path, settings: Settings
) -> None:
    settings.STATIC_ROOT = data / "nothing"
    settings.KEY_FILE = data / "none.json"
    outcome = run("doctor", "--json")

    [checks] = outcome.lines
    states = {check["key"]: check["status"] for check in checks}
    assert states["database"] == states["data_dir"] == states["rendering"] == "ok"
    assert (states["static"], states["key_file"], states["worker"]) == ("fail", "fail", "warn")
    assert outcome.code == 1
    vault_file = data / "keys.json"
    settings.KEY_FILE = vault_file
    vault.ensure_key_file()
    (data / "nothing").mkdir()
    (data / "nothing" / "staticfiles.json").write_text("{}")
    runner.beat()
    assert run("doctor").code == 0


def test_the_own_issuer_is_verified(run: Run, shop: Shop) -> None:
    outcome = run("verify", "connection", "own", "--json")
    assert outcome.code == 0
    assert {check["status"] for check in outcome.lines[0]} == {"ok"}


def test_setup_makes_the_key_file_and_may_be_repeated(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spojka.site import prepare

    monkeypatch.setattr(prepare, "prepare", lambda: None)
    assert run("setup", "--json").lines == [{"ready": True}]
    made = (data / "keys.json").read_bytes()
    assert run("setup").code == 0
    assert (data / "keys.json").read_bytes() == made


def test_the_demo_company_is_made(run: Run, db: None) -> None:
    made = run("demo", "--json").lines[0]
    assert Order.objects.filter(company_id=made["company"]).count() > 5


def test_the_catalogue_is_listed_in_every_language(run: Run) -> None:
    texts = {
        spoken: run("errors", "--language", spoken, "--json").lines[0]
        for spoken in ("cs", "sk", "en")
    }
    assert all(len(entries) == len(all_entries()) for entries in texts.values())
    assert len({entries[0]["cause"] for entries in texts.values()}) == 3


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help_and_takes_json(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    if "COMMAND [ARGS]" in outcome.out:
        names = [
            line.split()[0]
            for line in outcome.out.partition("Commands:")[2].splitlines()
            if line.startswith("  ")
        ]
        pages = [run(command, name, "--help").out for name in names]
    else:
        pages = [outcome.out]
    assert pages
    assert all("--json" in page for page in pages)


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    assert run("fly").code == 2
    assert run("preview").code == 2


@pytest.mark.parametrize(
    ("name", "value"), [("DATABASE_URL", "mysql://x"), ("SPOJKA_WORKER_THREADS", "many")]
)
def test_an_impossible_setting_is_explained(tmp_path: Path, name: str, value: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SPOJKA_DATA": str(tmp_path),
        name: value,
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, "-m", "spojka", "orders"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("SPJ-SETTINGS")
    assert "Traceback" not in done.stderr


def test_an_installation_that_was_never_prepared_is_explained(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SPOJKA_DATA": str(tmp_path / "new"),
        "DATABASE_URL": "",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    for command in (["orders"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-m", "spojka", *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "SPJ-" in done.stderr + done.stdout or "✗" in done.stdout
