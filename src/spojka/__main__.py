"""``python -m spojka``: the same as the command ``spojka``."""

from __future__ import annotations

import sys

from spojka.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
