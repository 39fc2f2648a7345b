"""Shops and accounting connections of a company, and where their secrets are kept."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from spojka.companies.models import Company
from spojka.shops.contract import MappingOptions


def new_path_token() -> str:
    """Return an unguessable part of a webhook address."""
    return secrets.token_urlsafe(18)


class VisibleShops(models.Manager["Shop"]):
    """Shops that people know of: all but those that hold test orders."""

    def get_queryset(self) -> models.QuerySet[Shop]:
        return super().get_queryset().filter(hidden=False)


class Shop(models.Model):
    """An order source of a company."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="shops")
    platform = models.CharField(max_length=40)
    name = models.CharField(_("name"), max_length=100)
    path_token = models.CharField(max_length=40, unique=True, default=new_path_token)
    settings = models.JSONField(default=dict, blank=True)
    """Fields of the platform that are not secret (for example the address)."""
    company_id_fields = models.JSONField(default=dict, blank=True)
    """Ordered mapping ``company_id | tax_id | vat_id`` to extra fields; empty: the platform's."""
    time_zone = models.CharField(max_length=50, default="Europe/Prague")
    write_back = models.BooleanField(_("write document numbers back to the shop"), default=True)
    active = models.BooleanField(default=True)
    checks = models.JSONField(default=list, blank=True)
    verified_at = models.DateTimeField(null=True)
    cursor = models.DateTimeField(null=True)
    """Orders changed up to this moment have been read."""
    polled_at = models.DateTimeField(null=True)
    poll_problem = models.JSONField(null=True)
    webhook_problem = models.JSONField(null=True)
    webhook_seen_at = models.DateTimeField(null=True)
    hidden = models.BooleanField(default=False, db_default=False)
    """It holds the company's test orders and is no real shop."""
    created_at = models.DateTimeField(default=timezone.now)

    objects = VisibleShops()
    everything: models.Manager[Shop] = models.Manager()

    class Meta:
        verbose_name = _("shop")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def mapping_options(self) -> MappingOptions:
        """Return how this shop's orders are read."""
        return MappingOptions(
            time_zone=self.time_zone,
            company_id_fields={
                name: tuple(fields) for name, fields in self.company_id_fields.items()
            },
            vat_conflict=self.company.vat_conflict,
        )


class Connection(models.Model):
    """An accounting system activated for a company."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="connections")
    system = models.CharField(max_length=40)
    name = models.CharField(_("name"), max_length=100)
    settings = models.JSONField(default=dict, blank=True)
    active = models.BooleanField(default=False)
    default = models.BooleanField(default=False)
    paused_problem = models.JSONField(null=True)
    """Set by a rejection of class *config*: nothing is sent until it is verified again."""
    checks = models.JSONField(default=list, blank=True)
    verified_at = models.DateTimeField(null=True)
    loaded = models.JSONField(default=dict, blank=True)
    loaded_at = models.DateTimeField(null=True)
    doubt_until = models.DateTimeField(null=True)
    """Set by a restore: orders placed until then may have documents that only the system knows.
    What is due for them is looked up before it is done."""
    simulated = models.BooleanField(default=False, db_default=False)
    """The other side is the simulator in the box: documents are marked as tests."""
    position = models.PositiveIntegerField(default=0, db_default=0)
    """Connections are tried in this order; the first whose conditions hold gets an order."""
    conditions = models.JSONField(default=dict, blank=True, db_default={})
    """Which orders go there: those of a rule (:class:`spojka.core.rules.Conditions`); empty: none
    by itself, only what a rule sends there, or everything where it is the default."""
    checking_since = models.DateTimeField(null=True)
    """The checklist is being run, and its rows so far are in ``checks``."""
    load_problem = models.JSONField(null=True)
    changes_cursor = models.DateTimeField(null=True)
    """Documents changed there up to this moment have been read."""
    changes_problem = models.JSONField(null=True)
    path_token = models.CharField(max_length=40, unique=True, null=True)
    """Of the address that the system sends its webhooks to; ``null``: it never was asked for."""
    webhook_seen_at = models.DateTimeField(null=True)
    deactivated_at = models.DateTimeField(null=True)
    accounts = models.JSONField(default=list, blank=True, db_default=[])
    """What the login may choose from, where the system has several accounts for it."""
    account_name = models.CharField(max_length=120, blank=True, default="", db_default="")
    """Of the :class:`Account` whose calls are counted; empty: nothing is called."""
    candidate = models.JSONField(null=True)
    """New values of the form that are being verified, or failed; the stored ones go on meanwhile.
    See :mod:`spojka.connections.activation`."""
    health_problem = models.JSONField(null=True)
    """What the regular look found: it works today, and may not tomorrow."""
    health_at = models.DateTimeField(null=True)
    """When the regular look was last taken."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("connection")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class MailAccount(models.Model):
    """The SMTP account that a company's documents are sent from."""

    company = models.OneToOneField(Company, models.CASCADE, related_name="mail_account")
    host = models.CharField(_("SMTP server"), max_length=200)
    port = models.PositiveIntegerField(_("port"), default=587)
    security = models.CharField(
        _("security"),
        max_length=10,
        choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", _("none"))],
        default="starttls",
    )
    username = models.CharField(_("user name"), max_length=200, blank=True)
    sender_name = models.CharField(_("sender name"), max_length=100, blank=True)
    sender_address = models.EmailField(_("sender address"))
    reply_to = models.EmailField(_("reply to"), blank=True)
    verified_at = models.DateTimeField(null=True)


