"""Settings: the e-mail account and the texts of e-mails."""

from __future__ import annotations

from django import forms
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from spojka.companies.models import AuditEntry, Role
from spojka.connections import vault
from spojka.connections.models import MailAccount
from spojka.core.catalogue import explain
from spojka.core.descriptor import Check
from spojka.core.variables import VARIABLES, Scope, VariableError, check
from spojka.documents import emailing
from spojka.documents.models import Document, EmailTemplate
from spojka.web.access import CompanyRequest, member
from spojka.web.confirmation import confirmed
from spojka.web.formats import language
from spojka.web.forms.base import DOCUMENT_LANGUAGES, HouseModelForm
from spojka.web.views.common import go, tell
from spojka.web.views.settings import show_settings

PASSWORD = "password"  # noqa: S105 - the name of a field


class MailForm(HouseModelForm):
    """An SMTP account. The password is never shown again."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Leave it empty to keep the stored one."),
    )

    class Meta:
        model = MailAccount
        fields = (
            "host", "port", "security", "username", "sender_name", "sender_address", "reply_to",
        )  # fmt: skip
        labels = {
            "host": gettext_lazy("SMTP server"),
            "port": gettext_lazy("Port"),
            "security": gettext_lazy("Security"),
            "username": gettext_lazy("User name"),
            "sender_name": gettext_lazy("Sender's name"),
            "sender_address": gettext_lazy("Sender's address"),
            "reply_to": gettext_lazy("Reply to"),
        }


class TemplateForm(HouseModelForm):
    """The text of an e-mail with variables."""

    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=DOCUMENT_LANGUAGES)

    class Meta:
        model = EmailTemplate
        fields = (
            "event", "kind", "language", "subject", "body", "delay_minutes", "bcc",
            "attach_pdf", "attach_isdoc", "enabled",
        )  # fmt: skip
        labels = {
            "event": gettext_lazy("When"),
            "kind": gettext_lazy("Document"),
            "subject": gettext_lazy("Subject"),
            "body": gettext_lazy("Text"),
            "delay_minutes": gettext_lazy("Delay in minutes"),
            "bcc": gettext_lazy("Hidden copy (BCC)"),
            "attach_pdf": gettext_lazy("Attach the PDF"),
            "attach_isdoc": gettext_lazy("Attach the ISDOC file"),
            "enabled": gettext_lazy("Switched on"),
        }
        widgets = {"body": forms.Textarea(attrs={"rows": 12})}

    def clean_subject(self) -> str:
        return self._checked("subject")

    def clean_body(self) -> str:
        return self._checked("body")

    def _checked(self, name: str) -> str:
        text = str(self.cleaned_data[name])
        try:
            check(text, Scope.DOCUMENT)
        except VariableError as error:
            explained = explain(error.problem, language())
            raise forms.ValidationError(
                f"{explained.cause} {explained.fix} ({explained.code})"
            ) from error
        return text


def owner(account: MailAccount) -> str:
    """Return the name under which the vault knows the account."""
    return f"mail:{account.pk}"


@member(Role.OWNER)
@confirmed
def email(request: CompanyRequest) -> HttpResponseBase:
    """Edit and verify the e-mail account; list the texts."""
    company = request.company
    account = MailAccount.objects.filter(company=company).first()
    form = MailForm(
        request.POST if request.POST.get("form") == "account" else None,
        instance=account or MailAccount(company=company, sender_name=company.name),
    )
    result: list[Check] | None = None
    if form.is_bound and form.is_valid():
        account = form.save()
        if form.cleaned_data["password"]:
            vault.put(owner(account), PASSWORD, form.cleaned_data["password"])
        AuditEntry.write(
            "mail.saved", company=company, actor=request.actor, subject=account.host,
            fields=[name for name in form.changed_data if name != PASSWORD],
        )  # fmt: skip
        result = emailing.verify(account)
    return show_settings(
        request,
        "email",
        "settings_email",
        form=form,
        account=account,
        checks=result,
        templates=EmailTemplate.objects.filter(company=company).order_by(
            "event", "kind", "language"
        ),
    )


@member(Role.OWNER)
def template(request: CompanyRequest, pk: int | None = None) -> HttpResponseBase:
    """Edit a text, with a preview on the latest document."""
    company = request.company
    row = (
        get_object_or_404(EmailTemplate, company=company, pk=pk)
        if pk
        else EmailTemplate(company=company, language=company.language)
    )
    if request.method == "POST" and "delete" in request.POST and row.pk:
        AuditEntry.write(
            "mail.template.deleted", company=company, actor=request.actor, subject=row.subject
        )
        row.delete()
        return go(request, "settings_email")
    form = TemplateForm(request.POST or None, instance=row)
    preview = None
    if request.method == "POST" and form.is_valid() and "try" not in request.POST:
        form.save()
        AuditEntry.write(
            "mail.template.saved", company=company, actor=request.actor, subject=row.subject
        )
        tell(request, _("The text is saved."))
        return go(request, "settings_email")
    if row.subject and not form.errors:
        preview = _preview(row)
    return show_settings(
        request,
        "template",
        "settings_email",
        form=form,
        row=row,
        preview=preview,
        variables=VARIABLES,
    )


def _preview(row: EmailTemplate) -> tuple[str, str] | None:
    """Fill the text in for the company's latest issued document that it is meant for."""
    documents = Document.objects.filter(company=row.company, state=Document.State.ISSUED)
    if row.kind:
        documents = documents.filter(kind=row.kind)
    document = documents.first()
    if document is None:
        return None
    try:
        return emailing.preview(document, row)
    except VariableError:
        return None
