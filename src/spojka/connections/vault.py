"""The vault: secrets of shops, connections and mail accounts, encrypted in the database.

Each value is sealed with AES-256-GCM under a key that lies in a file outside the database. The
key's id stands beside the ciphertext, and owner, field and key id are bound to it as associated
data: a ciphertext moved to another row does not open there.

The key file (``settings.KEY_FILE``, mode 0600) is JSON::

    {"primary": "k1f…", "keys": {"k1f…": {"key": "<base64>", "created_at": "…Z", "retired": false}}}

It is made on first use. The primary key seals; every key that is not retired opens. Losing the file
loses the secrets (they have to be entered again) and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from spojka.connections.models import Secret
from spojka.core import secrecy
from spojka.core.outcome import RejectedError, Rejection
from spojka.core.problem import Problem
from spojka.database.prepared import Prepared

_KEY_BYTES = 32
_NONCE_BYTES = 12  # 96 bits, the length that GCM is made for (NIST SP 800-38D, 8.2)
_SHOWN_FROM = 12
"""Of a shorter value not even the last four characters are shown: they would be too much of it."""


class VaultError(RejectedError):
    """A secret cannot be read, or a key command is refused; nothing was sent anywhere.

    ``SPJ-VAULT-KEY``: the key is not in the file, or the file cannot be used.
    ``SPJ-VAULT-DAMAGED``: the stored value does not open with its key.
    ``SPJ-VAULT-KEY-IN-USE``: a key that still seals values is not retired.
    """

    def __init__(self, problem: Problem, technical: str = "") -> None:
        super().__init__(problem, Rejection.CONFIG, technical)


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """What may be shown of a stored value: never the value."""

    field: str
    last4: str
    """Last four characters; empty for values shorter than twelve."""
    changed_at: datetime
    key_id: str


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key of the file, without the key."""

    key_id: str
    created_at: datetime
    primary: bool
    retired: bool
    secrets: int
    """How many stored values it seals."""
    present: bool = True
    """False where stored values name a key that the file does not have."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of keys and secrets."""

    keys: tuple[KeyInfo, ...]
    private: bool
    """Only the owner of the key file may read it."""

    @property
    def waiting(self) -> int:
        """How many values are not sealed with the primary key yet."""
        return sum(key.secrets for key in self.keys if not key.primary)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a run of :func:`rotate` did."""

    done: int
    left: int
    """Values still sealed with another key; run it again."""
    failed: tuple[Problem, ...] = ()
    """Values that do not open; they stay as they are."""


@dataclass(frozen=True, slots=True)
class _Key:
    material: bytes
    created_at: str
    retired: bool = False

    def __repr__(self) -> str:
        return f"_Key(created_at={self.created_at!r}, retired={self.retired})"


@dataclass(frozen=True, slots=True)
class _Ring:
    primary: str
    keys: Mapping[str, _Key]


# ── Values ────────────────────────────────────────────────────────────────────────────────────


@sensitive_variables("value", "sealed")
def put(owner: str, field: str, value: str) -> None:
    """Store a value in place of the former one; an empty value is forgotten.

    Args:
        owner: ``shop:1``, ``connection:1`` or ``mail:1``.
        field: Key of the field in the owner's form.
        value: The secret.

    Raises:
        VaultError: the key file cannot be used.
    """
    if not value:
        Secret.objects.filter(owner=owner, field=field).delete()
        return
    secrecy.register(value)
    ring = _ring()
    sealed = _seal(ring, owner, field, value.encode())
    Secret.objects.update_or_create(
        owner=owner,
        field=field,
        defaults={
            **sealed,
            "last4": value[-4:] if len(value) >= _SHOWN_FROM else "",
            "changed_at": timezone.now(),
        },
    )


_SECRET = Prepared(
    lambda owner, field: Secret.objects.filter(owner=owner, field=field), *(str, str)
)


@sensitive_variables("value")
def get(owner: str, field: str) -> str | None:
    """Return a stored value, or ``None`` where there is none.

    Raises:
        VaultError: the value cannot be opened.
    """
    row = _SECRET.first(owner, field)
    if row is None:
        return None
    value = _open(_ring(), row).decode()
    secrecy.register(value)  # so that no log line of this process repeats it
    return value


def fields(owner: str) -> list[SecretInfo]:
    """Return what may be shown of the owner's values, by field."""
    rows = Secret.objects.filter(owner=owner).order_by("field")
    return [SecretInfo(row.field, row.last4, row.changed_at, row.key_id) for row in rows]


