"""``spojka preview``: what would be issued for orders in files, without a database and without
settings, so that it can be tried on any export in the first minute.

It uses the same mapping and the same making of documents as the application does.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import click

from spojka.accounting import registry as accounting
from spojka.accounting.contract import Session, System
from spojka.cli import preview_company, preview_inputs, preview_result
from spojka.cli.output import REFUSED, language, print_json, print_problem, print_table
from spojka.cli.preview_files import Drafts
from spojka.cli.preview_inputs import Payload, Rejected
from spojka.cli.preview_result import DOCUMENT, HELD, NOTHING, Result
from spojka.core.build import Request, build
from spojka.core.credit import Credit, build_credit_note
from spojka.core.document import Document, Kind, Original
from spojka.core.order import Order, Refund
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Held, Problem
from spojka.core.profile import Profile
from spojka.core.variables import VariableError
from spojka.documents import comparison
from spojka.shops import registry as shops
from spojka.shops.contract import MappingError, MappingOptions, Source

KINDS = (Kind.INVOICE.value, Kind.PROFORMA.value, Kind.CREDIT_NOTE.value)
# Reasons for which there is nothing to do, for anyone.
_NOTHING = {"SPJ-NO-REFUND", "SPJ-ZERO-REFUND"}


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything that decides what becomes of an order."""

    source: Source
    options: MappingOptions
    system: System
    profile: Profile
    kind: Kind
    now: datetime

    def results(self, item: Payload | Rejected) -> Iterator[Result]:
        """Yield what becomes of one item: one result, or for credit notes one per refund."""
        if isinstance(item, Rejected):
            yield Result(
                HELD,
                problems=(item.problem,),
                refund_id=item.refund_id,
                refund_amount=item.refund_amount,
            )
            return
        try:
            order = self.source.parse(item.data, self.options)
        except MappingError as error:
            yield Result(HELD, problems=(_of_file(error, item.source),))
            return
        if self.kind is Kind.CREDIT_NOTE:
            yield from self._credit_notes(order)
        else:
            yield self._document(order)

    def _document(self, order: Order) -> Result:
        try:
            document = build(order, self.profile, self._request(order))
        except (Held, VariableError) as refusal:
            return _refused(order, refusal)
        return self._sent(order, document)

    def _credit_notes(self, order: Order) -> Iterator[Result]:
        """Yield a result per refund, the earliest first: each takes from what those before left."""
        if not order.refunds:
            problem = Problem.of("SPJ-NO-REFUND", order=order.number)
            yield Result(NOTHING, order, (problem,))
            return
        try:
            invoice = build(
                order, self.profile, replace(self._request(order), kind=Kind.INVOICE, reason="")
            )
        except (Held, VariableError) as refusal:
            for refund in order.refunds:
                yield replace(_refused(order, refusal), refund=refund)
            return
        earlier: list[Document] = []
        for refund in sorted(order.refunds, key=_made):
            result = self._credit_note(order, refund, invoice, earlier)
            if result.document and result.result == DOCUMENT:
                earlier.append(result.document)
            yield replace(result, refund=refund)

    def _credit_note(
        self, order: Order, refund: Refund, invoice: Document, earlier: Sequence[Document]
    ) -> Result:
        # The invoice was never issued, so that it has no number: the order's stands for it.
        original = Original(number=order.number, issued_on=invoice.issued_on, uuid=invoice.uuid)
        request = replace(
            self._request(order, refund.external_id), original=original, reason=refund.reason
        )
        try:
            document = build_credit_note(
                order, self.profile, request, invoice, earlier, Credit(refund=refund)
            )
        except (Held, VariableError) as refusal:
            return _refused(order, refusal)
        return self._sent(order, document)

    def _request(self, order: Order, refund_id: str = "") -> Request:
        # The same order always gives the same draft.
        name = f"spojka:preview:{order.external_id}:{self.kind.value}:{refund_id}"
        return Request(kind=self.kind, uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, name)), now=self.now)

    def _sent(self, order: Order, document: Document) -> Result:
        """Add what would be sent, and compare what the system would make of it."""
        session = Session(credentials={}, settings={}, now=self.now)
        try:
            predicted = self.system.predict(session, document)
            requests = tuple(self.system.requests(session, document, document.uuid))
        except OutcomeError as error:
            return Result(HELD, order, (error.problem,))
        except Held as held:
            return Result(HELD, order, held.problems)
        different = comparison.predicted(predicted, document)
        if different is not None:
            return Result(HELD, order, (different,), document, requests, predicted)
        return Result(DOCUMENT, order, (), document, requests, predicted)


