"""Forms about the simulator behind a connection: faults, and the account there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from spojka.accounting.simulator import Simulator
from spojka.web.forms.base import HouseForm, dress
from spojka.web.wording import FAULTS

WRITES = "^(POST|PUT|PATCH|DELETE) "


class FaultForm(HouseForm):
    """What shall go wrong, with which requests, and how often."""

    fault = forms.ChoiceField(
        label=_("What goes wrong"), choices=[(fault.value, word) for fault, word in FAULTS.items()]
    )
    match = forms.ChoiceField(
        label=_("With which requests"),
        required=False,
        choices=[("", _("with all")), (WRITES, _("only those that write"))],
    )
    times = forms.IntegerField(label=_("How often"), min_value=1, max_value=100, initial=1)

    def order(self) -> dict[str, Any]:
        """Return the order for the simulator."""
        return {"fail": [dict(self.cleaned_data)]}


class DeedForm(HouseForm):
    """Anything that can happen on the vendor's own pages, with its details."""

    what = forms.RegexField(
        r"^[a-z_]+$",
        label=_("What happens"),
        help_text=_("For example pay, edit, cancel, send, issue: what the simulator knows."),
        widget=forms.TextInput(attrs={"placeholder": "edit"}),
    )
    details = forms.JSONField(
        label=_("Details"),
        required=False,
        help_text=_("JSON; external_id is the document, by default the one made last."),
        widget=forms.Textarea(
            attrs={"rows": 3, "class": "mono", "placeholder": '{"external_id": "1"}'}
        ),
    )

    def clean_details(self) -> dict[str, Any]:
        details = self.cleaned_data["details"] or {}
        if not isinstance(details, dict) or "what" in details:
            raise ValidationError(_("Write an object in braces."))
        return details

    def order(self) -> dict[str, Any]:
        """Return the order for the simulator."""
        return {"act": {"what": self.cleaned_data["what"], **self.cleaned_data["details"]}}


class AccountSettingsForm(HouseForm):
    """The account at the simulator: its plan, rights, limits and whatever else can be set there.

    Names of settings are the simulator's own, in English, as ``spojka simulator`` has them.
    """

    def __init__(self, *args: Any, simulator: Simulator, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._simple: dict[str, type] = {}
        for name, value in simulator.account.items():
            if isinstance(value, bool):
                field: forms.Field = forms.BooleanField(required=False, initial=value)
            elif isinstance(value, int):
                field = forms.IntegerField(initial=value)
            elif isinstance(value, str):
                field = forms.CharField(required=False, initial=value)
            else:
                continue
            field.label = name
            self.fields[name] = field
            self._simple[name] = type(value)
        dress(self.fields.values())

    def order(self) -> dict[str, Any]:
        """Return the order for the simulator: what differs from how it is."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data}
        return {"account": changed}
