"""The company is the tenant: every other row of the database belongs to exactly one."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from spojka.core.dates import IssueDate, TaxableDate
from spojka.core.document import BankAccount as CoreBankAccount
from spojka.core.document import Seller, VatMode
from spojka.core.order import Address
from spojka.database.prepared import Prepared


class Company(models.Model):
    """A legal entity with its accounting settings."""

    class Mode(models.TextChoices):
        OBSERVE = "observe", _("Observe: show what would be issued, issue nothing")
        LIVE = "live", _("Live: issue documents")

    class OnConflict(models.TextChoices):
        HOLD = "hold", _("Hold the document and ask")
        LINES = "lines", _("Follow the rows; the order's total follows them too")

    class OnRefund(models.TextChoices):
        HOLD = "hold", _("Hold the credit note and ask")
        ALLOCATE = "allocate", _("Divide in proportion to what is left per rate")

    name = models.CharField(_("company name"), max_length=200)
    country = models.CharField(_("country"), max_length=2, default="CZ")
    company_id = models.CharField(_("company id"), max_length=20, blank=True)
    tax_id = models.CharField(_("tax id"), max_length=20, blank=True)
    vat_id = models.CharField(_("VAT id"), max_length=20, blank=True)
    vat_mode = models.CharField(
        _("VAT"),
        max_length=20,
        choices=[
            (VatMode.PAYER.value, _("VAT payer")),
            (VatMode.NON_PAYER.value, _("not a VAT payer")),
            (VatMode.IDENTIFIED.value, _("identified person")),
        ],
        default=VatMode.PAYER.value,
    )
    oss = models.BooleanField(_("uses the One Stop Shop (OSS)"), default=False)
    street = models.CharField(_("street"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    postcode = models.CharField(_("postcode"), max_length=20, blank=True)
    register = models.CharField(_("entry in the register"), max_length=300, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    web = models.CharField(_("web"), max_length=200, blank=True)
    logo = models.BinaryField(null=True, blank=True, editable=False)
    issued_by = models.CharField(_("issued by"), max_length=100, blank=True)

    time_zone = models.CharField(_("time zone"), max_length=50, default="Europe/Prague")
    language = models.CharField(_("language of documents"), max_length=2, default="cs")
    currency = models.CharField(_("home currency"), max_length=3, default="CZK")
    issue_date = models.CharField(max_length=20, default=IssueDate.TODAY.value)
    taxable_date = models.CharField(max_length=20, default=TaxableDate.ISSUE_DATE.value)
    due_days = models.PositiveSmallIntegerField(_("due in days"), default=14)
    due_days_by_payment = models.JSONField(default=dict, blank=True)
    vat_conflict = models.CharField(
        max_length=10, choices=OnConflict.choices, default=OnConflict.HOLD
    )
    refund_policy = models.CharField(max_length=10, choices=OnRefund.choices, default=OnRefund.HOLD)
    rate_source = models.CharField(_("exchange rates from"), max_length=10, default="manual")
    retention_years = models.PositiveSmallIntegerField(_("keep documents for years"), default=10)

    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.OBSERVE)
    on_status = models.BooleanField(
        _("issue when an order comes or its status changes"), default=True
    )
    on_payment = models.BooleanField(_("issue when an order is paid"), default=True)
    final_after_proforma = models.BooleanField(
        _("issue an invoice after a paid proforma"), default=True
    )
    email_after_issuing = models.BooleanField(_("send an e-mail after issuing"), default=False)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("company")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def seller(self) -> Seller:
        """Return the company as it stands on documents."""
        return Seller(
            name=self.name,
            address=Address(
                company=self.name,
                street=self.street,
                city=self.city,
                postcode=self.postcode,
                country=self.country,
            ),
            country=self.country,
            company_id=self.company_id,
            tax_id=self.tax_id,
            vat_id=self.vat_id,
            vat_mode=VatMode(self.vat_mode),
            register=self.register,
            email=self.email,
            phone=self.phone,
            web=self.web,
        )


class BankAccount(models.Model):
    """An account that documents in its currency ask to be paid to."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="bank_accounts")
    currency = models.CharField(_("currency"), max_length=3, default="CZK")
    number = models.CharField(_("account number"), max_length=30, blank=True)
    iban = models.CharField("IBAN", max_length=34, blank=True)
    bic = models.CharField("BIC", max_length=11, blank=True)
    bank = models.CharField(_("bank"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("bank account")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "currency"], name="bank_account_per_currency"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number or self.iban} ({self.currency})"

    def core(self) -> CoreBankAccount:
        """Return the account in the words of the core."""
        return CoreBankAccount(
            currency=self.currency, iban=self.iban, bic=self.bic, number=self.number, bank=self.bank
        )


