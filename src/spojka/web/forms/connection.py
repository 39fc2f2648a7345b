"""Forms about accounting systems: credentials, loaded choices, which orders go there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from spojka.accounting.contract import Capability, Choice, Descriptor, LoadedData
from spojka.connections.models import Connection
from spojka.core import rules as core_rules
from spojka.core.catalogue import explain
from spojka.core.descriptor import FieldSpec
from spojka.core.document import Kind
from spojka.core.rules import Conditions
from spojka.web.formats import language
from spojka.web.forms.base import HouseForm, SpecForm
from spojka.web.forms.rule import YES_NO

LISTS = ("series", "bank_accounts", "payment_methods", "warehouses")


class ConnectionNameForm(HouseForm):
    """What a connection is called here, and whether it is the usual one."""

    name = forms.CharField(label=_("Name of the connection"), max_length=100)
    default = forms.BooleanField(
        label=_("Issue documents here from now on"),
        required=False,
        help_text=_("Unless a rule sends an order elsewhere. It can be changed at any time."),
    )


class AccessForm(SpecForm):
    """The form that a system declares: what everybody needs, and what few need, folded."""

    def __init__(
        self,
        *args: Any,
        descriptor: Descriptor,
        accounts: Sequence[Choice] = (),
        **kwargs: Any,
    ) -> None:
        specs = [spec for spec in descriptor.fields if spec.options != "accounts" or accounts]
        options = {"accounts": [(choice.id, choice.name) for choice in accounts]}
        super().__init__(
            *args, specs=specs, options=options, link=_outright(descriptor, "api_keys"), **kwargs
        )

    @property
    def usual(self) -> list[forms.BoundField]:
        """Return the fields that everybody fills in."""
        return [self[spec.key] for spec in self.specs if not spec.advanced]

    @property
    def advanced(self) -> list[forms.BoundField]:
        """Return the fields that are shown folded."""
        return [self[spec.key] for spec in self.specs if spec.advanced]

    @property
    def is_unfolded(self) -> bool:
        """Tell whether one of the folded fields is filled in, or wrong."""
        return any(bound.errors or bound.value() for bound in self.advanced)


def _outright(descriptor: Descriptor, name: str) -> str:
    """Return a link of the system that needs nothing to be filled in."""
    link = descriptor.links.get(name, "")
    return "" if "{" in link else link


class ChoicesForm(SpecForm):
    """The choices after activation, made among the lists that were loaded."""

    def __init__(
        self, *args: Any, descriptor: Descriptor, data: LoadedData, values: Mapping[str, str],
        **kwargs: Any,
    ) -> None:  # fmt: skip
        options = {
            spec.options: choices_of(data, spec.options)
            for spec in descriptor.settings
            if spec.options
        }
        kept = dict(_kept(descriptor.settings, values, options))
        super().__init__(
            *args, specs=descriptor.settings, stored=values, options={**options, **kept}, **kwargs
        )
        if Capability.EMAIL in descriptor.capabilities:
            self.fields["email_by"] = forms.ChoiceField(
                label=_("E-mails to customers are sent by"),
                choices=[
                    ("own", _("Spojka, from the company's mail account")),
                    ("system", _("the accounting system")),
                ],
                required=False,
                initial=values.get("email_by", "own"),
                widget=forms.Select(attrs={"class": "form-select"}),
            )

    def values(self) -> dict[str, str]:
        found = super().values()
        if "email_by" in self.fields:
            found["email_by"] = self.cleaned_data["email_by"] or "own"
        return found


def _kept(
    specs: Iterable[FieldSpec],
    values: Mapping[str, str],
    options: Mapping[str, Sequence[tuple[str, Any]]],
) -> Iterable[tuple[str, Sequence[tuple[str, Any]]]]:
    """Yield lists with a chosen value that is not in them any more: saving must not change it."""
    for spec in specs:
        value = values.get(spec.key, "")
        known = options.get(spec.options, ())
        if value and spec.options and value not in {key for key, _label in known}:
            yield spec.options, [*known, (value, value)]


def choices_of(data: LoadedData, options: str) -> list[tuple[str, str]]:
    """Return the choices of a list such as ``series:invoice`` for a form.

    A series that is of no certain kind may number any of them.
    """
    name, _colon, kind = options.partition(":")
    if name not in LISTS:
        return []
    rows: Sequence[Choice] = getattr(data, name)
    return [
        (row.id, f"{row.name} ({row.detail})" if row.detail else row.name)
        for row in rows
        if not kind or row.kind in ("", kind)
    ]


class AccountForm(HouseForm):
    """Which of the accounts of the login is meant."""

    account = forms.ChoiceField(label=_("Account"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, connection: Connection, choices: Sequence[Choice]) -> None:
        super().__init__(*args)
        field: Any = self.fields["account"]
        field.choices = [
            (choice.id, f"{choice.name} ({choice.detail})" if choice.detail else choice.name)
            for choice in choices
        ]


class RoutingForm(HouseForm):
    """Which orders go to a connection by themselves. What is left empty holds for every order."""

    shops = forms.MultipleChoiceField(
        label=_("Shop"), required=False, widget=forms.CheckboxSelectMultiple
    )
    countries = forms.CharField(
        label=_("Country"),
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "SK, HU"}),
        help_text=_("Codes with commas; EU is the whole Union, !CZ is “not Czechia”."),
    )
    currencies = forms.CharField(
        label=_("Currency"), required=False, widget=forms.TextInput(attrs={"placeholder": "EUR"})
    )
    business = forms.ChoiceField(label=_("Customer is a business"), choices=YES_NO, required=False)

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        present = core_rules.conditions_from_json(connection.conditions or {})
        shops: Any = self.fields["shops"]
        shops.choices = [(str(shop.pk), shop.name) for shop in connection.company.shops.all()]
        self.initial.update(
            shops=list(present.shops),
            countries=", ".join(present.countries),
            currencies=", ".join(present.currencies),
            business="" if present.business is None else str(present.business).lower(),
        )

    def clean_countries(self) -> tuple[str, ...]:
        return _codes(self.cleaned_data["countries"])

    def clean_currencies(self) -> tuple[str, ...]:
        return _codes(self.cleaned_data["currencies"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            probe = core_rules.Rule("", "", Kind.INVOICE, self.made())
            for problem in core_rules.problems(probe):
                explained = explain(problem, language())
                self.add_error(None, f"{explained.cause} {explained.fix} ({explained.code})")
        return data

    def made(self) -> Conditions:
        """Return the conditions as entered."""
        data = self.cleaned_data
        return Conditions(
            shops=tuple(data["shops"]),
            countries=data["countries"],
            currencies=data["currencies"],
            business=None if not data["business"] else data["business"] == "true",
        )


def _codes(text: str) -> tuple[str, ...]:
    return tuple(part.strip().upper() for part in text.split(",") if part.strip())
