"""What every page knows: the company it is in, the visitor's role, and what needs attention."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from spojka.companies.models import Company, Role
from spojka.documents import attention
from spojka.web.access import UserRequest, may

# Languages by their own names: whoever looks for theirs may not read the present one.
LANGUAGES = (("cs", "Čeština"), ("sk", "Slovenčina"), ("en", "English"))

MAIN_MENU = (
    ("overview", "home", _("Overview")),
    ("orders", "basket", _("Orders")),
    ("documents", "file", _("Documents")),
    ("attention", "bell", _("Needs attention")),
    ("rules", "branch", _("Rules")),
    ("series", "hash", _("Number series")),
    ("archive", "archive", _("Archive")),
    ("settings", "gear", _("Settings")),
)


def page(request: HttpRequest) -> dict[str, Any]:
    """Context processor of all templates."""
    company: Company | None = getattr(request, "company", None)
    role: str = getattr(request, "role", "")
    context: dict[str, Any] = {
        "company": company,
        "role": role,
        "may_act": may(role, Role.ACCOUNTANT),
        "may_own": may(role, Role.OWNER),
        "languages": LANGUAGES,
        "main_menu": MAIN_MENU,
        "section": getattr(request, "section", ""),
        "debug": settings.DEBUG,
    }
    if company is not None:
        context["attention_count"] = SimpleLazyObject(lambda: attention.count(company))
        context["companies"] = Company.objects.filter(
            memberships__user=cast(UserRequest, request).user
        )
    return context
