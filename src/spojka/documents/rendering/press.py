"""Setting pages with Typst: in this process, or in one of its own.

Typst holds Python's lock for as long as it works, some 16 ms a page. A worker that issues many
documents would do nothing else meanwhile, so it has a press: this very file as a program, which
knows Typst and nothing else of Spojka. It starts when the first page comes, and ends when none came
for a while, or with the worker, however that dies.

Protocol, over the program's standard input and output: a length (four bytes) and a job as JSON;
back come a sign (``+`` or ``-``), a length, and the PDF or Typst's words.
"""

from __future__ import annotations

import functools
import json
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import IO

import typst

IDLE_SECONDS = 10.0
PAGE_SECONDS = 60.0
"""How long one page may take: the others wait for it."""
LAST_SECONDS = 1.0
"""A process that closed its pipe is gone within this time."""
_STANDARD: typst.PDFStandard = "a-3b"
_LENGTH = struct.Struct("!I")
_local = threading.local()


class PressError(Exception):
    """A page could not be set; the words are Typst's, or say what became of Typst."""


class StoppedError(Exception):
    """The other process is gone, and not because of the page."""


def set_page(template: str, fonts: str, inputs: Mapping[str, str], day: date) -> bytes:
    """Set a page here and now.

    Args:
        template: Path of the template.
        fonts: Path of a folder with all fonts there are.
        inputs: What the template reads (``sys.inputs``).
        day: The file's date.

    Raises:
        PressError: the template, or what it was given, does not make a page.
    """
    try:
        content = _compiler(template, fonts).compile(
            format="pdf",
            sys_inputs=dict(inputs),
            pdf_standards=[_STANDARD],
            timestamp=datetime.combine(day, time(), UTC),
        )
    except typst.TypstError as error:
        raise PressError(error.message) from error
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise PressError(f"Typst panics: {error}") from error  # no Exception: it would end a thread
    if not isinstance(content, bytes):  # a list would mean one file per page, which PDF never is
        raise TypeError("the compiler gave no PDF")
    return content


def _compiler(template: str, fonts: str) -> typst.Compiler:
    """Return this thread's compiler of a template: a compiler must not be shared, fonts may be."""
    compilers: dict[str, typst.Compiler] = _local.__dict__.setdefault("compilers", {})
    if template not in compilers:
        root = str(Path(template).parent)
        compilers[template] = typst.Compiler(template, root=root, font_paths=_loaded(fonts))
    return compilers[template]


@functools.cache
def _loaded(fonts: str) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, font_paths=[fonts])


class Press:
    """Sets pages in another process, one at a time, in the order in which threads ask."""

    def __init__(
        self, idle_seconds: float = IDLE_SECONDS, page_seconds: float = PAGE_SECONDS
    ) -> None:
        self._idle_seconds = idle_seconds
        self._page_seconds = page_seconds
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def set_page(self, template: str, fonts: str, inputs: Mapping[str, str], day: date) -> bytes:
        """Set a page; see :func:`set_page`.

        Raises:
            PressError: likewise; also where the page takes too long, or kills whoever sets it. It
                must not be tried in this process then.
            StoppedError: the process cannot be started.
        """
        words = {"template": template, "fonts": fonts, "inputs": inputs, "day": day.isoformat()}
        job = json.dumps(words).encode()
        with self._turn:
            fine, content = self._ask(job)
        if not fine:
            raise PressError(content.decode("utf-8", "replace"))
        return content

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end()

    def _ask(self, job: bytes) -> tuple[bool, bytes]:
        ended: int | None = None
        for _ in range(2):  # the first may just have ended, as nobody asked it for long
            try:
                process = self._running()
            except OSError as error:
                raise StoppedError(str(error)) from error
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                _write(process.stdin, job)
                fine = _exactly(process.stdout, 1) == b"+"
                return fine, _read(process.stdout)
            except (OSError, StoppedError):
                ended = self._end(LAST_SECONDS)
                if ended == -signal.SIGALRM:
                    return False, f"it takes longer than {self._page_seconds:.0f} s".encode()
        if ended is not None and ended < 0:
            return False, f"Typst ends by signal {-ended}".encode()
        raise StoppedError(f"exit status {ended}")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(  # noqa: S603 - this file
                self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        return self._process

    def _command(self) -> tuple[str, ...]:
        patience = (str(self._idle_seconds), str(self._page_seconds))
        return (sys.executable, "-I", __file__, *patience)

    def _end(self, patience: float = 0) -> int | None:
        """End the process, unless it ends by itself within seconds; return how it ended."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what it did not read any more
        return status


def _write(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return _exactly(pipe, length)


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    content = pipe.read(length)
    if len(content) != length:
        raise StoppedError("no more is coming")
    return content


def _serve(idle_seconds: float, page_seconds: float) -> None:
    """Set pages for whoever started this program, until it is gone or asks no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the worker, which ends this one
    came, back = sys.stdin.buffer, sys.stdout.buffer
    while select.select([came], [], [], idle_seconds)[0]:
        try:
            job = json.loads(_read(came))
        except StoppedError:
            return
        day = date.fromisoformat(job["day"])
        signal.setitimer(signal.ITIMER_REAL, page_seconds)  # then it ends, whatever Typst does
        try:
            content = set_page(job["template"], job["fonts"], job["inputs"], day)
        except PressError as error:
            back.write(b"-")
            _write(back, str(error).encode())
        else:
            back.write(b"+")
            _write(back, content)
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    _serve(float(sys.argv[1]), float(sys.argv[2]))
