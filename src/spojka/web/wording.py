"""The product's words for states, kinds and events (the same in pages, API and command line)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from spojka.accounting.contract import Capability, Recovery
from spojka.accounting.simulator import Fault
from spojka.core.document import Treatment, VatMode
from spojka.documents.models import Document
from spojka.net.limits import DAY, HOUR, MINUTE, MONTH

Word = str | Promise

KINDS: Mapping[str, Word] = {
    "invoice": _("invoice"),
    "proforma": _("proforma"),
    "tax_document": _("tax document on payment"),
    "credit_note": _("credit note"),
}

TREATMENTS: Mapping[Treatment, Word] = {
    Treatment.STANDARD: _("domestic rate"),
    Treatment.ZERO: _("zero rate"),
    Treatment.EXEMPT: _("exempt"),
    Treatment.REVERSE_CHARGE: _("reverse charge"),
    Treatment.OSS: _("OSS"),
    Treatment.OUTSIDE_SCOPE: _("outside the scope of VAT"),
    Treatment.NOT_A_PAYER: _("not a VAT payer"),
}

EFFECTS: Mapping[str, Word] = {
    "create": _("Issue in the accounting system"),
    "pay": _("Record the payment"),
    "unpay": _("Take the payment back"),
    "pdf": _("Make the PDF"),
    "email": _("Send the e-mail"),
    "write_back": _("Write to the shop"),
    "cancel": _("Cancel the document"),
    "delete": _("Delete the document"),
}

EFFECT_STATES: Mapping[str, Word] = {
    "planned": pgettext_lazy("effect", "planned"),
    "sending": pgettext_lazy("effect", "under way"),
    "confirmed": pgettext_lazy("effect", "done"),
    "rejected": pgettext_lazy("effect", "rejected"),
    "throttled": pgettext_lazy("effect", "waits for the limit"),
    "unavailable": pgettext_lazy("effect", "other side unavailable"),
    "uncertain": pgettext_lazy("effect", "uncertain"),
    "looking_up": pgettext_lazy("effect", "being looked up"),
    "absent": pgettext_lazy("effect", "not there, will be repeated"),
    "skipped": pgettext_lazy("effect", "skipped"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown: a tone of colour, and always a word and an icon with it."""

    tone: str
    icon: str
    label: Word = ""


LOOKS: Mapping[str, Look] = {
    "": Look("quiet", "clock"),
    # documents
    "planned": Look("quiet", "clock", _("waiting to be issued")),
    "held": Look("warn", "pause", _("held")),
    "issuing": Look("info", "play", _("being issued")),
    "uncertain": Look("warn", "question", _("uncertain")),
    "issued": Look("good", "check", _("issued")),
    "cancelled": Look("quiet", "cross", _("cancelled")),
    "dropped": Look("quiet", "cross", _("dropped before issuing")),
    # payments
    "paid": Look("good", "coin", _("paid")),
    "partly": Look("info", "coin", _("partly paid")),
    "unpaid": Look("quiet", "coin", _("unpaid")),
    "overdue": Look("warn", "coin", _("overdue")),
    # orders
    "none": Look("quiet", "file", _("no document")),
    "ignored": Look("quiet", "eye", _("ignored")),
    "deleted": Look("quiet", "trash", _("deleted")),
    # checklists
    "ok": Look("good", "check", _("in order")),
    "warn": Look("warn", "warning", _("look at this")),
    "fail": Look("bad", "cross", _("does not work")),
    # connections
    "inactive": Look("quiet", "pause", _("not active")),
    "checking": Look("info", "play", _("being verified")),
    "paused": Look("bad", "pause", _("stopped")),
    "test": Look("info", "spark", _("test")),
    # modes
    "live": Look("good", "play", _("live")),
    "observe": Look("info", "eye", _("observing")),
    # effects
    "sending": Look("info", "send"),
    "confirmed": Look("good", "check"),
    "rejected": Look("bad", "cross"),
    "throttled": Look("warn", "clock"),
    "unavailable": Look("warn", "clock"),
    "looking_up": Look("warn", "search"),
    "absent": Look("warn", "question"),
    "skipped": Look("quiet", "arrow"),
    # inbox events
    "new": Look("quiet", "clock", _("waiting")),
    "done": Look("good", "check", _("done")),
    "failed": Look("bad", "cross", _("failed")),
    # rules
    "enabled": Look("good", "check", _("enabled")),
    "disabled": Look("quiet", "pause", _("switched off")),
}


@dataclass(frozen=True, slots=True)
class EventLook:
    """How a row of the life line is shown."""

    icon: str
    text: Word
    tone: str = "quiet"


