"""Log in and out, language, fonts, errors: what lies before and beside the companies."""

from __future__ import annotations

from importlib import resources

from django.conf import settings
from django.contrib.auth import views as auth
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from spojka.companies.models import AuditEntry, Membership
from spojka.companies.sessions import end_sessions
from spojka.web.access import UserRequest, is_empty_installation, logged_in
from spojka.web.context import LANGUAGES
from spojka.web.forms.account import ChangePasswordForm, LoginForm
from spojka.web.views.common import show, tell

YEAR = 365 * 24 * 3600
_FONTS = {
    "regular": "SourceSansPro-Regular.ttf",
    "semibold": "SourceSansPro-Semibold.ttf",
    "bold": "SourceSansPro-Bold.ttf",
}


class Login(auth.LoginView):
    """Log in; an empty installation begins with its set-up instead."""

    template_name = "web/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if is_empty_installation():
            return redirect("web:setup")
        return super().get(request, *args, **kwargs)

    def form_valid(self, form: LoginForm) -> HttpResponse:  # type: ignore[override]
        response = super().form_valid(form)
        AuditEntry.write("user.login", company=None, actor=form.get_user().get_username())
        return response


class ChangePassword(auth.PasswordChangeView):
    """Change one's own password."""

    template_name = "web/password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("web:dashboard")

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:  # type: ignore[override]
        response = super().form_valid(form)
        end_sessions(form.user, keep=self.request.session.session_key)
        AuditEntry.write("user.password", company=None, actor=form.user.get_username())
        tell(self.request, _("Your password has been changed."))
        return response


@logged_in
def home(request: UserRequest) -> HttpResponseBase:
    """Lead to the overview of the visitor's company, or to the set-up where there is none."""
    first = Membership.objects.filter(user=request.user).order_by("company__is_demo", "pk").first()
    if first is None:
        return redirect("web:start")
    return redirect("web:overview", first.company_id)


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Remember the language of the pages in a cookie for a year."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    response = HttpResponseRedirect(target)
    remember_language(response, request.POST.get("language", ""))
    return response


def remember_language(response: HttpResponse, code: str) -> None:
    """Set the cookie, if ``code`` is one of ours."""
    if code in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            code,
            max_age=YEAR,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )


@require_GET
def font(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a font out of its installed package."""
    if name not in _FONTS:
        raise Http404
    file = resources.files("font_source_sans_pro").joinpath("files", _FONTS[name])
    response = HttpResponse(file.read_bytes(), content_type="font/ttf")
    response["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 in the style of the house."""
    return show(request, "errors/404", status=404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 in the style of the house."""
    return show(request, "errors/403", status=403)


def failed(request: HttpRequest) -> HttpResponse:
    """500: as little as possible may fail on this page, so that it asks the database nothing."""
    return HttpResponse(
        render_to_string("web/errors/500.html", {"languages": LANGUAGES}), status=500
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open too long or sent from elsewhere."""
    return show(request, "errors/csrf", status=403)
