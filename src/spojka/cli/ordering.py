"""Commands on orders and their documents: import, list, issue, retry, export."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spojka.cli.installation import (
    actor,
    company_option,
    find_company,
    find_order,
    find_shop,
    json_option,
    with_database,
)
from spojka.cli.output import (
    REFUSED,
    CommandError,
    print_json,
    print_problem,
    print_result,
    print_table,
    problem_json,
    refuse,
)
from spojka.core.document import Kind
from spojka.core.money import minor_units, plain, quantize

if TYPE_CHECKING:
    from decimal import Decimal

    from spojka.documents.models import Document
    from spojka.orders.models import Order

limit_option = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10000))
day = click.DateTime(["%Y-%m-%d"])


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--shop", required=True, help="Id or name of the shop that the orders belong to.")
@company_option
@json_option
@click.pass_context
@with_database
def import_orders(
    context: click.Context, file: Path, shop: str, company_name: str, as_json: bool
) -> None:
    """Import the orders of FILE into a shop; orders that are known already stay as they are."""
    from spojka.orders import intake
    from spojka.shops.contract import MappingError

    target = find_shop(find_company(company_name), shop)
    try:
        result = intake.import_file(target, file.name, file.read_bytes(), actor=actor())
    except MappingError as error:
        refuse(error.code, **error.facts)
    if as_json:
        print_json(
            {
                "created": result.created,
                "changed": result.changed,
                "unchanged": result.unchanged,
                "failed": [
                    {"order": name, **problem_json(problem)} for name, problem in result.failed
                ],
                "orders": result.orders,
            }
        )
    else:
        click.echo(
            f"{result.created} new, {result.changed} changed, {result.unchanged} unchanged, "
            f"{len(result.failed)} refused"
        )
        for name, problem in result.failed:
            click.echo(f"{name}:", err=True)
            print_problem(problem, as_json=False)
    if result.failed:
        context.exit(REFUSED)


@click.command()
@company_option
@click.option("--search", default="", help="Part of a number or of the customer's name.")
@limit_option
@json_option
@with_database
def orders(company_name: str, search: str, limit: int, as_json: bool) -> None:
    """List orders, the latest first."""
    from django.db.models import Q

    from spojka.orders.models import Order

    rows = Order.objects.filter(company=find_company(company_name)).select_related(
        "shop", "current"
    )
    if search:
        rows = rows.filter(Q(number__icontains=search) | Q(customer__icontains=search))
    found = list(rows.prefetch_related("documents")[:limit])
    if as_json:
        for order in found:
            print_json(_order(order))
        return
    print_table(
        ("order", "shop", "ordered", "status", "customer", "total", "", "documents"),
        (
            (
                order.number,
                order.shop.name,
                order.ordered_at.astimezone(order.company.zone).strftime("%Y-%m-%d %H:%M"),
                order.status,
                order.customer,
                money(order.total, order.currency),
                order.currency,
                ", ".join(document.number or document.state for document in order.documents.all()),
            )
            for order in found
        ),
    )


@click.command()
@click.argument("order")
@click.option(
    "--kind",
    type=click.Choice([Kind.INVOICE.value, Kind.PROFORMA.value, Kind.TAX_DOCUMENT.value]),
    default=Kind.INVOICE.value,
    show_default=True,
)
@company_option
@json_option
@click.pass_context
@with_database
def issue(context: click.Context, order: str, kind: str, company_name: str, as_json: bool) -> None:
    """Issue a document of ORDER by hand (its number; SHOP:NUMBER where several shops have it)."""
    from spojka.documents.actions import ActionRefused
    from spojka.documents.actions import issue as issue_document

    found = find_order(find_company(company_name), order)
    try:
        document = issue_document(found, Kind(kind), actor=actor())
    except ActionRefused as error:
        raise CommandError(error.problem) from error
    _print_outcome(context, document, as_json)


@click.command()
@click.argument("order", required=False)
@click.option("--code", default="", help="All documents held for this reason (SPJ-…).")
@company_option
@json_option
@click.pass_context
@with_database
def retry(
    context: click.Context, order: str | None, code: str, company_name: str, as_json: bool
) -> None:
    """Try the held documents of ORDER again, or with --code all that have one cause.

    An order that Spojka itself fails at is tried now instead of at its next time.
    """
    from spojka.documents import actions, stuck
    from spojka.documents.models import Document

    company = find_company(company_name)
    if bool(order) == bool(code):
        raise click.UsageError("Give either ORDER or --code.")
    if code:
        count = actions.retry_all(company, code, actor=actor())
        print_result({"retried": count}, as_json=as_json, text=f"{count} tried again.")
        return
    found = find_order(company, str(order))
    at = stuck.of_order(found)
    if at is not None:
        stuck.try_again(at, actor=actor())
        told = {"order": found.pk, "failures": at.failures, "error": at.error, "trace": at.trace}
        text = f"Tried again after {at.failures} failures ({at.error}, {at.trace} in the log)."
        print_result(told, as_json=as_json, text=text)
    open_states = [Document.State.HELD, Document.State.PLANNED, Document.State.ISSUING]
    for document in found.documents.filter(state__in=open_states):
        try:
            _print_outcome(context, actions.retry(document, actor=actor()), as_json)
        except actions.ActionRefused as error:
            raise CommandError(error.problem) from error


@click.group()
def documents() -> None:
    """List and export documents."""


@documents.command("list")
@company_option
@click.option("--state", default="", help="For example held or issued.")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), default=None)
@click.option("--since", type=day, default=None, help="Issued on this day or later.")
@click.option("--until", type=day, default=None, help="Issued on this day or earlier.")
@limit_option
@json_option
@with_database
def list_documents(
    company_name: str,
    state: str,
    kind: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List documents, the latest first."""
    found = _documents(company_name, state, kind, since, until)[:limit]
    if as_json:
        for document in found:
            print_json(_document(document))
        return
    print_table(
        ("number", "kind", "state", "order", "issued", "total", "", "paid", "reason"),
        (
            (
                document.number,
                document.kind,
                document.state,
                document.order.number,
                document.issued_on or "",
                money(document.total, document.currency),
                document.currency,
                document.paid_on or "",
                ", ".join(problem["code"] for problem in document.problems),
            )
            for document in found
        ),
    )


