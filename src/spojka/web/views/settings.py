"""Settings of a company: who it is, how it accounts, bank accounts, logo, exchange rates, audit."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from spojka.companies.models import AuditEntry, BankAccount, Role
from spojka.documents import rulebook
from spojka.documents.models import RateOfDay
from spojka.web.access import CompanyRequest, member
from spojka.web.confirmation import confirmed
from spojka.web.forms.base import DateInput, HouseForm
from spojka.web.forms.company import BankAccountForm, CompanyForm, LogoForm, PolicyForm
from spojka.web.views.common import download, go, paginate, show, tell

MENU = (
    ("settings", gettext_lazy("Company"), "building"),
    ("settings_policy", gettext_lazy("VAT and dates"), "percent"),
    ("settings_accounts", gettext_lazy("Bank accounts"), "bank"),
    ("settings_logo", gettext_lazy("Logo"), "spark"),
    ("settings_shops", gettext_lazy("Shops"), "shop"),
    ("settings_accounting", gettext_lazy("Accounting systems"), "link"),
    ("settings_email", gettext_lazy("E-mail"), "mail"),
    ("settings_rates", gettext_lazy("Exchange rates"), "coin"),
    ("settings_users", gettext_lazy("Users"), "user"),
    ("settings_tokens", gettext_lazy("API tokens"), "key"),
    ("settings_audit", gettext_lazy("Audit log"), "list"),
)


def show_settings(
    request: CompanyRequest, template: str, here: str, **context: Any
) -> HttpResponseBase:
    """Render a page of the settings with their menu."""
    return show(
        request, f"settings/{template}", "settings", settings_menu=MENU, here=here, **context
    )


def _audit(request: CompanyRequest, action: str, **facts: Any) -> None:
    AuditEntry.write(action, company=request.company, actor=request.actor, **facts)


@member(Role.OWNER)
def company(request: CompanyRequest) -> HttpResponseBase:
    """Edit the identity of the company."""
    form = CompanyForm(request.POST or None, instance=request.company)
    if request.method == "POST" and form.is_valid():
        form.save()
        _audit(request, "company.changed", fields=form.changed_data)
        rulebook.wake_orders(request.company)
        tell(request, _("Saved. Documents that were held are tried again by themselves."))
        return go(request, "settings")
    return show_settings(request, "form", "settings", form=form, heading=_("Company"))


@member(Role.OWNER)
def policy(request: CompanyRequest) -> HttpResponseBase:
    """Edit VAT and dates."""
    form = PolicyForm(request.POST or None, instance=request.company)
    if request.method == "POST" and form.is_valid():
        form.save()
        _audit(request, "company.policy", fields=form.changed_data)
        rulebook.wake_orders(request.company)
        tell(request, _("Saved."))
        return go(request, "settings_policy")
    return show_settings(request, "form", "settings_policy", form=form, heading=_("VAT and dates"))


@member(Role.OWNER)
def accounts(request: CompanyRequest) -> HttpResponseBase:
    """List bank accounts; one for each currency."""
    return show_settings(
        request, "accounts", "settings_accounts", rows=request.company.bank_accounts.all()
    )


@member(Role.OWNER)
@confirmed
def account(request: CompanyRequest, pk: int | None = None) -> HttpResponseBase:
    """Edit, add or remove a bank account."""
    row = (
        get_object_or_404(request.company.bank_accounts, pk=pk)
        if pk
        else BankAccount(company=request.company, currency=request.company.currency)
    )
    if request.method == "POST" and "delete" in request.POST and row.pk:
        _audit(request, "account.deleted", subject=str(row))
        row.delete()
        tell(request, _("The account was removed; issued documents keep it."))
        return go(request, "settings_accounts")
    form = BankAccountForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        _audit(request, "account.saved", subject=str(saved))
        rulebook.wake_orders(request.company)
        tell(request, _("The account is saved."))
        return go(request, "settings_accounts")
    return show_settings(
        request,
        "form",
        "settings_accounts",
        form=form,
        heading=_("Bank account"),
        deletable=bool(row.pk),
    )


@member(Role.OWNER)
def logo(request: CompanyRequest) -> HttpResponseBase:
    """Upload or remove the logo."""
    if request.method == "POST" and "delete" in request.POST:
        request.company.logo = None
        request.company.save(update_fields=["logo"])
        _audit(request, "logo.deleted")
        return go(request, "settings_logo")
    form = LogoForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        request.company.logo = form.cleaned_data["logo"]
        request.company.save(update_fields=["logo"])
        _audit(request, "logo.saved", size=len(form.cleaned_data["logo"]))
        tell(request, _("The logo is saved; new documents carry it."))
        return go(request, "settings_logo")
    return show_settings(request, "logo", "settings_logo", form=form)


@member()
def logo_image(request: CompanyRequest) -> HttpResponseBase:
    """Give the logo."""
    if not request.company.logo:
        raise Http404
    content = bytes(request.company.logo)
    media_type = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    return download(content, "logo", media_type, inline=True)


class RateForm(HouseForm):
    """An exchange rate entered by hand."""

    valid_on = forms.DateField(label=gettext_lazy("Valid on"), widget=DateInput())
    currency = forms.RegexField(r"^[A-Za-z]{3}$", label=gettext_lazy("Currency"), max_length=3)
    amount = forms.IntegerField(label=gettext_lazy("Amount"), min_value=1, initial=1)
    rate = forms.DecimalField(
        label=gettext_lazy("Rate"), max_digits=14, decimal_places=6, min_value=0, localize=True
    )


@member(Role.OWNER)
def rates(request: CompanyRequest) -> HttpResponseBase:
    """List exchange rates and enter them by hand."""
    form = RateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        currency = data["currency"].upper()
        RateOfDay.objects.update_or_create(
            company=request.company,
            home=request.company.currency,
            currency=currency,
            valid_on=data["valid_on"],
            source="manual",
            defaults={"rate": data["rate"], "amount": data["amount"]},
        )
        _audit(
            request, "rate.saved", subject=f"{currency} {data['valid_on']}", rate=str(data["rate"])
        )
        rulebook.wake_orders(request.company)
        tell(request, _("The rate is saved."))
        return go(request, "settings_rates")
    rows = RateOfDay.objects.filter(home=request.company.currency, company=request.company)
    return show_settings(
        request,
        "rates",
        "settings_rates",
        form=form,
        page=paginate(request, rows.order_by("-valid_on")),
    )


@require_POST
@member(Role.OWNER)
def rate_delete(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Remove a rate that was entered by hand; issued documents keep it."""
    row = get_object_or_404(RateOfDay, company=request.company, pk=pk)
    _audit(request, "rate.deleted", subject=f"{row.currency} {row.valid_on}")
    row.delete()
    return go(request, "settings_rates")


@member(Role.OWNER)
def audit(request: CompanyRequest) -> HttpResponseBase:
    """Show who did what, newest first."""
    rows = AuditEntry.objects.filter(company=request.company)
    text = request.GET.get("q", "").strip()
    if text:
        rows = (
            rows.filter(actor__icontains=text)
            | rows.filter(subject__icontains=text)
            | rows.filter(action__icontains=text)
        )
    return show_settings(
        request, "audit", "settings_audit", page=paginate(request, rows), query=request.GET
    )
