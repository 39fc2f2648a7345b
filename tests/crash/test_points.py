"""R4: the same end state, wherever the worker is killed on the way of one order.

A sample here; ``make crash`` tries every point.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.points import told, whole_way


@pytest.mark.parametrize("system", ["own", "remote"])
def test_r4_the_end_is_the_same_wherever_the_worker_dies(tmp_path: Path, system: str) -> None:
    outcomes = whole_way(tmp_path, remote=system == "remote", every=23)
    assert not any(outcome.findings for outcome in outcomes.values()), told(system, outcomes)
    tried = [len(outcome.tried) for outcome in outcomes.values()]
    assert min(tried) >= 2, told(system, outcomes)
