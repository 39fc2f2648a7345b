"""Certification: what a system really does with an account, proven there and reported.

The harmless half only reads. The writing half, on request, makes small test documents, compares
each with what was predicted, and takes back what can be taken back. Nothing is tried twice where it
is not known what became of the first time: it is looked up, and reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import islice

from spojka.accounting.certification_parts import (
    Finding,
    Proof,
    Prove,
    Trial,
    Verdict,
    with_problem,
)
from spojka.accounting.certification_writing import Writing
from spojka.accounting.contract import Capability, LoadedData
from spojka.core.descriptor import CheckStatus
from spojka.core.document import VatMode

CHANGES_READ = 20
"""Documents of the list of changes that are looked at."""
_PROVEN_OTHERWISE = frozenset({Capability.CHANGES, Capability.OWN_NUMBERS})


class Certification:
    """One run on one account; iterate :meth:`run`, then read ``left_behind``."""

    def __init__(self, trial: Trial, *, write: bool = False) -> None:
        self._trial = trial
        self._of = trial.system.descriptor
        self._writing = Writing(trial) if write else None

    @property
    def left_behind(self) -> list[str]:
        """Numbers of test documents that still exist there."""
        return self._writing.left_behind if self._writing else []

    def run(self) -> Iterator[Proof]:
        """Yield each proof as soon as it is known."""
        for name, prove in self._harmless().items():
            yield self._trial.proof(name, prove)
        if self._writing is None:
            for capability in Capability:
                if capability in self._of.capabilities - _PROVEN_OTHERWISE:
                    yield Proof(capability.value, Verdict.UNTRIED)
        else:
            yield from self._written(self._writing)
        for capability in Capability:
            if capability not in self._of.capabilities:
                yield Proof(capability.value, Verdict.ABSENT)

    def _written(self, writing: Writing) -> Iterator[Proof]:
        cleaned = None
        try:
            for name, prove in writing.proofs().items():
                yield self._trial.proof(name, prove)
        finally:  # also where the reader of the report goes away
            cleaned = self._trial.proof("clean_up", writing.clean_up)
        yield cleaned

    def _harmless(self) -> Mapping[str, Prove]:
        proofs = {
            "verify": self._verify,
            "load": self._load,
            "predict": self._predict,
            "look_up_nothing": self._look_up_nothing,
        }
        if Capability.CHANGES in self._of.capabilities:
            proofs["changes"] = self._changes
        return proofs

    def _verify(self) -> Finding:
        rows = self._trial.do(lambda s: list(self._trial.system.verify(s)))
        wrong = [row for row in rows if row.status is not CheckStatus.OK]
        fails = any(row.status is CheckStatus.FAIL and row.necessary for row in wrong)
        return Finding(
            f"{len(rows) - len(wrong)} of {len(rows)} rows are well",
            tuple(row.problem for row in wrong if row.problem is not None),
            Verdict.REFUSED if fails else Verdict.WORKS,
        )

    def _load(self) -> Finding:
        data: LoadedData = self._trial.do(self._trial.system.load)
        counts = {
            "series": len(data.series),
            "bank accounts": len(data.bank_accounts),
            "currencies": len(data.currencies),
            "contacts": len(data.contacts),
        }
        return Finding(", ".join(f"{count} {name}" for name, count in counts.items()))

    def _predict(self) -> Finding:
        samples = self._trial.samples()
        documents = {"a small invoice": samples.invoice()}
        if samples.vat_mode is VatMode.PAYER:
            documents = dict(samples.spread())
        with self._trial.open_session(0) as s:
            held = [
                name
                for name, one in documents.items()
                if self._trial.judge.predicted(self._trial.system.predict(s, one), one) is not None
            ]
        told = f"{len(documents) - len(held)} of {len(documents)} samples are computed as ours"
        return Finding(f"{told}; held: {', '.join(held)}" if held else told)

    def _look_up_nothing(self) -> Finding:
        document = self._trial.sample()
        found = self._trial.do(
            lambda s: self._trial.system.look_up(s, document, f"{document.uuid}:create"), 1
        )
        if found is not None:
            return with_problem("SPJ-CERTIFY-FOUND", found.number)
        return Finding("what was never made is not found")

    def _changes(self) -> Finding:
        with self._trial.open_session(0) as s:
            since = s.now - timedelta(days=7)
            count = sum(1 for _ in islice(self._trial.system.changes(s, since), CHANGES_READ))
        more = " or more" if count == CHANGES_READ else ""
        return Finding(f"{count}{more} documents changed in 7 days")
