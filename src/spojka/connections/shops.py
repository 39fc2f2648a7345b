"""Shops: made, changed, verified, opened for a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from spojka.companies.models import AuditEntry, Company
from spojka.connections import calls, checks, vault
from spojka.connections.budget import AccountBudget
from spojka.connections.identity import account_name, credential_name
from spojka.connections.models import Shop, new_path_token
from spojka.connections.tokens import SharedTokens
from spojka.core.descriptor import Check, FieldSpec
from spojka.shops.contract import Ability, ShopSession, Source
from spojka.shops.registry import source

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - the name of a field


def owner(shop: Shop) -> str:
    """Return the name under which the vault and the timeline know the shop."""
    return f"shop:{shop.pk}"


def source_of(shop: Shop) -> Source:
    """Return the platform's adapter."""
    return source(shop.platform)


def can(shop: Shop, ability: Ability) -> bool:
    """Tell whether the platform offers something."""
    return ability in source_of(shop).descriptor.abilities


def _split(
    fields: tuple[FieldSpec, ...], values: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    plain = {
        spec.key: values[spec.key] for spec in fields if not spec.is_secret and spec.key in values
    }
    secret = {
        spec.key: values[spec.key] for spec in fields if spec.is_secret and values.get(spec.key)
    }
    return plain, secret


@transaction.atomic
def create(
    company: Company, platform: str, name: str, fields: Mapping[str, str], *, actor: str
) -> Shop:
    """Make a shop; secret fields go to the vault, and so does a new webhook secret."""
    adapter = source(platform)
    plain, secret = _split(adapter.descriptor.fields, fields)
    shop = Shop.objects.create(
        company=company,
        platform=platform,
        name=name or adapter.descriptor.name,
        settings=plain,
        time_zone=company.time_zone,
    )
    for key, value in secret.items():
        vault.put(owner(shop), key, value)
    if Ability.WEBHOOK in adapter.descriptor.abilities and WEBHOOK_SECRET not in secret:
        vault.put(owner(shop), WEBHOOK_SECRET, new_path_token())
    AuditEntry.write(
        "shop.created", company=company, actor=actor, subject=shop.name, platform=platform
    )
    return shop


@transaction.atomic
def update(shop: Shop, fields: Mapping[str, str], *, actor: str) -> Shop:
    """Change a shop's fields; an empty secret keeps the stored one."""
    plain, secret = _split(source_of(shop).descriptor.fields, fields)
    shop.settings = {**shop.settings, **plain}
    shop.checks, shop.verified_at = [], None
    shop.save()
    for key, value in secret.items():
        vault.put(owner(shop), key, value)
    changed = sorted([*plain, *secret])
    AuditEntry.write(
        "shop.changed", company=shop.company, actor=actor, subject=shop.name, fields=changed
    )
    return shop


@contextmanager
def open_session(shop: Shop) -> Iterator[ShopSession]:
    """Open what an operation on the shop may use; its connections are closed in the end."""
    who, of = owner(shop), source_of(shop).descriptor
    credentials = {key: str(value) for key, value in shop.settings.items()}
    secrets: list[str] = []
    for spec in of.fields:
        if spec.is_secret:
            value = vault.get(who, spec.key) or ""
            credentials[spec.key] = value
            secrets.append(value)
    if can(shop, Ability.WEBHOOK):
        secrets.append(webhook_secret(shop))  # it is sent when webhooks are registered
    budget = AccountBudget(
        lambda: account_name(of.key, of.fields, of.account, credentials, who),
        of.limits,
        lane=who,
        system=of.name,
    )
    with (
        calls.client(who, secrets, budget) as http,
        SharedTokens(
            lambda: credential_name(of.key, of.fields, of.account, credentials, who),
            seen=http.hide,
        ) as tokens,
    ):
        yield ShopSession(
            credentials=credentials, http=http, now=timezone.now(), tokens=tokens, budget=budget
        )


def verify(shop: Shop) -> list[Check]:
    """Run the shop's checklist and remember it."""
    with open_session(shop) as session:
        result = source_of(shop).verify(session)
    shop.checks = checks.stored(result)
    shop.verified_at = timezone.now() if checks.passed(result) else None
    shop.save(update_fields=["checks", "verified_at"])
    return result


def webhook_address(shop: Shop) -> str:
    """Return the address that the shop's webhooks are to be sent to."""
    return f"{settings.PUBLIC_URL}/hooks/{shop.path_token}/"


def webhook_secret(shop: Shop) -> str:
    """Return the secret that deliveries are signed with."""
    return vault.get(owner(shop), WEBHOOK_SECRET) or ""


def register_webhooks(shop: Shop, *, actor: str) -> None:
    """Have the shop send its webhooks to us.

    Raises:
        OutcomeError: the shop does not let us.
    """
    with open_session(shop) as session:
        source_of(shop).register_webhooks(session, webhook_address(shop), webhook_secret(shop))
    AuditEntry.write("shop.webhooks", company=shop.company, actor=actor, subject=shop.name)
