"""The PostgreSQL server that tests may use, and the run of the database tests on it.

``python -m tests.engine.postgres NAME`` prints the address of a database of that name for
``DATABASE_URL``, or says why there is none and fails. As a plugin (``-p tests.engine.postgres``) it
leaves only the tests that use a database: whatever else there is has nothing to gain from another.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

DEFAULT = "postgresql://postgres@127.0.0.1:5432/postgres"
# The transaction around a test is longer than any of ours may be.
OPTIONS = "options=-c%20idle_in_transaction_session_timeout%3D0"
LEFT_OUT = {"simulation", "web"}
"""Pages, and thousands of generated steps: minutes more, to say the same twice."""
FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server"}


def server_url() -> str:
    """Return the address of the server's own database.

    Raises:
        psycopg.OperationalError: no server answers.
    """
    url = os.environ.get("SPOJKA_TEST_DATABASE_URL") or DEFAULT
    psycopg.connect(url, connect_timeout=3).close()
    return url


def named(url: str, name: str) -> str:
    """Return the address of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextmanager
def database(template: str = "") -> Iterator[str]:
    """Make a database, a copy of ``template`` (an address) where one is given; drop it after."""
    url = server_url()
    name = f"spojka_engine_{uuid4().hex}"
    source = sql.Identifier(urlsplit(template).path[1:] if template else "template0")
    with psycopg.connect(url, autocommit=True) as server:
        made = sql.Identifier(name)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, source))
        try:
            yield named(url, name)
        finally:
            server.execute(sql.SQL("DROP DATABASE {} (FORCE)").format(made))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what would do the same as on SQLite: no database, a browser, or its own server."""
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        uses = item.get_closest_marker("django_db") is not None
        uses = uses or bool(FIXTURES & set(getattr(item, "fixturenames", ())))
        alone = any(item.get_closest_marker(name) for name in ("browser", "postgres"))
        leave = alone or bool(LEFT_OUT & set(item.path.parts))
        (kept if uses and not leave else left).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def main() -> int:
    try:
        url = server_url()
    except psycopg.OperationalError as error:
        reason = str(error).splitlines()[0]
        sys.stderr.write(f"spojka: SKIPPED the database tests on PostgreSQL: {reason}\n")
        return 1
    sys.stdout.write(urlsplit(named(url, sys.argv[1]))._replace(query=OPTIONS).geturl())
    return 0


if __name__ == "__main__":
    sys.exit(main())