EVENTS: Mapping[str, EventLook] = {
    "order.received": EventLook("basket", _("The order arrived")),
    "order.changed": EventLook("edit", _("The order changed in the shop")),
    "order.deleted": EventLook("trash", _("The order was deleted in the shop"), "warn"),
    "decided": EventLook("branch", _("The rules decided")),
    "planned": EventLook("file", _("A document was prepared"), "info"),
    "held": EventLook("pause", _("The document was held"), "warn"),
    "dropped": EventLook("cross", _("The document was dropped before issuing")),
    "system.paid": EventLook("coin", _("The accounting system says that it is paid"), "good"),
    "system.unpaid": EventLook("undo", _("The payment was taken back in the system"), "warn"),
    "system.cancelled": EventLook("cross", _("It was cancelled in the accounting system"), "warn"),
    "system.deleted": EventLook("trash", _("It was deleted in the accounting system"), "warn"),
    "system.restored": EventLook("undo", _("It is valid again in the accounting system")),
    "system.edited": EventLook("edit", _("It was changed in the accounting system"), "warn"),
    "system.agrees": EventLook("check", _("Both sides agree again"), "good"),
    "system.sent": EventLook("mail", _("The accounting system sent it to the customer")),
    "system.produced": EventLook("file", _("The accounting system issued it by itself"), "good"),
    "system.linked": EventLook("file", _("A document that existed was linked"), "good"),
    "system.twin": EventLook("warning", _("There are two documents for one purpose"), "warn"),
    "changed_after_issue": EventLook("warning", _("The order changed after issuing"), "warn"),
    "person.issue": EventLook("user", _("Somebody asked for a document")),
    "person.retry": EventLook("refresh", _("Somebody tried it again")),
    "person.drop": EventLook("cross", _("Somebody gave the document up")),
    "person.pay": EventLook("coin", _("Somebody recorded a payment")),
    "person.unpay": EventLook("undo", _("Somebody took the payment back")),
    "person.credit": EventLook("undo", _("Somebody asked for a credit note")),
    "person.cancel": EventLook("cross", _("Somebody cancelled the document"), "warn"),
    "person.delete": EventLook("trash", _("Somebody deleted the document"), "warn"),
    "person.linked": EventLook("file", _("Somebody linked a document that existed")),
    "person.set_apart": EventLook("cross", _("Somebody said that a document is not the order's")),
    "person.email": EventLook("mail", _("Somebody asked for an e-mail")),
    "person.accept": EventLook("check", _("The change of the order was accepted")),
    "person.ignore": EventLook("eye", _("Somebody decided that no document is needed")),
    "person.unignore": EventLook("eye", _("The order is looked after again")),
}

_STATE_LOOKS: Mapping[str, tuple[str, str]] = {
    "confirmed": ("check", "good"),
    "rejected": ("cross", "bad"),
    "throttled": ("clock", "warn"),
    "unavailable": ("clock", "warn"),
    "uncertain": ("question", "warn"),
    "absent": ("search", "warn"),
    "sending": ("send", "info"),
}


def event_look(name: str) -> EventLook:
    """Return how an event is shown; events of effects are called ``<effect>.<state>``."""
    if name in EVENTS:
        return EVENTS[name]
    effect, _dot, state = name.rpartition(".")
    if effect in EFFECTS and state in EFFECT_STATES:
        icon, tone = _STATE_LOOKS.get(state, ("arrow", "quiet"))
        return EventLook(icon, f"{EFFECTS[effect]}: {EFFECT_STATES[state]}", tone)
    return EventLook("arrow", name)


def payment_state(document: Document) -> str:
    """Tell how far a document is paid: ``paid``, ``partly``, ``overdue``, ``unpaid``."""
    if document.is_paid:
        return "paid"
    if document.paid_amount:
        return "partly"
    if document.due_on and document.due_on < timezone.localdate():
        return "overdue"
    return "unpaid"


CONDITIONS: Mapping[str, Word] = {
    "statuses": _("order status"),
    "payment_methods": _("payment method"),
    "shipping_methods": _("shipping method"),
    "countries": _("country"),
    "currencies": _("currency"),
    "business": _("customer is a business"),
    "min_total": _("amount at least"),
    "max_total": _("amount at most"),
    "shops": _("shop"),
    "paid": _("order is paid"),
}

TEMPLATES: Mapping[str, tuple[Word, Word]] = {
    "card": (
        _("Paid online"),
        _("Invoice once the order is paid by card or through a gateway. Credit note for refunds."),
    ),
    "prepaid": (
        _("Transfer with proforma"),
        _("Proforma for a bank transfer, invoice once it is paid. Credit note for refunds."),
    ),
    "cod": (
        _("Cash on delivery"),
        _("Invoice when the order is being shipped on delivery; paid orders once paid."),
    ),
    "mixed": (
        _("All of it together"),
        _("Proforma for transfers, invoice on delivery, invoice once paid online."),
    ),
}
"""Name and description of the ready sets of rules."""

