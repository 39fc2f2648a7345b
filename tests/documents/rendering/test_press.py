"""The press: pages set by a process of their own are the same, whatever becomes of that process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from spojka.documents.rendering import press

GLYPHS = str(resources.files("spojka.documents.rendering") / "glyphs.typ")
FONTS = str(resources.files("font_source_sans_pro") / "files")
DAY = date(2026, 3, 31)
JOB = (GLYPHS, FONTS, {"text": "Příliš žluťoučký kůň"}, DAY)


@pytest.fixture
def own() -> Iterator[press.Press]:
    made = press.Press(idle_seconds=60)
    yield made
    made.close()


def pid_of(own: press.Press) -> int:
    """Return the process id of the press by asking for what this process has started."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("the system does not tell children")
    for child in map(int, children.read_text().split()):
        if "press.py" in Path(f"/proc/{child}/cmdline").read_text():
            return child
    raise AssertionError("there is no press")


def wait_for_end(pid: int) -> None:
    """Wait until a process has ended, whether or not somebody has asked how."""
    stat = Path(f"/proc/{pid}/stat")
    deadline = time.monotonic() + 10
    while stat.exists() and stat.read_text().rpartition(") ")[2][0] != "Z":
        assert time.monotonic() < deadline, "it goes on although nobody needs it"
        time.sleep(0.01)


def test_it_sets_the_same_page(own: press.Press) -> None:
    assert own.set_page(*JOB) == press.set_page(*JOB)


def test_it_says_what_is_wrong_and_goes_on(own: press.Press) -> None:
    with pytest.raises(press.PressError) as here:
        press.set_page(GLYPHS, FONTS, {"text": "🐢"}, DAY)
    with pytest.raises(press.PressError) as there:
        own.set_page(GLYPHS, FONTS, {"text": "🐢"}, DAY)
    assert str(there.value) == str(here.value)
    assert own.set_page(*JOB).startswith(b"%PDF")


def test_one_that_was_killed_is_started_again(own: press.Press) -> None:
    own.set_page(*JOB)
    os.kill(pid_of(own), signal.SIGKILL)
    assert own.set_page(*JOB).startswith(b"%PDF")


def test_one_that_ended_because_nobody_asked_is_started_again() -> None:
    own = press.Press(idle_seconds=0.05)
    try:
        own.set_page(*JOB)
        wait_for_end(pid_of(own))
        assert own.set_page(*JOB).startswith(b"%PDF")
    finally:
        own.close()


WORKER = f"""
import os
from tests.documents.rendering import test_press
own = test_press.press.Press()
own.set_page(*test_press.JOB)
print(test_press.pid_of(own), flush=True)
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""


def test_it_ends_with_whoever_started_it() -> None:
    done = subprocess.run([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
    wait_for_end(int(done.stdout))


def test_a_page_that_kills_whoever_sets_it_is_not_tried_here(
    own: press.Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})"
    monkeypatch.setattr(own, "_command", lambda: (sys.executable, "-c", words))
    with pytest.raises(press.PressError, match=f"signal {int(signal.SIGSEGV)}"):
        own.set_page(*JOB)
    monkeypatch.undo()
    assert own.set_page(*JOB).startswith(b"%PDF")


def test_a_page_that_takes_too_long_keeps_nobody_waiting(tmp_path: Path) -> None:
    endless = tmp_path / "endless.typ"
    endless.write_text("#let n = range(10000)\n#for a in n { for b in n { let c = a * b } }")
    own = press.Press(page_seconds=0.3)
    try:
        with pytest.raises(press.PressError, match="takes longer"):
            own.set_page(str(endless), FONTS, {}, DAY)
        assert own.set_page(*JOB).startswith(b"%PDF")
        time.sleep(0.5)  # the time of one page is not that of another
        assert own.set_page(*JOB).startswith(b"%PDF")
    finally:
        own.close()


def test_a_panic_is_of_the_page_and_no_end_of_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})

    class Compiler:
        def compile(self, **_job: object) -> bytes:
            raise panic("index out of bounds")

    monkeypatch.setattr(press, "_compiler", lambda *_of: Compiler())
    with pytest.raises(press.PressError, match="index out of bounds"):
        press.set_page(*JOB)


def test_a_press_that_cannot_start_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    from spojka.documents.rendering import pdf

    own = press.Press()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setattr(pdf._Place, "press", own)
    with pytest.raises(press.StoppedError):
        own.set_page(*JOB)
    assert pdf.drawable("ž€")
