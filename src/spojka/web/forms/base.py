"""The look that all forms share, and forms made from an adapter's declaration of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from spojka.core.descriptor import FieldKind, FieldSpec, say
from spojka.web.formats import language

COUNTRIES = (
    ("CZ", _("Czechia")), ("SK", _("Slovakia")), ("AT", _("Austria")), ("BE", _("Belgium")),
    ("BG", _("Bulgaria")), ("HR", _("Croatia")), ("CY", _("Cyprus")), ("DK", _("Denmark")),
    ("EE", _("Estonia")), ("FI", _("Finland")), ("FR", _("France")), ("DE", _("Germany")),
    ("GR", _("Greece")), ("HU", _("Hungary")), ("IE", _("Ireland")), ("IT", _("Italy")),
    ("LV", _("Latvia")), ("LT", _("Lithuania")), ("LU", _("Luxembourg")), ("MT", _("Malta")),
    ("NL", _("Netherlands")), ("PL", _("Poland")), ("PT", _("Portugal")), ("RO", _("Romania")),
    ("SI", _("Slovenia")), ("ES", _("Spain")), ("SE", _("Sweden")),
)  # fmt: skip
DOCUMENT_LANGUAGES = (("cs", _("Czech")), ("sk", _("Slovak")), ("en", _("English")))


class HouseForm(forms.Form):
    """A form in the style of the house."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self.fields.values())


class HouseModelForm(forms.ModelForm):  # type: ignore[type-arg]
    """The same for a form of a model."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self.fields.values())


def dress(fields: Iterable[forms.Field]) -> None:
    """Give widgets the classes of the style sheet."""
    for field in fields:
        widget = field.widget
        if isinstance(widget, forms.CheckboxSelectMultiple | forms.RadioSelect):
            continue  # the class would go to the frame around the options
        if isinstance(widget, forms.CheckboxInput):
            name = "form-check-input"
        elif isinstance(widget, forms.Select):
            name = "form-select"
        else:
            name = "form-control"
        widget.attrs["class"] = name


class DateInput(forms.DateInput):
    """The browser's own date picker; the value is always ISO 8601."""

    input_type = "date"

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__(attrs=dict(attrs or {}), format="%Y-%m-%d")


class SpecForm(HouseForm):
    """A form made from the fields that an adapter declares.

    A secret is never shown again: an empty one keeps what is stored.
    """

    def __init__(
        self,
        *args: Any,
        specs: Iterable[FieldSpec],
        stored: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.specs = tuple(specs)
        self._stored = stored or {}
        self._secrets = secrets or {}
        super().__init__(*args, **kwargs)
        for spec in self.specs:
            self.fields[spec.key] = self._field(spec)
        dress(self.fields.values())

    def _field(self, spec: FieldSpec) -> forms.Field:
        tongue = language()
        help_text = " ".join(
            part for part in (say(spec.help, tongue), say(spec.where, tongue)) if part
        )
        common: dict[str, Any] = {
            "label": say(spec.label, tongue),
            "help_text": help_text,
            "required": spec.required,
            "initial": self._stored.get(spec.key, spec.default),
        }
        hint = {"placeholder": spec.example} if spec.example else {}
        if spec.kind is FieldKind.SECRET:
            last4 = self._secrets.get(spec.key)
            if last4 is not None:
                common["required"] = False
                hint = {"placeholder": f"•••••••• {last4}"}
            common["initial"] = None
            hint["autocomplete"] = "off"
            return forms.CharField(widget=forms.PasswordInput(attrs=hint), **common)
        if spec.kind is FieldKind.CHOICE:
            choices = [(value, say(label, tongue)) for value, label in spec.choices]
            return forms.ChoiceField(choices=choices, **common)
        if spec.kind is FieldKind.FLAG:
            common["initial"] = common["initial"] in {"1", "true", "yes", "on"}
            common["required"] = False
            return forms.BooleanField(**common)
        if spec.kind is FieldKind.EMAIL:
            return forms.EmailField(widget=forms.EmailInput(attrs=hint), **common)
        if spec.kind is FieldKind.URL:
            return forms.URLField(
                widget=forms.URLInput(attrs=hint), assume_scheme="https", **common
            )
        if spec.pattern:
            return forms.RegexField(spec.pattern, widget=forms.TextInput(attrs=hint), **common)
        return forms.CharField(widget=forms.TextInput(attrs=hint), **common)

    def values(self) -> dict[str, str]:
        """Return what was entered as text; secrets left empty are left out."""
        found: dict[str, str] = {}
        for spec in self.specs:
            value = self.cleaned_data.get(spec.key)
            if spec.kind is FieldKind.FLAG:
                found[spec.key] = "true" if value else "false"
            elif value or not spec.is_secret:
                found[spec.key] = str(value or "")
        return found
