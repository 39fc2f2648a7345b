"""Earlier code of this repository, found in its history and taken out of it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path, PurePath

ROOT = Path(__file__).resolve().parents[2]
SOURCES = "src/spojka"


def earlier() -> list[str]:
    """Return commits whose code may still run when the database is migrated to ours.

    Those just before a migration was added, the latest first, of which we have every migration
    unchanged, and beyond which none of ours takes away what is no longer used. Empty where there is
    no history: in an export, a shallow clone.
    """
    if not shutil.which("git") or not (ROOT / ".git").exists():
        return []
    paths = sorted((ROOT / SOURCES).glob("*/migrations/0*.py"))
    ours = dict(zip(_git("hash-object", *map(str, paths)).split(), paths, strict=True))
    taking = {digest for digest, path in ours.items() if "unused_since" in path.read_text("utf-8")}
    touching = _git("log", "--format=%H", "--diff-filter=A", "--", f"{SOURCES}/*/migrations/0*.py")
    found = []
    for commit in touching.split():
        try:
            before = _git("rev-parse", "--verify", "--quiet", f"{commit}^").strip()
        except subprocess.CalledProcessError:  # the first commit, or where a shallow clone ends
            break
        theirs = _migrations(before)
        if theirs and theirs < ours.keys() and taking <= theirs:
            found.append(before)
    return found


def take_out(commit: str, folder: Path) -> Path:
    """Write the sources of a commit into ``folder``; return what belongs in ``PYTHONPATH``."""
    packed = subprocess.run(
        ["git", "archive", commit, "--", SOURCES], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / PurePath(SOURCES).parent


def starts(source: Path) -> bool:
    """Tell whether code can be started at all; a commit in the midst of a change may not be."""
    done = subprocess.run(
        [sys.executable, "-c", "import django; django.setup(); import spojka.site.urls"],
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(source),
            "DJANGO_SETTINGS_MODULE": "spojka.site.settings",
            "SPOJKA_DATA": str(source),
        },
        cwd=source,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def _migrations(commit: str) -> set[str]:
    """Return the digests of a commit's migrations, as git computes them."""
    rows = [row.split() for row in _git("ls-tree", "-r", commit, "--", SOURCES).splitlines()]
    return {
        digest
        for _mode, _type, digest, name in rows
        if PurePath(name).parent.name == "migrations" and PurePath(name).name.startswith("0")
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout
