"""Who may see which page: every page is within one company, and every visitor has a role in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from spojka.companies.models import Company, Membership, Role

P = ParamSpec("P")

GREATEST_KEY = 2**63 - 1
_RANK = {Role.VIEWER.value: 0, Role.ACCOUNTANT.value: 1, Role.OWNER.value: 2}


class UserRequest(HttpRequest):
    """A request of somebody who is logged in."""

    user: User


class CompanyRequest(UserRequest):
    """A request within a company that its user is a member of."""

    company: Company
    role: str
    actor: str
    """The name that the audit log gets."""


def may(role: str, needed: str) -> bool:
    """Tell whether ``role`` includes what ``needed`` allows."""
    return _RANK.get(role, -1) >= _RANK[needed]


def is_empty_installation() -> bool:
    """Tell whether nobody has been set up yet."""
    return not get_user_model().objects.exists()


def logged_in(
    view: Callable[Concatenate[UserRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Send a stranger to the log-in page, or to the set-up of an empty installation."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            if is_empty_installation():
                return redirect("web:setup")
            return redirect_to_login(request.get_full_path())
        return view(cast(UserRequest, request), *args, **kwargs)

    return guarded


def member(
    needed: str = Role.VIEWER,
) -> Callable[
    [Callable[Concatenate[CompanyRequest, P], HttpResponseBase]],
    Callable[..., HttpResponseBase],
]:
    """Open a page to members of the company in its address whose role includes ``needed``.

    The company stands in the address and not in the session, so that two open tabs of two companies
    can never write into each other. A stranger's company does not exist (404).
    """

    def decorate(
        view: Callable[Concatenate[CompanyRequest, P], HttpResponseBase],
    ) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        @logged_in
        def guarded(request: UserRequest, /, company: int, **kwargs: Any) -> HttpResponseBase:
            if max(company, kwargs.get("pk") or 0) > GREATEST_KEY:
                raise Http404  # no row has it, and no column holds it
            membership = (
                Membership.objects.select_related("company")
                .filter(user=request.user, company_id=company)
                .first()
            )
            if membership is None:
                raise Http404
            if not may(membership.role, needed):
                raise PermissionDenied
            inside = cast(CompanyRequest, request)
            inside.company = membership.company
            inside.role = membership.role
            inside.actor = request.user.get_username()
            with timezone.override(membership.company.zone):
                return _rendered(view(inside, **kwargs))  # type: ignore[call-arg]

        return guarded

    return decorate


def _rendered(response: HttpResponseBase) -> HttpResponseBase:
    """Render a lazy response now, while the company's time zone is in force."""
    render = getattr(response, "render", None)
    return cast(HttpResponseBase, render()) if callable(render) else response
