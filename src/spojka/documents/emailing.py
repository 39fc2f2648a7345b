"""E-mails about documents, from the company's own mail account.

The message carries the Message-ID that the caller gives it, the same at each attempt, so that a
mailbox can recognise a double. After *uncertain* nothing is sent again by itself.
"""

from __future__ import annotations

import ipaddress
import re
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from spojka.archive import store
from spojka.companies.models import Company
from spojka.connections import vault
from spojka.connections.models import MailAccount
from spojka.core.descriptor import Check, CheckStatus, Text
from spojka.core.outcome import OutcomeError, RejectedError, Rejection, UnavailableError
from spojka.core.problem import Problem
from spojka.core.variables import VariableError, document_context, expand, order_context
from spojka.documents.email_texts import TEXTS
from spojka.documents.filenames import file_name
from spojka.documents.models import Document, EmailTemplate
from spojka.documents.smtp import Server, connected, deliver, sign_in

_SEPARATORS = re.compile(r"[,;]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MESSAGE_ID = re.compile(r"<?([^<>\s@]+@[^<>\s@]+)>?")

_LABELS: dict[str, Text] = {
    "connect": {"en": "Server reached", "cs": "Server odpovídá", "sk": "Server odpovedá"},
    "login": {"en": "Signed in", "cs": "Přihlášení", "sk": "Prihlásenie"},
    "ready": {"en": "Ready to send", "cs": "Připraven odesílat", "sk": "Pripravený odosielať"},
}


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    media_type: str
    content: bytes


def send(document: Document, template: EmailTemplate, to: str, message_id: str) -> None:
    """Send a document by e-mail, once.

    Args:
        document: An issued document.
        template: What to write, and what to attach.
        to: The customer's address, or several, separated by commas.
        message_id: Stable for this e-mail, of the form ``something@host``.

    Raises:
        RejectedError: ``SPJ-EMAIL-NO-ADDRESS``, ``SPJ-EMAIL-ADDRESS`` (address),
            ``SPJ-SMTP-NOT-SET``, an unusable template (``SPJ-VARIABLE-…``), or the server refused
            (see :func:`spojka.documents.smtp.deliver`). Nothing was sent.
        UnavailableError: the server cannot be reached, or the PDF is not there yet
            (``SPJ-EMAIL-PDF-MISSING``: number). Nothing was sent.
        UncertainError: ``SPJ-EMAIL-UNCERTAIN``: it was handed over, and no answer came.
    """
    account = MailAccount.objects.filter(company=document.company_id).first()
    if account is None:
        raise RejectedError(Problem.of("SPJ-SMTP-NOT-SET"), Rejection.CONFIG)
    recipients = _addresses(to)
    hidden = _addresses(template.bcc) if template.bcc else []
    message = _message(account, document, template, recipients, message_id)
    envelope = list(dict.fromkeys(address.addr_spec for address in (*recipients, *hidden)))
    deliver(_server(account), account.sender_address, envelope, message.as_bytes())


def preview(document: Document, template: EmailTemplate) -> tuple[str, str]:
    """Return subject and body as they would be sent.

    Raises:
        RejectedError: the template names an unknown variable, or its braces do not pair up.
    """
    content = document.core()
    context = {
        **order_context(
            document.order.content(), zone=document.company.zone, language=content.language
        ),
        **document_context(content, document.number),
    }
    if document.variable_symbol:
        context["document.variable_symbol"] = document.variable_symbol
    try:
        subject, body = expand(template.subject, context), expand(template.body, context)
    except VariableError as error:
        raise RejectedError(error.problem, Rejection.DATA) from error
    return _one_line(subject), body.strip() + "\n"


def default_templates(company: Company) -> list[EmailTemplate]:
    """Add the usual texts in cs, sk and en where the company has none for the event and kind.

    Those for an issued document are enabled, those for a paid one are not. Returns what was added.
    """
    columns = ("event", "kind", "language")
    there = set(EmailTemplate.objects.filter(company=company).values_list(*columns))
    return [
        EmailTemplate.objects.create(
            company=company,
            event=text.event,
            kind=text.kind,
            language=text.language,
            subject=text.subject,
            body=text.body,
            attach_pdf=text.event == EmailTemplate.EventName.ISSUED,
            enabled=text.event == EmailTemplate.EventName.ISSUED,
        )
        for text in TEXTS
        if (text.event, text.kind, text.language) not in there
    ]


def verify(account: MailAccount) -> list[Check]:
    """Connect, start TLS, sign in and say NOOP; sends nothing and never raises."""
    server = _server(account)
    checks: list[Check] = []
    try:
        with connected(server) as smtp:
            checks.append(_ok("connect", f"{account.host}:{account.port}"))
            sign_in(smtp, server)
            checks.append(_ok("login", account.username))
            checks.append(_noop(smtp, server))
    except OutcomeError as error:
        failed = list(_LABELS)[len(checks)]
        checks.append(
            Check(failed, _LABELS[failed], CheckStatus.FAIL, error.technical, error.problem)
        )
    return checks


def _noop(smtp: smtplib.SMTP, server: Server) -> Check:
    try:
        code, text = smtp.noop()
    except (OSError, smtplib.SMTPException) as error:
        raise UnavailableError(server.problem("SPJ-SMTP-CONNECT"), server.words(error)) from None
    if code != 250:
        detail = server.cleaned(code, text)
        raise UnavailableError(server.problem("SPJ-SMTP-LATER", detail=detail), detail)
    return _ok("ready", "")


def _ok(key: str, detail: str) -> Check:
    return Check(key, _LABELS[key], CheckStatus.OK, detail)


def _server(account: MailAccount) -> Server:
    return Server(
        host=account.host,
        port=account.port,
        security=account.security,
        username=account.username,
        password=(vault.get(f"mail:{account.pk}", "password") or "") if account.username else "",
        greeting=_greeting(),
    )


def _greeting() -> str:
    """Name ourselves by our public address; looking the machine's own name up may take seconds."""
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _message(
    account: MailAccount,
    document: Document,
    template: EmailTemplate,
    recipients: list[Address],
    message_id: str,
) -> EmailMessage:
    subject, body = preview(document, template)
    named = _MESSAGE_ID.fullmatch(message_id)
    if named is None:
        raise ValueError(f"not a message id: {message_id!r}")
    sender = _addresses(account.sender_address)[0]
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_one_line(account.sender_name), addr_spec=sender.addr_spec)
    message["To"] = recipients
    if account.reply_to:
        message["Reply-To"] = _addresses(account.reply_to)[0]
    message["Subject"] = subject
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = f"<{named.group(1)}>"
    # RFC 3834: no holiday notices are to come back.
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = template.language
    message.set_content(body, cte="quoted-printable")
    for file in _attachments(document, template):
        main, _, sub = file.media_type.partition("/")
        message.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)
    return message


