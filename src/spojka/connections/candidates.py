"""Values of a connection's form: stored ones, new ones on trial, and accounts to choose from.

``Connection.candidate`` is ``{"settings": plain fields, "checks": rows, "state": …, "actor": who,
"fields": names of what changed, "activate": whether it is switched on then}``, and where a person
has to decide ``"before"``, ``"company"`` and then ``"accepted"``. Its secrets are in the vault
under an owner of their own, so that they can fail without harm to those in use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import structlog
from django.views.decorators.debug import sensitive_variables

from spojka.accounting.contract import Choice, Descriptor
from spojka.connections import systems, vault
from spojka.connections.models import Connection
from spojka.core import codec
from spojka.core.descriptor import FieldSpec
from spojka.engine.leases import LeaseLostError

log = structlog.get_logger("spojka.connections")


class CandidateState(StrEnum):
    """How far new values are."""

    CHECKING = "checking"
    FAILED = "failed"
    OTHER_COMPANY = "other_company"
    """They work, and lead to another company than those before: a person decides."""


def split(
    fields: Sequence[FieldSpec], values: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Divide values of a form into plain ones and secrets; secrets left empty are left out."""
    plain = {
        spec.key: values[spec.key] for spec in fields if not spec.is_secret and spec.key in values
    }
    secret = {
        spec.key: values[spec.key] for spec in fields if spec.is_secret and values.get(spec.key)
    }
    return plain, secret


def owner_of(connection: Connection) -> str:
    """Return the vault's name for the owner of secrets that are being tried."""
    return f"candidate:{connection.pk}"


@sensitive_variables("secret")
def store(connection: Connection, plain: Mapping[str, str], secret: Mapping[str, str]) -> None:
    """Put values of the form in place of the stored ones; part of the caller's transaction.

    What was read from another account (contacts, lists) is forgotten. Choices stay: where the new
    account does not have what was chosen, its checklist says so.
    """
    connection.settings = {**connection.settings, **plain}
    for field, value in secret.items():
        vault.put(systems.owner(connection), field, value)
    account = systems.identity_of(connection)
    if connection.account_name not in ("", account):
        connection.loaded, connection.loaded_at = {}, None
        connection.changes_cursor = None
        connection.contacts.all().delete()
    connection.account_name = account
    connection.save(
        update_fields=["settings", "account_name", "loaded", "loaded_at", "changes_cursor"]
    )


def secrets_of(connection: Connection) -> dict[str, str]:
    """Return the secrets that are being tried."""
    owner = owner_of(connection)
    return {info.field: vault.get(owner, info.field) or "" for info in vault.fields(owner)}


def values_of(connection: Connection) -> dict[str, str]:
    """Return all values that are being tried, secrets included."""
    plain = (connection.candidate or {}).get("settings", {})
    return {**{key: str(value) for key, value in plain.items()}, **secrets_of(connection)}


def shown_secrets(connection: Connection) -> dict[str, str]:
    """Return the last four characters of secrets that are being tried, by field."""
    return {info.field: info.last4 for info in vault.fields(owner_of(connection))}


def drop(connection: Connection) -> None:
    """Forget the values that were tried; part of the caller's transaction."""
    vault.forget(owner_of(connection))
    connection.candidate = None
    connection.save(update_fields=["candidate"])


def account_field(of: Descriptor) -> FieldSpec | None:
    """Return the field whose value is chosen among the accounts of the login, if there is one."""
    return next((spec for spec in of.fields if spec.options == "accounts"), None)


def accounts_of(connection: Connection) -> list[Choice]:
    """Return the accounts that the login may use, as far as they were read."""
    return [codec.load(Choice, row) for row in connection.accounts]


def is_undecided(connection: Connection) -> bool:
    """Tell whether a person has to choose one of several accounts first."""
    spec = account_field(systems.system_of(connection).descriptor)
    return bool(spec and len(connection.accounts) > 1 and not connection.settings.get(spec.key))


def choose_only_account(connection: Connection) -> None:
    """Read the accounts of the login; one that is the only one is chosen by itself."""
    adapter = systems.system_of(connection)
    spec = account_field(adapter.descriptor)
    if spec is None or connection.settings.get(spec.key):
        return
    list_accounts: Callable[..., Sequence[Choice]] | None = getattr(adapter, "accounts", None)
    if list_accounts is None:
        return
    try:
        with systems.open_session(connection, patience=systems.LONG_PATIENCE_SECONDS) as session:
            found = list(list_accounts(session))
    except LeaseLostError:
        raise
    except Exception as error:  # whatever it is: the checklist says what is wrong
        log.warning("accounts not read", connection=connection.pk, error=type(error).__name__)
        return
    connection.accounts = [codec.dump(choice) for choice in found]
    connection.save(update_fields=["accounts"])
    if len(found) == 1:
        store(connection, {spec.key: found[0].id}, {})
