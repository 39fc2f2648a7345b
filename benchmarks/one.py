"""One benchmark, inside the installation that its environment names; prints figures as JSON."""

from __future__ import annotations

import importlib
import signal
import sys

import django

from benchmarks.figures import write


def main() -> None:
    """Prepare the installation and measure."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    django.setup()
    from spojka.site.prepare import prepare

    prepare()
    module = importlib.import_module(f"benchmarks.{sys.argv[1]}")
    print(write(list(module.measure())))


if __name__ == "__main__":
    main()
