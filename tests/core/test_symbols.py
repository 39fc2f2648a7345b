"""Symbols, accounts and payment codes: proven against published examples and by reading back."""

from __future__ import annotations

import lzma
import zlib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spojka.core.catalogue import explain
from spojka.core.symbols import (
    CONSTANT_LIMIT,
    VARIABLE_LIMIT,
    DomesticAccount,
    PaymentRequest,
    SymbolError,
    VariableSymbolRule,
    checked_iban,
    checked_symbol,
    digits_symbol,
    domestic_account,
    epc,
    pay_by_square,
    spayd,
    variable_symbol,
)

PAYMENT = PaymentRequest(
    iban="CZ65 0800 0000 1920 0014 5399",
    amount=Decimal("1234.5"),
    currency="CZK",
    name="Hrnečky s.r.o.",
    variable_symbol="2026001",
    constant_symbol="0308",
    due_on=date(2026, 3, 22),
    message="Faktura FA2026001",
)
SLOVAK = replace(PAYMENT, iban="SK31 1200 0000 1987 4263 7541", currency="EUR", bic="TATRSKBX")

# ── Symbols ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("FA2026001", "2026001"),
        ("2026-00042", "202600042"),
        ("00042", "42"),
        ("WEB-2026/0000123456", "123456"),
        ("123456789012345", "6789012345"),
        ("A1B2C3", "123"),
    ],
)
def test_a_variable_symbol_is_made_of_the_last_ten_digits(text: str, symbol: str) -> None:
    assert digits_symbol(text) == symbol


@pytest.mark.parametrize("text", ["", "FAKTURA", "000", "A0-0", "1" + "0" * 10, "٤٢"])
def test_no_symbol_is_made_up(text: str) -> None:
    with pytest.raises(SymbolError) as raised:
        digits_symbol(text)
    assert raised.value.problem.code == "SPJ-SYMBOL-EMPTY"


def test_the_rule_chooses_the_number() -> None:
    made = {
        rule: variable_symbol(rule, document_number="FA1", order_number="W-2", order_id="id3")
        for rule in VariableSymbolRule
    }
    assert list(made.values()) == ["1", "2", "3"]


def test_a_written_symbol_is_checked() -> None:
    assert checked_symbol(" 0308 ", CONSTANT_LIMIT) == "0308"
    assert checked_symbol("", CONSTANT_LIMIT) == ""
    for text, limit in (("12345", CONSTANT_LIMIT), ("12a", 10), ("12345678901", VARIABLE_LIMIT)):
        with pytest.raises(SymbolError) as raised:
            checked_symbol(text, limit)
        assert raised.value.problem.code == "SPJ-SYMBOL-INVALID"


@given(text=st.text())
def test_a_made_symbol_is_always_valid(text: str) -> None:
    try:
        symbol = digits_symbol(text)
    except SymbolError:
        return
    assert checked_symbol(symbol, VARIABLE_LIMIT) == symbol
    assert not symbol.startswith("0")
    assert digits_symbol(symbol) == symbol


# ── Accounts ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("account", "country", "iban"),
    [
        ("19-2000145399/0800", "CZ", "CZ6508000000192000145399"),  # SWIFT IBAN Registry
        ("000019-8742637541/1200", "SK", "SK3112000000198742637541"),  # SWIFT IBAN Registry
        (" 168540115 / 0100 ", "CZ", ""),
    ],
)
def test_an_account_becomes_an_iban_and_back(account: str, country: str, iban: str) -> None:
    made = DomesticAccount.parse(account).iban(country)
    assert made == (iban or made)
    assert checked_iban(made) == made
    assert domestic_account(made) == DomesticAccount.parse(account)


def test_an_account_is_written_without_leading_zeros() -> None:
    assert str(DomesticAccount.parse("000019-2000145399/0800")) == "19-2000145399/0800"
    assert str(DomesticAccount.parse("000000-0168540115/0100")) == "168540115/0100"


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ("19-2000145398/0800", "@account-checksum"),
        ("18-2000145399/0800", "@account-checksum"),
        ("2000145399", "@account-form"),
        ("2000145399/080", "@account-form"),
        ("1234567-2000145399/0800", "@account-form"),
        ("0000000000/0800", "@account-form"),
        ("", "@account-form"),
    ],
)
def test_a_mistyped_account_is_refused(account: str, reason: str) -> None:
    with pytest.raises(SymbolError) as raised:
        DomesticAccount.parse(account)
    problem = raised.value.problem
    assert (problem.code, problem.facts["reason"]) == ("SPJ-BANK-ACCOUNT-INVALID", reason)
    assert "@" not in explain(problem, "cs").cause


