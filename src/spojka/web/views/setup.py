"""From an empty installation to the first documents: owner, company, shop, rules, switch on."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model, login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from stdnum import iban

from spojka.accounting import registry as systems_registry
from spojka.companies.models import AuditEntry, BankAccount, Company, Membership, Role
from spojka.connections import shops, systems
from spojka.documents import rulebook
from spojka.documents.demo import create_demo
from spojka.documents.emailing import default_templates
from spojka.documents.models import RuleRow, Series
from spojka.documents.series import add_default_series
from spojka.shops import registry
from spojka.web.access import (
    CompanyRequest,
    UserRequest,
    is_empty_installation,
    logged_in,
    member,
)
from spojka.web.confirmation import confirmed
from spojka.web.formats import language
from spojka.web.forms.account import OwnerForm
from spojka.web.forms.base import SpecForm
from spojka.web.forms.company import HOME, FirstCompanyForm, complete
from spojka.web.forms.shop import ShopNameForm
from spojka.web.simulation import summary
from spojka.web.views.common import go, show, tell
from spojka.web.views.connections import offers
from spojka.web.views.door import remember_language
from spojka.web.wording import TEMPLATES

BACKEND = "django.contrib.auth.backends.ModelBackend"


def setup(request: HttpRequest) -> HttpResponseBase:
    """Make the owner of an empty installation."""
    if not is_empty_installation():
        return redirect("web:dashboard")
    form = OwnerForm(request.POST or None, initial={"language": language()})
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            user = get_user_model().objects.create_user(
                username=form.cleaned_data["email"],
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password"],
            )
            AuditEntry.write("user.created", company=None, actor=user.get_username(), first=True)
        login(request, user, backend=BACKEND)
        response = redirect("web:start")
        remember_language(response, form.cleaned_data["language"])
        return response
    return show(request, "setup/owner", form=form)


@logged_in
def start(request: UserRequest) -> HttpResponseBase:
    """Choose between a company of one's own and the sample company."""
    return show(request, "setup/start")


@require_POST
@logged_in
def start_demo(request: UserRequest) -> HttpResponseBase:
    """Make the sample company, or go back to it."""
    demo = Company.objects.filter(is_demo=True, memberships__user=request.user).first()
    if demo is None:
        demo = create_demo(actor=request.user.get_username(), language=language())
        Membership.objects.get_or_create(
            user=request.user, company=demo, defaults={"role": Role.OWNER}
        )
    return redirect("web:overview", demo.pk)


@logged_in
def new_company(request: UserRequest) -> HttpResponseBase:
    """Step 1: the company."""
    form = FirstCompanyForm(
        request.POST or None, initial={"country": "SK" if language() == "sk" else "CZ"}
    )
    if request.method == "POST" and form.is_valid():
        company = _found_company(form, request)
        return redirect("web:setup_shop", company.pk)
    return show(request, "setup/company", form=form, step=1)


@transaction.atomic
def _found_company(form: FirstCompanyForm, request: UserRequest) -> Company:
    company = form.save()
    actor = request.user.get_username()
    Membership.objects.create(user=request.user, company=company, role=Role.OWNER)
    AuditEntry.write("company.created", company=company, actor=actor, name=company.name)
    entered = form.cleaned_data["account"]
    if entered:
        data: dict[str, Any] = {"number": "", "iban": "", "bic": ""}
        data["iban" if iban.is_valid(entered) else "number"] = entered
        complete(data, company.country)
        currency = HOME.get(company.country, ("EUR",))[0]
        BankAccount.objects.create(company=company, currency=currency, **data)
    systems.own_connection(company)
    add_default_series(company)
    default_templates(company)
    return company


@member(Role.OWNER)
@confirmed
def setup_shop(request: CompanyRequest) -> HttpResponseBase:
    """Step 2: where orders come from."""
    platform = request.POST.get("platform") or request.GET.get("platform") or "woocommerce"
    sources = registry.sources()
    if platform not in sources:
        platform = next(iter(sources))
    descriptor = sources[platform].descriptor
    data = request.POST if request.method == "POST" else None
    form = SpecForm(data, specs=descriptor.fields, prefix="field")
    name = ShopNameForm(data, initial={"name": descriptor.name})
    checks = None
    shop = None
    if data is not None and form.is_valid() and name.is_valid():
        shop = request.company.shops.filter(
            platform=platform, name=name.cleaned_data["name"]
        ).first()
        if shop is None:
            shop = shops.create(
                request.company,
                platform,
                name.cleaned_data["name"],
                form.values(),
                actor=request.actor,
            )
        else:
            shops.update(shop, form.values(), actor=request.actor)
        checks = shops.verify(shop) if descriptor.fields else []
        if not any(check.status == "fail" and check.necessary for check in checks):
            tell(request, _("The shop “%(name)s” is connected.") % {"name": shop.name})
            return go(request, "setup_accounting")
    return show(
        request,
        "setup/shop",
        descriptor=descriptor,
        platforms=[source.descriptor for source in sources.values()],
        form=form,
        name=name,
        checks=checks,
        shop=shop,
        step=2,
    )


@member(Role.OWNER)
def setup_accounting(request: CompanyRequest) -> HttpResponseBase:
    """Step 3: who issues documents, and under which numbers."""
    connection = systems.own_connection(request.company)
    if request.method == "POST":
        return go(request, "setup_rules")
    with systems.open_session(connection) as session:  # looked at, and not noted: this is no act
        checks = systems.system_of(connection).verify(session)
    return show(
        request,
        "setup/accounting",
        connection=connection,
        descriptor=systems_registry.system(connection.system).descriptor,
        checks=checks,
        series=Series.objects.filter(company=request.company, active=True),
        offers=offers(list(request.company.connections.order_by("position", "pk"))),
        setup=True,
        step=3,
    )


@member(Role.OWNER)
def setup_rules(request: CompanyRequest) -> HttpResponseBase:
    """Step 4: a ready set of rules, tried on the orders that have been read."""
    if request.method == "POST":
        template = request.POST.get("template", "")
        if template in rulebook.TEMPLATES:
            rulebook.apply_template(request.company, template, actor=request.actor)
            return go(request, "setup_rules")
    rules = RuleRow.objects.filter(company=request.company)
    simulated = None
    if rules.exists() and request.company.orders.exists():
        simulated = summary(rulebook.simulate(request.company, limit=200))
    return show(
        request, "setup/rules", ready=TEMPLATES.items(), rules=rules, simulated=simulated, step=4
    )


@member(Role.OWNER)
def setup_switch_on(request: CompanyRequest) -> HttpResponseBase:
    """Step 5: only look at first, or issue from now on."""
    company = request.company
    if request.method == "POST" and request.POST.get("mode") in Company.Mode.values:
        company.mode = request.POST["mode"]
        company.save(update_fields=["mode"])
        AuditEntry.write("company.mode", company=company, actor=request.actor, mode=company.mode)
        rulebook.wake_orders(company)
        tell(request, _("All set. New orders are being looked after from now on."))
        return go(request, "overview")
    return show(request, "setup/switch_on", step=5)


def page_of_empty_company(request: CompanyRequest) -> HttpResponse | None:
    """Lead an owner whose company has no shop and no order yet back into the set-up."""
    if request.company.shops.exists() or request.company.orders.exists():
        return None
    return go(request, "setup_shop") if request.role == Role.OWNER else None
