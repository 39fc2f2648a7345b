"""E-mails: what arrives is right, nothing is sent twice, and each failure says what is true."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from spojka.archive import store
from spojka.companies.models import Company
from spojka.connections import vault
from spojka.connections.models import MailAccount, Shop
from spojka.core import codec
from spojka.core.descriptor import CheckStatus
from spojka.core.document import Kind, Seller
from spojka.core.order import Address, Customer, LineKind, OrderLine
from spojka.core.order import Order as CoreOrder
from spojka.core.outcome import (
    OutcomeError,
    RejectedError,
    Rejection,
    UnavailableError,
    UncertainError,
)
from spojka.core.variables import Scope, check
from spojka.documents import emailing, smtp
from spojka.documents.models import Document, EmailTemplate
from spojka.orders.models import Order, OrderVersion
from tests.documents.mailserver import DROP, HANG, MailServer, certificate, serving
from tests.documents.test_register import document

PDF = b"%PDF-1.7 " + bytes(range(256))
ID = "create.1@hrnecky.example"


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, settings: Settings) -> None:
    settings.KEY_FILE = tmp_path / "keys.json"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with serving(MailServer()) as house:
        yield house


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(name="Hrnečky s.r.o.")


@pytest.fixture
def account(company: Company, server: MailServer) -> MailAccount:
    account = MailAccount.objects.create(
        company=company,
        host="127.0.0.1",
        port=server.port,
        security="none",
        username="shop",
        sender_name="Hrnečky, s.r.o.",
        sender_address="faktury@hrnecky.example",
    )
    vault.put(f"mail:{account.pk}", "password", server.password)
    return account


@pytest.fixture
def invoice(company: Company) -> Document:
    shop = Shop.objects.create(company=company, platform="canonical", name="Shop")
    line = OrderLine("1", LineKind.PRODUCT, "Hrnek", Decimal(1), Decimal(100), Decimal(21), None)
    content = CoreOrder(
        external_id="42",
        number="2026-042",
        status="processing",
        currency="CZK",
        total=Decimal(121),
        created_at=timezone.now(),
        customer=Customer(Address(name="Jana Nováková"), email="jana@example.org"),
        lines=(line,),
    )
    order = Order.objects.create(
        shop=shop,
        company=company,
        external_id="42",
        number="2026-042",
        status="processing",
        currency="CZK",
        total=121,
        ordered_at=timezone.now(),
    )
    order.current = OrderVersion.objects.create(
        order=order, ordinal=1, content=codec.dump(content), payload={}, digest="0"
    )
    order.save()
    core = document(seller=Seller("Hrnečky s.r.o.", Address()), due_on=date(2026, 3, 21))
    pdf = store.append(company, kind="pdf", subject=core.uuid, content=PDF)
    isdoc = store.append(company, kind="isdoc", subject=core.uuid, content=b"<Invoice/>")
    return Document.objects.create(
        uuid=core.uuid,
        company=company,
        order=order,
        version=order.current,
        kind=Kind.INVOICE.value,
        state="issued",
        content=codec.dump(core),
        number="FA2026/001",
        variable_symbol="2026001",
        issued_on=core.issued_on,
        pdf_sha256=pdf.sha256,
        isdoc_sha256=isdoc.sha256,
    )


@pytest.fixture
def template(company: Company) -> EmailTemplate:
    return EmailTemplate(
        company=company,
        subject="Faktura {document.number} – žluťoučký kůň",
        body="Dobrý den,\n.začíná tečkou\n{document.total} {document.currency},"
        " VS {document.variable_symbol}, {order.client.name}\n",
    )


# ── What arrives ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("account")
def test_the_customer_gets_the_document(
    server: MailServer, invoice: Document, template: EmailTemplate
) -> None:
    emailing.send(invoice, template, "jana@example.org", ID)
    (received,) = server.received
    assert (received.sender, received.recipients) == (
        "faktury@hrnecky.example",
        ["jana@example.org"],
    )
    message = received.message
    assert message["From"] == '"Hrnečky, s.r.o." <faktury@hrnecky.example>'
    assert message["To"] == "jana@example.org"
    assert message["Subject"] == "Faktura FA2026/001 – žluťoučký kůň"
    assert message["Message-ID"] == f"<{ID}>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Reply-To"] is None
    sent_at = message["Date"].datetime
    assert abs(sent_at - timezone.now()) < timedelta(minutes=5)
    body, pdf = message.iter_parts() if message.is_multipart() else (message, None)
    assert body.get_content().replace("\r\n", "\n") == (
        "Dobrý den,\n.začíná tečkou\n121,00 CZK, VS 2026001, Jana Nováková\n"
    )
    assert pdf is not None
    assert pdf.get_content_type() == "application/pdf"
    assert pdf.get_filename() == "FA2026-001.pdf"
    assert pdf.get_content() == PDF
    assert max(map(len, received.raw.splitlines())) <= 998
    assert received.raw.isascii()  # any server takes it


@pytest.mark.usefixtures("account")
def test_a_hidden_copy_stands_in_the_envelope_only(
    server: MailServer, invoice: Document, template: EmailTemplate
) -> None:
    template.bcc = "archiv@hrnecky.example"
    emailing.send(invoice, template, "jana@example.org; petr@example.org", ID)
    (received,) = server.received
    assert received.recipients == ["jana@example.org", "petr@example.org", "archiv@hrnecky.example"]
    assert b"archiv@" not in received.raw
    assert received.message["To"] == "jana@example.org, petr@example.org"


def test_answers_go_where_the_account_says(
    account: MailAccount, server: MailServer, invoice: Document, template: EmailTemplate
) -> None:
    MailAccount.objects.update(reply_to="info@hrnecky.example")
    emailing.send(invoice, template, "jana@example.org", ID)
    assert server.received[0].message["Reply-To"] == "info@hrnecky.example"


@pytest.mark.usefixtures("account")
def test_attachments_are_those_of_the_template(
    server: MailServer, invoice: Document, template: EmailTemplate
) -> None:
    template.attach_isdoc = True
    emailing.send(invoice, template, "jana@example.org", ID)
    template.attach_pdf = template.attach_isdoc = False
    emailing.send(invoice, template, "jana@example.org", ID)
    with_both, without = (received.message for received in server.received)
    assert [part.get_filename() for part in with_both.iter_attachments()] == [
        "FA2026-001.pdf",
        "FA2026-001.isdoc",
    ]
    assert list(without.iter_attachments()) == []


@pytest.mark.usefixtures("account")
def test_no_value_makes_a_header_of_its_own(
    server: MailServer, invoice: Document, template: EmailTemplate, company: Company
) -> None:
    MailAccount.objects.update(sender_name="Shop\r\nBcc: thief@example.org")
    template.subject = "A\r\nBcc: thief@example.org\r\n\r\nbody {document.number}\u2028x"
    invoice.number = "FA1\r\nX-Evil: 1"
    emailing.send(invoice, template, "jana@example.org", ID)
    (received,) = server.received
    assert received.recipients == ["jana@example.org"]
    message = received.message
    assert message["Bcc"] is None
    assert message["X-Evil"] is None
    assert message["Subject"] == "A Bcc: thief@example.org body FA1 X-Evil: 1 x"


@pytest.mark.usefixtures("account")
def test_a_domain_with_accents_is_written_as_servers_know_it(
    server: MailServer, invoice: Document, template: EmailTemplate
) -> None:
    emailing.send(invoice, template, "jana@háčky.example", ID)
    domain = server.received[0].recipients[0].partition("@")[2]
    assert domain.startswith("xn--")
    assert domain.encode().decode("idna") == "háčky.example"


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("", "SPJ-EMAIL-NO-ADDRESS"),
        (" ; ", "SPJ-EMAIL-NO-ADDRESS"),
        ("jana", "SPJ-EMAIL-ADDRESS"),
        ("jana@", "SPJ-EMAIL-ADDRESS"),
        ("jana@example.org\r\nDATA", "SPJ-EMAIL-ADDRESS"),
        ("<jana@example.org>", "SPJ-EMAIL-ADDRESS"),
        ("jana@example.org> SIZE=1", "SPJ-EMAIL-ADDRESS"),
        ("jána@example.org", "SPJ-EMAIL-ADDRESS"),
        ("jana@" + "a" * 80 + ".org", "SPJ-EMAIL-ADDRESS"),
    ],
)
def test_what_is_no_address_is_told_and_nothing_is_sent(
    server: MailServer, invoice: Document, template: EmailTemplate, to: str, code: str
) -> None:
    with pytest.raises(RejectedError, match=code) as caught:
        emailing.send(invoice, template, to, ID)
    assert caught.value.rejection is Rejection.DATA
    assert server.commands == []


@pytest.mark.usefixtures("account")
def test_the_same_message_id_at_each_attempt(
    server: MailServer, invoice: Document, template: EmailTemplate
) -> None:
    for given in (ID, f"<{ID}>"):
        emailing.send(invoice, template, "jana@example.org", given)
    assert {received.message["Message-ID"] for received in server.received} == {f"<{ID}>"}
    with pytest.raises(ValueError, match="message id"):
        emailing.send(invoice, template, "jana@example.org", "x\r\ny@z")


# ── What goes wrong ───────────────────────────────────────────────────────────────────────────


def test_without_an_account_it_says_so(invoice: Document, template: EmailTemplate) -> None:
    with pytest.raises(RejectedError, match="SPJ-SMTP-NOT-SET"):
        emailing.send(invoice, template, "jana@example.org", ID)


@pytest.mark.usefixtures("account")
def test_it_waits_for_a_missing_file(
    server: MailServer, invoice: Document, template: EmailTemplate
) -> None:
    invoice.pdf_sha256 = ""
    with pytest.raises(UnavailableError, match="SPJ-EMAIL-PDF-MISSING"):
        emailing.send(invoice, template, "jana@example.org", ID)
    assert server.commands == []


@pytest.mark.usefixtures("account")
def test_an_unknown_variable_is_told(
    server: MailServer, invoice: Document, template: EmailTemplate
) -> None:
    template.body = "{document.numbre}"
    with pytest.raises(RejectedError, match="SPJ-VARIABLE-UNKNOWN"):
        emailing.send(invoice, template, "jana@example.org", ID)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("replies", "error", "code"),
    [
        ({"CONNECT": "554 go away"}, UnavailableError, "SPJ-SMTP-CONNECT"),
        ({"CONNECT": DROP}, UnavailableError, "SPJ-SMTP-CONNECT"),
        ({"CONNECT": "HTTP/1.1 400 Bad Request"}, UnavailableError, "SPJ-SMTP-CONNECT"),
        ({"AUTH": "454 try later"}, UnavailableError, "SPJ-SMTP-LATER"),
        ({"AUTH": "535 wrong"}, RejectedError, "SPJ-SMTP-LOGIN"),
        ({"AUTH": DROP}, UnavailableError, "SPJ-SMTP-CONNECT"),
        ({"MAIL": "553 sender not yours"}, RejectedError, "SPJ-SMTP-REFUSED"),
        ({"MAIL": "421 too many"}, UnavailableError, "SPJ-SMTP-LATER"),
        ({"RCPT": "550 no such user"}, RejectedError, "SPJ-SMTP-REFUSED"),
        ({"RCPT": "450 greylisted"}, UnavailableError, "SPJ-SMTP-LATER"),
        ({"RCPT": DROP}, UnavailableError, "SPJ-SMTP-CONNECT"),
        ({"DATA": "554 no"}, RejectedError, "SPJ-SMTP-REFUSED"),
        ({"DATA": "451 later"}, UnavailableError, "SPJ-SMTP-LATER"),
        ({"DATA": DROP}, UnavailableError, "SPJ-SMTP-CONNECT"),
        ({"STORED": "552 too big"}, RejectedError, "SPJ-SMTP-REFUSED"),
        ({"STORED": "452 disk full"}, UnavailableError, "SPJ-SMTP-LATER"),
    ],
)
def test_what_was_surely_not_delivered_is_never_called_uncertain(
    server: MailServer,
    invoice: Document,
    template: EmailTemplate,
    replies: dict[str, str],
    error: type[OutcomeError],
    code: str,
) -> None:
    server.replies = replies
    with pytest.raises(error, match=code) as caught:
        emailing.send(invoice, template, "jana@example.org", ID)
    assert server.received == []
    words = next(iter(replies.values()))
    if words[:3].isdecimal():
        assert words in caught.value.technical


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("reply", [DROP, "whatever", "\x00"])
def test_after_the_handing_over_no_clear_answer_is_uncertain(
    server: MailServer, invoice: Document, template: EmailTemplate, reply: str
) -> None:
    server.replies = {"STORED": reply}
    with pytest.raises(UncertainError, match="SPJ-EMAIL-UNCERTAIN"):
        emailing.send(invoice, template, "jana@example.org", ID)


def test_a_server_that_falls_silent_after_the_handing_over_is_uncertain() -> None:
    with serving(MailServer(replies={"STORED": HANG})) as house:
        server = smtp.Server("127.0.0.1", house.port, "none", timeout=0.3)
        with pytest.raises(UncertainError, match="SPJ-EMAIL-UNCERTAIN"):
            smtp.deliver(server, "a@example.org", ["b@example.org"], b"Subject: x\r\n\r\nx\r\n")
        assert len(house.received) == 1


def test_a_server_that_falls_silent_before_it_is_not() -> None:
    with serving(MailServer(replies={"DATA": HANG})) as house:
        server = smtp.Server("127.0.0.1", house.port, "none", timeout=0.3)
        with pytest.raises(UnavailableError, match="SPJ-SMTP-CONNECT"):
            smtp.deliver(server, "a@example.org", ["b@example.org"], b"Subject: x\r\n\r\nx\r\n")
        assert house.received == []


@pytest.mark.usefixtures("account")
def test_one_refused_recipient_means_that_nobody_gets_it(
    server: MailServer, invoice: Document, template: EmailTemplate
) -> None:
    template.bcc = "archiv@hrnecky.example"
    server.replies = {"RCPT archiv@hrnecky.example": "550 no such user"}
    with pytest.raises(RejectedError, match="SPJ-SMTP-REFUSED"):
        emailing.send(invoice, template, "jana@example.org", ID)
    assert server.received == []


def test_a_closed_port_is_not_reached(
    account: MailAccount, invoice: Document, template: EmailTemplate
) -> None:
    MailAccount.objects.update(port=1)
    with pytest.raises(UnavailableError, match="SPJ-SMTP-CONNECT"):
        emailing.send(invoice, template, "jana@example.org", ID)


def test_the_password_shows_nowhere_even_if_the_server_repeats_it(
    account: MailAccount, invoice: Document, template: EmailTemplate
) -> None:
    secret = "kanarek-v-dole-1"
    vault.put(f"mail:{account.pk}", "password", secret)
    with pytest.raises(RejectedError, match="SPJ-SMTP-LOGIN") as caught:
        emailing.send(invoice, template, "jana@example.org", ID)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.problem)
    assert "535 no such user or password" in caught.value.technical
    assert secret not in shown
    assert secret not in caught.value.technical
    assert secret not in repr(smtp.Server("h", 1, password=secret))


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────

MESSAGE = b"Subject: x\r\n\r\n.\r\n..\r\nend"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_message_goes_over_tls(tmp_path: Path, security: str) -> None:
    inner, trusting = certificate(tmp_path)
    with serving(MailServer(tls=inner, tls_at_once=security == "tls")) as house:
        server = smtp.Server(
            "127.0.0.1", house.port, security, "shop", house.password, tls=trusting
        )
        smtp.deliver(server, "a@example.org", ["b@example.org"], MESSAGE)
        assert house.received[0].raw == MESSAGE + b"\r\n"
        assert ("STARTTLS" in house.commands) == (security == "starttls")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_untrusted_certificate_is_refused_before_the_password_is_sent(
    tmp_path: Path, security: str
) -> None:
    inner, _ = certificate(tmp_path)
    with serving(MailServer(tls=inner, tls_at_once=security == "tls")) as house:
        server = smtp.Server("127.0.0.1", house.port, security, "shop", house.password)
        with pytest.raises(RejectedError, match="SPJ-SMTP-TLS") as caught:
            smtp.deliver(server, "a@example.org", ["b@example.org"], MESSAGE)
        assert caught.value.rejection is Rejection.CONFIG
        assert "AUTH" not in house.commands


def test_a_server_without_starttls_gets_no_password(server: MailServer) -> None:
    given = smtp.Server("127.0.0.1", server.port, "starttls", "shop", server.password)
    with pytest.raises(RejectedError, match="SPJ-SMTP-TLS"):
        smtp.deliver(given, "a@example.org", ["b@example.org"], MESSAGE)
    assert "AUTH" not in server.commands


def test_tls_to_a_port_without_it_is_told(server: MailServer) -> None:
    given = smtp.Server("127.0.0.1", server.port, "tls", timeout=2)
    with pytest.raises(OutcomeError, match=r"SPJ-SMTP-(TLS|CONNECT)"):
        smtp.deliver(given, "a@example.org", ["b@example.org"], MESSAGE)


# ── Verifying and texts ───────────────────────────────────────────────────────────────────────


def test_verifying_goes_all_the_way_and_sends_nothing(
    account: MailAccount, server: MailServer
) -> None:
    checks = emailing.verify(account)
    assert [(row.key, row.status) for row in checks] == [
        ("connect", CheckStatus.OK),
        ("login", CheckStatus.OK),
        ("ready", CheckStatus.OK),
    ]
    assert server.commands == ["EHLO", "AUTH", "NOOP", "QUIT"]


@pytest.mark.parametrize(
    ("replies", "failed", "code"),
    [
        ({"CONNECT": DROP}, "connect", "SPJ-SMTP-CONNECT"),
        ({"AUTH": "535 no"}, "login", "SPJ-SMTP-LOGIN"),
        ({"NOOP": "451 later"}, "ready", "SPJ-SMTP-LATER"),
        ({"NOOP": DROP}, "ready", "SPJ-SMTP-CONNECT"),
    ],
)
def test_verifying_names_the_step_that_failed(
    account: MailAccount, server: MailServer, replies: dict[str, str], failed: str, code: str
) -> None:
    server.replies = replies
    *passed, last = emailing.verify(account)
    assert all(row.status is CheckStatus.OK for row in passed)
    assert (last.key, last.status) == (failed, CheckStatus.FAIL)
    assert last.problem is not None
    assert last.problem.code == code


def test_usual_texts_are_added_once_for_each_kind_and_language(company: Company) -> None:
    added = emailing.default_templates(company)
    assert {(row.kind, row.language) for row in added if row.event == "issued"} == {
        (kind.value, language) for kind in Kind for language in ("cs", "sk", "en")
    }
    assert all(row.enabled == (row.event == "issued") for row in added)
    assert emailing.default_templates(company) == []


def test_usual_texts_name_only_what_exists(company: Company) -> None:
    for row in emailing.default_templates(company):
        check(row.subject, Scope.DOCUMENT)
        check(row.body, Scope.DOCUMENT)


@pytest.mark.parametrize("language", ["cs", "sk", "en"])
def test_the_usual_text_says_what_matters(
    company: Company, invoice: Document, language: str
) -> None:
    emailing.default_templates(company)
    row = EmailTemplate.objects.get(event="issued", kind="invoice", language=language)
    content: dict[str, Any] = codec.dump(replace(invoice.core(), language=language))
    invoice.content = content
    subject, body = emailing.preview(invoice, row)
    assert "FA2026/001" in subject
    assert "2026-042" in subject
    for needed in ("2026001", "121", "CZK", "Hrnečky s.r.o."):
        assert needed in body
    assert "{" not in body
