"""What an installation is brought to before it starts."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from spojka.site import runner

SRC = Path(runner.__file__).parents[2]


@pytest.mark.django_db
def test_every_change_of_the_tables_has_its_migration() -> None:
    said = StringIO()
    try:
        call_command("makemigrations", check_changes=True, dry_run=True, stdout=said)
    except SystemExit:
        pytest.fail(said.getvalue())


def test_an_empty_directory_becomes_an_installation_and_keeps_its_keys(tmp_path: Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SPOJKA_", "DATABASE_URL", "DJANGO_"))
    }
    environment |= {"SPOJKA_DATA": str(tmp_path / "data"), "PYTHONPATH": str(SRC)}
    runner.prepare(environment)
    keys = tmp_path / "data" / "keys.json"
    made = keys.read_bytes()
    assert json.loads(made)
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert (tmp_path / "data" / "static" / "staticfiles.json").exists()
    migrations = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--check", "--settings=spojka.site.settings"],
        env=environment,
        check=False,
    )
    assert migrations.returncode == 0
    runner.prepare(environment)
    assert keys.read_bytes() == made


def test_an_installation_that_cannot_be_prepared_does_not_start(tmp_path: Path) -> None:
    occupied = tmp_path / "data"
    occupied.write_text("a file where the data directory should be")
    with pytest.raises(runner.StartError) as caught:
        runner.prepare({**os.environ, "SPOJKA_DATA": str(occupied), "PYTHONPATH": str(SRC)})
    assert caught.value.problem.code == "SPJ-RUN-PREPARE"
