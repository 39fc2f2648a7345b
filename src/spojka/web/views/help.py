"""Help: the catalogue of errors, the accounting systems, the variables, about the product."""

from __future__ import annotations

from django.http import Http404, HttpResponseBase

from spojka import __version__
from spojka.accounting import registry
from spojka.accounting.errors import ErrorBook
from spojka.core import catalogue
from spojka.core.problem import Problem
from spojka.core.variables import VARIABLES, Scope
from spojka.web.access import UserRequest, logged_in
from spojka.web.formats import language
from spojka.web.systems import can_words, links_of
from spojka.web.views.common import show
from spojka.web.wording import RECOVERIES


@logged_in
def index(request: UserRequest) -> HttpResponseBase:
    """Lead to the parts of the help."""
    systems = [found.descriptor for found in registry.systems().values()]
    return show(request, "help/index", "help", version=__version__, systems=systems)


@logged_in
def errors(request: UserRequest) -> HttpResponseBase:
    """List the catalogue; search in codes and texts."""
    text = request.GET.get("q", "").strip().lower()
    tongue = language()
    rows = [catalogue.explain(Problem.of(entry.code), tongue) for entry in catalogue.all_entries()]
    if text:
        rows = [row for row in rows if text in f"{row.code} {row.cause} {row.fix}".lower()]
    return show(request, "help/errors", "help", rows=rows, query=request.GET)


@logged_in
def error(request: UserRequest, code: str) -> HttpResponseBase:
    """Explain one code."""
    if catalogue.entry(code).code != code:
        raise Http404
    return show(request, "help/error", "help", p=catalogue.explain(Problem.of(code), language()))


@logged_in
def system(request: UserRequest, key: str) -> HttpResponseBase:
    """Say of a system what it can do, where its credentials are found, and what is asked there."""
    found = registry.systems().get(key)
    if found is None:
        raise Http404
    return show(
        request,
        "help/system",
        "help",
        descriptor=found.descriptor,
        can=can_words(found.descriptor),
        links=links_of(found.descriptor),
        recovery=RECOVERIES[found.descriptor.recovery],
        codes=[
            catalogue.explain(Problem.of(entry.code), language())
            for entry in ErrorBook.of(registry.package_of(key)).entries
        ],
    )


@logged_in
def variables(request: UserRequest) -> HttpResponseBase:
    """List the variables that texts may use."""
    groups = [
        (scope, [variable for variable in VARIABLES if variable.group is scope]) for scope in Scope
    ]
    return show(request, "help/variables", "help", groups=groups)
