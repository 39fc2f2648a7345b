"""Processes of the rotation's drill: ``python -m tests.security.readers fill|read COUNT``."""

from __future__ import annotations

import json
import random
import select
import sys
import time
from typing import Any

from spojka.cli.installation import start


def value(at: int) -> str:
    """Return the secret of an owner."""
    return f"secret-{at}-{'x' * (at % 40)}"


def fill(count: int) -> dict[str, Any]:
    """Make the database and store secrets, all at once; say which key seals them."""
    from django.core.management import call_command

    from spojka.connections import vault
    from spojka.connections.models import Secret

    call_command("migrate", verbosity=0)
    ring = vault._ring()
    Secret.objects.bulk_create(
        Secret(owner=owner, field="api_key", **vault._seal(ring, owner, "api_key", text.encode()))
        for owner, text in ((f"connection:{at}", value(at)) for at in range(count))
    )
    [key] = [row.key_id for row in vault.status().keys]
    return {"key": key}


def read(count: int) -> dict[str, Any]:
    """Open secrets as every call does, until standard input ends; count what fails."""
    from spojka.connections import vault

    random.seed(count)
    calls, failed = 0, []
    while not select.select([sys.stdin], [], [], 0)[0]:
        at = random.randrange(count)
        try:
            right = vault.get(f"connection:{at}", "api_key") == value(at)
        except Exception as error:  # every failure counts, of whatever kind
            failed.append(f"{at}: {type(error).__name__}")
        else:
            calls += 1
            if not right:
                failed.append(f"{at}: wrong")
        time.sleep(0.001)  # as fast as calls come, and no faster
        if calls == 1:
            sys.stdout.write("reading\n")
            sys.stdout.flush()
    return {"calls": calls, "failed": failed[:10]}


if __name__ == "__main__":
    start()
    sys.stdout.write(json.dumps({"fill": fill, "read": read}[sys.argv[1]](int(sys.argv[2]))) + "\n")
