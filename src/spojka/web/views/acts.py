"""What can be done with one document. Grave acts are confirmed by typing its number."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from spojka.companies.models import Role
from spojka.core.catalogue import explain
from spojka.documents import actions, taking_in
from spojka.documents.actions import ActionRefused
from spojka.documents.models import Document, ForeignDocument
from spojka.web.access import CompanyRequest, member
from spojka.web.formats import language
from spojka.web.forms.document import CreditForm, EmailForm, PayForm, TypedConfirmation
from spojka.web.views.common import back, go, show, tell, tell_problem
from spojka.web.views.documents import find


def _try(request: CompanyRequest, act: Callable[[], object], done: str) -> bool:
    """Do it and say so; or say why it was refused."""
    try:
        act()
    except ActionRefused as error:
        tell_problem(request, error.problem)
        return False
    tell(request, done)
    return True


@require_POST
@member(Role.ACCOUNTANT)
def retry(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Try a held or failed document again."""
    document = find(request, pk)
    _try(request, lambda: actions.retry(document, actor=request.actor), _("It is tried again."))
    return back(request, "order", document.order_id)


@require_POST
@member(Role.ACCOUNTANT)
def drop(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Give up a document that was never issued."""
    document = find(request, pk)
    _try(
        request,
        lambda: actions.drop(document, actor=request.actor),
        _("The document was dropped; its number was never taken."),
    )
    return back(request, "order", document.order_id)


@require_POST
@member(Role.ACCOUNTANT)
def accept(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Leave an issued document as it is although its order changed."""
    document = find(request, pk)
    _try(
        request,
        lambda: actions.accept_change(document, actor=request.actor),
        _("The change was accepted; the document stays as it is."),
    )
    return back(request, "order", document.order_id)


@member(Role.ACCOUNTANT)
def pay(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Record a payment."""
    document = find(request, pk)
    form = PayForm(request.POST or None, initial={"paid_on": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        if _try(
            request,
            lambda: actions.mark_paid(
                document, paid_on=data["paid_on"], amount=data["amount"], actor=request.actor
            ),
            _("The payment is recorded."),
        ):
            return go(request, "document", document.pk)
    return show(
        request,
        "act",
        "documents",
        document=document,
        form=form,
        heading=_("Mark as paid"),
        button=_("Record the payment"),
    )


def _confirmed_act(
    request: CompanyRequest,
    document: Document,
    act: Callable[[], object],
    *,
    done: str,
    heading: str,
    consequence: str,
    button: str,
) -> HttpResponseBase:
    """Do something grave with a document once its number was typed; say before what follows."""
    form = TypedConfirmation(request.POST or None, wanted=document.number)
    if request.method == "POST" and form.is_valid() and _try(request, act, done):
        return go(request, "document", document.pk)
    return show(
        request,
        "act",
        "documents",
        document=document,
        form=form,
        grave=True,
        heading=heading,
        consequence=consequence,
        button=button,
    )


@member(Role.ACCOUNTANT)
def unpay(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Take a recorded payment back."""
    document = find(request, pk)
    return _confirmed_act(
        request,
        document,
        lambda: actions.unpay(document, actor=request.actor),
        done=_("The payment was taken back."),
        heading=_("Take the payment back"),
        consequence=_("The document will be unpaid again. The payment stays in the archive."),
        button=_("Take the payment back"),
    )


@member(Role.ACCOUNTANT)
def cancel(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Cancel an issued document."""
    document = find(request, pk)
    return _confirmed_act(
        request,
        document,
        lambda: actions.cancel(document, actor=request.actor),
        done=_("The document is being cancelled."),
        heading=_("Cancel the document"),
        consequence=_(
            "The number %(number)s stays taken: a cancelled document keeps its place in the series,"
            " so that no gap arises. If the customer already has the document, or it is in a VAT"
            " return, issue a credit note instead."
        )
        % {"number": document.number},
        button=_("Cancel %(number)s") % {"number": document.number},
    )


@member(Role.ACCOUNTANT)
def delete(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Delete an issued document in its accounting system."""
    document = find(request, pk)
    gap = actions.leaves_gap(document)
    if gap is not None:
        explained = explain(gap, language())
        consequence = f"{explained.cause} {explained.fix}"
    else:
        consequence = _(
            "It is the last document of its series: its number will be given to the next one. What"
            " was sent, what was answered and the PDF stay in the archive."
        )
    return _confirmed_act(
        request,
        document,
        lambda: actions.delete(document, actor=request.actor),
        done=_("The document is being deleted."),
        heading=_("Delete the document"),
        consequence=consequence,
        button=_("Delete %(number)s") % {"number": document.number},
    )


@require_POST
@member(Role.ACCOUNTANT)
def taken_in(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Decide about a document that exists in an accounting system and seems to be an order's."""
    row = get_object_or_404(
        ForeignDocument.objects.select_related("order", "document", "company"),
        company=request.company,
        pk=pk,
    )
    order = row.order or request.company.orders.filter(number=row.order_number).first()
    if request.POST.get("act") == "link" and order is not None:
        found = order
        _try(
            request,
            lambda: taking_in.link(row, found, actor=request.actor),
            _("The document is linked to its order."),
        )
    elif request.POST.get("act") == "apart":
        _try(
            request,
            lambda: taking_in.set_apart(row, actor=request.actor),
            _("It is left alone; what waited for it goes on."),
        )
    return back(request, "documents")


@member(Role.ACCOUNTANT)
def credit(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Issue a credit note: whole, by items, or an amount."""
    document = find(request, pk)
    if document.state != Document.State.ISSUED or document.kind != "invoice":
        return go(request, "document", document.pk)
    form = CreditForm(request.POST or None, document=document)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        what = data["what"]
        if _try(
            request,
            lambda: actions.credit(
                document,
                items=form.items() if what == form.ITEMS else None,
                amount=data["amount"] if what == form.AMOUNT else None,
                reason=data["reason"],
                actor=request.actor,
            ),
            _("The credit note is being issued."),
        ):
            return go(request, "order", document.order_id)
    return show(request, "credit", "documents", document=document, form=form)


@member(Role.ACCOUNTANT)
def email(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Send the document by e-mail."""
    document = find(request, pk)
    form = EmailForm(request.POST or None, initial={"to": document.order.email})
    if (
        request.method == "POST"
        and form.is_valid()
        and _try(
            request,
            lambda: actions.send_email(document, to=form.cleaned_data["to"], actor=request.actor),
            _("The e-mail is on its way."),
        )
    ):
        return go(request, "document", document.pk)
    return show(
        request,
        "act",
        "documents",
        document=document,
        form=form,
        heading=_("Send by e-mail"),
        button=_("Send"),
    )