def forget(owner: str) -> None:
    """Remove every value of the owner."""
    Secret.objects.filter(owner=owner).delete()


def _bound(owner: str, field: str, key_id: str) -> bytes:
    if "|" in owner + field + key_id:
        raise ValueError("owner, field and key id must not contain |")
    return f"{owner}|{field}|{key_id}".encode()


@sensitive_variables("value")
def _seal(ring: _Ring, owner: str, field: str, value: bytes) -> dict[str, Any]:
    nonce = os.urandom(_NONCE_BYTES)
    cipher = AESGCM(ring.keys[ring.primary].material)
    return {
        "key_id": ring.primary,
        "nonce": nonce,
        "ciphertext": cipher.encrypt(nonce, value, _bound(owner, field, ring.primary)),
    }


def _open(ring: _Ring, row: Secret, *, with_retired: bool = False) -> bytes:
    key = ring.keys.get(row.key_id)
    if key is None or (key.retired and not with_retired):
        raise VaultError(Problem.of("SPJ-VAULT-KEY", key=row.key_id, file=_path().name))
    try:
        return AESGCM(key.material).decrypt(
            bytes(row.nonce), bytes(row.ciphertext), _bound(row.owner, row.field, row.key_id)
        )
    except (InvalidTag, ValueError):
        # The cause says nothing more, and its frames hold what must not be shown.
        raise VaultError(
            Problem.of("SPJ-VAULT-DAMAGED", owner=row.owner, field=row.field)
        ) from None


# ── Keys ──────────────────────────────────────────────────────────────────────────────────────


def ensure_key_file() -> Path:
    """Make the key file where there is none yet, and return its path.

    Safe against several processes that start at once: all end up with the same file.

    Raises:
        VaultError: it cannot be made.
    """
    path = _path()
    if not path.exists():
        key_id, key = _new_key()
        temporary = _write_beside(path, _Ring(key_id, {key_id: key}))
        try:
            # A link, unlike a rename, fails where another process was faster.
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError as error:
            raise _unusable(path, error) from error
        finally:
            temporary.unlink()
        _sync_folder(path)
    return path


def add_key() -> str:
    """Make a new key and let it seal from now on; returns its id. Old keys go on opening.

    Where several machines share the database, copy the file to all of them at once afterwards: one
    that does not have the key yet cannot read what is stored meanwhile.

    Raises:
        VaultError: the key file cannot be used.
    """
    with _editing() as ring:
        key_id, key = _new_key()
        _replace(_Ring(key_id, {**ring.keys, key_id: key}))
    return key_id


def adopt(file: Path) -> list[str]:
    """Add the keys of another key file, kept apart from a backup; return the ids of the new ones.

    They only open: the primary key stays the one that seals.

    Raises:
        VaultError: one of the files cannot be used.
    """
    other = _read(file)
    with _editing() as ring:
        new = {key_id: key for key_id, key in other.keys.items() if key_id not in ring.keys}
        _replace(_Ring(ring.primary, {**ring.keys, **new}))
    return sorted(new)


def rotate(batch: int = 200, limit: int | None = None) -> Rotation:
    """Seal stored values again with the primary key, while everything keeps running.

    May be stopped at any moment and run again: values are replaced a batch at a time, and each
    only if nobody changed it meanwhile.

    Args:
        batch: How many values are replaced in one transaction.
        limit: Stop after so many values; by default after all.

    Raises:
        VaultError: the key file cannot be used.
    """
    ring = _ring()
    done, last, failed = 0, 0, []
    waiting = Secret.objects.exclude(key_id=ring.primary).order_by("pk")
    while limit is None or done < limit:
        size = batch if limit is None else min(batch, limit - done)
        with transaction.atomic():
            rows = list(waiting.filter(pk__gt=last)[:size])
            for row in rows:
                last = row.pk
                try:
                    done += _reseal(ring, row)
                except VaultError as error:
                    failed.append(error.problem)
        if not rows:
            break
    return Rotation(done, waiting.count(), tuple(failed))


