"""No secret survives redaction, in whatever form it appears."""

from __future__ import annotations

import base64
import json
from html import escape
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.net.redaction import MASK, redact, redact_headers

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="•"), min_size=8).filter(
    lambda text: len(text.strip()) >= 8
)


@given(SECRETS)
def test_no_form_of_a_secret_survives(secret: str) -> None:
    for form in (
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        urlencode({"x": secret})[2:],
        json.dumps(secret)[1:-1],
        escape(secret),
    ):
        assert redact(f"<{form}>", [secret]) == f"<{MASK}>"


@given(SECRETS, st.text("abc:", max_size=9), st.text("xyz", max_size=5))
def test_base64_is_found_at_any_offset(secret: str, before: str, after: str) -> None:
    encoded = base64.b64encode((before + secret + after).encode()).decode()
    whole = redact(encoded, [secret])
    assert MASK in whole
    core = len(base64.b64encode(secret.encode()).rstrip(b"=")) - 3
    assert len(whole) - len(MASK) <= len(encoded) - core


@pytest.mark.parametrize("secrets", [[], [""], ["  "]])
def test_nothing_to_hide_changes_nothing(secrets: list[str]) -> None:
    assert redact("plain text", secrets) == "plain text"


def test_a_secret_inside_another_is_hidden_whole() -> None:
    assert redact("abcdef abc", ["abc", "abcdef"]) == f"{MASK} {MASK}"


def test_credential_headers_are_masked_whole() -> None:
    headers = redact_headers(
        [("Authorization", "Bearer x"), ("Set-Cookie", "s=1"), ("X-Key", "k123"), ("Accept", "*")],
        ["k123"],
    )
    assert headers == {"Authorization": MASK, "Set-Cookie": MASK, "X-Key": MASK, "Accept": "*"}
