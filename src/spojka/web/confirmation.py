"""The password again, before something grave is changed.

What the visitor entered is not lost meanwhile: it travels along in the page that asks for the
password, encrypted, for it may hold secrets and a page must show none.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from cryptography.fernet import Fernet, InvalidToken
from django import forms
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from spojka.web import sessions
from spojka.web.access import CompanyRequest
from spojka.web.forms.base import HouseForm
from spojka.web.views.common import show, tell

if TYPE_CHECKING:
    from django.http.request import _ImmutableQueryDict

P = ParamSpec("P")
PASSWORD = "confirm_password"  # noqa: S105 - the name of a field
SEALED = "confirm_sealed"
KEEP_SECONDS = 30 * 60
"""How long what was entered waits for the password."""


class ConfirmForm(HouseForm):
    """The password of whoever is logged in."""

    confirm_password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


def confirmed(
    view: Callable[Concatenate[CompanyRequest, P], HttpResponseBase],
) -> Callable[Concatenate[CompanyRequest, P], HttpResponseBase]:
    """Let a change through only if the password was entered within the last ten minutes.

    Looking at the page is not affected. A change that comes later is answered with a page (403)
    that asks for the password; once it is right, the change is carried out as it was entered.
    """

    @wraps(view)
    def guarded(request: CompanyRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        if PASSWORD in request.POST:
            refusal = _confirm(request)
            if refusal is not None:
                return refusal
        elif not sessions.is_confirmed(request):
            return _ask(request, ConfirmForm(), _seal(request))
        return view(request, *args, **kwargs)

    return guarded


def _confirm(request: CompanyRequest) -> HttpResponseBase | None:
    """Check the password and bring back what was entered; else return why it cannot be done."""
    entered = _unseal(request)
    if entered is None:
        tell(request, _("Nothing was changed: it took too long. Please enter it again."))
        return HttpResponseRedirect(request.path)
    form = ConfirmForm(request.POST)
    if form.is_valid():
        # Wrong ones count for the lock-out, as at the log-in page.
        user = authenticate(
            request,
            username=request.user.get_username(),
            password=form.cleaned_data[PASSWORD],
        )
        if user is not None and user.pk == request.user.pk:
            sessions.confirm(request)
            request.POST = entered
            return None
        form.add_error(PASSWORD, _("This is not your password."))
    return _ask(request, form, request.POST[SEALED])


def _ask(request: CompanyRequest, form: ConfirmForm, sealed: str) -> HttpResponseBase:
    return show(
        request, "confirm", "settings", status=403, form=form, sealed=sealed, name=SEALED,
        minutes=int(sessions.FRESH.total_seconds() // 60),
    )  # fmt: skip


def _seal(request: CompanyRequest) -> str:
    content = json.dumps([*_bound_to(request), request.POST.urlencode()])
    return _cipher().encrypt(content.encode()).decode("ascii")


def _unseal(request: CompanyRequest) -> _ImmutableQueryDict | None:
    """Return what was entered, if this very visitor entered it on this very page."""
    try:
        content: list[Any] = json.loads(
            _cipher().decrypt(request.POST.get(SEALED, "").encode(), ttl=KEEP_SECONDS)
        )
    except InvalidToken:
        return None
    *bound_to, encoded = content
    if bound_to != _bound_to(request):
        return None
    return QueryDict(encoded)


def _bound_to(request: HttpRequest) -> list[Any]:
    return [request.user.pk, request.session.session_key, request.path]


def _cipher() -> Fernet:
    key = salted_hmac("spojka.web.confirmation", "key", algorithm="sha256").digest()
    return Fernet(urlsafe_b64encode(key))