@documents.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["zip", "pdf", "csv", "csv-iso"]),
    required=True,
    help="ZIP of PDFs, one merged PDF, or a table.",
)
@click.option("--language", type=click.Choice(["cs", "sk", "en"]), default="cs", show_default=True)
@company_option
@click.option("--since", type=day, default=None)
@click.option("--until", type=day, default=None)
@json_option
@with_database
def export(
    file: Path,
    form: str,
    language: str,
    company_name: str,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Write issued documents to FILE."""
    from spojka.documents import exports

    found = list(_documents(company_name, "issued", None, since, until).order_by("id"))
    try:
        if form == "zip":
            content = exports.pdf_zip(found)
        elif form == "pdf":
            content = exports.merged_pdf(found)
        else:
            dialect = exports.Dialect.ISO if form == "csv-iso" else exports.Dialect.EXCEL
            content = exports.csv(found, language, dialect=dialect)
    except exports.ExportError as error:
        raise CommandError(error.problem) from error
    file.write_bytes(content)
    print_result(
        {"file": str(file), "documents": len(found)},
        as_json=as_json,
        text=f"{len(found)} documents written to {file}.",
    )


def money(amount: Decimal | None, currency: str) -> str:
    """Return an amount with the decimals of its currency; empty where there is none."""
    return "" if amount is None else plain(quantize(amount, minor_units(currency)))


def _documents(
    company_name: str,
    state: str,
    kind: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Any:
    from spojka.documents.models import Document

    rows = Document.objects.filter(company=find_company(company_name)).select_related("order")
    if state:
        rows = rows.filter(state=state)
    if kind:
        rows = rows.filter(kind=kind)
    if since:
        rows = rows.filter(issued_on__gte=since.date())
    if until:
        rows = rows.filter(issued_on__lte=until.date())
    return rows


def _print_outcome(context: click.Context, document: Document, as_json: bool) -> None:
    if as_json:
        print_json(_document(document))
    else:
        click.echo(f"{document.kind} of order {document.order.number}: {document.state}")
    if document.state == document.State.HELD:
        from spojka.core.problem import Problem

        if not as_json:
            for problem in document.problems:
                print_problem(Problem(problem["code"], problem["facts"]), as_json=False)
        context.exit(REFUSED)


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.pk,
        "shop": order.shop_id,
        "external_id": order.external_id,
        "number": order.number,
        "status": order.status,
        "currency": order.currency,
        "total": money(order.total, order.currency),
        "customer": order.customer,
        "ordered_at": order.ordered_at.isoformat(),
        "documents": [document.pk for document in order.documents.all()],
        "trace": order.current.trace if order.current else "",
    }


def _document(document: Document) -> dict[str, Any]:
    return {
        "id": document.pk,
        "number": document.number or None,
        "kind": document.kind,
        "state": document.state,
        "order": document.order.number,
        "issued_on": document.issued_on.isoformat() if document.issued_on else None,
        "currency": document.currency,
        "total": money(document.total, document.currency) or None,
        "paid_on": document.paid_on.isoformat() if document.paid_on else None,
        "problems": document.problems,
    }
