"""Documents and their effects, rules, number series, the own issuer's register, templates."""

from __future__ import annotations

from dataclasses import replace

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from spojka.accounting.contract import Issued
from spojka.companies.models import Company
from spojka.connections.models import Connection, Shop
from spojka.core import codec
from spojka.core.document import Document as CoreDocument
from spojka.core.document import Kind
from spojka.core.outcome import EffectKind, EffectState
from spojka.orders.models import Order, OrderVersion

KINDS = [
    (Kind.INVOICE.value, _("invoice")),
    (Kind.PROFORMA.value, _("proforma")),
    (Kind.TAX_DOCUMENT.value, _("tax document on payment")),
    (Kind.CREDIT_NOTE.value, _("credit note")),
]


GONE = frozenset({"dropped", "cancelled", "deleted"})
"""States of documents that are worth nothing: another one of the kind may take their place."""

DIFFERS = Q(state="issued") & ~Q(problems=[])
"""Documents that exist and say something else than their order."""


class RuleRow(models.Model):
    """One row of a company's rules; the first row that matches a kind decides."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="rules")
    position = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("document"), max_length=20, choices=KINDS)
    conditions = models.JSONField(default=dict, blank=True)
    actions = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.name


class Series(models.Model):
    """A number series of the own issuer."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="series")
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("document"), max_length=20, choices=KINDS)
    shop = models.ForeignKey(
        Shop, models.CASCADE, null=True, blank=True, related_name="series", verbose_name=_("shop")
    )
    format = models.CharField(_("format"), max_length=40)
    reset = models.CharField(_("starts again"), max_length=10, default="yearly")
    first = models.PositiveIntegerField(_("first number"), default=1)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("kind", "name")
        verbose_name = _("number series")

    def __str__(self) -> str:
        return f"{self.name} ({self.format})"


class SeriesCounter(models.Model):
    """The last number given in one period of a series; locked while a number is taken."""

    series = models.ForeignKey(Series, models.PROTECT, related_name="counters")
    period = models.CharField(max_length=10, blank=True)
    last = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["series", "period"], name="counter_per_period")
        ]


