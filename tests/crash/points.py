"""Crash points: one order is led its way again and again, and each time the worker dies elsewhere.

For every boundary of the way (see ``boundaries``) the worker process kills itself there; another
one then takes over. In the end everything must be as if nobody had been killed: in Spojka's own
tables, in the remote system, in the shop and in the mailbox.

One difference is meant to be: a mail server cannot be asked what it accepted. An e-mail in whose
sending the worker died is never sent again by itself, but shown to a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spojka.shops.woocommerce.simulator import KEY, SECRET
from tests.crash.drill import REMOTE, TEMPLATES, Shop, pay, place
from tests.crash.installation import Installation, Observer
from tests.crash.verdict import Evidence, judge
from tests.documents.mailserver import MailServer, serving
from tests.remote.running import Remote, remote_system

WAITS = {
    "SPOJKA_LOOK_UP_SECONDS": "0.1,0.2,0.3",
    "SPOJKA_SETTLE_SECONDS": "0.2",
    "SPOJKA_RETRY_SECONDS": "0.1",
}
ATTEMPTS = 5
NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Outcome:
    """What an enumeration of crash points found."""

    boundaries: list[str]
    tried: list[int] = field(default_factory=list)
    unsent: int = 0
    """Points after which an e-mail waits for a person, having been sent once or not at all."""
    findings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Stage:
    """A company, and the world around it."""

    observer: Observer
    shop: Shop
    mail: MailServer
    remote: Remote
    token: str
    secret: str

    def announce(self, at: int | None = None) -> list[str]:
        """Have the shop's webhook taken in; nobody has looked at it yet.

        The web process dies at its ``at``-th boundary. Returns the boundaries it passed.
        """
        made = self.shop.delivery("order.updated", self.shop.orders[1], self.secret)
        delivery = {"headers": dict(made.headers), "body": made.body.decode()}
        answer = self.observer.ask("take_in", at=at, token=self.token, **delivery)
        passed: list[str] = answer["boundaries"]
        return passed

    def begin(self) -> None:
        """Go back to the beginning of the way, everywhere."""
        self.observer.ask("go_back")
        self.remote.go_back()
        self.shop.notes = {number: list(notes) for number, notes in self._notes.items()}
        del self.mail.received[self._mails :]

    def keep(self) -> None:
        """Make this the beginning of the way."""
        self.observer.ask("snapshot")
        self.remote.keep()
        self._notes = {number: list(notes) for number, notes in self.shop.notes.items()}
        self._mails = len(self.mail.received)

    _notes: dict[int, list[Any]] = field(default_factory=dict, init=False)
    _mails: int = field(default=0, init=False)

    def state(self) -> dict[str, Any]:
        """Return all that must be the same, with e-mails apart."""
        (company,) = self.observer.ask("report")
        documents = [document for order in company["orders"] for document in order["documents"]]
        return {
            "documents": [
                [document[name] for name in ("uuid", "kind", "state", "number", "total", "paid")]
                for document in documents
            ],
            "effects": sorted(
                [effect["key"], effect["state"]]
                for document in documents
                for effect in document["effects"]
                if effect["kind"] != "email"
            ),
            "register": company["register"],
            "archive": sorted(
                [entry["subject"], entry["kind"], entry["number"]]
                for entry in company["archive"]
                if entry["kind"] != "email"
            ),
            "remote": self.remote.rows("SELECT reference, number, total FROM document"),
            "payments": self.remote.rows("SELECT document, key, amount FROM payment"),
            "notes": sorted(note["note"] for note in self.shop.notes.get(1, [])),
        }

    def wrong(self) -> list[str]:
        """Return what a verdict finds."""
        evidence = Evidence(self.mail, self.remote, {REMOTE: self.shop})
        return judge(self.observer.ask("report"), evidence, {}).findings

    def emails(self) -> tuple[int, int]:
        """Return how many e-mails are confirmed, and how many wait for a person."""
        (company,) = self.observer.ask("report")
        states = [
            effect["state"]
            for order in company["orders"]
            for document in order["documents"]
            for effect in document["effects"]
            if effect["kind"] == "email"
        ]
        return states.count("confirmed"), states.count("rejected")


@contextmanager
def stage(folder: Path, *, remote: bool, settings: Mapping[str, str]) -> Iterator[Stage]:
    """Set a stage for the own issuer or the remote system, with one unpaid order in the shop.

    One thread works, so that the boundaries of the way come in one order.
    """
    with ExitStack() as stack:
        mail = stack.enter_context(serving(MailServer()))
        other = stack.enter_context(remote_system(folder / "remote.sqlite3"))
        shop = stack.enter_context(Shop())
        data = folder / "data"
        data.mkdir()
        waits = {**WAITS, "SPOJKA_WORKER_THREADS": "1"}
        installation = Installation(data, settings={**waits, **settings})
        installation.set_up()
        observer = stack.enter_context(Observer(installation))
        made = observer.ask(
            "furnish",
            name=REMOTE,
            shop={"url": shop.url, "consumer_key": KEY, "consumer_secret": SECRET},
            mail_port=mail.port,
            remote={"url": other.url, "api_key": other.api_key} if remote else None,
        )
        place(shop, TEMPLATES[0], 1, paid=False)
        yield Stage(observer, shop, mail, other, made["token"], made["secret"])


def enumerate_receiving(scene: Stage) -> Outcome:
    """Die at every boundary of taking the webhook in; a delivery that is lost is polled for."""
    scene.keep()
    outcome = Outcome(scene.announce())
    scene.observer.ask("live")
    wanted = scene.state()
    for point, name in enumerate(outcome.boundaries, 1):
        scene.begin()
        scene.announce(point)
        scene.observer.ask("poll")
        scene.observer.ask("live")
        outcome.tried.append(point)
        found = scene.state()
        outcome.findings += [
            f"{point}, {name}: {what} is {found[what]}, not {wanted[what]}"
            for what in wanted
            if found[what] != wanted[what]
        ]
    scene.begin()
    return outcome


def enumerate_points(scene: Stage, every: int, *, whole: bool) -> Outcome:
    """Lead the announced order its way, dying at every ``every``-th boundary.

    ``whole``: at the end of the way the order must be done with, its invoice issued and paid.
    """
    scene.keep()
    boundaries = scene.observer.ask("live")["boundaries"]
    wanted, usual = scene.state(), scene.wrong()
    outcome = Outcome(boundaries)
    if whole:
        outcome.findings += [f"undisturbed: {text}" for text in usual]
    sent, _ = scene.emails()
    for point in range(1 + len(boundaries) % every, len(boundaries) + 1, every):
        name = f"{point} of {len(boundaries)}, {boundaries[point - 1]}"
        if not _dies(scene, point):
            outcome.findings.append(f"{name}: the worker did not come so far")
            continue
        scene.observer.ask("expire")
        scene.observer.ask("live")
        outcome.tried.append(point)
        found = scene.state()
        outcome.findings += [
            f"{name}: {what} is {found[what]}, not {wanted[what]}"
            for what in wanted
            if found[what] != wanted[what]
        ]
        outcome.findings += [f"{name}: {text}" for text in scene.wrong() if text not in usual]
        now_sent, unsent = scene.emails()
        outcome.unsent += unsent
        if now_sent + unsent != sent:
            outcome.findings.append(f"{name}: {now_sent} of {sent} e-mails are accounted for")
    return outcome


def _dies(scene: Stage, point: int) -> bool:
    """Lead the order its way until the worker dies at a boundary; tell whether it came so far.

    How often it is woken on the way depends on the clock.
    """
    for _ in range(ATTEMPTS):
        scene.begin()
        if scene.observer.ask("live", at=point)["killed"]:
            return True
    return False


def whole_way(
    folder: Path, *, remote: bool, every: int = 1, settings: Mapping[str, str] = NONE
) -> dict[str, Outcome]:
    """Enumerate the webhook, the way to the proforma, and the way from payment to invoice.

    ``settings`` are those of :func:`tests.crash.databases.database`; none for SQLite.
    """
    with stage(folder, remote=remote, settings=settings) as scene:
        received = enumerate_receiving(scene)
        scene.announce()
        first = enumerate_points(scene, every, whole=False)
        scene.begin()
        scene.observer.ask("live")
        pay(scene.shop, 1)
        scene.announce()
        second = enumerate_points(scene, every, whole=True)
        return {"webhook": received, "proforma": first, "payment and invoice": second}


def told(system: str, outcomes: dict[str, Outcome]) -> str:
    """Return the figures as text."""
    rows = [
        f"{system}, {way}: {len(outcome.tried)} of {len(outcome.boundaries)} crash points, "
        f"{len(outcome.findings)} wrong, {outcome.unsent} with an e-mail for a person"
        for way, outcome in outcomes.items()
    ]
    wrong = [finding for outcome in outcomes.values() for finding in outcome.findings]
    return "\n".join([*rows, *(f"  WRONG: {finding}" for finding in wrong)])
