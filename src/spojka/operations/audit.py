"""Proof that nobody changed the audit log: its hash chain, recomputed."""

from __future__ import annotations

from dataclasses import dataclass

from spojka.companies.models import AuditEntry, ChainHead
from spojka.core.problem import Problem

CHAIN = "audit"
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of :func:`verify`; ``problems`` are in the order of the log, at most a hundred."""

    entries: int
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def verify() -> Verification:
    """Recompute the whole chain.

    It finds an entry that was changed, removed (at the end, too), inserted or moved. One damage is
    reported once, not again for all that follows.
    """
    problems: list[Problem] = []
    digest, count = "", 0
    for entry in AuditEntry.objects.order_by("pk").iterator(500):
        count += 1
        if entry.previous != digest:
            problems.append(Problem.of("SPJ-AUDIT-BROKEN", entry=entry.pk))
        if entry.computed_digest() != entry.digest:
            problems.append(Problem.of("SPJ-AUDIT-CHANGED", entry=entry.pk))
        digest = entry.digest
    head = ChainHead.objects.filter(name=CHAIN).first()
    length, last = (head.length, head.digest) if head else (0, "")
    if count != length or digest != last:
        problems.append(Problem.of("SPJ-AUDIT-CUT", found=count, wanted=length))
    return Verification(count, tuple(problems[:MOST_PROBLEMS]))
