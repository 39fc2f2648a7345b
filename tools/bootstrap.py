"""Install what Spojka needs into the checkout, from a plain Python with the standard library only.

``make`` calls this; nobody has to. It answers in milliseconds when nothing has changed: what was
installed is remembered by the content of the lock, not by the time of a file, because a fresh
clone gives every file the same time.

Everything is written into ``.venv`` of the checkout: the environment, the installer, its cache.
Only wheels whose hashes stand in the lock are installed; no compiler is needed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
TOOLS = VENV / "share" / "bootstrap"
STATE = VENV / "spojka-installed.json"

BOOTSTRAP_LOCK = "requirements-bootstrap.lock"
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
"""From the smaller to the larger: whoever has ``dev`` has ``runtime`` as well."""

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_PACKAGES = ("chromium", "chromium-driver")


class BootstrapError(Exception):
    """The environment cannot be made; the message says what the user can do about it."""


def say(text: str) -> None:
    sys.stderr.write(f"spojka: {text}\n")
    sys.stderr.flush()


def run(*command: object, env: Mapping[str, str] | None = None) -> bool:
    """Run a command with its output shown; tell whether it succeeded."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, cwd=ROOT, env=env, check=False).returncode == 0
    except FileNotFoundError:
        return False


def answer(*command: object) -> str:
    """Return what a command prints; nothing where it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def wanted_state(level: str) -> dict[str, str]:
    """Describe the environment as it should be."""
    content = (ROOT / LOCKS[level]).read_bytes()
    return {
        "level": level,
        "lock": hashlib.sha256(content).hexdigest(),
        "root": str(ROOT),  # scripts of an environment carry its place; a moved one is made anew
    }


def present_state() -> dict[str, str]:
    """Describe the environment as it is; nothing where there is none that works."""
    if not answer(PYTHON, "-c", "print('works')"):
        return {}
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def make_environment() -> None:
    """Make an empty environment with pip in place of whatever stands there."""
    say(f"making {VENV.name} with Python {sys.version.split()[0]}")
    if not run(sys.executable, "-m", "venv", "--clear", VENV):
        raise BootstrapError(
            "Python cannot make a virtual environment. "
            "On Debian or Ubuntu install it first: apt-get install python3-venv"
        )


def pip(*arguments: object) -> bool:
    """Run the environment's pip; bring it back where an exact installation removed it."""
    if not answer(PYTHON, "-m", "pip", "--version"):
        run(PYTHON, "-m", "ensurepip")
    return run(
        PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "--quiet", *arguments
    )


