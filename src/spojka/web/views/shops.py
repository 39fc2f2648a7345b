"""Settings: shops, and the import of files."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from spojka.companies.models import AuditEntry, Role
from spojka.connections import checks, shops, vault
from spojka.connections.models import Call, Shop
from spojka.core.descriptor import Check
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem
from spojka.orders import intake, polling
from spojka.shops.contract import Ability, MappingError
from spojka.shops.registry import sources
from spojka.web.access import CompanyRequest, member
from spojka.web.confirmation import confirmed
from spojka.web.forms.base import SpecForm
from spojka.web.forms.shop import ImportForm, ShopForm, ShopNameForm
from spojka.web.views.common import back, go, show, tell, tell_problem
from spojka.web.views.overview import shop_state
from spojka.web.views.settings import show_settings


@member(Role.OWNER)
def shop_list(request: CompanyRequest) -> HttpResponseBase:
    """List the shops and the platforms that can be added."""
    return show_settings(
        request,
        "shops",
        "settings_shops",
        rows=[(shop, shop_state(shop), _platform(shop)) for shop in request.company.shops.all()],
        platforms=[source.descriptor for source in sources().values()],
    )


def _platform(shop: Shop) -> str:
    source = sources().get(shop.platform)
    return source.descriptor.name if source else shop.platform


@member(Role.OWNER)
@confirmed
def shop_new(request: CompanyRequest, platform: str) -> HttpResponseBase:
    """Add a shop of a platform; it is verified at once."""
    source = sources().get(platform)
    if source is None:
        return go(request, "settings_shops")
    data = request.POST if request.method == "POST" else None
    form = SpecForm(data, specs=source.descriptor.fields, prefix="field")
    name = ShopNameForm(data, initial={"name": source.descriptor.name})
    if data is not None and form.is_valid() and name.is_valid():
        shop = shops.create(
            request.company, platform, name.cleaned_data["name"], form.values(), actor=request.actor
        )
        if source.descriptor.fields:
            shops.verify(shop)
        tell(request, _("The shop was added."))
        return go(request, "settings_shop", shop.pk)
    return show_settings(
        request, "shop_new", "settings_shops", form=form, name=name, descriptor=source.descriptor
    )


@member(Role.OWNER)
@confirmed
def shop_detail(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Show a shop's state and edit it."""
    shop = _shop(request, pk)
    descriptor = shops.source_of(shop).descriptor
    secrets = {info.field: info for info in vault.fields(shops.owner(shop))}
    which = request.POST.get("form", "")
    access = SpecForm(
        request.POST if which == "access" else None,
        specs=descriptor.fields,
        stored=shop.settings,
        secrets=secrets,
        prefix="field",
    )
    form = ShopForm(request.POST if which == "shop" else None, instance=shop)
    if which == "access" and access.is_valid():
        shops.update(shop, access.values(), actor=request.actor)
        _verify(request, shop)
        return go(request, "settings_shop", shop.pk)
    if which == "shop" and form.is_valid():
        form.save()
        AuditEntry.write(
            "shop.changed", company=request.company, actor=request.actor, subject=shop.name,
            fields=form.changed_data,
        )  # fmt: skip
        tell(request, _("The shop is saved."))
        return go(request, "settings_shop", shop.pk)
    abilities = descriptor.abilities
    return show_settings(
        request,
        "shop",
        "settings_shops",
        shop=shop,
        descriptor=descriptor,
        state=shop_state(shop),
        access=access,
        form=form,
        upload=ImportForm(),
        checks=checks.loaded(shop.checks),
        webhook_address=shops.webhook_address(shop) if Ability.WEBHOOK in abilities else "",
        can_poll=Ability.POLL in abilities,
        can_file=Ability.FILE in abilities,
        calls=Call.objects.filter(owner=shops.owner(shop))[:15],
    )


@require_POST
@member(Role.OWNER)
def shop_act(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Verify, read orders now, or register the webhooks."""
    shop = _shop(request, pk)
    act = request.POST.get("act", "")
    try:
        if act == "verify":
            _verify(request, shop)
        elif act == "poll":
            result = polling.poll(shop.pk)
            tell(
                request,
                _("Read: %(read)d. New or changed: %(changed)d.")
                % {"read": result.read, "changed": result.changed},
            )
        elif act == "webhooks":
            shops.register_webhooks(shop, actor=request.actor)
            polling.watch(shop.pk)
            tell(request, _("The webhooks are registered in the shop."))
    except OutcomeError as error:
        tell_problem(request, error.problem)
    return go(request, "settings_shop", shop.pk)


def _verify(request: CompanyRequest, shop: Shop) -> list[Check]:
    result = shops.verify(shop)
    if checks.passed(result):
        tell(request, _("The shop was verified: everything necessary works."))
    else:
        failed = next((check.problem for check in result if check.problem), None)
        tell_problem(request, failed or Problem.of("SPJ-SHOP-UNAVAILABLE"))
    return result


@require_POST
@member(Role.ACCOUNTANT)
def shop_import(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Import a file with orders and say what became of each."""
    shop = _shop(request, pk)
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return show(request, "import", "orders", shop=shop, form=form)
    name, content = form.cleaned_data["file"]
    try:
        result = intake.import_file(shop, name, content, actor=request.actor)
    except MappingError as error:
        tell_problem(request, Problem.of(error.code, **error.facts))
        return back(request, "order_import")
    return show(
        request,
        "imported",
        "orders",
        shop=shop,
        result=result,
        orders=request.company.orders.filter(pk__in=result.orders),
    )


@member(Role.ACCOUNTANT)
def order_import(request: CompanyRequest) -> HttpResponseBase:
    """Choose a shop and a file with orders."""
    able = [shop for shop in request.company.shops.all() if shops.can(shop, Ability.FILE)]
    return show(request, "import", "orders", shops=able, form=ImportForm())


def _shop(request: CompanyRequest, pk: int) -> Shop:
    return get_object_or_404(request.company.shops, pk=pk)
