"""What must be true after a drill, whoever was killed when.

Compared are four witnesses that know nothing of each other: Spojka's own tables, the store of the
remote system, the shops with their notes, and the mail server.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spojka.shops.woocommerce.simulator import Simulator
from tests.documents.mailserver import MailServer
from tests.remote.running import Remote

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The world outside: mail server, remote system, and the shop of each company by its name."""

    mail: MailServer
    remote: Remote
    shops: Mapping[str, Simulator]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Figures, and everything that is wrong: nothing, if all is well."""

    figures: dict[str, Any]
    findings: list[str]

    def __str__(self) -> str:
        rows = [f"  {name}: {value}" for name, value in self.figures.items()]
        return "\n".join([*rows, *(f"  WRONG: {finding}" for finding in self.findings)])


def judge(companies: list[Row], evidence: Evidence, way: Mapping[str, Any]) -> Verdict:
    """Judge the report of an observer by what the world outside has."""
    findings: list[str] = []
    for company in companies:
        shop = evidence.shops[company["name"]]
        for order in company["orders"]:
            findings += (f"order {order['id']}: {text}" for text in _order(order))
            findings += (f"order {order['id']}: {text}" for text in _notes(order, shop))
        arrived = {int(order["id"]) for order in company["orders"]}
        findings += (f"order {number} is lost" for number in sorted(set(shop.orders) - arrived))
        findings += _archive(company)
        findings += _register(company)
    documents = [document for company in companies for document in _documents(company)]
    findings += _remote(companies, evidence.remote)
    findings += _mail(documents, evidence.mail)
    states = Counter(
        f"{effect['kind']} {effect['state']}" for row in documents for effect in row["effects"]
    )
    figures = {
        **way,
        "orders": sum(len(company["orders"]) for company in companies),
        "first seen by webhook": sum(company["first_by_webhook"] for company in companies),
        "documents": dict(Counter(row["kind"] for row in documents)),
        "effects": dict(sorted(states.items())),
        "sent more than once": sum(
            effect["attempt"] > 1 for row in documents for effect in row["effects"]
        ),
        "faults": sum(evidence.remote.faults().values()),
        "faults by kind": evidence.remote.faults(),
        "e-mails": len(evidence.mail.received),
        "archive entries": sum(len(company["archive"]) for company in companies),
    }
    return Verdict(figures, findings)


def _documents(company: Row) -> list[Row]:
    return [document for order in company["orders"] for document in order["documents"]]


def _order(order: Row) -> Iterator[str]:
    """Each order has its invoice, at most one proforma, and a life line that tells it all."""
    kinds = Counter(document["kind"] for document in order["documents"])
    if kinds["invoice"] != 1 or kinds["proforma"] > 1 or set(kinds) - {"invoice", "proforma"}:
        yield f"has {dict(kinds)}"
    names = [name for name, _ in order["events"]]
    if names[:1] != ["order.received"] or names.count("order.received") != 1:
        yield f"its life line begins with {names[:3]}"
    for document in order["documents"]:
        yield from _document(document)
        of_it = Counter(name for name, uuid in order["events"] if uuid == document["uuid"])
        if of_it["planned"] != 1:
            yield f"{document['kind']} was planned {of_it['planned']} times"
        for effect in document["effects"]:
            wanted = f"{effect['kind']}.{effect['state']}"
            if of_it[wanted] != 1:
                yield f"{wanted} stands {of_it[wanted]} times in the life line"


def _document(document: Row) -> Iterator[str]:
    name = f"{document['kind']} {document['number'] or document['uuid']}"
    if document["state"] == "dropped":
        return
    if document["state"] != "issued" or not document["number"]:
        yield f"{name} is {document['state']}: {document['problems']}"
    if document["problems"]:
        yield f"{name} has {document['problems']}"
    if document["paid"] != document["total"]:
        yield f"{name}: {document['paid']} of {document['total']} paid"
    for effect in document["effects"]:
        unknowable = effect["kind"] == "email" and effect["problem"] == "SPJ-EMAIL-UNCERTAIN"
        if effect["state"] != "confirmed" and not unknowable:
            yield f"{name}: {effect['kind']} is {effect['state']} ({effect['problem']})"
    kinds = Counter(effect["kind"] for effect in document["effects"])
    missing = {"create", "pdf", "write_back", "email"} - set(kinds)
    if missing:
        yield f"{name} has no {', '.join(sorted(missing))}"
    if max(kinds.values(), default=0) > 1:
        yield f"{name} has {dict(kinds)}"


def _notes(order: Row, shop: Simulator) -> Iterator[str]:
    """The number of each document is written to the shop, once."""
    notes = Counter(note["note"] for note in shop.notes.get(int(order["id"]), []))
    yield from (
        f"the shop has {times} notes {text!r}" for text, times in notes.items() if times > 1
    )
    for document in order["documents"]:
        if document["number"] and not any(document["number"] in text for text in notes):
            yield f"the shop does not know {document['number']}"


def _archive(company: Row) -> Iterator[str]:
    """The chain is whole, and holds the PDF of each document and each e-mail, once."""
    yield from (f"archive of {company['name']}: {code}" for code in company["archive_problems"])
    kept = Counter((entry["subject"], entry["kind"]) for entry in company["archive"])
    for document in _documents(company):
        for effect in document["effects"]:
            if effect["kind"] in {"pdf", "email", "write_back"} and effect["state"] == "confirmed":
                times = kept[document["uuid"], effect["kind"]]
                if times != 1:
                    yield f"{document['number']}: {times} times {effect['kind']} in the archive"


def _register(company: Row) -> Iterator[str]:
    """Numbers of the own issuer have no gap and no double, and each is a document's."""
    counters: dict[tuple[int, str], list[int]] = defaultdict(list)
    for entry in company["register"]:
        counters[entry["series"], entry["period"]].append(entry["counter"])
    for series, numbers in counters.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            yield f"series {series} has the numbers {sorted(numbers)}"
    yield from (f"series watch: {finding}" for finding in company["series_findings"])
    ours = {document["uuid"]: document["number"] for document in _documents(company)}
    for entry in company["register"]:
        if ours.get(entry["document"]) != entry["number"]:
            yield f"{entry['number']} is in the register and not with its order"


