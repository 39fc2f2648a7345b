"""What a payer needs to pay: payment symbols, bank accounts, and the three payment QR codes.

* variable, constant and specific symbol: up to 10, 4 and 10 digits, used in Czechia and Slovakia;
* domestic account numbers ``prefix-number/bank`` (check digits: Czech National Bank, decree
  169/2011; the same in Slovakia) and IBAN (ISO 13616, check digits by ISO 7064 mod 97-10);
* SPAYD 1.0 (QR Platba, the standard of the Czech Banking Association), EPC069-12 version 2 (SEPA
  credit transfer, European Payments Council) and PAY by square 1.1.0 (Slovak Banking Association).

Builders return the text that the QR code holds; drawing it is somebody else's work.
"""

from __future__ import annotations

import base64
import lzma
import re
import unicodedata
import zlib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from spojka.core.money import plain, quantize
from spojka.core.problem import Problem

VARIABLE_LIMIT, CONSTANT_LIMIT, SPECIFIC_LIMIT = 10, 4, 10
"""Digits of the symbols."""


class SymbolError(ValueError):
    """A symbol, an account or a payment code cannot be made; carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


# ── Symbols ───────────────────────────────────────────────────────────────────────────────────


class VariableSymbolRule(StrEnum):
    """What the variable symbol is made from."""

    DOCUMENT_NUMBER = "document_number"
    ORDER_NUMBER = "order_number"
    ORDER_ID = "order_id"


def variable_symbol(
    rule: VariableSymbolRule,
    *,
    document_number: str = "",
    order_number: str = "",
    order_id: str = "",
) -> str:
    """Make the variable symbol by a rule.

    Raises:
        SymbolError: ``SPJ-SYMBOL-EMPTY``.
    """
    return digits_symbol(
        {
            VariableSymbolRule.DOCUMENT_NUMBER: document_number,
            VariableSymbolRule.ORDER_NUMBER: order_number,
            VariableSymbolRule.ORDER_ID: order_id,
        }[rule]
    )


def digits_symbol(text: str) -> str:
    """Return the last ten digits of a text, without leading zeros, which banks ignore.

    Nothing is made up where there are no digits: a symbol that cannot be read off the document
    would never be matched by a person.

    Raises:
        SymbolError: ``SPJ-SYMBOL-EMPTY``: there are no digits other than zero.
    """
    digits = re.sub(r"[^0-9]", "", text)[-VARIABLE_LIMIT:].lstrip("0")
    if not digits:
        raise SymbolError(Problem.of("SPJ-SYMBOL-EMPTY", text=text))
    return digits


def checked_symbol(text: str, limit: int) -> str:
    """Return a symbol that a person wrote, without spaces; an empty one stays empty.

    Raises:
        SymbolError: ``SPJ-SYMBOL-INVALID``: other characters than digits, or more than ``limit``.
    """
    symbol = "".join(text.split())
    if symbol and not re.fullmatch(rf"[0-9]{{1,{limit}}}", symbol):
        raise SymbolError(Problem.of("SPJ-SYMBOL-INVALID", text=text, limit=limit))
    return symbol


# ── Bank accounts ─────────────────────────────────────────────────────────────────────────────

_NUMBER_WEIGHTS = (6, 3, 7, 9, 10, 5, 8, 4, 2, 1)
_ACCOUNT = re.compile(r"(?:([0-9]{1,6})-)?([0-9]{2,10})/([0-9]{4})")
_DOMESTIC_COUNTRIES = ("CZ", "SK")

# Length of an IBAN by country (SWIFT IBAN Registry); others are only checked by their digits.
_IBAN_LENGTHS = {
    "AD": 24, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18,
    "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28,
    "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31,
    "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "UA": 29,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DomesticAccount:
    """A Czech or Slovak account number; ``str()`` is its usual form without leading zeros."""

    number: str
    bank: str
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> DomesticAccount:
        """Read ``prefix-number/bank`` and check its check digits (weighted sums, modulo 11).

        Raises:
            SymbolError: ``SPJ-BANK-ACCOUNT-INVALID``.
        """
        found = _ACCOUNT.fullmatch("".join(text.split()))
        if found is None:
            raise _invalid_account(text, "account-form")
        prefix, number, bank = (found[1] or "").zfill(6), found[2].zfill(10), found[3]
        if not (_checks(prefix, _NUMBER_WEIGHTS[-6:]) and _checks(number, _NUMBER_WEIGHTS)):
            raise _invalid_account(text, "account-checksum")
        if number.count("0") > len(number) - 2:  # a number has at least two digits other than zero
            raise _invalid_account(text, "account-form")
        return cls(number.lstrip("0"), bank, prefix.lstrip("0"))

    def iban(self, country: str) -> str:
        """Return the IBAN of the account in ``CZ`` or ``SK``.

        Raises:
            SymbolError: ``SPJ-BANK-ACCOUNT-INVALID``: another country.
        """
        if country not in _DOMESTIC_COUNTRIES:
            raise _invalid_account(str(self), "account-country")
        rest = f"{self.bank}{self.prefix.zfill(6)}{self.number.zfill(10)}"
        return f"{country}{98 - _mod97(f'{country}00{rest}'):02}{rest}"

    def __str__(self) -> str:
        return f"{self.prefix}-{self.number}/{self.bank}".removeprefix("-")


def _checks(digits: str, weights: tuple[int, ...]) -> bool:
    pairs = zip(digits, weights, strict=True)
    return sum(int(digit) * weight for digit, weight in pairs) % 11 == 0


def _mod97(iban: str) -> int:
    """Compute modulo 97 of an IBAN with its first four characters moved to the end."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97