@sensitive_variables("value", "sealed")
def _reseal(ring: _Ring, row: Secret) -> int:
    # A retired key opens here: a value stored in the moment of its retiring is saved this way.
    value = _open(ring, row, with_retired=True)
    sealed = _seal(ring, row.owner, row.field, value)
    same = Secret.objects.filter(pk=row.pk, key_id=row.key_id, nonce=bytes(row.nonce))
    return same.update(**sealed)


def retire(key_id: str) -> None:
    """Stop using a key. It stays in the file, marked, for backups made while it was in use.

    Raises:
        VaultError: values are still sealed with it, it is the primary key, or it does not exist.
    """
    with _editing() as ring:
        if key_id not in ring.keys:
            raise VaultError(Problem.of("SPJ-VAULT-KEY", key=key_id, file=_path().name))
        used = Secret.objects.filter(key_id=key_id).count()
        if used or key_id == ring.primary:
            raise VaultError(Problem.of("SPJ-VAULT-KEY-IN-USE", key=key_id, count=used))
        retired = replace(ring.keys[key_id], retired=True)
        _replace(_Ring(ring.primary, {**ring.keys, key_id: retired}))


def status() -> Status:
    """Return the keys, oldest first, and what they seal.

    Raises:
        VaultError: the key file cannot be used.
    """
    ring = _ring()
    used = dict(Secret.objects.values_list("key_id").annotate(count=Count("pk")))
    known = [
        KeyInfo(
            key_id=key_id,
            created_at=datetime.fromisoformat(key.created_at),
            primary=key_id == ring.primary,
            retired=key.retired,
            secrets=used.pop(key_id, 0),
        )
        for key_id, key in ring.keys.items()
    ]
    lost = [
        KeyInfo(key_id, datetime.min.replace(tzinfo=UTC), False, False, count, present=False)
        for key_id, count in sorted(used.items())
    ]
    private = not _path().stat().st_mode & 0o077
    return Status(tuple(sorted(known, key=lambda key: key.created_at)) + tuple(lost), private)


def _path() -> Path:
    return Path(settings.KEY_FILE)


def _new_key() -> tuple[str, _Key]:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return f"k{secrets.token_hex(6)}", _Key(os.urandom(_KEY_BYTES), now)


def _unusable(path: Path, error: Exception) -> VaultError:
    return VaultError(Problem.of("SPJ-VAULT-FILE", file=path.name), technical=type(error).__name__)


def _ring() -> _Ring:
    """Read the key file; it is read each time, so that a running process sees a new key at once."""
    return _read(ensure_key_file())


def _read(path: Path) -> _Ring:
    try:
        data = json.loads(path.read_text(encoding="ascii"))
        keys = {
            str(key_id): _Key(
                material=base64.b64decode(entry["key"], validate=True),
                created_at=str(entry["created_at"]),
                retired=entry["retired"] is True,
            )
            for key_id, entry in data["keys"].items()
        }
        ring = _Ring(str(data["primary"]), keys)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise _unusable(path, error) from None
    broken = any(len(key.material) != _KEY_BYTES for key in keys.values())
    if broken or ring.primary not in keys or keys[ring.primary].retired:
        raise _unusable(path, ValueError("primary"))
    return ring


def _dump(ring: _Ring) -> bytes:
    keys = {
        key_id: {
            "key": base64.b64encode(key.material).decode(),
            "created_at": key.created_at,
            "retired": key.retired,
        }
        for key_id, key in ring.keys.items()
    }
    return json.dumps({"primary": ring.primary, "keys": keys}, indent=2).encode() + b"\n"


def _write_beside(path: Path, ring: _Ring) -> Path:
    """Write a complete file next to ``path``; ``mkstemp`` makes it readable by its owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(_dump(ring))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unusable(path, error) from error
    return Path(name)


def _replace(ring: _Ring) -> None:
    path = _path()
    temporary = _write_beside(path, ring)
    temporary.replace(path)
    _sync_folder(path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _editing() -> Iterator[_Ring]:
    """Hold off every other process that edits the key file."""
    path = ensure_key_file()
    with path.with_name(f".{path.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _ring()
