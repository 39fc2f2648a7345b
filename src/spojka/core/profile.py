"""How a company wants its documents made: everything that is not in the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from spojka.core.dates import IssueDate, TaxableDate
from spojka.core.document import BankAccount, Seller, VatMode
from spojka.core.order import Address, Order

LANGUAGES = ("cs", "sk", "en")


@dataclass(frozen=True, slots=True)
class Profile:
    """Accounting settings of a company.

    ``auto_vat`` reads the company's position towards VAT out of each order; it is for looking at
    orders without a company (``spojka preview``), never for issuing.
    """

    seller: Seller
    home_currency: str = "CZK"
    oss: bool | None = None
    """Whether foreign rates of consumers go to the One Stop Shop; ``None``: as the order has it."""
    auto_vat: bool = False
    time_zone: str = "Europe/Prague"
    language: str = "cs"
    issue_date: IssueDate = IssueDate.TODAY
    taxable_date: TaxableDate = TaxableDate.ISSUE_DATE
    due_days: int = 14
    due_days_by_payment: Mapping[str, int] = field(default_factory=dict)
    allocate_refunds: bool = False
    """Divide a refund that names no rows over the rates that are left, instead of holding it."""
    bank_accounts: tuple[BankAccount, ...] = ()
    issued_by: str = ""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def bank_account(self, currency: str) -> BankAccount | None:
        """Return the account of a currency; an IBAN in another currency does not stand in."""
        return next(
            (account for account in self.bank_accounts if account.currency == currency), None
        )

    def language_for(self, order: Order) -> str:
        """Choose the language of a document: the order's, else the customer's country's."""
        if order.language[:2].lower() in LANGUAGES:
            return order.language[:2].lower()
        country = order.customer.address.country
        if country in {"", self.seller.country}:
            return self.language
        return {"CZ": "cs", "SK": "sk"}.get(country, "en")


def sample(country: str = "CZ", mode: VatMode | None = None, oss: bool | None = None) -> Profile:
    """Return a profile of a made-up company, for previews without a company."""
    home = {"SK": "EUR", "CZ": "CZK"}.get(country, "EUR")
    seller = Seller(
        name="Spojka preview",
        address=Address(company="Spojka preview", country=country),
        country=country,
        vat_mode=mode or VatMode.PAYER,
    )
    return Profile(
        seller=seller,
        home_currency=home,
        oss=oss,
        auto_vat=mode is None,
        language={"CZ": "cs", "SK": "sk"}.get(country, "en"),
    )
