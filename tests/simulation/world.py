"""Three companies in one installation: their shops, their accounting systems, their mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from spojka.accounting import registry as accounting
from spojka.accounting.contract import File, Issued, Recovery
from spojka.companies.models import Company
from spojka.connections import calls, shops, systems
from spojka.connections.models import Connection, Shop
from spojka.core.document import Document as CoreDocument
from spojka.core.document import Kind
from spojka.core.outcome import EffectKind
from spojka.core.rules import Conditions, Rule
from spojka.documents import emailing, rulebook
from spojka.documents.models import Document, EmailTemplate
from spojka.documents.register import CompanyRegister
from spojka.documents.rendered import CompanyRenderer
from spojka.documents.series import add_default_series
from spojka.engine import leases
from spojka.shops import registry as platforms
from tests.simulation.chaos import Chaos, ViolationError
from tests.simulation.remote import RemoteSystem
from tests.simulation.shop import SimulatedShop

OWN = "own"
SYSTEMS = (
    (OWN, None),
    ("sim-search", Recovery.SEARCH),
    ("sim-replay", Recovery.REPLAY),
)


def rule_of(kind: Kind, **conditions: Any) -> Rule:
    """Return a rule."""
    return Rule(id="x", name=kind.value, kind=kind, conditions=Conditions(**conditions))


RULES = (
    rule_of(Kind.PROFORMA, paid=False, statuses=("pending", "on-hold"), payment_methods=("bacs",)),
    rule_of(Kind.INVOICE, paid=True),
    rule_of(Kind.INVOICE, statuses=("processing", "completed"), payment_methods=("cod",)),
    rule_of(Kind.CREDIT_NOTE),
)


class _PlainRenderer:
    """Stands for the renderer: what a page looks like is proven elsewhere."""

    def __init__(self, _company: Company) -> None:
        pass

    def pdf(self, document: CoreDocument, issued: Issued) -> File:
        return File(f"{issued.number}.pdf", "application/pdf", b"%PDF " + issued.number.encode())

    def isdoc(self, document: CoreDocument, issued: Issued) -> File:
        return File(f"{issued.number}.isdoc", "application/xml", b"<i/>" + issued.number.encode())


class _NoNetwork:
    """Stands for the outgoing client, which simulated shops and systems do not use."""

    def hide(self, _secret: str) -> None:
        pass


@dataclass
class Mail:
    """The mail server: counts what it accepted."""

    chaos: Chaos
    accepted: Counter[str] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)
    """Further e-mails that a person asked for after *uncertain*."""

    def send(self, document: Document, _template: EmailTemplate, _to: str, message_id: str) -> None:
        created = document.effects.get(kind=EffectKind.CREATE)
        if not document.number or created.state != "confirmed":
            raise ViolationError(f"{message_id} was e-mailed before its document was confirmed")

        def accept() -> None:
            self.accepted[message_id] += 1
            if self.accepted[message_id] > 1 + self.allowed[message_id]:
                raise ViolationError(f"{message_id} was e-mailed twice")

        self.chaos.call(accept, write=True)


@dataclass
class World:
    """What there is besides Spojka's database."""

    chaos: Chaos
    mail: Mail
    shops: dict[str, SimulatedShop]
    systems: dict[str, RemoteSystem]

    @classmethod
    def of(cls, chaos: Chaos) -> World:
        """Return an empty world."""
        return cls(
            chaos=chaos,
            mail=Mail(chaos),
            shops={f"shop-{key}": SimulatedShop(f"shop-{key}", chaos) for key, _ in SYSTEMS},
            systems={
                key: RemoteSystem(key, recovery, chaos)
                for key, recovery in SYSTEMS
                if recovery is not None
            },
        )

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Put this world in the place of the real one."""
        built_in = {**accounting.systems(), **self.systems}
        sources = {**platforms.sources(), **self.shops}

        with ExitStack() as stack:
            for target, name, value in (
                (accounting, "systems", lambda: built_in),
                (platforms, "sources", lambda: sources),
                (calls, "client", lambda *_: nullcontext(_NoNetwork())),
                (emailing, "send", self.mail.send),
                (leases, "_keeper", mock.Mock()),  # its thread lives by the real clock
            ):
                stack.enter_context(mock.patch.object(target, name, value))
            systems.provide(CompanyRegister, _PlainRenderer)
            stack.callback(systems.provide, CompanyRegister, CompanyRenderer)
            yield


def furnish(world: World) -> None:
    """Make the companies, with everything that a person would set up."""
    for key, _ in SYSTEMS:
        company = Company.objects.create(
            name=f"Company {key}",
            company_id="27082440",
            tax_id="CZ27082440",
            vat_id="CZ27082440",
            street="Dlouhá 1",
            city="Praha",
            postcode="110 00",
            mode=Company.Mode.LIVE,
            refund_policy=Company.OnRefund.ALLOCATE,
            email_after_issuing=True,
        )
        add_default_series(company)
        emailing.default_templates(company)
        shop = shops.create(company, f"shop-{key}", key, {}, actor="simulation")
        shop.path_token = f"token-{key}"  # documents are named by it: the same in each replay
        shop.verified_at = world.chaos.now
        shop.cursor = world.chaos.now
        shop.save()
        if key != OWN:
            Connection.objects.create(
                company=company, system=key, name=key, active=True, default=True
            )
        rulebook.replace_rules(company, RULES, actor="simulation")


def shop_row(world_shop: SimulatedShop) -> Shop:
    """Return Spojka's row of a shop."""
    return Shop.objects.select_related("company").get(platform=world_shop.descriptor.key)