def test_only_two_countries_have_these_accounts() -> None:
    with pytest.raises(SymbolError) as raised:
        DomesticAccount.parse("19-2000145399/0800").iban("PL")
    assert raised.value.problem.facts["reason"] == "@account-country"
    assert domestic_account("DE89370400440532013000") is None


def test_an_iban_is_normalised() -> None:
    assert checked_iban("cz65 0800 0000 1920 0014 5399") == "CZ6508000000192000145399"
    assert checked_iban("GB29 NWBK 6016 1331 9268 19") == "GB29NWBK60161331926819"


@pytest.mark.parametrize(
    ("iban", "reason"),
    [
        ("CZ6508000000192000145398", "@iban-checksum"),
        ("CZ650800000019200014539", "@iban-form"),
        ("19-2000145399/0800", "@iban-form"),
        ("ČZ6508000000192000145399", "@iban-form"),
        ("", "@iban-form"),
    ],
)
def test_a_mistyped_iban_is_refused(iban: str, reason: str) -> None:
    with pytest.raises(SymbolError) as raised:
        checked_iban(iban)
    assert raised.value.problem.facts["reason"] == reason


ACCOUNTS = st.builds(
    "{}-{}/{}".format,
    st.integers(0, 999999),
    st.integers(10, 9999999999),
    st.integers(1000, 9999),
)


@given(text=ACCOUNTS, position=st.integers(2, 23), digit=st.sampled_from("0123456789"))
def test_any_single_wrong_digit_of_an_iban_is_found(text: str, position: int, digit: str) -> None:
    try:
        iban = DomesticAccount.parse(text).iban("SK")
    except SymbolError:
        return
    mistyped = iban[:position] + digit + iban[position + 1 :]
    if mistyped == iban:
        assert checked_iban(mistyped) == iban
    else:
        with pytest.raises(SymbolError):
            checked_iban(mistyped)


# ── SPAYD ─────────────────────────────────────────────────────────────────────────────────────


def test_spayd() -> None:
    assert spayd(PAYMENT) == (
        "SPD*1.0*ACC:CZ6508000000192000145399*AM:1234.50*CC:CZK*DT:20260322*RN:Hrnecky s.r.o."
        "*MSG:Faktura FA2026001*X-VS:2026001*X-KS:0308"
    )


def test_spayd_of_the_least_that_is_needed() -> None:
    bare = PaymentRequest(iban=SLOVAK.iban, amount=Decimal("0.01"), currency="eur", bic="tatrskbx")
    assert spayd(bare) == "SPD*1.0*ACC:SK3112000000198742637541+TATRSKBX*AM:0.01*CC:EUR"


def test_spayd_keeps_its_separator_to_itself() -> None:
    text = spayd(replace(PAYMENT, message="5* Žluťoučký\n100 %", name="A" * 50))
    assert "*MSG:5%2A Zlutoucky 100 %25*" in text
    assert "*RN:" + "A" * 35 + "*" in text


@given(message=st.text(), name=st.text())
def test_spayd_fields_never_run_together(message: str, name: str) -> None:
    text = spayd(replace(PAYMENT, message=message, name=name))
    assert text.isascii()
    assert text.isprintable()
    keys = [field.split(":", 1)[0] for field in text.split("*")[2:]]
    assert [key for key in keys if key not in {"MSG", "RN"}] == [
        "ACC", "AM", "CC", "DT", "X-VS", "X-KS",
    ]  # fmt: skip
    assert len(keys) == len(set(keys))


# ── EPC069-12 ─────────────────────────────────────────────────────────────────────────────────


def test_epc() -> None:
    payment = replace(SLOVAK, name="Hrnčeky s.r.o.", message="Faktúra 1")
    assert epc(payment).split("\n") == [
        "BCD",
        "002",
        "1",
        "SCT",
        "TATRSKBX",
        "Hrnčeky s.r.o.",
        "SK3112000000198742637541",
        "EUR1234.50",
        "",
        "",
        "Faktúra 1",
    ]


