"""The look that all forms share, and forms made from an adapter's declaration of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from spojka.connections.vault import SecretInfo
from spojka.core.descriptor import FieldKind, FieldSpec, say
from spojka.web.formats import ago, language

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

    A secret is never shown again: an empty one keeps what is stored. ``options`` are the choices of
    fields whose list comes from the other side, by the name of the list. ``link`` is the page of
    the other side where its secrets are found.
    """

    def __init__(
        self,
        *args: Any,
        specs: Iterable[FieldSpec],
        stored: Mapping[str, str] | None = None,
        secrets: Mapping[str, SecretInfo] | None = None,
        options: Mapping[str, Sequence[tuple[str, Any]]] | None = None,
        link: str = "",
        **kwargs: Any,
    ) -> None:
        self.specs = tuple(specs)
        self._stored = stored or {}
        self._secrets = secrets or {}
        self._options = options or {}
        self._link = link
        super().__init__(*args, **kwargs)
        for spec in self.specs:
            self.fields[spec.key] = self._field(spec)
        dress(self.fields.values())

    def _field(self, spec: FieldSpec) -> forms.Field:
        tongue = language()
        common: dict[str, Any] = {
            "label": say(spec.label, tongue),
            "help_text": self._help(spec, tongue),
            "required": spec.required,
            "initial": self._stored.get(spec.key, spec.default),
        }
        hint = {"placeholder": spec.example} if spec.example else {}
        if spec.kind is FieldKind.SECRET:
            stored = self._secrets.get(spec.key)
            if stored is not None:
                common["required"] = False
                hint = {"placeholder": f"•••••••• {stored.last4}"}
            common["initial"] = None
            hint["autocomplete"] = "off"
            return forms.CharField(widget=forms.PasswordInput(attrs=hint), **common)
        if spec.kind is FieldKind.CHOICE:
            choices: list[tuple[str, Any]] = [
                *((value, say(label, tongue)) for value, label in spec.choices),
                *self._options.get(spec.options, ()),
            ]
            if not spec.required and not any(value == "" for value, _label in choices):
                choices.insert(0, ("", _("as the system has it set")))
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
        if spec.pattern or spec.kind is FieldKind.NUMBER:
            pattern = spec.pattern or r"\d+"
            wrong = _("This cannot be right. It looks like this: %s") % spec.example
            return forms.RegexField(
                rf"\A(?:{pattern})\Z",
                widget=forms.TextInput(attrs=hint),
                error_messages={"invalid": wrong if spec.example else _("This cannot be right.")},
                **common,
            )
        return forms.CharField(widget=forms.TextInput(attrs=hint), **common)

    def _help(self, spec: FieldSpec, tongue: str) -> SafeString | str:
        """Return what the field is, where it is found, and how old a stored secret is."""
        parts: list[SafeString | str] = [
            part for part in (say(spec.help, tongue), say(spec.where, tongue)) if part
        ]
        if spec.is_secret and self._link:
            parts.append(
                format_html(
                    '<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>',
                    self._link,
                    _("Open that page"),
                )
            )
        stored = self._secrets.get(spec.key)
        if stored is not None:
            kept = _("Stored %(when)s; leave it empty to keep it.")
            parts.append(str(kept) % {"when": ago(stored.changed_at)})
        return format_html_join(" ", "{}", ((part,) for part in parts)) if parts else ""

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
