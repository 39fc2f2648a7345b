"""Number series: formats with a live example, and what the watch over them found."""

from __future__ import annotations

from datetime import date

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from spojka.companies.models import AuditEntry, Company, Role
from spojka.core.catalogue import explain
from spojka.core.numbering import NumberFormat, Reset, SeriesError
from spojka.core.outcome import RejectedError
from spojka.documents import series_watch
from spojka.documents.models import RegisterEntry, Series
from spojka.documents.series import next_example
from spojka.web.access import CompanyRequest, member
from spojka.web.formats import language
from spojka.web.forms.base import HouseModelForm
from spojka.web.views.common import go, show, tell


class SeriesForm(HouseModelForm):
    """A number series. Its format can change only until the first number is taken."""

    reset = forms.ChoiceField(
        label=gettext_lazy("Starts again from one"),
        choices=[
            (Reset.YEARLY.value, gettext_lazy("every year")),
            (Reset.MONTHLY.value, gettext_lazy("every month")),
            (Reset.NEVER.value, gettext_lazy("never")),
        ],
    )

    class Meta:
        model = Series
        fields = ("name", "kind", "shop", "format", "reset", "first", "active")
        labels = {
            "name": gettext_lazy("Name"),
            "kind": gettext_lazy("Document"),
            "shop": gettext_lazy("Only for the shop"),
            "format": gettext_lazy("Format"),
            "first": gettext_lazy("First number"),
            "active": gettext_lazy("In use"),
        }
        help_texts = {
            "first": gettext_lazy("The counter of the first document, if others came before."),
        }

    def __init__(self, *args: object, company: Company, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        shop: forms.ModelChoiceField = self.fields["shop"]  # type: ignore[assignment,type-arg]
        shop.queryset = company.shops.all()
        shop.empty_label = str(_("all shops"))
        self.company = company
        if self.instance.pk and RegisterEntry.objects.filter(series=self.instance).exists():
            # Numbers that were given stay as they are; a new look begins with a new series.
            for name in ("kind", "reset", "first"):
                self.fields[name].disabled = True

    def clean(self) -> dict[str, object]:
        data = super().clean() or {}
        if data.get("format") and data.get("reset"):
            try:
                NumberFormat.parse(data["format"], Reset(data["reset"]))
            except SeriesError as error:
                explained = explain(error.problem, language())
                raise ValidationError(
                    {"format": f"{explained.cause} {explained.fix} ({explained.code})"}
                ) from error
        return data


@member()
def series_list(request: CompanyRequest) -> HttpResponseBase:
    """Show the series with their next numbers, and what the watch found."""
    today = timezone.localdate()
    company = request.company
    rows = Series.objects.filter(company=company).select_related("shop")
    entries = RegisterEntry.objects.filter(series__company=company).order_by()
    used = dict(entries.values("series").annotate(count=Count("*")).values_list("series", "count"))
    return show(
        request,
        "series_list",
        "series",
        rows=[
            (row, _next(row, today), used.get(row.pk, 0))
            for row in rows.prefetch_related("counters")
        ],
        findings=series_watch.findings(company),
        years=(today.year,),
    )


def _next(series: Series, today: date) -> str:
    try:
        return next_example(series, today)
    except RejectedError:
        return ""


@member(Role.OWNER)
def series_edit(request: CompanyRequest, pk: int | None = None) -> HttpResponseBase:
    """Edit or add a series."""
    company = request.company
    row = get_object_or_404(Series, company=company, pk=pk) if pk else Series(company=company)
    form = SeriesForm(request.POST or None, instance=row, company=company)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        AuditEntry.write(
            "series.saved",
            company=company,
            actor=request.actor,
            subject=saved.name,
            format=saved.format,
            reset=saved.reset,
            active=saved.active,
        )
        tell(request, _("The series is saved."))
        return go(request, "series")
    return show(
        request, "series_edit", "series", form=form, row=row, example=example_of(
            str(form["format"].value() or ""), str(form["reset"].value() or "yearly")
        )
    )  # fmt: skip


@member()
def series_example(request: CompanyRequest) -> HttpResponseBase:
    """Show the first numbers that a format makes; asked for while it is being typed."""
    return show(
        request,
        "partials/_example",
        example=example_of(request.GET.get("format", ""), request.GET.get("reset", "yearly")),
    )


def example_of(text: str, reset: str) -> dict[str, object]:
    """Return three numbers of a format, or the problem that it has."""
    try:
        number_format = NumberFormat.parse(text, Reset(reset))
    except SeriesError as error:
        return {"problem": error.problem if text else None}
    except ValueError:
        return {}
    today = timezone.localdate()
    return {"numbers": [number_format.render(counter, today) for counter in (1, 2, 3)]}
