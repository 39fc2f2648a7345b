"""The words and figures of a rendered document, in the order in which a page shows them.

Everything is text here: the page template only lays out. It is kept apart from the template so
that what stands on a document can be tested without reading a PDF.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Party:
    """Seller, customer or place of delivery."""

    label: str
    name: str
    lines: tuple[str, ...]
    ids: tuple[Fact, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the items; ``text`` columns are left aligned and take the free width."""

    label: str
    text: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One line: its cells, and what stands small under its name."""

    cells: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RecapRow:
    """One row of a recapitulation; a heading has a label only."""

    cells: tuple[str, ...]
    heading: bool = False
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Recap:
    """A VAT recapitulation in one currency."""

    title: str
    head: tuple[str, ...]
    rows: tuple[RecapRow, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """The box from which the customer pays. ``qr`` is an SVG image, or empty."""

    title: str
    facts: tuple[Fact, ...]
    qr: str = ""
    qr_label: str = ""
    qr_alt: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A whole document as text."""

    language: str
    title: str
    number: str
    author: str
    seller: Party
    customer: Party
    delivery: Party | None
    facts: tuple[Fact, ...]
    references: tuple[Fact, ...]
    note_above: tuple[str, ...]
    columns: tuple[Column, ...]
    items: tuple[Item, ...]
    recaps: tuple[Recap, ...]
    totals: tuple[Fact, ...]
    due: Fact
    cancelled: bool
    stamp: str
    watermark: str
    warning: str
    message: str
    payment: Payment | None
    mentions: tuple[str, ...]
    note_below: tuple[str, ...]
    register: str
    contacts: tuple[str, ...]
    issued_by: str
    page: str
    logo_alt: str
