"""Settings: users of the company with their roles, and tokens of the API."""

from __future__ import annotations

import secrets

from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from spojka.companies.models import ApiToken, AuditEntry, Membership, Role
from spojka.companies.sessions import end_sessions
from spojka.web.access import CompanyRequest, member
from spojka.web.confirmation import confirmed
from spojka.web.forms.account import MemberForm, TokenForm
from spojka.web.views.common import go, tell, warn
from spojka.web.views.settings import show_settings


@member(Role.OWNER)
@confirmed
def users(request: CompanyRequest) -> HttpResponseBase:
    """List members and add one. A new user's initial password is shown once."""
    form = MemberForm(request.POST or None)
    password = ""
    if request.method == "POST" and form.is_valid():
        password = _add(request, form.cleaned_data["email"], form.cleaned_data["role"])
        if not password:
            tell(request, _("The user is a member now."))
            return go(request, "settings_users")
        form = MemberForm()
    return show_settings(
        request,
        "users",
        "settings_users",
        form=form,
        password=password,
        email=request.POST.get("email", ""),
        rows=request.company.memberships.select_related("user").order_by("user__username"),
        roles=Role.choices,
    )


@transaction.atomic
def _add(request: CompanyRequest, email: str, role: str) -> str:
    """Make somebody a member; returns the initial password of a user who did not exist."""
    users = get_user_model().objects
    user = users.filter(username__iexact=email).first()
    password = ""
    if user is None:
        password = secrets.token_urlsafe(16)
        user = users.create_user(username=email, email=email, password=password)
    Membership.objects.get_or_create(user=user, company=request.company, defaults={"role": role})
    AuditEntry.write(
        "member.added", company=request.company, actor=request.actor, subject=email, role=role
    )
    return password


@require_POST
@member(Role.OWNER)
@confirmed
def user_act(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Change somebody's role or take the membership away; one owner always stays."""
    row = get_object_or_404(request.company.memberships.select_related("user"), pk=pk)
    role = request.POST.get("role", "")
    others = request.company.memberships.filter(role=Role.OWNER).exclude(pk=row.pk)
    if row.role == Role.OWNER and role != Role.OWNER and not others.exists():
        warn(request, _("The last owner stays: name another owner first."))
    elif role == "remove":
        row.delete()
        end_sessions(row.user)
        _log(request, "member.removed", row)
    elif role in Role.values:
        row.role = role
        row.save(update_fields=["role"])
        _log(request, "member.role", row)
    return go(request, "settings_users")


def _log(request: CompanyRequest, action: str, row: Membership) -> None:
    AuditEntry.write(
        action, company=request.company, actor=request.actor, subject=row.user.get_username(),
        role=row.role,
    )  # fmt: skip


@member(Role.OWNER)
@confirmed
def tokens(request: CompanyRequest) -> HttpResponseBase:
    """List tokens and make one; its text is shown once."""
    form = TokenForm(request.POST or None)
    text = ""
    if request.method == "POST" and form.is_valid():
        token, text = ApiToken.make(
            request.company, form.cleaned_data["name"], form.cleaned_data["role"]
        )
        AuditEntry.write(
            "token.created", company=request.company, actor=request.actor, subject=token.name,
            role=token.role,
        )  # fmt: skip
        form = TokenForm()
    return show_settings(
        request,
        "tokens",
        "settings_tokens",
        form=form,
        text=text,
        rows=request.company.api_tokens.order_by("revoked_at", "-id"),
    )


@require_POST
@member(Role.OWNER)
@confirmed
def token_revoke(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Make a token invalid for good."""
    token = get_object_or_404(request.company.api_tokens, pk=pk, revoked_at=None)
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    AuditEntry.write(
        "token.revoked", company=request.company, actor=request.actor, subject=token.name
    )
    tell(request, _("The token is no longer valid."))
    return go(request, "settings_tokens")
