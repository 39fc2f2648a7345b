"""R10: taking webhooks in, against a bare view that only inserts; 50 connections at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from benchmarks import world
from benchmarks.figures import Figure, Goal, median
from benchmarks.place import web_server
from spojka.connections import shops
from spojka.orders.models import InboxEvent
from spojka.shops.woocommerce.webhook import SIGNATURE, TOPIC, signature

CONNECTIONS = 50
SECONDS = 4
ROUNDS = 6
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What the load generator saw in one round."""

    rate: float
    """Answers a second."""
    p99_ms: float
    failed: int


def measure() -> Iterator[Figure]:
    """Let both views take the same requests in turns."""
    folder = Path(settings.DATA_DIR)
    made = world.shop(world.company(mode="observe"))
    body = json.dumps(next(world.payloads(made, 1)), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "WooCommerce/10.9.1 Hookshot (WordPress/6.9)",
        TOPIC: "order.updated",
        SIGNATURE: signature(body, shops.webhook_secret(made)),
    }
    script = _script(folder, headers, body)
    environment = dict(os.environ)
    ours: list[Load] = []
    bare: list[Load] = []
    with (
        web_server(environment, folder / "web.log") as port,
        web_server(environment, folder / "bare.log", "benchmarks.bare:application") as bare_port,
    ):
        hook = f"http://127.0.0.1:{port}/hooks/{made.path_token}/"
        insert = f"http://127.0.0.1:{bare_port}/insert/{made.pk}/"
        for address in (hook, insert):
            load(address, script, 1)  # the first requests load code
        pair = [(bare, insert), (ours, hook)]
        for _ in range(ROUNDS):
            for loads, address in pair:
                loads.append(load(address, script, SECONDS))
            pair.reverse()  # whoever comes second finds the disk in another state
    failed = sum(one.failed for one in (*ours, *bare))
    if failed:
        raise RuntimeError(f"{failed} requests were not answered as they should be")
    assert InboxEvent.objects.exclude(trace="").exists()
    our_rate = median(one.rate for one in ours)
    bare_rate = median(one.rate for one in bare)
    yield Figure(
        "webhook accept / bare insert",
        median(our.rate / plain.rate for our, plain in zip(ours, bare, strict=True)),
        0.8,
        Goal.AT_LEAST,
        detail=f"{our_rate:.0f} of {bare_rate:.0f} requests/s",
    )
    yield Figure(
        "webhook accept, p99 at 50 connections",
        median(one.p99_ms for one in ours),
        150,
        Goal.AT_MOST,
        "ms",
        f"bare {median(one.p99_ms for one in bare):.0f} ms",
    )


def _script(folder: Path, headers: dict[str, str], body: bytes) -> Path:
    path = folder / "request.lua"
    lines = ['wrk.method = "POST"', f"wrk.body = {_lua(body.decode())}"]
    lines += [f"wrk.headers[ {_lua(name)} ] = {_lua(value)}" for name, value in headers.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _lua(text: str) -> str:
    assert "]===]" not in text
    return f"[===[{text}]===]"


def load(address: str, script: Path, seconds: int) -> Load:
    """Run wrk for so many seconds."""
    if shutil.which("wrk") is None:
        raise RuntimeError("this benchmark needs wrk: apt-get install wrk")
    command = ["wrk", "--latency", f"-c{CONNECTIONS}", "-t1", f"-d{seconds}s", "--timeout", "20s"]
    done = subprocess.run(
        [*command, "-s", script, address], check=True, capture_output=True, text=True
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    slow = re.search(r"\s99%\s+([\d.]+)(us|ms|s|m)\b", done.stdout)
    if rate is None or slow is None:
        raise RuntimeError(f"wrk says something else:\n{done.stdout}")
    failed = sum(map(int, re.findall(r" (\d+)\b", _bad(done.stdout))))
    return Load(float(rate[1]), float(slow[1]) * _UNITS[slow[2]], failed)


def _bad(output: str) -> str:
    lines = [line for line in output.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    return "\n".join(lines)
