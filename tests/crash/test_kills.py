"""R4, the short form of ``make crash``: web server and worker are killed while orders come in."""

from __future__ import annotations

from pathlib import Path

from tests.crash.drill import Course, replay, run

COURSE = Course(seed=20261122, orders=20, kills=8, every=1.5)


def test_r4_nothing_is_lost_or_doubled_when_web_and_worker_are_killed(tmp_path: Path) -> None:
    verdict = run(COURSE, tmp_path)
    assert not verdict.findings, f"{verdict}\n{replay(COURSE, 'sqlite')}"
    assert sum(verdict.figures["kills"].values()) == COURSE.kills
    assert verdict.figures["deliveries"] > verdict.figures["refused deliveries"] > 0
    assert verdict.figures["faults"] > 0
