"""What several groups of pages share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.http import content_disposition_header, url_has_allowed_host_and_scheme

from spojka.core.catalogue import explain
from spojka.core.problem import Problem
from spojka.web.access import CompanyRequest
from spojka.web.formats import language

PAGE_SIZE = 50
FIRST_KEYS = 20 * PAGE_SIZE
"""Keys of a list that are read before its rows are counted."""
LONGEST_KEY = 18
"""Digits of the greatest key that surely fits into a column."""


def show(
    request: HttpRequest, template: str, section: str = "", /, status: int = 200, **context: Any
) -> HttpResponse:
    """Render a page; ``section`` is the entry of the menu that it belongs to."""
    request.section = section  # type: ignore[attr-defined]
    return HttpResponse(
        render_to_string(f"web/{template}.html", context, request=request), status=status
    )


def go(request: CompanyRequest, name: str, *args: Any) -> HttpResponseRedirect:
    """Redirect to a page of the present company."""
    return redirect(f"web:{name}", request.company.pk, *args)


def back(request: CompanyRequest, name: str, *args: Any) -> HttpResponseRedirect:
    """Redirect to where the form stood, which it says in ``next``; else to the named page."""
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        return HttpResponseRedirect(target)
    return go(request, name, *args)


def tell(request: HttpRequest, text: object) -> None:
    """Say on the next page that something was done."""
    messages.success(request, str(text))


def warn(request: HttpRequest, text: object) -> None:
    """Say on the next page that something was not done."""
    messages.warning(request, str(text))


def tell_problem(request: HttpRequest, problem: Problem) -> None:
    """Say on the next page what went wrong and what to do, with its code."""
    explained = explain(problem, language())
    messages.error(request, f"{explained.cause} {explained.fix} ({explained.code})")


class _Pages(Paginator):  # type: ignore[type-arg]
    """Pages of rows that are found by their keys, and read as a whole only where they are shown.

    What a row holds may be long, and the keys of a list mostly stand in an index. Those of its
    first pages are read at once: where there are no more, they tell how many there are, too, and
    what is searched for is searched for once.
    """

    def __init__(self, rows: QuerySet[Any], shown: QuerySet[Any]) -> None:
        super().__init__(rows, PAGE_SIZE)
        self._rows = rows
        self._shown = shown

    @cached_property
    def _first(self) -> list[Any]:
        return list(self._rows.values_list("pk", flat=True)[: FIRST_KEYS + 1])

    @cached_property
    def count(self) -> int:
        return len(self._first) if len(self._first) <= FIRST_KEYS else self._rows.count()

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        top = number * self.per_page
        here = slice(top - self.per_page, top)
        known = top <= FIRST_KEYS or self.count <= FIRST_KEYS
        keys = self._first[here] if known else self._rows.values("pk")[here]
        return Page(self._shown.filter(pk__in=keys), number, self)


def paginate(
    request: HttpRequest, rows: QuerySet[Any] | list[Any], shown: QuerySet[Any] | None = None
) -> Page[Any]:
    """Return the page of ``rows`` that the address asks for; an odd number is the nearest page.

    ``shown`` is where the rows of the page are read from, in the same order, with what belongs to
    them; without it they are read from ``rows``, whose conditions are asked once more.
    """
    if isinstance(rows, list):
        return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    pages = _Pages(rows, rows if shown is None else shown)
    return pages.get_page(request.GET.get("page"))


def download(content: bytes, name: str, media_type: str, *, inline: bool = False) -> HttpResponse:
    """Answer with a file."""
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = content_disposition_header(not inline, name) or ""
    response["Cache-Control"] = "private, no-store"
    return response


def key(text: str | None) -> int | None:
    """Read the key of a row from an address or a form; ``None`` where it can be no row's."""
    # Some signs are digits and make no number (²), and some numbers fit into no column.
    usable = text and text.isascii() and text.isdigit() and len(text) <= LONGEST_KEY
    return int(text) if text and usable else None


def keys(request: HttpRequest) -> list[int]:
    """Return the keys of the rows whose boxes were ticked."""
    found = (key(value) for value in request.POST.getlist("id"))
    return [value for value in found if value is not None]


def chosen(request: HttpRequest, rows: QuerySet[Any]) -> Iterable[Model]:
    """Return the rows whose boxes were ticked."""
    return list(rows.filter(pk__in=keys(request)))
