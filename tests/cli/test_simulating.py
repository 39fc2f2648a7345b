"""``spojka simulator``: whoever reads its line can use the account, control it, and end it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from spojka.net.client import Client

ROOT = Path(__file__).parents[2]
WITHOUT_SETTINGS = {
    **{k: v for k, v in os.environ.items() if not k.startswith(("SPOJKA_", "DJANGO_"))},
    "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "connections" / "package"), str(ROOT)]),
    "PYTHONWARNINGS": "error",
}
LOOPBACK = [ip_network("127.0.0.0/8")]


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "spojka", "simulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=WITHOUT_SETTINGS,
        cwd=ROOT,
    )


@pytest.fixture
def kasa() -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    with started("kasa", "--seed", "7") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            yield process, json.loads(line)
        finally:
            process.kill()


def test_its_line_is_all_that_a_client_needs(
    kasa: tuple[subprocess.Popen[str], dict[str, Any]],
) -> None:
    process, told = kasa
    credentials = told["credentials"]
    assert credentials["address"] == told["address"]
    assert credentials["api_key"].endswith("7")  # of the seed
    with Client(allow=LOOPBACK) as client:
        headers = {"X-Key": credentials["api_key"]}
        me = f"{told['address']}/me"
        assert client.request("GET", me, headers=headers).json()["company_name"] == "Firma s.r.o."

        order = {"account": {"plan": "free"}, "fail": [{"fault": "limit", "match": "GET /lists"}]}
        state = client.request("POST", told["control"], json=order).json()
        assert (state["account"]["plan"], state["documents"]) == ("free", [])
        assert state["requests"] == ["GET /me"]
        assert client.request("GET", f"{told['address']}/lists", headers=headers).status == 429
        assert client.request("GET", me, headers=headers).status == 402

    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_what_it_does_not_know_is_refused() -> None:
    with started("nothing") as process:
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert "'nothing' is not one of" in said and "kasa" in said


def test_a_port_that_is_taken_is_explained(
    kasa: tuple[subprocess.Popen[str], dict[str, Any]],
) -> None:
    port = kasa[1]["address"].rpartition(":")[2]
    with started("kasa", "--port", port, "--json") as process:
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert json.loads(out)["error"]["code"] == "SPJ-SYSTEM-ERROR"


def test_it_wakes_neither_database_nor_settings() -> None:
    code = (
        "import sys; from spojka.cli.main import main; assert main(['simulator', '--list']) == 0;"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'django']"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=WITHOUT_SETTINGS,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Kasa" in done.stdout
