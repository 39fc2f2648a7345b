"""The worked examples of the documentation are run, so that they cannot grow false."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from spojka.shops.contract import MappingError, MappingOptions, Source

DOCS = Path(__file__).resolve().parent.parent / "docs"


def example(page: str, package: str, folder: Path) -> None:
    """Write the code of a page, each block under the name in its first line, as a package."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"(?ms)^```python\n# (\w+\.py)\n(.*?)^```", text)
    assert blocks, f"{page} has no code"
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    for name, code in blocks:
        (folder / package / name).write_text(code, encoding="utf-8")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def new_system(*arguments: str) -> subprocess.CompletedProcess[str]:
    tool = DOCS.parent / "tools" / "new_system.py"
    return subprocess.run(
        [sys.executable, tool, *arguments], capture_output=True, text=True, check=False
    )


def test_the_example_system_passes_the_contract_suite(tmp_path: Path) -> None:
    """Under another name, as whoever begins with it has it."""
    done = new_system("zkouska", "Zkouška s.r.o.", str(tmp_path / "systems"))
    assert done.returncode == 0, done.stderr
    made = tmp_path / "systems" / "zkouska"
    written = {str(path.relative_to(made)) for path in made.rglob("*.*")}
    assert written == {
        "__init__.py", "client.py", "errors.toml", "mapping.py", "simulator.py", "system.py",
        "tests/__init__.py", "tests/test_contract.py",
    }  # fmt: skip
    for path in made.rglob("*.*"):
        assert not re.search("(?i)kni(ha|hy|he|ze)", path.read_text("utf-8")), path
    (tmp_path / "one_folder.py").write_text(
        "import spojka.accounting\n"
        f"spojka.accounting.__path__.append({str(tmp_path / 'systems')!r})\n",
        encoding="utf-8",
    )
    suite = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-W", "error", "--import-mode=importlib",
            "-p", "one_folder", "-p", "no:cacheprovider", "-p", "no:django",
            "--rootdir", str(tmp_path), "-c", os.devnull, str(made / "tests"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{DOCS.parent / 'src'}"},
        cwd=tmp_path,
        check=False,
    )  # fmt: skip
    assert suite.returncode == 0, suite.stdout[-3000:]
    assert " passed" in suite.stdout and "skipped" not in suite.stdout


def test_a_new_system_takes_no_name_that_is_taken_or_none(tmp_path: Path) -> None:
    assert new_system("zkouska", "Zkouška", str(tmp_path)).returncode == 0
    assert "exists" in new_system("zkouska", "Zkouška", str(tmp_path)).stderr
    for key, name in (
        ("Zkouška", "x"),
        ("class", "x"),
        ("a-b", "x"),
        ("ab", 'say "x"'),
        ("ab", " "),
    ):
        done = new_system(key, name, str(tmp_path))
        assert (done.returncode, done.stdout) == (1, ""), (key, name)
    assert new_system("ab").returncode == 2


@pytest.fixture
def stanek(packages: Path) -> Source:
    example("add-a-shop.md", "stanek", packages)
    source: Source = importlib.import_module("stanek.source").SOURCE
    return source


EXPORT = """
{"orders": [{"id": 7, "number": "2026-7", "status": "paid", "currency": "CZK", "total": 221.00,
  "created": "2026-11-22T10:30:00", "customer": "Žofie Nováková", "email": "zofie@example.com",
  "rows": [
    {"id": 1, "name": "Hrnek", "quantity": 1, "net": 100.00, "vat": 21.00, "rate": 21},
    {"id": 2, "name": "Kniha", "quantity": 2, "net": 89.29, "vat": 10.71, "rate": 12}]}]}
"""


def test_the_example_platform_reads_its_export(stanek: Source) -> None:
    (payload,) = stanek.split(EXPORT.encode(), "orders.json")
    order = stanek.parse(payload, MappingOptions())
    assert order.problems == ()
    assert (order.total, order.total_tax) == (Decimal("221.00"), Decimal("31.71"))
    assert order.created_at == datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def test_the_example_platform_names_a_contradiction(stanek: Source) -> None:
    (payload,) = stanek.split(EXPORT.replace("221.00", "220.00").encode(), "orders.json")
    (problem,) = stanek.parse(payload, MappingOptions()).problems
    assert (problem.code, problem.facts["rows"], problem.facts["total"]) == (
        "SPJ-ORDER-SUM",
        "221.00",
        "220.00",
    )


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"orders": 5}'])
def test_the_example_platform_refuses_another_file(stanek: Source, content: bytes) -> None:
    with pytest.raises(MappingError):
        list(stanek.split(content, "orders.json"))


@pytest.mark.parametrize("payload", [None, [], {}, {"rows": "none"}, {"rows": [1]}])
def test_the_example_platform_refuses_what_is_no_order(stanek: Source, payload: object) -> None:
    with pytest.raises(MappingError):
        stanek.parse(payload, MappingOptions())
