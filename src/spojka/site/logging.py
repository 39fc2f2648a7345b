"""Log lines: facts with names, the trace of what is being done, and never a secret.

On a terminal they are text, anywhere else one JSON object per line on standard error
(``SPOJKA_LOG_FORMAT`` decides otherwise). Lines of Django and of the libraries take the same way.
"""

from __future__ import annotations

import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from spojka.core import secrecy, trace
from spojka.net.redaction import MASK, forms

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_MANY_LINES = {"exception", "stack"}
FORMATS = ("auto", "json", "text")


def add_trace(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Any:
    """Put the trace of what is being done into the line."""
    if now := trace.current():
        event.setdefault("trace", now)
    return event


def hide_secrets(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Any:
    """Mask fields that are secret by their name, and every secret this process has used."""
    known = secrecy.known()
    return {name: _hidden(name, value, known) for name, value in event.items()}


def keep_on_one_line(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Any:
    """Write control characters as escapes: a text that came from outside adds no line of its own.

    Tracebacks keep their lines. JSON has escapes of its own.
    """
    return {
        name: _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], value)
        if isinstance(value, str) and name not in _MANY_LINES
        else value
        for name, value in event.items()
    }


def _hidden(name: str, value: Any, known: frozenset[str]) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if secrecy.is_secret_name(name) and value:
        return MASK
    if isinstance(value, str):
        return _without(value, known)
    if isinstance(value, bytes):
        return _without(value.decode("utf-8", "replace"), known)
    if isinstance(value, dict):
        return {key: _hidden(str(key), item, known) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden("", item, known) for item in value]
    return _without(str(value), known)


def _without(text: str, known: frozenset[str]) -> str:
    # Not by one pattern of them all: it would be compiled anew with each secret that comes into
    # use. 200 secrets cost a tenth of a millisecond this way.
    for secret in known:
        for form in forms(secret):
            if form in text:
                text = text.replace(form, MASK)
    return text


_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    add_trace,
)


def _last(kind: str) -> list[Processor]:
    """Return what makes a line of an event. Secrets are hidden last, in tracebacks as well."""
    as_json = kind == "json" or (kind == "auto" and not sys.stderr.isatty())
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        hide_secrets,
        *([] if as_json else [keep_on_one_line]),
        renderer,
    ]


def configure(level: str, kind: str, *secrets: str) -> dict[str, Any]:
    """Set structlog up and return Django's ``LOGGING``.

    Args:
        level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
        kind: One of :data:`FORMATS`.
        secrets: Secrets of the installation itself, which no line may ever hold.
    """
    secrecy.register(*secrets, lasting=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": _last(kind),
                "foreign_pre_chain": list(_SHARED),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers would write every line a second time, in their own way.
            "django": {"handlers": [], "propagate": True, "level": level},
            "django.server": {"handlers": [], "propagate": True, "level": level},
            "axes": {"level": "WARNING"},
            "httpx2": {"level": "WARNING"},
            "procrastinate": {"level": "WARNING"},
            "httpcore2": {"level": "WARNING"},
        },
    }


def start(level: str = "INFO", kind: str = "auto") -> None:
    """Set logging up in a process that does not load the settings."""
    from logging.config import dictConfig

    dictConfig(configure(level, kind))
