"""Forms of the acts on documents and orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from spojka.core.document import Document as CoreDocument
from spojka.core.money import minor_units
from spojka.documents.models import Document
from spojka.web.forms.base import DateInput, HouseForm


class TypedConfirmation(HouseForm):
    """The visitor types the number of the document, so that nothing grave happens by a slip."""

    typed = forms.CharField(
        label=_("Type the number to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )

    def __init__(self, *args: Any, wanted: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wanted = wanted
        self.fields["typed"].help_text = _("Type exactly: %(text)s") % {"text": wanted}

    def clean_typed(self) -> str:
        value = str(self.cleaned_data["typed"]).strip()
        if value != self.wanted:
            raise ValidationError(_("This is not the number of the document."))
        return value


class PayForm(HouseForm):
    """A payment that was received."""

    paid_on = forms.DateField(label=_("Paid on"), widget=DateInput())
    amount = forms.DecimalField(
        label=_("Amount"),
        required=False,
        max_digits=18,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        localize=True,
        help_text=_("Leave it empty if the whole rest was paid."),
    )


class CreditForm(TypedConfirmation):
    """What to give back: everything, chosen items, or an amount."""

    WHOLE, ITEMS, AMOUNT = "whole", "items", "amount"

    what = forms.ChoiceField(
        label=_("What is given back"),
        choices=[
            (WHOLE, _("everything that is left")),
            (ITEMS, _("chosen items")),
            (AMOUNT, _("an amount")),
        ],
        widget=forms.RadioSelect,
        initial=WHOLE,
    )
    amount = forms.DecimalField(
        label=_("Amount with VAT"),
        required=False,
        min_value=Decimal("0.0001"),
        max_digits=18,
        decimal_places=4,
        localize=True,
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        help_text=_("It stands on the credit note, as the law demands."),
    )

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        super().__init__(*args, wanted=document.number, **kwargs)
        core: CoreDocument = document.core()
        self.lines = []
        self.currency = core.currency
        for at, line in enumerate(core.lines):
            name = f"line{at}"
            self.fields[name] = forms.DecimalField(
                label=line.name,
                required=False,
                min_value=Decimal(0),
                max_value=abs(line.quantity),
                max_digits=12,
                decimal_places=4,
                localize=True,
                widget=forms.TextInput(
                    attrs={"inputmode": "decimal", "class": "form-control", "aria-label": line.name}
                ),
            )
            self.lines.append((line, self[name]))
        self.order_fields(["what", *(f"line{at}" for at in range(len(self.lines))), "amount"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("what") == self.AMOUNT:
            amount = data.get("amount")
            if not amount:
                self.add_error("amount", _("Enter the amount that is given back."))
            elif amount != round(amount, minor_units(self.currency)):
                self.add_error("amount", _("The currency does not have that many decimals."))
        if data.get("what") == self.ITEMS and not self.items():
            self.add_error("what", _("Enter how many pieces are given back, at least of one item."))
        return data

    def items(self) -> dict[str, Decimal]:
        """Return the quantities given back by the key of the line."""
        found: dict[str, Decimal] = {}
        for at, (line, _field) in enumerate(self.lines):
            quantity = self.cleaned_data.get(f"line{at}")
            if quantity:
                found[line.key] = found.get(line.key, Decimal(0)) + quantity
        return found


class EmailForm(HouseForm):
    """Where to send a document."""

    to = forms.EmailField(label=_("Send to"))


class ReasonForm(HouseForm):
    """Why an order needs no document."""

    reason = forms.CharField(label=_("Reason"), max_length=300)
