"""R15: back up, issue more, restore the old backup: nothing is issued a second time.

Real processes, real files, on both databases. The other side of the accounting system is a file
that no restore touches.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.operations import box

ROOT = Path(__file__).parents[2]
SERVER = os.environ.get("SPOJKA_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
BEFORE, LOST, AFTER = (1, 3), (4, 6), (7, 8)


@dataclass
class Installation:
    """An installation that is worked on by processes."""

    folder: Path
    database: str = ""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def steps(self, *steps: list[Any]) -> list[Any]:
        """Have a process carry out steps; see :mod:`tests.operations.steps`."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SPOJKA_")},
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT), str(self.folder))),
            "SPOJKA_DATA": str(self.data),
            "SPOJKA_LANGUAGE": "en",
            "BOX": str(self.folder / "box"),
            "DATABASE_URL": self.database,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.operations.steps", json.dumps(steps, default=str)],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def lose_everything(self) -> None:
        """The disk is gone; only the backup and the other side are left."""
        shutil.rmtree(self.data)
        if self.database:
            _make_database(self.database)


def _make_database(address: str) -> None:
    name = address.rpartition("/")[2]
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}"')


def _postgresql() -> str:
    try:
        psycopg.connect(f"{SERVER}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        pytest.skip("no PostgreSQL server")
    return f"{SERVER}/spojka_restore_{uuid4().hex[:12]}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def installation(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    points = tmp_path / "box-1.dist-info"
    points.mkdir()
    (points / "METADATA").write_text("Metadata-Version: 2.1\nName: box\nVersion: 1\n")
    (points / "entry_points.txt").write_text(
        "[spojka.accounting]\nbox = tests.operations.box:SYSTEM\n"
    )
    monkeypatch.setenv("BOX", str(tmp_path / "box"))
    made = Installation(tmp_path, _postgresql() if request.param == "postgresql" else "")
    if made.database:
        _make_database(made.database)
    yield made
    if made.database:
        with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
            name = made.database.rpartition("/")[2]
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def numbers(state: dict[str, Any], company: str) -> dict[str, str]:
    return {order: number for order, (_, number, _) in state[company].items()}


def test_r15_nothing_is_issued_twice_after_everything_was_lost(installation: Installation) -> None:
    folder = installation.folder / "backup"
    _, _, before, backed_up, lost = installation.steps(
        ["migrate"], ["set-up"], ["take", *BEFORE], ["spojka", "backup", folder], ["take", *LOST]
    )
    assert set(numbers(before, "remote").values()) == {"BOX0001", "BOX0002", "BOX0003"}
    assert (backed_up["code"], backed_up["documents"], backed_up["companies"]) == (0, 6, 2)
    given_out = set(numbers(lost, "own").values())
    assert len(given_out) == len(box.made()) == 6
    installation.lose_everything()

    # Polling brings back all orders: those of the backup, of the lost time, and new ones.
    everything = ["take", BEFORE[0], AFTER[1]]
    report, restored, audit, _, *_, state = installation.steps(
        ["spojka", "restore", folder],  # into nothing: there are no tables yet
        ["show"],
        ["spojka", "audit", "verify"],
        everything,
        *(step for minutes in (10, 11, 12, 20) for step in (["later", minutes], everything)),
    )
    assert report["code"] == 0
    assert report["paused"] == ["own"], "the numbers of the lost time are not known"
    [risk] = [row for row in report["series"] if row["company"] == "own"]
    assert risk["next_number"] in given_out, "would be given out a second time"
    assert restored["secrets"] == lost["secrets"]
    assert audit["ok"]

    made = box.made()
    assert len(made) == AFTER[1]
    assert len({line["order"] for line in made}) == AFTER[1], "a duplicate"
    assert numbers(state, "remote") == {line["order"]: line["number"] for line in made}
    assert {row[0] for row in state["remote"].values()} == {"issued"}
    held = {order: row[2] for order, row in state["own"].items() if row[0] == "held"}
    assert set(held) == {str(at) for at in range(LOST[0], AFTER[1] + 1)}
    assert {code for codes in held.values() for code in codes} == {"SPJ-RESTORED"}

    last = max(given_out)
    floor, confirmed, own, remote = installation.steps(
        ["later", 21],
        ["spojka", "series", "floor", risk["id"], last, "--company", "own"],
        ["confirm"],
        ["spojka", "archive", "verify", "--company", "own"],
        ["spojka", "archive", "verify", "--company", "remote"],
    )
    assert floor["next_number"] > last
    after = numbers(confirmed, "own")
    new = {number for order, number in after.items() if int(order) >= LOST[0]}
    assert len(new) == 5
    assert not new & given_out, "a number given out twice"
    assert own["ok"]
    assert remote["ok"]


def test_replacing_keeps_what_was_there_and_goes_on_above_its_numbers(
    installation: Installation,
) -> None:
    folder = installation.folder / "backup"
    *_, lost, refused, untouched, report, _, _, confirmed = installation.steps(
        ["migrate"],
        ["set-up"],
        ["take", *BEFORE],
        ["spojka", "backup", folder, "--without-keys"],
        ["take", *LOST],
        ["spojka", "restore", folder],
        ["show"],
        ["spojka", "restore", folder, "--force"],
        ["take", *AFTER],
        ["later", 10],
        ["spojka", "audit", "verify"],
        ["confirm"],
    )
    given_out = set(numbers(lost, "own").values())
    assert (refused["code"], refused["error"]["code"]) == (1, "SPJ-RESTORE-NOT-EMPTY")
    assert untouched == lost
    assert (report["code"], report["paused"]) == (0, [])
    assert all(row["settled"] for row in report["series"] if row["company"] == "own")
    new = {number for order, number in numbers(confirmed, "own").items() if int(order) > BEFORE[1]}
    assert len(new) == 2
    assert not new & given_out

    back, found = installation.steps(["spojka", "restore", report["replaced"], "--force"], ["show"])
    assert (back["code"], back["warnings"]) == (0, [])
    assert set(numbers(found, "own").values()) == given_out


def test_a_backup_taken_while_documents_are_issued_is_whole(installation: Installation) -> None:
    installation.steps(["migrate"], ["set-up"])
    folders = [installation.folder / f"backup-{at}" for at in range(3)]
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(installation.steps, ["take", 1, 12])
        made = installation.steps(*(["spojka", "backup", folder] for folder in folders))
        [issued] = writing.result()
    assert [one["code"] for one in made] == [0, 0, 0]
    assert len(numbers(issued, "own")) == 12
    report, restored, audit, own, remote = installation.steps(
        ["spojka", "restore", folders[1], "--force"],
        ["show"],
        ["spojka", "audit", "verify"],
        ["spojka", "archive", "verify", "--company", "own"],
        ["spojka", "archive", "verify", "--company", "remote"],
    )
    assert (report["code"], report["warnings"]) == (0, [])
    assert audit["ok"] and own["ok"] and remote["ok"]
    had = {number for number in numbers(restored, "own").values() if number}
    assert had == set(sorted(numbers(issued, "own").values())[: len(had)]), "a gap"


def test_a_backup_is_its_owners_alone_and_a_damaged_one_changes_nothing(
    installation: Installation,
) -> None:
    folder = installation.folder / "backup"
    *_, made, refused = installation.steps(
        ["migrate"], ["set-up"], ["spojka", "backup", folder], ["spojka", "backup", folder]
    )
    keys = Path(made["keys"])
    assert keys.parent == folder.parent
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    material = [entry["key"] for entry in json.loads(keys.read_text())["keys"].values()]
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        assert not any(key.encode() in path.read_bytes() for key in material)
    assert refused["error"]["code"] == "SPJ-BACKUP-FOLDER"
    assert list(installation.folder.glob(".backup*")) == []

    for path in files:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert b"cs_remote_secret" not in content

    name = next(path for path in sorted(files) if path.suffix in {".sqlite3", ".gz"})
    damaged = [installation.folder / f"damaged-{at}" for at in range(3)]
    for copy in damaged:
        shutil.copytree(folder, copy)
    content = name.read_bytes()
    (damaged[0] / name.relative_to(folder)).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    text = (folder / "manifest.json").read_text()
    (damaged[1] / "manifest.json").write_text(text.replace('"vendor": "', '"vendor": "x'))
    (damaged[2] / "manifest.json").unlink()
    before, *refusals, after, outcome = installation.steps(
        ["show"],
        *(["spojka", "restore", copy, "--force"] for copy in damaged),
        ["show"],
        ["spojka", "restore", folder, "--force"],
    )
    assert {(one["code"], one["error"]["code"]) for one in refusals} == {(1, "SPJ-BACKUP-DAMAGED")}
    assert after == before
    assert (outcome["code"], outcome["warnings"]) == (0, [])
