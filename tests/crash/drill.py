"""Real kills: web server and workers die by SIGKILL while orders come in and documents go out.

Two companies in one installation: one issues by the own issuer, one in a remote system that
misbehaves by a plan. Each webhook is delivered twice, in any order; those that meet a dead web
server are lost, and polling has to find what they announced.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

from spojka.shops.woocommerce.simulator import KEY, SECRET, Simulator
from tests.crash.installation import Installation, Observer
from tests.crash.verdict import Evidence, Verdict, judge
from tests.documents.mailserver import MailServer, serving
from tests.remote.running import ROOT, remote_system

ORDERS = ROOT / "tests" / "fixtures" / "woocommerce" / "orders"
TEMPLATES = ("rest-20b-set-paid", "store-01-multi-vat-shipping")
MOST_LOST = 12
"""So many deliveries at most meet a dead web server each time it is killed."""
OWN, REMOTE = "Vlastní s.r.o.", "Vzdálená s.r.o."


@dataclass(frozen=True, slots=True)
class Course:
    """What a drill does. The same seed makes the same orders, faults and kills."""

    seed: int
    orders: int
    """For each of the two companies."""
    kills: int
    every: float
    """Seconds from one kill to the next, on average."""
    share: float = 0.25
    """Share of the remote system's requests that go wrong."""
    silence: float = 1.5
    """Seconds for which the remote system keeps a request that it does not answer."""
    workers: int = 1
    never_back: bool = False
    """The last worker is killed in the middle and never started again."""
    settings: dict[str, str] = field(default_factory=dict)
    limit: float = 240.0
    """Seconds in which everything must be done after the last kill."""


class Shop(Simulator):
    """A shop to which it is nothing new that a client dies in the middle of a request."""

    def __enter__(self) -> Self:
        super().__enter__()
        setattr(self._server, "handle_error", lambda *_: None)  # noqa: B010 - a method
        return self


@dataclass(slots=True)
class House:
    """A company with its shop, as the outside world sees it."""

    name: str
    shop: Shop
    token: str = ""
    secret: str = ""


@dataclass(slots=True)
class Tally:
    """What happened on the way."""

    delivered: int = 0
    refused: int = 0
    """Deliveries that met no web server, and were not repeated."""
    kills: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def run(course: Course, folder: Path) -> Verdict:
    """Run a drill in an empty folder; return its figures and everything that is wrong."""
    started = time.monotonic()
    with _world(course, folder) as drill:
        drill.work()
        drill.tally.seconds = time.monotonic() - started
        return drill.judge()


@contextmanager
def _world(course: Course, folder: Path) -> Iterator[_Drill]:
    """Start everything around the installation, and the installation."""
    with ExitStack() as stack:
        mail = stack.enter_context(serving(MailServer()))
        remote = stack.enter_context(
            remote_system(
                folder / "remote.sqlite3",
                seed=course.seed,
                share=course.share,
                silence=course.silence,
            )
        )
        houses = [House(name, stack.enter_context(Shop())) for name in (OWN, REMOTE)]
        data = folder / "data"
        data.mkdir()
        settings = {"SPOJKA_POLL_MINUTES": "0.5", **course.settings}
        house = Installation(data, course.workers, settings)
        stack.enter_context(house)
        house.set_up()
        observer = stack.enter_context(Observer(house))
        for one in houses:
            made = observer.ask(
                "furnish",
                name=one.name,
                shop={"url": one.shop.url, "consumer_key": KEY, "consumer_secret": SECRET},
                mail_port=mail.port,
                remote={"url": remote.url, "api_key": remote.api_key}
                if one.name == REMOTE
                else None,
            )
            one.token, one.secret = made["token"], made["secret"]
        for name in house.names:
            house.start(name)
        shops = {one.name: one.shop for one in houses}
        yield _Drill(course, house, observer, houses, Evidence(mail, remote, shops))


