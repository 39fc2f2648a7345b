"""What commands that work on an installation share: starting Django, and finding things in it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from spojka.cli.output import CommandError, refuse
from spojka.core.problem import Problem

if TYPE_CHECKING:
    from spojka.companies.models import Company
    from spojka.connections.models import Connection, Shop
    from spojka.orders.models import Order

P = ParamSpec("P")
R = TypeVar("R")

SETTINGS = "spojka.site.settings"


def start() -> None:
    """Start Django with the settings of this installation, once.

    Raises:
        CommandError: an environment variable holds something impossible (``SPJ-SETTINGS``).
    """
    import django
    from django.apps import apps
    from django.core.exceptions import ImproperlyConfigured

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    if not apps.ready:
        try:
            django.setup()
        except (ImproperlyConfigured, ValueError) as error:
            raise CommandError(Problem.of("SPJ-SETTINGS", detail=error)) from error


def with_database(command: Callable[P, R]) -> Callable[P, R]:
    """Start Django before the command; explain a database that is away or not prepared."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        start()
        from django.db import DatabaseError

        try:
            return command(*args, **kwargs)
        except DatabaseError as error:
            # The first line is what happened; further ones may quote the query with its data.
            detail = (str(error).splitlines() or [type(error).__name__])[0]
            raise CommandError(Problem.of("SPJ-DATABASE", detail=detail)) from error

    return wrapper


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
company_option = click.option(
    "--company", "company_name", default="", help="Id or name; needed where there are several."
)


def actor() -> str:
    """Return who acts, for the audit log."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user often has no name
        return f"cli:uid{os.getuid()}"


def find_company(name: str) -> Company:
    """Return the company of this id or name, or the only one.

    Raises:
        CommandError: there is none, or several fit (``SPJ-COMPANY-UNKNOWN``).
    """
    from spojka.companies.models import Company

    companies = Company.objects.all()
    if name.isdecimal():
        found = list(companies.filter(pk=int(name))[:2])
    elif name:
        found = list(companies.filter(name__iexact=name)[:2])
    else:
        found = list(companies[:2])
    if len(found) != 1:
        known = ", ".join(f"{company.pk} {company.name}" for company in companies[:10]) or "-"
        refuse("SPJ-COMPANY-UNKNOWN", name=name or "-", known=known)
    return found[0]


def find_shop(company: Company, name: str) -> Shop:
    """Return the company's shop of this id or name.

    Raises:
        CommandError: there is none, or several bear the name (``SPJ-SHOP-UNKNOWN``).
    """
    shops = company.shops.all()
    found = list((shops.filter(pk=int(name)) if name.isdecimal() else shops.filter(name=name))[:2])
    if len(found) != 1:
        known = ", ".join(f"{shop.pk} {shop.name}" for shop in shops[:10]) or "-"
        refuse("SPJ-SHOP-UNKNOWN", name=name, known=known)
    return found[0]


def find_connection(company: Company, name: str) -> Connection:
    """Return the company's connection of this id or name; ``own``: Spojka's own issuer.

    Raises:
        CommandError: there is none, or several bear the name (``SPJ-CONNECTION-UNKNOWN``).
    """
    from spojka.connections import systems

    if name == systems.OWN:
        return systems.own_connection(company)
    rows = company.connections.all()
    found = list((rows.filter(pk=int(name)) if name.isdecimal() else rows.filter(name=name))[:2])
    if len(found) != 1:
        refuse("SPJ-CONNECTION-UNKNOWN", name=name)
    return found[0]


def find_order(company: Company, number: str) -> Order:
    """Return the company's order of this number; ``shop:number`` where several shops have it.

    Raises:
        CommandError: there is none, or several have it (``SPJ-ORDER-UNKNOWN``).
    """
    from spojka.orders.models import Order

    shop, separator, rest = number.rpartition(":")
    orders = Order.objects.filter(company=company).select_related("shop", "company")
    found = list(orders.filter(number=number)[:2])
    if not found and separator:
        found = list(orders.filter(number=rest, shop=find_shop(company, shop))[:2])
    if len(found) != 1:
        shops = ", ".join(f"{order.shop_id}:{order.number}" for order in found) or "-"
        refuse("SPJ-ORDER-UNKNOWN", order=number, known=shops)
    return found[0]
