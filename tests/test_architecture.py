"""The rooms of docs/architecture.md: who may import whom, kept, and kept by checks that can fail.

The contracts stand in pyproject.toml, where ``lint-imports`` reads them. Here they are run against
the sources, and against two made-up packages: one with every import that the table allows, one
with every import that it does not.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "core": set[str](),
    "net": {"core"},
    "accounting": {"net"},
    "shops": {"net"},
    "database": {"core"},
    "engine": {"database"},
    "companies": {"database"},
    "connections": {"accounting", "shops", "companies", "engine"},
    "archive": {"companies"},
    "orders": {"connections"},
    "documents": {"orders", "archive"},
    "reconciliation": {"documents"},
    "payments": {"documents"},
    "stock": {"documents"},
    "operations": {"reconciliation", "payments", "stock"},
    "web": {"operations"},
    "api": {"operations"},
    "site": {"web", "api"},
    "cli": {"site"},
}
"""A room may import the rooms of its row, and whatever those may import."""

STANDARD = sys.stdlib_module_names

APART = {("cli", "web"), ("cli", "api")}
"""The faces do not import one another, although all may use what lies below."""


def allowed(room: str) -> set[str]:
    below = set[str]()
    for lower in MAY_IMPORT[room]:
        below |= {lower} | allowed(lower)
    return {lower for lower in below if (room, lower) not in APART}


def lint(packages: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts of pyproject.toml against the package ``spojka`` found in a folder."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--config", str(ROOT / "pyproject.toml"), "--no-cache"],
        cwd=packages,
        env={**os.environ, "PYTHONPATH": str(packages), "COLUMNS": "200", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def make_house(folder: Path, imports: list[tuple[str, str]]) -> None:
    """Make a package with all rooms, in which each pair is one module importing another."""
    house = folder / "spojka"
    house.mkdir()
    (house / "__init__.py").touch()
    for room in MAY_IMPORT:
        (house / room).mkdir()
        (house / room / "__init__.py").touch()
        (house / room / "target.py").touch()
    for upper, lower in imports:
        (house / upper / f"imports_{lower}.py").write_text(f"import spojka.{lower}.target\n")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("spojka", include_external_packages=True, cache_dir=None)


def test_the_sources_keep_the_contracts() -> None:
    done = lint(ROOT / "src")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_allowed_import_is_accepted(tmp_path: Path) -> None:
    pairs = [(room, lower) for room in MAY_IMPORT for lower in allowed(room)]
    make_house(tmp_path, pairs)
    done = lint(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_other_import_is_found(tmp_path: Path) -> None:
    pairs = [
        (room, other) for room, other in permutations(MAY_IMPORT, 2) if other not in allowed(room)
    ]
    make_house(tmp_path, pairs)
    done = lint(tmp_path)
    assert done.returncode != 0
    found = set(re.findall(r"spojka\.(\w+)\.imports_\w+ -> spojka\.(\w+)\.target", done.stdout))
    assert found == set(pairs)


def test_every_room_is_in_the_table() -> None:
    folders = {path.parent.name for path in (ROOT / "src" / "spojka").glob("*/__init__.py")}
    assert folders <= MAY_IMPORT.keys()


def modules_below(graph: grimp.ImportGraph, package: str) -> set[str]:
    return {package} | graph.find_descendants(package) if package in graph.modules else set()


def imported_from(graph: grimp.ImportGraph, package: str) -> set[str]:
    """Return what the modules of a package import from outside of it."""
    inside = modules_below(graph, package)
    imported = {name for one in inside for name in graph.find_modules_directly_imported_by(one)}
    return imported - inside


def test_the_core_imports_the_standard_library_only(graph: grimp.ImportGraph) -> None:
    imported = imported_from(graph, "spojka.core")
    assert "decimal" in imported
    assert {name for name in imported if name.partition(".")[0] not in STANDARD} == set()


CLIENTS = re.compile(
    r"(?m)^\s*(?:import|from) "
    r"(httpx2?|http\.client|urllib\.request|urllib3|requests|aiohttp|ftplib|smtplib)\b"
)
MAY_SPEAK = {
    "spojka.net": {"httpx2"},
    "spojka.documents": {"smtplib"},
}
"""Who speaks to other machines, and by what; everybody else asks ``spojka.net``."""


def test_there_is_one_outgoing_client(graph: grimp.ImportGraph) -> None:
    speaking: dict[str, set[str]] = {}
    for module in modules_below(graph, "spojka"):
        # A simulator is a server on this machine, and calls back there what it was told to; one
        # in the box answers in place of the network.
        if not module.endswith((".simulator", ".simulated")):
            room = ".".join(module.split(".")[:2])
            speaking.setdefault(room, set()).update(CLIENTS.findall(source_of(module)))
    assert {room: clients for room, clients in speaking.items() if clients} == MAY_SPEAK


def source_of(module: str) -> str:
    path = ROOT.joinpath("src", *module.split("."))
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")


def test_rendering_imports_no_room_but_the_core_and_no_framework(graph: grimp.ImportGraph) -> None:
    imported = imported_from(graph, "spojka.documents.rendering")
    strangers = {
        name
        for name in imported
        if name.startswith(("spojka.", "django")) and not name.startswith("spojka.core")
    }
    assert strangers == set()


@pytest.mark.parametrize("room", ["accounting", "shops"])
def test_adapters_do_not_know_one_another(graph: grimp.ImportGraph, room: str) -> None:
    package = f"spojka.{room}"
    folders = {child for child in graph.find_children(package) if graph.find_children(child)} - {
        f"{package}.testing"
    }
    for folder in folders:
        others = folders - {folder}
        imported = imported_from(graph, folder)
        assert not {name for name in imported if name.startswith(tuple(others))}