def installer_environment() -> dict[str, str]:
    """Return the environment variables uv runs with; what the user has set wins.

    uv does not read pip's configuration, so the package index that this machine's pip is told to
    use is handed over.
    """
    env = {
        "UV_CACHE_DIR": str(VENV / ".cache" / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_SYSTEM_CERTS": "true",
        "UV_NO_PROGRESS": "true",
    }
    for line in answer(PYTHON, "-m", "pip", "config", "list").splitlines():
        name, _, value = line.partition("=")
        if name in {"global.index-url", "install.index-url", ":env:.index-url"}:
            env["UV_DEFAULT_INDEX"] = str(ast.literal_eval(value))
    return env | os.environ


def pinned_uv() -> Path | None:
    """Return the pinned uv, installed apart from Spojka's own packages; ``None`` without one."""
    program = TOOLS / "bin" / "uv"
    marker = TOOLS / "lock.sha256"
    source = ROOT / BOOTSTRAP_LOCK
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    if program.exists() and marker.exists() and marker.read_text(encoding="ascii") == digest:
        return program
    shutil.rmtree(TOOLS, ignore_errors=True)
    options = ("--require-hashes", "--only-binary", ":all:", "--no-deps", "--target", TOOLS)
    if not pip("install", *options, "-r", source) or not answer(program, "--version"):
        return None
    marker.write_text(digest, encoding="ascii")
    return program


def install(locked: Path) -> None:
    """Bring the environment to exactly what the lock says."""
    env = installer_environment()
    program = pinned_uv()
    if program is not None:
        options = ("--python", PYTHON, "--require-hashes", "--no-build", "--quiet")
        if run(program, "pip", "sync", *options, locked, env=env):
            return
    say("uv did not succeed here; installing the same lock with pip, which takes longer")
    if not pip("install", "--require-hashes", "--only-binary", ":all:", "-r", locked):
        raise BootstrapError(
            f"the packages of {locked.name} could not be installed; see the messages above. "
            "Check the network, or the package index in pip's configuration, and run it again"
        )


def link_checkout() -> None:
    """Make the checkout importable, and give it its ``spojka`` command.

    A path file does what an editable install does, without a build of the project and so without
    fetching a build system that no lock names.
    """
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(answer(PYTHON, "-c", query).strip())
    (packages / "spojka.pth").write_text(f"{ROOT / 'src'}\n", encoding="utf-8")
    command = VENV / "bin" / "spojka"
    command.write_text(
        f'#!/bin/sh\nexec {shlex.quote(str(PYTHON))} -m spojka "$@"\n', encoding="utf-8"
    )
    command.chmod(0o755)


def bootstrap(level: str) -> None:
    """Make sure that the environment holds everything of ``level``.

    Raises:
        BootstrapError: it cannot be made on this machine.
    """
    state = present_state()
    if state.get("level") == "dev":
        level = "dev"  # never take the tools away from a contributor who only runs the app
    wanted = wanted_state(level)
    if state == wanted:
        return
    if state.get("root") != wanted["root"]:
        make_environment()
    STATE.unlink(missing_ok=True)
    say(f"installing {LOCKS[level]}")
    install(ROOT / LOCKS[level])
    link_checkout()
    STATE.write_text(json.dumps(wanted), encoding="utf-8")


def lock() -> None:
    """Lock the newest allowed versions: one lock for every platform, with hashes.

    No lock names an address, so that any package index serves. The development lock is bound to
    the versions of the runtime lock.

    Raises:
        BootstrapError: uv is not there, or finds no versions that go together.
    """
    if not PYTHON.exists():
        make_environment()
    program = pinned_uv()
    if program is None:
        raise BootstrapError("uv could not be installed; see the messages above")
    for name in (BOOTSTRAP_LOCK, *LOCKS.values()):
        say(f"locking {name}")
        options = [
            *("--quiet", "--upgrade", "--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-header", "--no-annotate"),
            *("--no-emit-index-url", "--no-emit-find-links"),
            *("--output-file", name),
        ]
        if name == LOCKS["dev"]:
            options += ["--constraint", LOCKS["runtime"]]
        source = Path(name).with_suffix(".in")
        if not run(program, "pip", "compile", *options, source, env=installer_environment()):
            raise BootstrapError(f"{name} could not be made; see the messages above")


def install_browser() -> None:
    """Install Debian's Chromium where that is possible; browser tests are skipped without it."""
    if CHROMIUM.exists():
        return
    if shutil.which("apt-get") is None:
        say("no Chromium and no apt here: browser tests will be skipped")
        return
    prefix: list[str] = []
    if os.geteuid() != 0:
        if not run("sudo", "-n", "true"):
            say("no Chromium, and no right to install it: browser tests will be skipped")
            return
        prefix = ["sudo", "-n"]
    say("installing Chromium for the browser tests")
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    install_command = [*apt, "install", "-y", "--no-install-recommends", *CHROMIUM_PACKAGES]
    if not (run(*apt, "update") and run(*install_command)):
        say("Chromium could not be installed: browser tests will be skipped")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="bootstrap")
    parser.add_argument("what", choices=[*LOCKS, "browser", "lock"])
    what: str = parser.parse_args(arguments).what
    try:
        if what == "browser":
            install_browser()
        elif what == "lock":
            lock()
        else:
            bootstrap(what)
    except BootstrapError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
