"""The archive: search, proof that nothing changed, export, how long files are kept."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django import forms
from django.db.models import Q
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from spojka.archive import store
from spojka.archive.models import Entry
from spojka.companies.models import AuditEntry, Company, Role
from spojka.documents.models import Document
from spojka.web.access import CompanyRequest, member
from spojka.web.forms.base import DateInput, HouseForm, HouseModelForm
from spojka.web.views.common import download, go, paginate, show, tell


class PeriodForm(HouseForm):
    """A period to export."""

    since = forms.DateField(label=gettext_lazy("From"), widget=DateInput())
    until = forms.DateField(label=gettext_lazy("To"), widget=DateInput())

    def clean(self) -> dict[str, date]:
        data = super().clean() or {}
        if not self.errors and data["since"] > data["until"]:
            self.add_error("until", _("The period ends before it begins."))
        return data


class RetentionForm(HouseModelForm):
    """How long files are kept."""

    class Meta:
        model = Company
        fields = ("retention_years",)
        labels = {"retention_years": gettext_lazy("Keep files for full years")}
        help_texts = {
            "retention_years": gettext_lazy(
                "The law demands ten years for VAT documents in Czechia and Slovakia. 0 means"
                " for ever. The records themselves are never erased."
            )
        }

    def clean_retention_years(self) -> int:
        years = int(self.cleaned_data["retention_years"])
        if 0 < years < 10:
            raise forms.ValidationError(_("At least ten years, or 0 for ever."))
        return years


@member()
def archive(request: CompanyRequest) -> HttpResponseBase:
    """List entries, newest first; search by number, kind or file name."""
    rows = Entry.objects.filter(company=request.company).order_by("-seq")
    text = request.GET.get("q", "").strip()
    if text:
        rows = rows.filter(
            Q(number__icontains=text) | Q(name__icontains=text) | Q(kind__iexact=text)
        )
    today = timezone.localdate()
    period = PeriodForm(initial={"since": today.replace(month=1, day=1), "until": today})
    return show(
        request,
        "archive",
        "archive",
        page=paginate(request, rows),
        query=request.GET,
        period=period,
        retention=RetentionForm(instance=request.company),
        total=Entry.objects.filter(company=request.company).count(),
    )


@require_POST
@member()
def verify(request: CompanyRequest) -> HttpResponseBase:
    """Prove that no entry and no file was changed or removed."""
    return show(
        request, "verified", "archive", result=store.verify(request.company), at=timezone.now()
    )


@member()
def export(request: CompanyRequest) -> HttpResponseBase:
    """Give everything archived in a period as a ZIP."""
    form = PeriodForm(request.GET or None)
    if not form.is_valid():
        return show(request, "export", "archive", form=form)
    since, until = form.cleaned_data["since"], form.cleaned_data["until"]
    content = store.export_zip(request.company, since, until)
    return download(content, f"spojka-archive-{since}-{until}.zip", "application/zip")


@member()
def entries(request: CompanyRequest, subject: str) -> HttpResponseBase:
    """Show the entries of one document."""
    rows = Entry.objects.filter(company=request.company, subject=subject).order_by("seq")
    if not rows.exists():
        raise Http404
    document = None
    if _is_uuid(subject):
        document = Document.objects.filter(company=request.company, uuid=subject).first()
    return show(request, "entries", "archive", rows=rows, subject=subject, document=document)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


@member()
def archived_file(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Give the bytes that an entry names."""
    entry = get_object_or_404(Entry, company=request.company, pk=pk)
    content = store.read(entry.sha256) if entry.sha256 else None
    if content is None:
        raise Http404
    return download(
        content, entry.name or f"{entry.kind}-{entry.seq}",
        entry.media_type or "application/octet-stream",
    )  # fmt: skip


@require_POST
@member(Role.OWNER)
def retention(request: CompanyRequest) -> HttpResponseBase:
    """Save how long files are kept."""
    form = RetentionForm(request.POST, instance=request.company)
    if form.is_valid():
        form.save()
        AuditEntry.write(
            "archive.retention", company=request.company, actor=request.actor,
            years=form.cleaned_data["retention_years"],
        )  # fmt: skip
        tell(request, _("The time of keeping is saved."))
        return go(request, "archive")
    return show(request, "retention", "archive", form=form)
