"""The contract as a suite of tests that each system inherits in three lines.

::

    class TestKniha(SystemContract):
        system = SYSTEM
        simulator = KnihaSimulator

Eight operations × sixteen faults: whatever goes wrong at whichever request of an operation, in the
end there is one document, one payment, one e-mail; the first error is of the right class, and has a
code of the catalogue and no secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from spojka.accounting import registry
from spojka.accounting.contract import Capability, Delivery, Issued, WebhookError
from spojka.accounting.errors import ErrorBook
from spojka.accounting.samples import Samples
from spojka.accounting.serving import Serving
from spojka.accounting.simulator import OUTSIDE, Fault, Simulator
from spojka.accounting.testing.bench import Bench, Story, address_of, patience, walk
from spojka.accounting.testing.operations import (
    METHODS,
    OPERATIONS,
    UNPAY,
    Named,
    is_placeholder,
    issue,
    kept,
    key_of,
    leaves_of,
    pay,
    rates_of,
)
from spojka.accounting.testing.verdict import leaked, must_be_told, unexplained, wrong_class
from spojka.core import catalogue
from spojka.core.descriptor import Check, CheckStatus, FieldKind
from spojka.core.document import VatMode
from spojka.core.outcome import RejectedError, ThrottledError
from spojka.core.problem import Problem

_UNKNOWN_WORDS = catalogue.UNMAPPED
_READS = {"GET", "HEAD"}


class SystemContract:
    """What a system has to prove; inherit, and set ``system`` and ``simulator``."""

    system: ClassVar[Any]
    simulator: ClassVar[type[Simulator]]
    country: ClassVar[str] = "CZ"
    account: ClassVar[Mapping[str, Any]] = {}
    """Settings of the simulated account for all tests."""
    broken: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Accounts that cannot be activated, by what is wrong: each has to give a code of its own."""
    calls: ClassVar[Mapping[str, int]] = {}
    """Requests an operation takes, tokens and lists known: ``invoice``, ``invoice_known``, ``paid``
    (beyond the invoice), ``email``, ``pdf``, ``proforma_to_final`` (at most)."""
    non_payer: ClassVar[Mapping[str, Any] | None] = None
    """Settings of the account of a non-payer."""
    token_path: ClassVar[str] = "/token"  # noqa: S105 - a path
    """Requests with this in their path fetch tokens: they change nothing on documents."""

    # the bench

    @contextmanager
    def bench(
        self, *, load: bool = True, company: VatMode = VatMode.PAYER, **account: Any
    ) -> Iterator[Bench]:
        """Put the system on a bench, with its data loaded."""
        simulator = self.simulator(**{**self.account, **account})
        with Serving(simulator, silence_seconds=1.2) as serving:
            samples = replace(self.samples(simulator), vat_mode=company)
            bench = Bench(self.system, simulator, serving, samples)
            if load:
                bench.load()
            yield bench

    def samples(self, simulator: Simulator) -> Samples:
        """Return the documents it is tried with, on the simulator's day."""
        return Samples(self.country, simulator.now.date())

    def is_token(self, line: str) -> bool:
        """Tell whether a request (``POST /path``) only fetches a token."""
        return self.token_path in line

    def is_write(self, line: str) -> bool:
        """Tell whether a request changes something there; some systems write by ``GET``."""
        return line.partition(" ")[0] not in _READS and not self.is_token(line)

    # eight operations × sixteen faults

    @pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
    @pytest.mark.parametrize("named", OPERATIONS, ids=lambda named: named.name)
    def test_every_fault_of_every_operation(self, named: Named, fault: Fault) -> None:
        if not named.needs <= self.system.descriptor.capabilities:
            self._prove_absent(named)
            return
        self._try(named, fault)
        if named.name == "pay" and UNPAY.needs <= self.system.descriptor.capabilities:
            self._try(UNPAY, fault)

    def _try(self, named: Named, fault: Fault) -> None:
        """Let the fault happen at each request of the operation in turn."""
        position, requests = 0, 1
        while position < requests:
            with self.bench() as bench:
                operation = named.prepare(bench)
                bench.recorded.clear()
                first = len(bench.simulator.requests)
                bench.read_seconds = patience(fault)
                if fault not in OUTSIDE:
                    bench.simulator.fail(fault, skip=position, retry_after="2")
                story = walk(
                    bench,
                    operation.perform,
                    operation.look_up,
                    first_address=address_of(fault, bench),
                )
                asked = bench.simulator.requests[first:]
                where = (
                    f"{fault.value} at request {position + 1} ({asked[position : position + 1]})"
                )
                wrong = operation.right(story.result)
                assert not wrong, f"{where}: {wrong}; errors: {story.errors}"
                if named.name == "verify":
                    assert not story.errors, f"{where}: a checklist raised {story.errors}"
                    self._judge_rows(bench, fault, story.result or [], where)
                else:
                    wrong = self._judge(fault, asked, position, story)
                    assert not wrong, f"{where}: {wrong}"
                for error in story.errors:
                    self._explained(bench, error.problem, error.technical, where)
                self._nothing_leaked(bench, where)
            if position == 0:
                requests = 1 if fault in OUTSIDE else self._requests_of(named)
            position += 1

    def _requests_of(self, named: Named) -> int:
        with self.bench() as bench:
            operation = named.prepare(bench)
            return max(1, bench.calls(lambda: bench.do(operation.perform)))

    def _judge(self, fault: Fault, asked: list[str], at: int, story: Story[Any]) -> str:
        """Say what is wrong with how a fault was told, or nothing."""
        writes = fault not in OUTSIDE and self.is_write(asked[at])
        if not story.errors:
            return "it was told by no error" if must_be_told(fault, writes=writes) else ""
        wrote = any(self.is_write(line) for line in asked[:at])
        return wrong_class(fault, story.errors[0], writes=writes, wrote=wrote)

    def _judge_rows(self, bench: Bench, fault: Fault, rows: list[Check], where: str) -> None:
        """A checklist never raises: what goes wrong is one of its rows, with a reason."""
        wrong = [row for row in rows if row.status is not CheckStatus.OK]
        silent = [row.key for row in wrong if row.problem is None]
        assert not silent, f"{where}: rows without a reason: {silent}"
        for row in wrong:
            assert row.problem is not None
            self._explained(bench, row.problem, row.detail, where)
        if fault in OUTSIDE:
            first = next((row.key for row in wrong if row.necessary), "")
            assert first in {"address", "tls"}, f"{where}: {first or 'no row'} fails"
        elif must_be_told(fault, writes=True):
            assert wrong, f"{where}: every row is well"

    def _explained(self, bench: Bench, problem: Problem, technical: str, where: str) -> None:
        assert not (wrong := unexplained(problem)), f"{where}: {wrong}"
        text = f"{technical} {dict(problem.facts)}"
        assert not leaked(bench.secrets, text), f"{where}: a secret stands in {text}"

    def _nothing_leaked(self, bench: Bench, where: str) -> None:
        found = leaked(bench.secrets, repr(bench.recorded))
        assert not found, f"{where}: a secret stands in a recording"

    def _prove_absent(self, named: Named) -> None:
        """What is not declared does not work, and asks nothing of the other side."""
        missing = named.needs - self.system.descriptor.capabilities
        with self.bench() as bench:
            before = [one for one in bench.simulator.requests if not self.is_token(one)]
            for capability in missing & METHODS.keys():
                for method in METHODS[capability]:
                    assert not hasattr(self.system, method), f"{method} is not declared"
            if not missing & METHODS.keys():
                with pytest.raises((RejectedError, TypeError)):
                    bench.do(named.prepare(bench).perform)
            after = [one for one in bench.simulator.requests if not self.is_token(one)]
            assert len(after) - len(before) <= self.calls.get("invoice", 4)

    # what it says of itself

    def test_it_is_found_with_its_simulator_and_its_errors(self) -> None:
        key = self.system.descriptor.key
        found: object = registry.systems().get(key)
        assert found is self.system, f"{key} is in no folder and no entry point"
        assert registry.simulator(key) is self.simulator
        assert self.simulator.key == key
        entries = ErrorBook.of(registry.package_of(key)).entries
        for code in (entry.code for entry in entries):
            assert code.startswith(f"SPJ-{key.upper()}-"), f"{code} is another's"
            assert catalogue.entry(code).code == code

    def test_it_has_what_it_declares_and_nothing_else(self) -> None:
        declared = self.system.descriptor.capabilities
        for capability, methods in METHODS.items():
            for method in methods:
                assert hasattr(self.system, method) == (capability in declared), method

    def test_its_form_explains_itself_in_three_languages(self) -> None:
        descriptor = self.system.descriptor
        texts = [descriptor.summary]
        for spec in (*descriptor.fields, *descriptor.settings):
            texts += [spec.label, *(label for _, label in spec.choices)]
            if spec.kind is FieldKind.SECRET:
                assert spec.help["en"] or spec.where["en"], spec.key
                texts.append(spec.where if spec.where["en"] else spec.help)
            texts += [text for text in (spec.help, spec.where) if text["en"]]
        for text in texts:
            assert all(text.get(language) for language in catalogue.LANGUAGES), text
        for name, link in descriptor.links.items():
            assert urlsplit(link).scheme == "https", name

    def test_a_healthy_account_passes_the_checklist(self) -> None:
        with self.bench(load=False) as bench:
            rows = bench.do(lambda s: list(self.system.verify(s)))
        assert rows
        assert {row.key for row in rows} >= {"address", "login"}
        for row in rows:
            assert row.status is not CheckStatus.FAIL, (row.key, row.problem, row.detail)
            assert all(row.label.get(language) for language in catalogue.LANGUAGES)

    def test_each_broken_account_is_told_by_a_code_of_its_own(self) -> None:
        codes: dict[str, str] = {}
        for name, account in self.broken.items():
            with self.bench(load=False, **account) as bench:
                rows = bench.do(lambda s: list(self.system.verify(s)))
                failed = [row for row in rows if row.status is CheckStatus.FAIL and row.necessary]
                assert failed, f"{name}: the checklist passes"
                assert failed[0].problem is not None
                codes[name] = failed[0].problem.code
                entry = catalogue.entry(codes[name])
                assert entry.code == codes[name] != _UNKNOWN_WORDS, (name, failed[0])
                self._nothing_leaked(bench, name)
        assert len(set(codes.values())) == len(codes), codes

    def test_a_wrong_secret_is_refused_by_name(self) -> None:
        secrets = [spec for spec in self.system.descriptor.fields if spec.is_secret]
        for spec in secrets:
            with self.bench(load=False) as bench:
                bench.credentials[spec.key] = "0" * len(bench.filled[spec.key])
                rows = bench.do(lambda s: list(self.system.verify(s)))
                failed = [row for row in rows if row.status is CheckStatus.FAIL and row.necessary]
                assert failed and failed[0].problem is not None, spec.key
                assert failed[0].problem.code != _UNKNOWN_WORDS, failed[0]
                self._nothing_leaked(bench, spec.key)

    # amounts

    def test_what_is_predicted_is_what_is_made(self) -> None:
        held = []
        with self.bench() as bench:
            documents = bench.samples.spread()
            for name, document in documents.items():
                try:
                    with bench.session() as s:
                        predicted = self.system.predict(s, document)
                        issued = self.system.create(s, document, key_of(document))
                except RejectedError as error:
                    self._explained(bench, error.problem, error.technical, name)
                    held.append(f"{name}: {error.problem.code}")
                    continue
                (made,) = kept(bench, document)
                assert made.total == predicted.total, name
                if issued.total is not None:
                    assert issued.total == predicted.total, name
                if issued.vat is not None:
                    assert rates_of(issued.vat) == rates_of(predicted.vat), name
                if predicted.total != document.total:
                    held.append(name)
        assert len(held) <= len(documents) // 3, held

    def test_a_non_payers_document_has_no_vat(self) -> None:
        if self.non_payer is None:
            pytest.skip("the simulator has no account of a non-payer")
        with self.bench(company=VatMode.NON_PAYER, **self.non_payer) as bench:
            for document in (bench.samples.invoice(), bench.samples.paid_invoice()):
                with bench.session() as s:
                    assert self.system.predict(s, document).total == document.total
                issued = issue(bench, document)
                (made,) = kept(bench, document)
                assert made.total == document.total
                rows = rates_of(issued.vat or ())
                assert all(rate == tax == 0 for rate, (_net, tax) in rows.items()), rows

    def test_what_is_shown_beforehand_is_what_is_sent(self) -> None:
        with self.bench() as bench:
            document = bench.samples.invoice()
            with bench.session() as s:
                planned = self.system.requests(s, document, key_of(document))
            bench.recorded.clear()
            issue(bench, document)
        assert not leaked(bench.secrets, repr(planned)), "a secret is shown"
        assert planned, "nothing is shown"
        sent = {
            (one.method, urlsplit(one.url).path): leaves_of(one.request_body)
            for one in bench.recorded
        }
        for one in planned:
            line = (one.method, urlsplit(one.url).path)
            assert line in sent, (line, sorted(sent))
            found, shown = sent[line], leaves_of(one.body)
            unlike = {
                name: (shown.get(name), found.get(name))
                for name in found.keys() | shown
                if found.get(name) != shown.get(name) and not is_placeholder(shown.get(name, "-"))
            }
            assert not unlike, f"{line}: shown and sent: {unlike}"

    # lists, ways back, limits

    def test_changes_tell_what_happened_there(self) -> None:
        if Capability.CHANGES not in self.system.descriptor.capabilities:
            assert not hasattr(self.system, "changes")
            return
        with self.bench() as bench:
            since = bench.simulator.now
            bench.wait(timedelta(seconds=90))
            document = bench.samples.invoice()
            issued = issue(bench, document)
            found = self._changed(bench, since)
            assert issued.external_id in found
            assert found[issued.external_id].total == document.total
            bench.wait(timedelta(seconds=90))
            bench.simulator.act("pay", external_id=issued.external_id)
            found = self._changed(bench, since)
            assert found[issued.external_id].paid_amount == document.total
            read = bench.do(lambda s: self.system.read(s, issued.external_id, document.kind))
            assert read is not None
            assert (read.number, read.paid_amount) == (issued.number, document.total)
            assert read.lines is not None
            assert sum((row.gross for row in read.lines), Decimal(0)) == document.total

    def _changed(self, bench: Bench, since: datetime) -> dict[str, Issued]:
        return {
            one.external_id: one for one in bench.do(lambda s: list(self.system.changes(s, since)))
        }

    def test_what_was_never_made_is_not_found(self) -> None:
        with self.bench() as bench:
            document = bench.samples.invoice()
            with bench.session(attempt=1) as s:
                assert self.system.look_up(s, document, key_of(document)) is None
            issue(bench, document)
            other = replace(bench.samples.invoice(), order_number=document.order_number)
            with bench.session(attempt=1) as s:
                assert self.system.look_up(s, other, key_of(other)) is None, "another's was taken"

    def test_a_delivery_of_anybody_is_not_believed(self) -> None:
        if Capability.WEBHOOK not in self.system.descriptor.capabilities:
            assert not hasattr(self.system, "read_webhook")
            return
        with self.bench(load=False) as bench, bench.session() as s:
            for headers in ({}, {"authorization": "Bearer guessed"}, {"x-signature": "guessed"}):
                for body in (b"", b"{}", b'{"id": 1}', b"<html>", b"\xff"):
                    with pytest.raises(WebhookError):
                        self.system.read_webhook(s, Delivery(headers, body))
            assert bench.simulator.requests == []

    def test_undoing_twice_is_undoing_once(self) -> None:
        declared = self.system.descriptor.capabilities
        for capability, name in ((Capability.CANCEL, "cancel"), (Capability.DELETE, "delete")):
            if capability not in declared:
                continue
            with self.bench() as bench:
                document = bench.samples.invoice()
                issued = issue(bench, document)
                for _ in range(2):
                    with bench.session() as s:
                        getattr(self.system, name)(s, document, issued, f"{document.uuid}:{name}")
                assert all(one.cancelled for one in kept(bench, document))

    def test_nothing_is_asked_once_the_budget_is_used_up(self) -> None:
        with self.bench() as bench:
            document = bench.samples.invoice()
            bench.budget.exhausted_until = bench.simulator.now + timedelta(hours=1)

            def create() -> None:
                with pytest.raises(ThrottledError):
                    issue(bench, document)

            assert bench.calls(create) == 0

    def test_it_takes_the_calls_that_it_says(self) -> None:
        if not self.calls:
            return
        with self.bench() as bench:
            with bench.session() as s:  # a token is there, as it is nearly always
                list(self.system.verify(s))
            counted = self._count(bench)
        limits = {name: self.calls[name] for name in counted if name in self.calls}
        assert set(self.calls) <= set(counted)
        assert all(counted[name] <= limit for name, limit in limits.items()), counted

    def _count(self, bench: Bench) -> dict[str, int]:
        samples, declared = bench.samples, self.system.descriptor.capabilities
        first = samples.invoice()
        issued: list[Any] = []
        counted = {"invoice": bench.calls(lambda: issued.append(issue(bench, first)))}
        known = replace(samples.invoice(), customer=first.customer)
        counted["invoice_known"] = bench.calls(lambda: issue(bench, known))
        paid = replace(samples.paid_invoice(), customer=first.customer)
        counted["paid"] = bench.calls(lambda: self._issue_paid(bench, paid))
        counted["paid"] -= counted["invoice_known"]
        if Capability.EMAIL in declared:
            email = next(named for named in OPERATIONS if named.name == "email").prepare(bench)
            counted["email"] = bench.calls(lambda: bench.do(email.perform))
        if Capability.PDF in declared:
            pdf = next(named for named in OPERATIONS if named.name == "pdf").prepare(bench)
            counted["pdf"] = bench.calls(lambda: bench.do(pdf.perform))
        if {Capability.PROFORMA, Capability.FINAL, Capability.PAY} <= declared:
            counted["proforma_to_final"] = bench.calls(lambda: self._proforma_to_final(bench))
        return counted

    def _issue_paid(self, bench: Bench, document: Any) -> None:
        issued = issue(bench, document)
        can = Capability.PAY in self.system.descriptor.capabilities
        if can and issued.paid_amount < document.total:
            pay(bench, document, issued)

    def _proforma_to_final(self, bench: Bench) -> None:
        proforma = bench.samples.proforma()
        issued = issue(bench, proforma)
        payment = pay(bench, proforma, issued)
        if not payment.produced:
            issue(bench, bench.samples.final(proforma, issued.number, issued.external_id))