def _made(refund: Refund) -> tuple[datetime, int, str]:
    """Order refunds by time; of one second, the lower id was made first."""
    number = int(refund.external_id) if refund.external_id.isdecimal() else 0
    return refund.created_at, number, refund.external_id


def _refused(order: Order, refusal: Held | VariableError) -> Result:
    problems = refusal.problems if isinstance(refusal, Held) else (refusal.problem,)
    nothing = bool(problems) and all(problem.code in _NOTHING for problem in problems)
    return Result(NOTHING if nothing else HELD, order, problems)


def _of_file(error: MappingError, name: str) -> Problem:
    facts = dict(error.facts)
    if "detail" in facts:
        facts["detail"] = f"{name}: {facts['detail']}"
    return Problem(error.code, facts)


def _choose(kind: str, key: str, known: Mapping[str, Any]) -> Any:
    try:
        return known[key]
    except KeyError:
        raise click.BadParameter(
            f"{key!r} is not one of {', '.join(sorted(known))}.", param_hint=f"--{kind}"
        ) from None


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--shop", default="woocommerce", show_default=True, help="Platform of the orders.")
@click.option("--system", default="own", show_default=True, help="Accounting system.")
@click.option("--kind", type=click.Choice(KINDS), default=Kind.INVOICE.value, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option(
    "--company",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with the company's settings.",
)
@click.option("--country", default="", help="Country of the company (CZ).", metavar="CODE")
@click.option("--vat-mode", type=click.Choice(preview_company.VAT_MODES), default=None)
@click.option("--oss/--no-oss", default=None, help="Does the company use the One Stop Shop?")
@click.option("--language", "spoken", type=click.Choice(["cs", "sk", "en"]), default=None)
@click.option("--vat-conflict", type=click.Choice(preview_company.CONFLICTS), default=None)
@click.option("--refunds", type=click.Choice(preview_company.REFUNDS), default=None)
@click.option(
    "--date",
    "today",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help="Preview as if it were this day.",
)
@click.option(
    "--pdf", "pdf_dir", type=click.Path(file_okay=False, path_type=Path), help="Write PDFs here."
)
@click.option(
    "--isdoc",
    "isdoc_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write ISDOC files here.",
)
@click.pass_context
def preview(
    context: click.Context,
    files: tuple[str, ...],
    shop: str,
    system: str,
    kind: str,
    as_json: bool,
    company: Path | None,
    country: str,
    vat_mode: str | None,
    oss: bool | None,
    spoken: str | None,
    vat_conflict: str | None,
    refunds: str | None,
    today: datetime | None,
    pdf_dir: Path | None,
    isdoc_dir: Path | None,
) -> None:
    """Show which documents would be issued for the orders in FILE… (- is standard input).

    A file holds an order, a list of orders, a captured webhook, or refunds of orders given in the
    same call. Nothing is stored and nothing is sent.
    """
    source = _choose("shop", shop, shops.sources())
    chosen = preview_company.company(
        company,
        preview_company.Options(
            country, vat_mode or "", oss, spoken or "", vat_conflict or "", refunds or ""
        ),
    )
    profile = chosen.profile
    now = datetime.now(UTC)
    if today is not None:
        now = datetime.combine(today.date(), time(12), profile.zone)
    task = Preview(
        source=source,
        options=MappingOptions(time_zone=profile.time_zone, vat_conflict=chosen.vat_conflict),
        system=_choose("system", system, accounting.systems()),
        profile=profile,
        kind=Kind(kind),
        now=now,
    )
    drafts = Drafts(pdf_dir, isdoc_dir)
    paths = [None if name == "-" else Path(name) for name in files]
    told = spoken or language()
    rows: list[tuple[str, ...]] = []
    held = False
    for item in preview_inputs.read(paths, source):
        for result in task.results(item):
            held = held or result.result == HELD
            for problem in drafts.write(result):
                held = True
                print_problem(problem, as_json=False)
            if as_json:
                print_json(result.as_json(told))
            else:
                rows.append(result.as_row(told))
    if not as_json:
        print_table(preview_result.TABLE, rows)
    if held:
        context.exit(REFUSED)