def _attachments(document: Document, template: EmailTemplate) -> Iterator[_File]:
    if template.attach_pdf:
        yield _archived(document, document.pdf_sha256, "pdf", "application/pdf")
    if template.attach_isdoc and document.isdoc_sha256:
        yield _archived(document, document.isdoc_sha256, "isdoc", "application/xml")


def _archived(document: Document, sha256: str, extension: str, media_type: str) -> _File:
    content = store.read(sha256) if sha256 else None
    if content is None:
        raise UnavailableError(Problem.of("SPJ-EMAIL-PDF-MISSING", number=document.number))
    return _File(file_name(document.number, extension), media_type, content)


def _one_line(text: str) -> str:
    """Make a text fit for a header: no line break may begin another header."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _addresses(text: str) -> list[Address]:
    found = [part.strip() for part in _SEPARATORS.split(text) if part.strip()]
    if not found:
        raise RejectedError(Problem.of("SPJ-EMAIL-NO-ADDRESS"), Rejection.DATA)
    return [_address(part) for part in found]


def _address(text: str) -> Address:
    """Read one address; a domain with accents is written the way that mail servers know (IDNA)."""
    try:
        local, _, domain = text.rpartition("@")
        plain = f"{local}@{domain.encode('idna').decode()}"
        validate_email(plain)
        plain.encode("ascii")
        return Address(addr_spec=plain)
    except (ValidationError, ValueError) as error:
        problem = Problem.of("SPJ-EMAIL-ADDRESS", address=_one_line(text))
        raise RejectedError(problem, Rejection.DATA) from error