def _remote(companies: Iterable[Row], remote: Remote) -> Iterator[str]:
    """Its store has each of our documents once, and none that we do not know."""
    theirs = remote.documents()
    for what in ("reference", "number"):
        doubled = [key for key, times in Counter(row[what] for row in theirs).items() if times > 1]
        yield from (f"the remote system has {key} twice" for key in doubled)
    per_order = Counter((row["orders"], row["kind"]) for row in theirs)
    for (order, kind), times in per_order.items():
        if times > 1:
            yield f"order {order} has {times} {kind}s in the remote system"
    own = {entry["number"] for company in companies for entry in company["register"]}
    ours = {
        f"{document['uuid']}:create": document["number"]
        for company in companies
        for document in _documents(company)
        if document["number"] and document["number"] not in own
    }
    found = {row["reference"]: row["number"] for row in theirs}
    for key in sorted(set(ours) | set(found)):
        if ours.get(key) != found.get(key):
            yield f"{key}: we have {ours.get(key)}, the remote system {found.get(key)}"


def _mail(documents: Iterable[Row], mail: MailServer) -> Iterator[str]:
    """Nothing is e-mailed twice, and what is said to have been sent was sent."""
    received = Counter(message.message["Message-ID"] for message in mail.received)
    yield from (f"{key} was e-mailed {times} times" for key, times in received.items() if times > 1)
    # The same words of two companies are two e-mails: both shops number their orders from one.
    words = Counter(
        (one.message["From"], one.recipients[0], one.message["Subject"]) for one in mail.received
    )
    yield from (f"{key} was e-mailed {times} times" for key, times in words.items() if times > 1)
    keys = {key.partition("@")[0].strip("<") for key in received}
    for document in documents:
        for effect in document["effects"]:
            sent = effect["kind"] == "email" and effect["state"] == "confirmed"
            if sent and effect["key"].replace(":", ".") not in keys:
                yield f"{document['number']} is said to have been e-mailed"