class _Drill:
    def __init__(
        self,
        course: Course,
        installation: Installation,
        observer: Observer,
        houses: list[House],
        evidence: Evidence,
    ) -> None:
        self.course = course
        self.tally = Tally()
        self._chance = random.Random(course.seed)
        self._installation = installation
        self._observer = observer
        self._houses = houses
        self._evidence = evidence
        self._begun = 0.0
        self._to_lose = 0

    def work(self) -> None:
        """Let everything happen at its time, and wait until nothing is left to do."""
        self._wait_for_web()
        self._begun = time.monotonic()
        for at, happen in sorted(self._timeline(), key=lambda entry: entry[0]):
            time.sleep(max(0.0, self._begun + at - time.monotonic()))
            happen()
        wait_for(self._is_quiet, self.course.limit, self._unfinished)

    def judge(self) -> Verdict:
        """Compare what everybody has at the end."""
        return judge(self._observer.ask("report"), self._evidence, vars_of(self.tally))

    # -- what happens -------------------------------------------------------------------------

    def _timeline(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """Yield what happens and when, in seconds from the beginning."""
        course, chance = self.course, self._chance
        span = course.kills * course.every
        names = self._installation.names
        last = names[-1]
        for number in range(course.kills):
            at = (number + chance.uniform(0.2, 1.0)) * course.every
            name = chance.choice(names if not course.never_back else names[:-1])
            yield at, partial(self._kill, name)
        if course.never_back:
            yield span / 2, partial(self._kill, last, back=False)
        for house in self._houses:
            for number in range(1, course.orders + 1):
                at = chance.uniform(0.0, span * 0.85)
                yield from self._order(house, number, at)

    def _order(
        self, house: House, number: int, at: float
    ) -> Iterator[tuple[float, Callable[[], None]]]:
        """Yield the life of one order: placed, perhaps paid later, announced twice each time."""
        chance = self._chance
        later = chance.random() < 0.3
        template = chance.choice(TEMPLATES)
        yield at, partial(place, house.shop, template, number, paid=not later)
        told = [(at, "order.created"), (at, "order.updated")]
        if later:
            pays_at = at + chance.uniform(1.0, 10.0)
            yield pays_at, partial(pay, house.shop, number)
            told.append((pays_at, "order.updated"))
        for since, topic in told * 2:
            when = since + chance.uniform(0.05, 5.0)
            yield when, partial(self._announce, house, topic, number)

    def _kill(self, name: str, *, back: bool = True) -> None:
        if name == "web":
            self._to_lose = self._chance.randint(0, MOST_LOST)
        if self._installation.kill(name):
            self.tally.kills[name] = self.tally.kills.get(name, 0) + 1
        if back:
            self._installation.start(name)

    def _announce(self, house: House, topic: str, number: int) -> None:
        """Deliver one webhook, once: a shop does not repeat what was refused."""
        made = house.shop.delivery(topic, house.shop.orders[number], house.secret)
        status = self._post(f"/hooks/{house.token}/", made.body, dict(made.headers))
        if status == 200:
            self.tally.delivered += 1
            return
        self.tally.refused += 1
        self._to_lose -= 1
        if self._to_lose < 0:
            self._wait_for_web()

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        address = HTTPConnection("127.0.0.1", self._installation.port, timeout=5)
        try:
            address.request("POST", path, body, headers)
            return address.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            address.close()

    def _wait_for_web(self) -> None:
        """Let the web server come up; what happens later is put off by as much."""
        since = time.monotonic()
        wait_for(self._answers, 120, self._unfinished)
        self._begun += time.monotonic() - since

    # -- the end ------------------------------------------------------------------------------

    def _answers(self) -> bool:
        return self._post("/hooks/nobody/", b"{}", {}) == 404

    def _is_quiet(self) -> bool:
        """Tell whether every order has come and nothing is left to do."""
        found = self._observer.ask("waiting")
        wanted = len(self._houses) * self.course.orders
        return (found["orders"], found["paid"]) == (wanted, wanted) and not (
            found["events"] or found["effects"] or found["wakes"]
        )

    def _unfinished(self) -> str:
        logs = [self._installation.log(name)[-1500:] for name in self._installation.names]
        return f"not done in time: {self._observer.ask('waiting')}\n" + "\n".join(logs)


def place(shop: Simulator, template: str, number: int, *, paid: bool) -> None:
    """Place an order like a captured one in the shop."""
    order: dict[str, Any] = json.loads((ORDERS / f"{template}.json").read_text("utf-8"))
    order |= {"id": number, "number": str(number), "order_key": f"wc_order_{number}"}
    order["billing"] = {**order["billing"], "email": f"kupec{number}@example.com"}
    order["payment_method"], order["date_paid"], order["date_paid_gmt"] = "bacs", None, None
    order["status"] = "on-hold"
    if paid:
        order |= _paid_now()
    shop.add(order, modified=datetime.now(UTC))


def pay(shop: Simulator, number: int) -> None:
    """Let the customer of an order pay."""
    shop.change(number, **_paid_now())


def _paid_now() -> dict[str, str]:
    now = datetime.now(UTC)
    local = now + timedelta(hours=1)
    text = "%Y-%m-%dT%H:%M:%S"
    return {
        "status": "processing",
        "date_paid": local.strftime(text),
        "date_paid_gmt": now.strftime(text),
    }


def vars_of(tally: Tally) -> dict[str, Any]:
    """Return what happened on the way, for the figures of the verdict."""
    return {
        "deliveries": tally.delivered,
        "refused deliveries": tally.refused,
        "kills": dict(sorted(tally.kills.items())),
        "seconds": round(tally.seconds),
    }


def wait_for(condition: Callable[[], bool], seconds: float, what: str | Callable[[], str]) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it is not, after so many seconds; with ``what`` as its text.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what if isinstance(what, str) else what())
        time.sleep(0.3)


def replay(course: Course, database: str) -> str:
    """Return the command that runs the same drill again."""
    return (
        f"{Path(sys.executable).name} -m tests.crash --seed {course.seed} --orders {course.orders}"
        f" --kills {course.kills} --every {course.every} --database {database}"
    )
