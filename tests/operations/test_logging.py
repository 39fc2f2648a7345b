"""Log lines: JSON with the trace, and free of secrets whatever is thrown at them."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from spojka.core import secrecy, trace
from spojka.site.logging import configure

SECRET = "s3cret/value+x=&"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    text = io.StringIO()
    described = configure("INFO", "json")
    described["handlers"]["stderr"]["stream"] = text
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logging.config.dictConfig(described)
    secrecy.register(SECRET)
    yield text
    root.handlers[:] = before
    root.setLevel(level)


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_line_is_json_with_its_trace(lines: io.StringIO) -> None:
    with trace.bound(trace.new()) as now:
        structlog.get_logger("spojka.test").info("issued", number="FA20260001", total=3)
    logging.getLogger("django.request").warning("Not Found: %s", "/x\n/y")
    first, second = read(lines)
    assert first["trace"] == now
    assert (first["event"], first["number"], first["total"]) == ("issued", "FA20260001", 3)
    assert (second["event"], second["logger"]) == ("Not Found: /x\n/y", "django.request")
    assert "trace" not in second
    assert len(lines.getvalue().splitlines()) == 2, "a line cannot be forged by its content"


@pytest.mark.parametrize(
    "facts",
    [
        {"password": "x1"},
        {"api_key": "x1"},
        {"headers": {"Authorization": "x1"}},
        {"given": [{"consumer_secret": "x1"}]},
        {"session_key": "x1"},
    ],
)
def test_a_field_is_masked_by_its_name(lines: io.StringIO, facts: dict[str, Any]) -> None:
    structlog.get_logger("spojka.test").info("tried", **facts)
    assert "x1" not in lines.getvalue()


@pytest.mark.parametrize("name", ["key", "keyboard", "passage", "compass", "secretary"])
def test_an_ordinary_name_is_not(lines: io.StringIO, name: str) -> None:
    structlog.get_logger("spojka.test").info("tried", **{name: "shown"})
    assert read(lines)[0][name] == "shown"


def test_a_secret_in_use_is_masked_anywhere(lines: io.StringIO) -> None:
    log = structlog.get_logger("spojka.test")
    log.info(f"calling https://x.example/?key={SECRET}", body={"a": [SECRET.encode()]})
    logging.getLogger("urllib").info("sent %s", SECRET)
    try:
        raise ValueError(f"refused {SECRET}")
    except ValueError:
        log.exception("failed")
    assert "Traceback" in lines.getvalue()
    assert SECRET not in lines.getvalue()
    assert len(read(lines)) == 3


def test_the_secrets_used_longest_ago_fall_out_and_lasting_ones_stay() -> None:
    secrecy.register("lasting-one", lasting=True)
    secrecy.register(*(f"recent-{at:04}" for at in range(secrecy.MOST + 5)))
    known = secrecy.known()
    assert "lasting-one" in known
    assert f"recent-{secrecy.MOST + 4:04}" in known
    assert "recent-0000" not in known