def test_epc_says_the_symbols_where_there_is_no_message() -> None:
    payment = replace(SLOVAK, message="", specific_symbol="77")
    assert epc(payment).endswith("\n\n\n/VS2026001/SS77/KS0308")
    silent = replace(payment, variable_symbol="", specific_symbol="", constant_symbol="")
    assert epc(silent).endswith("\nEUR1234.50")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"currency": "CZK"}, "@code-currency"),
        ({"name": " "}, "@code-name"),
        ({"bic": "TATR"}, "@code-bic"),
        ({"amount": Decimal(0)}, "@code-amount"),
        ({"amount": Decimal(-1)}, "@code-amount"),
        ({"amount": Decimal("1.001")}, "@code-amount"),
        ({"amount": Decimal(10) ** 9}, "@code-amount"),
    ],
)
def test_epc_that_cannot_be_made(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(SymbolError) as raised:
        epc(replace(SLOVAK, **change))
    problem = raised.value.problem
    assert (problem.code, problem.facts["reason"]) == ("SPJ-PAYMENT-CODE", reason)
    assert "@" not in explain(problem, "sk").cause


# ── PAY by square ─────────────────────────────────────────────────────────────────────────────

LINES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \t\n"))
BASE32HEX = "0123456789ABCDEFGHIJKLMNOPQRSTUV"


def decode(text: str) -> tuple[str, list[str]]:
    """Read a PAY by square text bit by bit, through an ``.lzma`` file instead of a raw stream.

    Returns its four header nibbles and its fields; fails where length or CRC-32 do not fit.
    """
    bits = "".join(f"{BASE32HEX.index(character):05b}" for character in text)
    raw = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) // 8 * 8, 8))
    length = raw[2] + 256 * raw[3]
    properties = (2 * 5 + 0) * 9 + 3  # pb 2, lp 0, lc 3
    header = bytes([properties]) + (128 * 1024).to_bytes(4, "little") + b"\xff" * 8
    data = lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(header + raw[4:], length)
    assert len(data) == length
    assert int.from_bytes(data[:4], "little") == zlib.crc32(data[4:])
    return raw[:2].hex(), data[4:].decode().split("\t")


def test_the_decoder_reads_what_others_encoded() -> None:
    """Texts by two independent encoders, found in their public tests."""
    _, fields = decode(
        "0004G0005ES17OQ09C98Q7ME34TCR3V71LVKD2AE6EGHKR82DKS5NBJ3331VUFQIV0JGMR743UJCKSAKEM9QGVVV"
        "OIVH000"
    )
    assert fields[1:5] == ["1", "1", "100", "EUR"]
    assert fields[6] == "123"
    assert fields[11:13] == ["1", "SK9611000000002918599669"]
    _, fields = decode(
        "000440007S3VT0DFSETNDU5J8KF4EI1MT7B3BBH3P91D830QDBA6IRPF97451V4U11PHMI423IDK7VVU5P800"
    )
    assert fields[5] == "20200705"
    assert fields[12] == "SK7700000000000000000000"


def test_what_cannot_be_printed_is_left_out() -> None:
    _, fields = decode(pay_by_square(replace(SLOVAK, message="a\x00b\ud800c\u2028d")))
    assert fields[10] == "a b c d"


def test_pay_by_square() -> None:
    header, fields = decode(pay_by_square(replace(SLOVAK, message="Faktúra č. 1")))
    assert header == "0100"
    assert fields == [
        "", "1", "1", "1234.50", "EUR", "20260322", "2026001", "0308", "", "", "Faktúra č. 1",
        "1", "SK3112000000198742637541", "TATRSKBX", "0", "0", "Hrnečky s.r.o.", "", "",
    ]  # fmt: skip


@given(
    message=LINES,
    name=LINES,
    cents=st.integers(1, 10**12),
    symbol=st.from_regex(r"[0-9]{0,10}", fullmatch=True),
    due_on=st.none() | st.dates(date(2000, 1, 1)),
)
def test_pay_by_square_is_read_back(
    message: str, name: str, cents: int, symbol: str, due_on: date | None
) -> None:
    payment = replace(
        SLOVAK,
        message=message,
        name=name,
        amount=Decimal(cents) / 100,
        variable_symbol=symbol,
        due_on=due_on,
    )
    _, fields = decode(pay_by_square(payment))
    assert len(fields) == 19
    assert Decimal(fields[3]) == payment.amount
    assert fields[5] == (due_on.strftime("%Y%m%d") if due_on else "")
    assert fields[6] == symbol
    assert fields[10] == " ".join(message.split())[:140]
    assert fields[16] == " ".join(name.split())[:70]
