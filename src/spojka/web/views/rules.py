"""Rules: rows, switches, simulation before saving, and the switch between observing and live."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from spojka.companies.models import AuditEntry, Company, Role
from spojka.core import rules as core_rules
from spojka.core.rules import Rule
from spojka.documents import rulebook
from spojka.documents.models import RuleRow
from spojka.web.access import CompanyRequest, member
from spojka.web.forms.base import HouseModelForm
from spojka.web.forms.rule import RuleForm
from spojka.web.simulation import Summary, summary
from spojka.web.views.common import go, show, tell
from spojka.web.why import explain_conditions
from spojka.web.wording import TEMPLATES


class SwitchesForm(HouseModelForm):
    """The switches of automatic issuing."""

    class Meta:
        model = Company
        fields = ("on_status", "on_payment", "final_after_proforma", "email_after_issuing")
        labels = {
            "on_status": gettext_lazy("Issue when an order comes or its status changes"),
            "on_payment": gettext_lazy("Issue when an order is paid"),
            "final_after_proforma": gettext_lazy("Issue the invoice once its proforma is paid"),
            "email_after_issuing": gettext_lazy("Send the document by e-mail after issuing"),
        }


@member()
def rule_list(request: CompanyRequest) -> HttpResponseBase:
    """Show the rules in their order, the switches and the mode."""
    company = request.company
    rows = list(company.rules.all())
    rules = [rulebook.rule_from_row(row) for row in rows]
    covered = {
        conflict.rule.id: conflict.covered_by.name
        for conflict in core_rules.conflicts(rules, rulebook.switches_of(company))
    }
    shops = {str(shop.pk): shop.name for shop in company.shops.all()}
    connections = {str(row.pk): row.name for row in company.connections.all()}
    return show(
        request,
        "rules",
        "rules",
        rows=[
            {
                "row": row,
                "conditions": explain_conditions(rule.conditions, shops),
                "connection": connections.get(rule.connection, ""),
                "covered_by": covered.get(rule.id, ""),
            }
            for row, rule in zip(rows, rules, strict=True)
        ],
        switches=SwitchesForm(instance=company),
        ready=TEMPLATES.items(),
    )


@member(Role.OWNER)
def rule_edit(request: CompanyRequest, pk: int | None = None) -> HttpResponseBase:
    """Edit or add a rule; *try* simulates it and saves nothing."""
    row = get_object_or_404(request.company.rules, pk=pk) if pk else None
    present = rulebook.rule_from_row(row) if row else None
    form = RuleForm(request.POST or None, company=request.company, rule=present)
    simulated: Summary | None = None
    before: Summary | None = None
    if request.method == "POST" and form.is_valid():
        if "try" not in request.POST:
            _save(request, row, form.made())
            tell(request, _("The rule is saved."))
            return go(request, "rules")
        before = summary(rulebook.simulate(request.company))
        draft = _with(request.company, form.made())
        simulated = summary(rulebook.simulate(request.company, draft))
    return show(request, "rule", "rules", form=form, row=row, simulated=simulated, before=before)


def _with(company: Company, rule: Rule) -> list[Rule]:
    """Return the company's rules with one of them replaced, or added at the end."""
    rules = list(rulebook.rules_of(company))
    if rule.id == "new":
        return [*rules, rule]
    return [rule if other.id == rule.id else other for other in rules]


@transaction.atomic
def _save(request: CompanyRequest, row: RuleRow | None, rule: Rule) -> None:
    company = request.company
    if row is None:
        row = RuleRow(company=company, position=company.rules.count() + 1)
        action = "rule.added"
    else:
        action = "rule.changed"
    rulebook.fill_row(row, rule).save()
    stored = core_rules.rule_to_json(replace(rule, id=str(row.pk)))
    AuditEntry.write(action, company=company, actor=request.actor, subject=rule.name, rule=stored)
    rulebook.wake_orders(company)


@require_POST
@member(Role.OWNER)
def rule_act(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Move a rule, switch it on or off, or delete it."""
    company = request.company
    row = get_object_or_404(company.rules, pk=pk)
    act = request.POST.get("act", "")
    with transaction.atomic():
        if act in {"up", "down"}:
            _move(company, row, -1 if act == "up" else 1)
        elif act == "toggle":
            row.enabled = not row.enabled
            row.save(update_fields=["enabled"])
        elif act == "delete":
            row.delete()
            tell(request, _("The rule was deleted."))
        else:
            return go(request, "rules")
        AuditEntry.write(f"rule.{act}", company=company, actor=request.actor, subject=row.name)
        rulebook.wake_orders(company)
    return go(request, "rules")


def _move(company: Company, row: RuleRow, step: int) -> None:
    rows = list(company.rules.all())
    at = rows.index(row)
    to = min(max(at + step, 0), len(rows) - 1)
    rows.insert(to, rows.pop(at))
    for position, other in enumerate(rows, start=1):
        if other.position != position:
            other.position = position
            other.save(update_fields=["position"])


@require_POST
@member(Role.OWNER)
def switches(request: CompanyRequest) -> HttpResponseBase:
    """Save the switches of automatic issuing."""
    form = SwitchesForm(request.POST, instance=request.company)
    if form.is_valid():
        form.save()
        AuditEntry.write(
            "rules.switches", company=request.company, actor=request.actor, **form.cleaned_data
        )
        rulebook.wake_orders(request.company)
        tell(request, _("The switches are saved."))
    return go(request, "rules")


@require_POST
@member(Role.OWNER)
def template(request: CompanyRequest) -> HttpResponseBase:
    """Put a ready set in place of the rules."""
    key = request.POST.get("template", "")
    if key in rulebook.TEMPLATES:
        rulebook.apply_template(request.company, key, actor=request.actor)
        tell(request, _("The ready set of rules is in place."))
    return go(request, "rules")


@member()
def simulate(request: CompanyRequest) -> HttpResponseBase:
    """Try the present rules over the stored orders; nothing is issued."""
    return show(request, "simulate", "rules", simulated=summary(rulebook.simulate(request.company)))


@member(Role.OWNER)
def mode(request: CompanyRequest) -> HttpResponseBase:
    """Switch between observing and live; going live shows first what it will issue."""
    company = request.company
    if request.method == "POST" and request.POST.get("mode") in Company.Mode.values:
        company.mode = request.POST["mode"]
        company.save(update_fields=["mode"])
        AuditEntry.write("company.mode", company=company, actor=request.actor, mode=company.mode)
        rulebook.wake_orders(company)
        if company.mode == Company.Mode.LIVE:
            tell(request, _("Live: documents are being issued."))
        else:
            tell(request, _("Observing: nothing is issued from now on."))
        return go(request, "overview")
    return show(
        request, "mode", "rules", simulated=summary(rulebook.simulate(company)),
        incomplete=missing_settings(company),
    )  # fmt: skip


def missing_settings(company: Company) -> list[str]:
    """Name what documents of the company would lack."""
    missing = []
    if not company.street or not company.city:
        missing.append(_("the company's address"))
    if not company.company_id:
        missing.append(_("the company id"))
    if not company.bank_accounts.exists():
        missing.append(_("a bank account"))
    if not company.register:
        missing.append(_("the entry in the register"))
    return missing