class Secret(models.Model):
    """One encrypted value. The key id stands beside the ciphertext; the key does not."""

    owner = models.CharField(max_length=60)
    """``shop:1``, ``connection:1`` or ``mail:1``."""
    field = models.CharField(max_length=60)
    key_id = models.CharField(max_length=20)
    nonce = models.BinaryField()
    ciphertext = models.BinaryField()
    last4 = models.CharField(max_length=4, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "field"], name="secret_once")]
        indexes = [models.Index(fields=["key_id"], name="secret_key")]


class Call(models.Model):
    """One outgoing request, redacted: the timeline of a shop or a connection."""

    owner = models.CharField(max_length=60)
    at = models.DateTimeField(default=timezone.now)
    method = models.CharField(max_length=10)
    url = models.TextField()
    status = models.PositiveSmallIntegerField(null=True)
    duration_ms = models.PositiveIntegerField(default=0)
    request = models.TextField(blank=True)
    response = models.TextField(blank=True)
    problem = models.CharField(max_length=60, blank=True)
    trace = models.CharField(max_length=32, blank=True, default="", db_default="")
    """What it followed from; see :mod:`spojka.core.trace`."""

    class Meta:
        ordering = ("-id",)
        indexes = [models.Index(fields=["owner", "-id"], name="call_owner")]


class Account(models.Model):
    """What an account at another side allows and what was used of it, for all who use it.

    One row per system and credentials, changed by one statement per call. Times are seconds since
    1970, so that both databases reckon with them alike.
    """

    name = models.CharField(max_length=120, unique=True)
    """System and a keyed digest of the credentials; see :mod:`spojka.connections.identity`."""
    limits = models.JSONField(default=list)
    """Limits that the system's descriptor declares."""
    override = models.JSONField(null=True)
    """Limits of this very account, where its plan differs."""
    level = models.FloatField(default=1e9)
    """Calls left in the bucket at ``filled_at``; what is above its capacity does not count."""
    filled_at = models.FloatField(default=0)
    pace = models.FloatField(default=0)
    """Calls a second at ``filled_at``, averaged over about the last hour."""
    paused_until = models.FloatField(default=0)
    lane = models.CharField(max_length=60, blank=True)
    """Whose call was the last."""
    claimed_by = models.CharField(max_length=60, blank=True)
    """The lane that was promised the call which comes back at ``claimed_at``; empty: none."""
    claimed_at = models.FloatField(default=0)
    calls = models.BigIntegerField(default=0)
    """All that were ever made."""
    hour_calls = models.BigIntegerField(default=0)
    hour_until = models.FloatField(default=0)
    day_calls = models.BigIntegerField(default=0)
    day_until = models.FloatField(default=0)
    month_calls = models.BigIntegerField(default=0)
    month_until = models.FloatField(default=0)

    def __str__(self) -> str:
        return self.name


class Lane(models.Model):
    """The queue of one shop for an account's calls: when the next that waits may come again."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="lanes")
    name = models.CharField(max_length=60)
    next_at = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="lane_once")]


class AccessToken(models.Model):
    """The token that credentials were exchanged for; the token itself is in the vault."""

    name = models.CharField(max_length=120, unique=True)
    digest = models.CharField(max_length=64, blank=True)
    """Keyed digest of the token that is stored; empty: none."""
    expires_at = models.DateTimeField(null=True)
    claim = models.CharField(max_length=32, blank=True)
    """Who fetches a new one, until ``claim_until``."""
    claim_until = models.DateTimeField(null=True)


class SimulatorState(models.Model):
    """What the simulator behind a connection remembers between requests."""

    connection = models.OneToOneField(
        Connection, models.CASCADE, related_name="simulator_state", primary_key=True
    )
    content = models.JSONField()


class Contact(models.Model):
    """A name under which a customer is known to exist in the accounting system."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=80)
    """See :mod:`spojka.accounting.contacts`."""
    external_id = models.CharField(max_length=60)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "name"], name="contact_once")]
        indexes = [models.Index(fields=["connection", "external_id"], name="contact_external")]


class ReservedNumber(models.Model):
    """A number reserved for a document before it is sent, in systems that let us number."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="reserved_numbers")
    series = models.CharField(max_length=60)
    number = models.PositiveBigIntegerField()
    key = models.CharField(max_length=100, null=True)
    """Of the document; ``null``: it was given back, and is given out again first."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "series", "number"], name="reserved_number_once"
            ),
            models.UniqueConstraint(fields=["connection", "key"], name="reserved_key_once"),
        ]