class Role(models.TextChoices):
    OWNER = "owner", _("owner")
    ACCOUNTANT = "accountant", _("accountant")
    VIEWER = "viewer", _("viewer")


class Membership(models.Model):
    """A user's role in a company."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    company = models.ForeignKey(Company, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.OWNER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "company"], name="membership_once")]


class UserSession(AbstractBaseSession):
    """A session of the pages that knows whose it is, so that somebody's sessions can be ended."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        from spojka.companies.sessions import SessionStore

        return SessionStore


class ApiToken(models.Model):
    """Access to the API of one company. Only a hash is kept: the token is shown once."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    last4 = models.CharField(max_length=4)
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.ACCOUNTANT)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    @staticmethod
    def hash(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    @classmethod
    def make(cls, company: Company, name: str, role: str = Role.ACCOUNTANT) -> tuple[ApiToken, str]:
        """Create a token; the second value is the only time that its text is known."""
        text = f"spj_{secrets.token_urlsafe(32)}"
        token = cls.objects.create(
            company=company, name=name, role=role, digest=cls.hash(text), last4=text[-4:]
        )
        return token, text


class ChainHead(models.Model):
    """The end of a hash chain; locked by whoever appends, so that a chain never forks."""

    name = models.CharField(primary_key=True, max_length=60)
    length = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)

    @classmethod
    def lock(cls, name: str) -> ChainHead:
        """Return the head, locked until the transaction ends; made where it does not exist."""
        head = _HEAD.first(name)
        if head is None:
            cls.objects.get_or_create(name=name)
            head = _HEAD.get(name)
        return head

    def extend(self, *digests: str) -> None:
        """Move the head past new links, the last of which it then is."""
        self.length += len(digests)
        self.digest = digests[-1]
        self.save(update_fields=["length", "digest"])


_HEAD = Prepared(lambda name: ChainHead.objects.select_for_update().filter(name=name), str)


class AuditEntry(models.Model):
    """Who did what, when: append-only and hash-chained per installation."""

    at = models.DateTimeField(default=timezone.now)
    company = models.ForeignKey(Company, models.PROTECT, null=True, related_name="audit")
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=200, blank=True)
    facts = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ("-id",)

    def computed_digest(self) -> str:
        """Return the digest that this entry must have."""
        content = json.dumps(
            [
                self.previous,
                self.at.isoformat(),
                self.company_id,
                self.actor,
                self.action,
                self.subject,
                self.facts,
            ],
            ensure_ascii=False,
            sort_keys=True,
        )
        return hashlib.sha256(content.encode()).hexdigest()

    @classmethod
    def write(
        cls, action: str, *, company: Company | None, actor: str, subject: str = "", **facts: Any
    ) -> AuditEntry:
        """Append one entry. ``facts`` must be free of secrets."""
        with transaction.atomic():
            head = ChainHead.lock("audit")
            entry = cls(
                company=company,
                actor=actor,
                action=action,
                subject=subject,
                facts=facts,
                previous=head.digest,
                at=timezone.now(),
            )
            entry.digest = entry.computed_digest()
            entry.save(force_insert=True)
            head.extend(entry.digest)
            return entry
