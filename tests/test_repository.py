"""The repository itself: locks, licence, documentation, and what must not be in a public tree."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(ROOT.glob("requirements*.lock"))
REQUIREMENTS = sorted(ROOT.glob("requirements*.in"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

TEXT = {
    ".py",
    ".toml",
    ".md",
    ".in",
    ".lock",
    ".html",
    ".css",
    ".js",
    ".po",
    ".typ",
    ".service",
    "",
}
"""Files of the tree that people write. Captured answers of other systems are not among them."""


def tracked() -> list[Path]:
    """Return the files of the tree: those of git, or in an export without git all but ignored."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")
        return [ROOT / name for name in listed if name and (ROOT / name).is_file()]
    skipped = {".venv", "var"}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)
    ]


def written() -> list[Path]:
    return [
        path
        for path in tracked()
        if path.suffix in TEXT and "fixtures" not in path.relative_to(ROOT).parts
    ]


def direct(requirements: Path) -> set[str]:
    """Return the names of the packages a file asks for by itself."""
    names = set()
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line):
            names.add(match[0].lower())
    return names


def locked(lock: Path) -> set[str]:
    return {
        match[1] for match in re.finditer(r"(?m)^([a-z0-9._-]+)(?:\[[^]]+])?==", lock.read_text())
    }


# ── Dependencies ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_name_hashes_and_no_addresses(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"(?m)^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text)
    entries = re.split(r"(?m)^(?=\S)", text)
    assert len(entries) > 1
    for entry in filter(str.strip, entries):
        assert "==" in entry.splitlines()[0], entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=lambda path: path.name)
def test_every_direct_dependency_is_locked(requirements: Path) -> None:
    assert direct(requirements) <= locked(requirements.with_suffix(".lock"))


def test_the_development_lock_holds_the_versions_of_the_runtime_lock() -> None:
    def pins(lock: Path) -> set[str]:
        return set(re.findall(r"(?m)^[a-z0-9._-]+(?:\[[^]]+])?==[^ ;\\]+", lock.read_text()))

    assert pins(ROOT / "requirements.lock") <= pins(ROOT / "requirements-dev.lock")


def test_every_direct_dependency_is_explained_and_no_other() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    text = text.partition("## Chosen against")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    assert all(len(row) == 4 and all(row) for row in rows)
    explained = [row[0].strip("`") for row in rows]
    wanted = direct(ROOT / "requirements.in") | direct(ROOT / "requirements-dev.in")
    assert sorted(explained) == sorted(wanted)


def test_the_project_declares_no_second_list_of_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "dependencies" not in project
    assert "optional-dependencies" not in project


# ── The tree ─────────────────────────────────────────────────────────────────────────────────


def test_the_licence_is_whole() -> None:
    """The digest is that of the text at apache.org/licenses/LICENSE-2.0.txt, copied by Debian."""
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_no_paths_of_somebodys_machine_in_the_tree() -> None:
    # Written apart, so that this file does not find itself.
    homes = re.compile("|".join(["/" + "root/", "/" + "home/[a-z]", "/" + "Users/", "/" + "work/"]))
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in written()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if homes.search(line)
    ]
    assert found == []


def test_no_file_grows_beyond_reading() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in written()
        if path.suffix == ".py" and "migrations" not in path.parts
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 500
    }
    assert long == {}


def test_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(TO" + "DO|FIX" + "ME|NotImplemented" + r"Error)\b")
    found = [
        str(path.relative_to(ROOT))
        for path in written()
        if path.suffix == ".py" and marks.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


# ── Documentation ────────────────────────────────────────────────────────────────────────────


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    headings = re.findall(r"(?m)^#+ +(.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(linked), f"{target} has no such heading"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()


GOALS = [*(f"R{number}" for number in (1, 2, 3, 4, 5)), *(f"R{number}" for number in range(9, 17))]
"""The goals of docs/reliability.md; R6 to R8 belong to the connectors and to money."""


def proofs(goal: str) -> list[Path]:
    """Return the files with a test or benchmark that is named after a goal."""
    name = re.compile(rf"(?m)^def test_(?:r\d+_)*{goal.lower()}_")
    first = re.compile(rf'\A"""(?:R\d+, )*{goal}\b')
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if name.search(path.read_text())]
    benchmarks = (ROOT / "benchmarks").glob("*.py")
    return [*tests, *(path for path in benchmarks if first.search(path.read_text()))]


@pytest.mark.parametrize("goal", GOALS)
def test_every_goal_has_its_proof_and_the_command_that_shows_it(goal: str) -> None:
    page = ROOT / "docs" / "reliability.md"
    sections = re.split(r"(?m)^(?=## )", page.read_text(encoding="utf-8"))
    (section,) = [text for text in sections if re.search(rf"\b{goal}\b", text.splitlines()[0])]
    assert re.search(r"(?ms)^```\n.*(?:make|python -m) .*^```", section), "no command"
    linked = [(page.parent / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", section)]
    found = proofs(goal)
    assert any(path.is_relative_to(target) for path in found for target in linked), found


def environment_names() -> set[str]:
    """Return the names of environment variables that the sources read."""
    names = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names |= set(re.findall(r"\A(?:SPOJKA_[A-Z_]+|DATABASE_URL)\Z", node.value))
    return names


def test_every_environment_variable_is_documented_and_no_other() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"(?m)^\| `(SPOJKA_[A-Z_]+|DATABASE_URL)` \|", text))
    assert "SPOJKA_DATA" in documented
    assert documented == environment_names()


def test_every_target_of_the_makefile_explains_itself() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?m)(?:^|`)(?:[A-Z_]+=\S+ )*make ([a-z]+)\b", pages))
    helped = set(re.findall(r"(?m)^([a-z]+):.*## ", text))
    assert {"run", "test"} <= helped
    assert named <= helped
