"""The export: complete, readable, and verifiable by whoever has nothing but Python."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import time_machine

from spojka.archive import store
from spojka.archive.models import Blob
from spojka.companies.models import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Company:
    company = Company.objects.create(name="Hrnečky s.r.o.", company_id="27082440")
    days = [
        datetime(2026, 1, 31, 22, 59, tzinfo=UTC),  # still January in Prague
        datetime(2026, 1, 31, 23, 0, tzinfo=UTC),  # already February in Prague
        datetime(2026, 2, 14, 10, 0, tzinfo=UTC),
        datetime(2026, 2, 28, 22, 59, tzinfo=UTC),
        datetime(2026, 2, 28, 23, 0, tzinfo=UTC),  # March
    ]
    for number, moment in enumerate(days, 1):
        with time_machine.travel(moment, tick=False):
            store.append(
                company,
                kind="pdf",
                subject=f"uuid-{number}",
                number=f"FA2026/00{number}",
                name=f"FA2026-00{number}.pdf",
                media_type="application/pdf",
                content=f"%PDF {number}".encode(),
                facts={"kdo": "Žluťoučký kůň", "count": number},
            )
    return company


def exported(company: Company, folder: Path) -> Path:
    content = store.export_zip(company, date(2026, 2, 1), date(2026, 2, 28))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def verified(folder: Path) -> tuple[int, str]:
    """Run the program as VERIFY.md shows it, in a Python that knows nothing of Spojka."""
    guide = (folder / "VERIFY.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    assert found is not None
    assert (folder / "verify.py").read_text(encoding="utf-8") == found[1]
    run = subprocess.run(
        [sys.executable, "-I", "-W", "error", str(folder / "verify.py")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stderr == ""
    return run.returncode, run.stdout


def test_a_period_is_exported_in_folders_by_month(company: Company, tmp_path: Path) -> None:
    folder = exported(company, tmp_path)
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()) == [
        "2026-02/00000002-pdf-FA2026_002.pdf",
        "2026-02/00000003-pdf-FA2026_003.pdf",
        "2026-02/00000004-pdf-FA2026_004.pdf",
        "VERIFY.md",
        "chain.json",
        "index.csv",
        "verify.py",
    ]
    assert (folder / "2026-02/00000003-pdf-FA2026_003.pdf").read_bytes() == b"%PDF 3"


def test_the_index_has_a_row_for_each_record(company: Company, tmp_path: Path) -> None:
    text = (exported(company, tmp_path) / "index.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [row["number"] for row in rows] == ["FA2026/002", "FA2026/003", "FA2026/004"]
    assert rows[0]["size"] == "6"
    assert (tmp_path / rows[0]["file"]).is_file()


def test_the_export_verifies_offline_and_continues_the_one_before(
    company: Company, tmp_path: Path
) -> None:
    folder = exported(company, tmp_path)
    code, said = verified(folder)
    assert code == 0
    assert said.startswith("3 records, ")
    assert said.endswith(": OK\n")
    chain = json.loads((folder / "chain.json").read_text(encoding="utf-8"))
    first, second = company.archive_entries.order_by("seq")[:2]
    assert chain["preceding"] == {"seq": 1, "digest": first.digest}
    assert chain["entries"][0]["digest"] == second.digest
    assert chain["whole_chain"]["records"] == 5


def test_damage_to_an_export_is_found_offline(company: Company, tmp_path: Path) -> None:
    whole = json.loads((exported(company, tmp_path) / "chain.json").read_text(encoding="utf-8"))

    def judged(entries: list[dict[str, object]]) -> tuple[int, str]:
        changed = json.dumps({**whole, "entries": entries})
        (tmp_path / "chain.json").write_text(changed, encoding="utf-8")
        return verified(tmp_path)

    first, second, third = whole["entries"]
    assert judged([first, second, third])[0] == 0
    for damaged, words in [
        ([first, {**second, "number": "FA9"}, third], "3: the record was changed"),
        ([first, third], "4: records before it are missing"),
        ([second, third], "3: records before it are missing"),
        ([first, second], "records at the end are missing"),
        ([first, third, second], "records before it are missing"),
    ]:
        code, said = judged(damaged)
        assert code == 1
        assert words in said
        assert said.endswith(": BROKEN\n")
    judged(whole["entries"])
    file = tmp_path / "2026-02/00000003-pdf-FA2026_003.pdf"
    file.write_bytes(b"%PDF forged")
    assert "was changed" in verified(tmp_path)[1]
    file.unlink()
    assert "is missing" in verified(tmp_path)[1]


def test_an_empty_period_is_an_export_that_verifies(company: Company, tmp_path: Path) -> None:
    content = store.export_zip(company, date(2020, 1, 1), date(2020, 12, 31))
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path)
    assert verified(tmp_path)[1].startswith("0 records")


def test_a_file_whose_time_is_over_is_left_out_and_said(company: Company, tmp_path: Path) -> None:
    Blob.objects.filter(content=b"%PDF 3").delete()
    folder = exported(company, tmp_path)
    chain = json.loads((folder / "chain.json").read_text(encoding="utf-8"))
    assert [entry["file"] == "" for entry in chain["entries"]] == [False, True, False]
    assert verified(folder)[0] == 0


def test_names_from_outside_make_no_formula_and_leave_no_folder(
    company: Company, tmp_path: Path
) -> None:
    with time_machine.travel(datetime(2026, 2, 28, 22, 59, 30, tzinfo=UTC), tick=False):
        store.append(
            company,
            kind="import",
            subject="=cmd|' /C calc'!A0",
            number="../../etc/passwd",
            name="@x.p/../df",
            content=b"x",
        )
    # The record of March has a later place in the chain but an earlier neighbour in time.
    folder = exported(company, tmp_path / "inner")
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
    text = (folder / "index.csv").read_text(encoding="utf-8-sig")
    row = next(r for r in csv.DictReader(io.StringIO(text), delimiter=";") if r["seq"] == "6")
    assert row["subject"] == "'=cmd|' /C calc'!A0"
    assert row["name"] == "'@x.p/../df"
    assert (folder / row["file"]).resolve().is_relative_to(folder.resolve())
    assert verified(folder)[0] == 0