def _invalid_account(account: str, reason: str) -> SymbolError:
    return SymbolError(Problem.of("SPJ-BANK-ACCOUNT-INVALID", account=account, reason=f"@{reason}"))


def checked_iban(text: str) -> str:
    """Return an IBAN in its electronic form (no spaces, capitals) with proven check digits.

    Raises:
        SymbolError: ``SPJ-BANK-ACCOUNT-INVALID``.
    """
    iban = "".join(text.split()).upper()
    length = _IBAN_LENGTHS.get(iban[:2], len(iban))
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", iban) or len(iban) != length:
        raise _invalid_account(text, "iban-form")
    # Check digits 00, 01 and 99 would pass the division as well, but are never given out.
    if _mod97(iban) != 1 or iban[2:4] in {"00", "01", "99"}:
        raise _invalid_account(text, "iban-checksum")
    return iban


def domestic_account(iban: str) -> DomesticAccount | None:
    """Return the domestic number inside a Czech or Slovak IBAN; ``None`` for other countries.

    Raises:
        SymbolError: ``SPJ-BANK-ACCOUNT-INVALID``: it is not an IBAN.
    """
    iban = checked_iban(iban)
    if iban[:2] not in _DOMESTIC_COUNTRIES:
        return None
    return DomesticAccount(iban[14:].lstrip("0"), iban[4:8], iban[8:14].lstrip("0"))


# ── Payment codes ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """A payment asked for: ``amount`` of ``currency`` to ``iban`` of ``name``."""

    iban: str
    amount: Decimal
    currency: str
    name: str = ""
    bic: str = ""
    variable_symbol: str = ""
    constant_symbol: str = ""
    specific_symbol: str = ""
    due_on: date | None = None
    message: str = ""


def spayd(payment: PaymentRequest) -> str:
    """Build a SPAYD 1.0 text (Czech QR Platba).

    Texts lose their diacritics and characters outside printable ASCII, as Czech banks do to a
    message anyway; the asterisk and the percent sign are percent-encoded. The name keeps 35
    characters, the message 60.

    Raises:
        SymbolError: ``SPJ-PAYMENT-CODE``, ``SPJ-BANK-ACCOUNT-INVALID`` or ``SPJ-SYMBOL-INVALID``.
    """
    iban, bic = checked_iban(payment.iban), _checked_bic(payment.bic)
    variable, constant, specific = _symbols(payment)
    fields = {
        "ACC": f"{iban}+{bic}" if bic else iban,
        "AM": _amount(payment.amount, Decimal("9999999.99")),
        "CC": _currency(payment.currency),
        "DT": f"{payment.due_on:%Y%m%d}" if payment.due_on else "",
        "RN": _spayd_text(payment.name, 35),
        "MSG": _spayd_text(payment.message, 60),
        "X-VS": variable,
        "X-KS": constant,
        "X-SS": specific,
    }
    return "*".join(["SPD*1.0", *(f"{key}:{value}" for key, value in fields.items() if value)])


def _spayd_text(text: str, limit: int) -> str:
    bare = unicodedata.normalize("NFKD", _one_line(text)).encode("ascii", "ignore").decode()
    return bare[:limit].strip().replace("%", "%25").replace("*", "%2A")


