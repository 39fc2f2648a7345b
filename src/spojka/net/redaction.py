"""Keeping secrets out of everything that is stored or shown."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "•••"

_SENSITIVE_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "stw-authorization"}
)

# Names under which OAuth 2.0 hands tokens out (RFC 6749, 5.1; OpenID Connect), in JSON or a form.
_TOKEN = re.compile(
    r"""("(?:access|refresh|id)_token"\s*:\s*")(?:[^"\\]|\\.)*|"""
    r"""(\b(?:access|refresh|id)_token=)[^&\s"]*""",
    re.IGNORECASE,
)

# Fewer characters of base64 than this say too little to be searched for.
_SHORTEST_BASE64 = 6


def _base64_forms(secret: bytes) -> set[str]:
    """Base64 text that appears wherever ``secret`` is encoded inside a longer text.

    Three bytes make four characters, so that there are three alignments; characters shared with
    the neighbouring bytes are left out.
    """
    forms = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret).decode().rstrip("=")
        first = -(-offset * 8 // 6)
        last = (offset + len(secret)) * 8 // 6
        core = encoded[first:last]
        if len(core) >= _SHORTEST_BASE64:
            forms |= {core, core.replace("+", "-").replace("/", "_"), quote(core, safe="")}
    return forms


def _forms(secret: str) -> set[str]:
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    markup = {html.escape(secret), html.escape(secret, quote=False)}
    lower = {re.sub("%[0-9A-F]{2}", lambda m: m.group().lower(), text) for text in quoted}
    twice = {quote(text, safe="") for text in quoted}
    encoded = _base64_forms(secret.encode()) | _base64_forms(secret.encode("latin-1", "ignore"))
    slashes = {text.replace("/", "\\/") for text in escaped}
    return {secret} | quoted | lower | twice | escaped | slashes | markup | encoded


@lru_cache(maxsize=1024)
def forms(secret: str) -> tuple[str, ...]:
    """Return in what forms a secret may stand in a text, the longest first."""
    return tuple(sorted(filter(None, _forms(secret)), key=len, reverse=True))


@lru_cache(maxsize=256)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    forms = {form for secret in secrets for form in _forms(secret) if form}
    if not forms:
        return None
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in ``text``: as it is, percent-encoded, in JSON, markup and base64.

    Base64 is found also inside a longer encoded text, such as ``user:password``.
    """
    pattern = _pattern(frozenset(secret for secret in secrets if secret.strip()))
    return text if pattern is None else pattern.sub(MASK, text)


def redact_tokens(text: str) -> str:
    """Mask the tokens of an OAuth 2.0 answer or request: nobody knows them before they are read."""
    return _TOKEN.sub(lambda found: f"{found[1] or found[2]}{MASK}", text)


def redact_headers(headers: Iterable[tuple[str, str]], secrets: Iterable[str]) -> dict[str, str]:
    """Return headers fit for storing: credentials masked, secrets replaced anywhere else."""
    known = tuple(secrets)
    return {
        name: MASK if name.lower() in _SENSITIVE_HEADERS else redact(value, known)
        for name, value in headers
    }
