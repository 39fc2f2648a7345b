"""Forms about shops and files."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from spojka.connections import shops
from spojka.connections.models import Shop
from spojka.web.forms.base import HouseForm, HouseModelForm

FILE_LIMIT = 20 * 1024 * 1024


class ShopNameForm(HouseForm):
    """How the shop is called here."""

    name = forms.CharField(label=_("Name of the shop"), max_length=100)


class ShopForm(HouseModelForm):
    """What is set about a shop besides its platform's own fields."""

    company_ids = forms.CharField(
        label=_("Fields with company id"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "class": "mono"}),
        help_text=_("Names of the shop's fields, one a line; the first that is filled in counts."),
    )
    tax_ids = forms.CharField(
        label=_("Fields with tax id"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    vat_ids = forms.CharField(
        label=_("Fields with VAT id"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    FIELDS = {"company_ids": "company_id", "tax_ids": "tax_id", "vat_ids": "vat_id"}

    class Meta:
        model = Shop
        fields = ("name", "active", "write_back")
        labels = {
            "name": _("Name of the shop"),
            "active": _("Read orders from this shop"),
            "write_back": _("Write document numbers to the order as a note"),
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        usual = self._usual()
        stored = self.instance.company_id_fields or {}
        for name, key in self.FIELDS.items():
            names = stored.get(key) or usual.get(key, ())
            self.initial[name] = "\n".join(names)
            self.fields[name].widget.attrs["rows"] = min(max(len(names), 2), 10)

    def _usual(self) -> Mapping[str, tuple[str, ...]]:
        """Return the platform's own mapping, which holds until the user has one."""
        return shops.source_of(self.instance).descriptor.company_id_fields

    def save(self, commit: bool = True) -> Shop:
        lists = {
            key: [line.strip() for line in self.cleaned_data[name].splitlines() if line.strip()]
            for name, key in self.FIELDS.items()
        }
        usual = self._usual()
        self.instance.company_id_fields = {
            key: names for key, names in lists.items() if names and tuple(names) != usual.get(key)
        }
        return super().save(commit)  # type: ignore[no-any-return]


class ImportForm(HouseForm):
    """A file with orders."""

    file = forms.FileField(
        label=_("File with orders"),
        help_text=_("JSON as the shop exports it, or our JSON or CSV; at most 20 MB."),
        widget=forms.ClearableFileInput(attrs={"accept": ".json,.csv,application/json,text/csv"}),
    )

    def clean_file(self) -> tuple[str, bytes]:
        file = self.cleaned_data["file"]
        if file.size > FILE_LIMIT:
            raise ValidationError(_("The file is larger than 20 MB."))
        return file.name, bytes(file.read())