def epc(payment: PaymentRequest) -> str:
    """Build the text of an EPC069-12 code (SEPA credit transfer), version 2, in UTF-8.

    The unstructured remittance line carries the message, or where there is none the symbols in
    the form ``/VS1234/SS5678/KS0308`` that Slovak banks use in SEPA payments.

    Raises:
        SymbolError: ``SPJ-PAYMENT-CODE`` (a currency other than the euro, no name, an amount out
            of range), ``SPJ-BANK-ACCOUNT-INVALID`` or ``SPJ-SYMBOL-INVALID``.
    """
    if _currency(payment.currency) != "EUR":
        raise _impossible("code-currency")
    name = _one_line(payment.name)[:70]
    if not name:
        raise _impossible("code-name")
    variable, constant, specific = _symbols(payment)
    symbols = (("VS", variable), ("SS", specific), ("KS", constant))
    reference = "".join(f"/{key}{value}" for key, value in symbols if value)
    lines = (
        "BCD",
        "002",
        "1",  # UTF-8
        "SCT",
        _checked_bic(payment.bic),
        name,
        checked_iban(payment.iban),
        f"EUR{_amount(payment.amount, Decimal('999999999.99'))}",
        "",  # purpose
        "",  # structured reference; excludes the unstructured one
        (_one_line(payment.message) or reference)[:140],
    )
    return "\n".join(lines).rstrip("\n")


_LZMA = [{"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 128 * 1024}]
_HEADER = bytes([0x01, 0x00])
"""Four nibbles: by square type 0 (payments), version 1 (1.1.0), document type 0, reserved."""


def pay_by_square(payment: PaymentRequest) -> str:
    """Build a PAY by square 1.1.0 text (Slovakia): one payment order to one account.

    The fields are joined by tabs, preceded by their CRC-32, compressed by raw LZMA1, and written
    in base32hex after a header and the length. The name keeps 70 characters, the message 140.

    Raises:
        SymbolError: ``SPJ-PAYMENT-CODE``, ``SPJ-BANK-ACCOUNT-INVALID`` or ``SPJ-SYMBOL-INVALID``.
    """
    variable, constant, specific = _symbols(payment)
    fields = (
        "",  # invoice id
        "1",  # number of payments
        "1",  # payment order
        _amount(payment.amount, Decimal("999999999999.99")),
        _currency(payment.currency),
        f"{payment.due_on:%Y%m%d}" if payment.due_on else "",
        variable,
        constant,
        specific,
        "",  # SEPA reference; excludes the symbols
        _one_line(payment.message)[:140],
        "1",  # number of accounts
        checked_iban(payment.iban),
        _checked_bic(payment.bic),
        "0",  # no standing order
        "0",  # no direct debit
        _one_line(payment.name)[:70],
        "",  # beneficiary's address, two lines
        "",
    )
    data = "\t".join(fields).encode()
    checked = zlib.crc32(data).to_bytes(4, "little") + data
    packed = lzma.compress(checked, lzma.FORMAT_RAW, filters=_LZMA)
    content = _HEADER + len(checked).to_bytes(2, "little") + packed
    return base64.b32hexencode(content).decode("ascii").rstrip("=")


def _symbols(payment: PaymentRequest) -> tuple[str, str, str]:
    return (
        checked_symbol(payment.variable_symbol, VARIABLE_LIMIT),
        checked_symbol(payment.constant_symbol, CONSTANT_LIMIT),
        checked_symbol(payment.specific_symbol, SPECIFIC_LIMIT),
    )


def _amount(amount: Decimal, largest: Decimal) -> str:
    if not 0 < amount <= largest or amount != quantize(amount, 2):
        raise _impossible("code-amount")
    return plain(quantize(amount, 2))


def _currency(currency: str) -> str:
    code = currency.upper()
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise _impossible("code-currency")
    return code


def _checked_bic(bic: str) -> str:
    code = "".join(bic.split()).upper()
    if code and not re.fullmatch(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", code):
        raise _impossible("code-bic")
    return code


def _one_line(text: str) -> str:
    """Join a text into one line of printable characters: line ends and tabs separate fields."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _impossible(reason: str) -> SymbolError:
    return SymbolError(Problem.of("SPJ-PAYMENT-CODE", reason=f"@{reason}"))
