"""The test order: one click issues it, both sides are compared, another click takes it back."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.utils.translation import gettext as _

from spojka.companies.models import Role
from spojka.connections.standing import problems_of
from spojka.documents import trial
from spojka.documents.actions import ActionRefused
from spojka.web import trials
from spojka.web.access import CompanyRequest, member
from spojka.web.views.common import go, tell, tell_problem
from spojka.web.views.connection_tabs import call_rows
from spojka.web.views.connections import find, show_tab


@member(Role.OWNER)
def connection_test(request: CompanyRequest, pk: int) -> HttpResponseBase:
    """Issue a test order, show how far it is, compare both sides, and take it back."""
    connection = find(request, pk)
    order = trials.latest(connection)
    if request.method == "POST":
        try:
            if request.POST.get("act") == "start":
                trial.start(connection, actor=request.actor)
            elif request.POST.get("act") == "undo" and order is not None:
                trial.undo(order, actor=request.actor)
                tell(request, _("The test is being taken back."))
        except ActionRefused as error:
            tell_problem(request, error.problem)
        return go(request, "settings_connection_test", connection.pk)
    report = trial.report(order) if order is not None else None
    problems = problems_of(connection)
    if report is None:
        return show_tab(request, connection, "test", report=None, problems=problems)
    row = report.document.foreign_documents.first()
    return show_tab(
        request,
        connection,
        "test",
        order=order,
        report=report,
        problems=problems,
        document=report.document,
        both=trials.side_by_side(report, row.issued() if row else None),
        url=row.issued().url if row else "",
        rows=call_rows(report.calls),
        live=trials.is_under_way(report),
    )
