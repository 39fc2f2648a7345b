"""Names for credentials that say nothing about them: who shares an account, who shares a token."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

from django.db import connection, transaction

from spojka.connections import vault
from spojka.core.descriptor import FieldSpec

_OWNER = "installation"
_FIELD = "fingerprint"
_LOCK = 0x5350_4A4B
"""Number of the advisory lock under which the key is made, on PostgreSQL."""


def fingerprint(*values: str) -> str:
    """Return a digest of values: the same everywhere in this installation, and of no use elsewhere.

    Raises:
        VaultError: the installation's key cannot be opened.
    """
    key = vault.get(_OWNER, _FIELD) or _make_key()
    text = "\0".join(f"{len(value)}:{value}" for value in values)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _make_key() -> str:
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        made = vault.get(_OWNER, _FIELD)
        if made is None:
            made = secrets.token_hex(32)
            vault.put(_OWNER, _FIELD, made)
        return made


def account_name(
    key: str,
    fields: Sequence[FieldSpec],
    chosen: Sequence[str],
    values: Mapping[str, str],
    owner: str,
) -> str:
    """Return the name of the account whose calls are counted.

    Args:
        key: The system's or platform's.
        fields: Its form.
        chosen: Keys of the fields that name the account; empty: all required ones.
        values: What was filled in, secrets included.
        owner: Whose account it is where no field names it.
    """
    names = list(chosen) or [spec.key for spec in fields if spec.required]
    return _name(key, names, values, owner)


def credential_name(
    key: str,
    fields: Sequence[FieldSpec],
    chosen: Sequence[str],
    values: Mapping[str, str],
    owner: str,
) -> str:
    """Return the name of the credentials that a token is given for: the account and all secrets."""
    wanted = {*chosen, *(spec.key for spec in fields if spec.required or spec.is_secret)}
    return _name(key, sorted(wanted), values, owner)


def _name(key: str, names: Sequence[str], values: Mapping[str, str], owner: str) -> str:
    parts = [part for name in names for part in (name, values.get(name, "").strip())]
    return f"{key}:{fingerprint(*parts) if parts else owner}"