ARCHIVED: Mapping[str, Word] = {
    "issued": _("document issued"),
    "pdf": _("PDF"),
    "isdoc": _("ISDOC"),
    "email": _("e-mail sent"),
    "write_back": _("note written to the shop"),
    "paid": _("payment recorded"),
    "pay": _("payment recorded"),
    "unpaid": _("payment taken back"),
    "unpay": _("payment taken back"),
    "cancelled": _("document cancelled"),
    "cancel": _("document cancelled"),
    "deleted": _("document deleted"),
    "retention": _("files erased after their time"),
}

CAPABILITIES: Mapping[Capability, Word] = {
    Capability.INVOICE: _("invoices"),
    Capability.PROFORMA: _("proformas"),
    Capability.FINAL: _("final invoices after proformas"),
    Capability.TAX_DOCUMENT: _("tax documents on payment"),
    Capability.CREDIT_NOTE: _("credit notes"),
    Capability.PAY: _("records payments"),
    Capability.UNPAY: _("takes payments back"),
    Capability.EMAIL: _("sends e-mails itself"),
    Capability.PDF: _("PDF"),
    Capability.ISDOC: _("ISDOC"),
    Capability.CANCEL: _("cancels documents"),
    Capability.DELETE: _("deletes documents"),
    Capability.CHANGES: _("tells what changed there"),
    Capability.WEBHOOK: _("tells changes at once"),
    Capability.OWN_NUMBERS: _("Spojka's own number series"),
}
"""What a system can do, in the order in which it is told."""

RECOVERIES: Mapping[Recovery, Word] = {
    Recovery.REPLAY: _("by asking again with the same mark: the system repeats its answer"),
    Recovery.SEARCH: _("by searching for our own mark, which the document carries"),
    Recovery.NUMBER: _("by the number that was reserved for the document beforehand"),
    Recovery.HEURISTIC: _("by order number, amount and date; two candidates wait for a person"),
}
"""How it is found out whether a document was made when the answer was lost."""

VAT_MODES: Mapping[str, Word] = {
    VatMode.PAYER.value: _("VAT payer"),
    VatMode.NON_PAYER.value: _("not a VAT payer"),
    VatMode.IDENTIFIED.value: _("identified person"),
}

LIMITS: Mapping[int, Word] = {
    MINUTE: _("At most %(calls)s requests a minute."),
    HOUR: _("At most %(calls)s requests an hour."),
    DAY: _("At most %(calls)s requests a day."),
    MONTH: _("At most %(calls)s requests a month."),
}
ANY_LIMIT = _("At most %(calls)s requests in %(seconds)s seconds.")
"""What an account allows, by the seconds of its limit."""

LINKS: Mapping[str, Word] = {
    "home": _("home page"),
    "api_keys": _("API keys"),
    "series": _("number series"),
    "bank_accounts": _("bank accounts"),
    "users": _("users and rights"),
    "rights": _("users and rights"),
    "plan": _("plan"),
    "company": _("company"),
    "vat": _("VAT settings"),
    "webhooks": _("webhooks"),
    "docs": _("description of the API"),
}
"""Pages of a system by the names that descriptors give them."""

CONNECTION_EVENTS: Mapping[str, Word] = {
    "created": _("The connection was made"),
    "activating": _("Activation was started"),
    "activated": _("The connection was activated"),
    "proposed": _("New credentials were entered"),
    "changed": _("Credentials were changed"),
    "other_company": _("Credentials of another company were accepted"),
    "discarded": _("New credentials were dropped"),
    "renamed": _("The connection was renamed"),
    "account": _("The account was chosen"),
    "default": _("Documents are issued here by default"),
    "deactivated": _("The connection was deactivated"),
    "settings": _("Settings were changed"),
    "routing": _("It was changed which orders go here"),
    "webhooks": _("Webhooks were registered"),
    "taken_in": _("Existing documents were taken in"),
    "simulator": _("Something was ordered at the simulator"),
}

FAULTS: Mapping[Fault, Word] = {
    Fault.NAME: _("the name of the server is not found"),
    Fault.REFUSED: _("nobody answers the connection"),
    Fault.TLS: _("the secure connection fails"),
    Fault.RESET_BEFORE: _("the connection drops, and nothing was done"),
    Fault.RESET_AFTER: _("it is done, and then the connection drops"),
    Fault.SILENCE_COMMITTED: _("it is done, and no answer comes"),
    Fault.SILENCE_NOT_COMMITTED: _("nothing is done, and no answer comes"),
    Fault.TRUNCATED: _("it is done, and half of the answer arrives"),
    Fault.ERROR_BEFORE: _("an error of the server, and nothing was done"),
    Fault.ERROR_AFTER: _("an error of the server, although it was done"),
    Fault.LIMIT: _("too many requests"),
    Fault.UNAUTHORIZED: _("the login ends in the middle of the work"),
    Fault.ERROR_IN_SUCCESS: _("an error inside of an answer that says success"),
    Fault.EMPTY_SUCCESS: _("success without a document, although it was made"),
    Fault.STALE: _("it is done, not answered, and cannot be found for a while"),
    Fault.MAINTENANCE: _("a page about maintenance instead of an answer"),
}