class RegisterEntry(models.Model):
    """A document of the own issuer: entering it and taking its number is one transaction."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="register_entries")
    key = models.CharField(max_length=100, unique=True)
    uuid = models.UUIDField(unique=True)
    kind = models.CharField(max_length=20, choices=KINDS)
    series = models.ForeignKey(Series, models.PROTECT, related_name="entries")
    period = models.CharField(max_length=10, blank=True)
    counter = models.PositiveBigIntegerField()
    number = models.CharField(max_length=60)
    issued_on = models.DateField()
    content = models.JSONField()
    entered_at = models.DateTimeField(default=timezone.now)
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("series_id", "period", "counter")
        constraints = [
            models.UniqueConstraint(
                fields=["series", "period", "counter"], name="register_counter"
            ),
            models.UniqueConstraint(fields=["company", "number"], name="register_number"),
        ]
        indexes = [
            # The series watch reads every number, and nothing else.
            models.Index(
                fields=["series", "period", "issued_on", "counter", "number"], name="register_days"
            )
        ]


class RegisterPayment(models.Model):
    """A payment recorded by the own issuer."""

    entry = models.ForeignKey(RegisterEntry, models.PROTECT, related_name="payments")
    key = models.CharField(max_length=100, unique=True)
    paid_on = models.DateField()
    amount = models.DecimalField(max_digits=18, decimal_places=4)
    removed_at = models.DateTimeField(null=True)


class Document(models.Model):
    """A document of an order, from planning on.

    One order, one kind, one refund: at most one document. The database enforces it.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("waiting to be issued")
        HELD = "held", _("held")
        ISSUING = "issuing", _("being issued")
        UNCERTAIN = "uncertain", _("uncertain")
        ISSUED = "issued", _("issued")
        CANCELLED = "cancelled", _("cancelled")
        DELETED = "deleted", _("deleted in the accounting system")
        DROPPED = "dropped", _("dropped before issuing")

    uuid = models.UUIDField(unique=True)
    company = models.ForeignKey(Company, models.PROTECT, related_name="documents")
    order = models.ForeignKey(Order, models.PROTECT, related_name="documents")
    version = models.ForeignKey(OrderVersion, models.PROTECT, related_name="documents")
    connection = models.ForeignKey(Connection, models.PROTECT, null=True, related_name="documents")
    kind = models.CharField(max_length=20, choices=KINDS)
    ordinal = models.PositiveSmallIntegerField(default=1)
    refund_id = models.CharField(max_length=200, blank=True)
    original = models.ForeignKey("self", models.PROTECT, null=True, related_name="corrections")
    """The invoice of a credit note; the proforma of a tax document on payment."""
    state = models.CharField(max_length=12, choices=State.choices, default=State.PLANNED)
    problems = models.JSONField(default=list, blank=True)
    content = models.JSONField(null=True)
    """The core document as :mod:`spojka.core.codec` writes it; ``null`` while held unbuilt."""
    actions = models.JSONField(default=dict, blank=True)
    """What the rule asked for beside issuing: series, e-mail, prefilled fields."""
    why = models.JSONField(default=dict, blank=True)

    external_id = models.CharField(max_length=200, blank=True)
    number = models.CharField(max_length=60, blank=True, db_index=True)
    variable_symbol = models.CharField(max_length=10, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    total = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    issued_on = models.DateField(null=True)
    taxable_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    paid_on = models.DateField(null=True)
    paid_amount = models.DecimalField(max_digits=18, decimal_places=4, default=0)
    url = models.CharField(max_length=500, blank=True)
    pdf_sha256 = models.CharField(max_length=64, blank=True)
    isdoc_sha256 = models.CharField(max_length=64, blank=True)
    changed_problem = models.JSONField(null=True)
    """The order changed after this document was issued: a task for a person."""
    test = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    issued_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["order", "kind", "ordinal", "refund_id"], name="document_once"
            )
        ]
        indexes = [
            # All that the list is filtered, searched and counted by: the rows themselves are long.
            models.Index(
                fields=[
                    "company",
                    "-id",
                    "state",
                    "kind",
                    "issued_on",
                    "paid_amount",
                    "total",
                    "number",
                    "variable_symbol",
                    "order",
                ],
                name="document_listed",
            ),
            models.Index(fields=["company", "state", "test", "issued_at"], name="document_states"),
            models.Index(fields=["company", "issued_on", "state"], name="document_days"),
            models.Index(fields=["order", "state"], name="document_of_order"),
            models.Index(fields=["company", "-issued_at", "-id"], name="document_issued_at"),
            models.Index(fields=["company", "number", "order"], name="document_number"),
            models.Index(fields=["connection", "external_id"], name="document_external"),
            # What needs a person is counted on every page, and is little among very many.
            # (SQLite takes it only where it says as much as the index of states.)
            models.Index(fields=["company", "state"], name="document_differs", condition=DIFFERS),
            models.Index(
                fields=["company"],
                name="document_changed",
                condition=Q(changed_problem__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"{self.kind} {self.order.number}"

    def core(self) -> CoreDocument:
        """Return the document's content, with the variable symbol that its system gave it."""
        content = codec.load(CoreDocument, self.content)
        if self.variable_symbol:
            return replace(content, variable_symbol=self.variable_symbol)
        return content

    @property
    def is_paid(self) -> bool:
        return self.total is not None and self.paid_amount >= self.total

    @property
    def exists(self) -> str:
        """Say whether the document exists in the accounting system: yes, no, unknown."""
        if self.number:
            return "no" if self.state == self.State.DELETED else "yes"
        return "unknown" if self.state == self.State.UNCERTAIN else "no"


class Effect(models.Model):
    """One thing done to the outside world; the intent is committed before anything is sent."""

    document = models.ForeignKey(Document, models.PROTECT, related_name="effects")
    kind = models.CharField(
        max_length=12, choices=[(kind.value, kind.value) for kind in EffectKind]
    )
    key = models.CharField(max_length=100, unique=True)
    state = models.CharField(
        max_length=12,
        choices=[(state.value, state.value) for state in EffectState],
        default=EffectState.PLANNED.value,
    )
    sequence = models.PositiveSmallIntegerField(default=0)
    parameters = models.JSONField(default=dict, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    attempt = models.PositiveIntegerField(default=0)
    look_ups = models.PositiveIntegerField(default=0)
    body_hash = models.CharField(max_length=64, blank=True)
    sent_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    problem = models.JSONField(null=True)
    technical = models.TextField(blank=True)
    rejection = models.CharField(max_length=10, blank=True)
    result = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("document_id", "sequence", "id")
        indexes = [
            models.Index(
                fields=["due_at"],
                name="effect_due",
                condition=~Q(state__in=["confirmed", "rejected", "skipped"]),
            ),
            models.Index(
                fields=["document"], name="effect_rejected", condition=Q(state="rejected")
            ),
        ]

    @property
    def is_open(self) -> bool:
        return self.state not in {
            EffectState.CONFIRMED.value,
            EffectState.REJECTED.value,
            EffectState.SKIPPED.value,
        }


class ForeignDocument(models.Model):
    """A document as its system had it when it was last read: one row each, ours or not.

    What is news about an order's documents waits here until the order is planned, which only one
    worker at a time does.
    """

    class Decision(models.TextChoices):
        NONE = "", _("not decided")
        SAME = "same", _("it is the order's document")
        OTHER = "other", _("it has nothing to do with the order")

    company = models.ForeignKey(Company, models.CASCADE, related_name="foreign_documents")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="foreign_documents")
    kind = models.CharField(max_length=20, choices=KINDS, blank=True)
    """Empty: the system did not tell."""
    external_id = models.CharField(max_length=200)
    number = models.CharField(max_length=60, blank=True)
    key = models.CharField(max_length=100, blank=True)
    order_number = models.CharField(max_length=60, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    total = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    issued_on = models.DateField(null=True)
    made_from = models.CharField(max_length=200, blank=True)
    facts = models.JSONField()
    """All that the system told (:class:`spojka.accounting.contract.Issued`, without ``raw``)."""
    seen_at = models.DateTimeField()
    """When the reading began: what we did afterwards is not in it."""
    first_seen_at = models.DateTimeField(default=timezone.now)
    order = models.ForeignKey(Order, models.CASCADE, null=True, related_name="foreign_documents")
    """Whose it is, or seems to be."""
    document = models.ForeignKey(
        Document, models.CASCADE, null=True, related_name="foreign_documents"
    )
    """Ours that it is; ``null``: none is known."""
    produced = models.BooleanField(default=False)
    """The system made it by itself, of a document of ours."""
    decision = models.CharField(max_length=10, choices=Decision.choices, blank=True)
    pending = models.BooleanField(default=False)
    """The order has to be planned with it."""

    class Meta:
        ordering = ("-issued_on", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "kind", "external_id"], name="foreign_document_once"
            )
        ]
        indexes = [
            models.Index(fields=["company", "order_number"], name="foreign_order_number"),
            models.Index(fields=["order"], name="foreign_pending", condition=Q(pending=True)),
        ]

    def issued(self) -> Issued:
        """Return what the system told."""
        return codec.load(Issued, self.facts)


class Event(models.Model):
    """One row of an order's life line: what happened, in order, never changed."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="events")
    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    document = models.ForeignKey(Document, models.CASCADE, null=True, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    name = models.CharField(max_length=40)
    """``order.received``, ``decided``, ``effect.confirmed``, ``effect.rejected``, …"""
    facts = models.JSONField(default=dict, blank=True)
    problem = models.JSONField(null=True)
    trace = models.CharField(max_length=32, blank=True, default="", db_default="")
    """What it followed from; see :mod:`spojka.core.trace`."""

    class Meta:
        ordering = ("id",)


class Decision(models.Model):
    """Why: which rule fired for an order, or why none did. One row per order, the latest."""

    order = models.OneToOneField(Order, models.CASCADE, related_name="decision")
    version = models.ForeignKey(OrderVersion, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    content = models.JSONField()
    observed = models.JSONField(default=list, blank=True)
    """In observe mode: what would be issued (kind, total, problems)."""


class EmailTemplate(models.Model):
    """The text of an e-mail that is sent with a document."""

    class EventName(models.TextChoices):
        ISSUED = "issued", _("document issued")
        PAID = "paid", _("document paid")

    company = models.ForeignKey(Company, models.CASCADE, related_name="email_templates")
    event = models.CharField(max_length=20, choices=EventName.choices, default=EventName.ISSUED)
    kind = models.CharField(max_length=20, choices=[("", _("all")), *KINDS], blank=True)
    language = models.CharField(max_length=2, default="cs")
    subject = models.CharField(max_length=200)
    body = models.TextField()
    delay_minutes = models.PositiveIntegerField(default=0)
    bcc = models.EmailField(blank=True)
    attach_pdf = models.BooleanField(default=True)
    attach_isdoc = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)


class RateOfDay(models.Model):
    """An exchange rate, as its source published it: ``amount`` of ``currency`` cost ``rate``."""

    home = models.CharField(max_length=3)
    currency = models.CharField(max_length=3)
    valid_on = models.DateField()
    amount = models.PositiveIntegerField(default=1)
    rate = models.DecimalField(max_digits=14, decimal_places=6)
    source = models.CharField(max_length=20)
    company = models.ForeignKey(Company, models.CASCADE, null=True, related_name="exchange_rates")
    """Set for rates entered by hand; ``null`` for published ones."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "home", "currency", "valid_on", "source"],
                name="rate_of_day_once",
            )
        ]
