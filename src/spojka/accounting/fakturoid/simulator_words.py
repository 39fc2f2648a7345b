"""What Fakturoid says when it refuses, by the language of the account.

Where its documentation shows a text, it is that one. The others are ours, in the same form: a
connector must never go by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spojka.accounting.simulator import Answer

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "blank": "can't be blank",
        "not_a_number": "is not a number",
        "zero": "must be other than 0",
        "must_be_zero": "must be zero",
        "short": "is too short (minimum is 2 characters)",
        "long": "is too long (maximum is {most} characters)",
        "inclusion": "is not included in the list",
        "taken": "has already been taken",
        "date": "is not a valid date",
        "number": "The number does not match the number format in the settings",
        "subject": "Contact does not exist.",
        "email": "Please check the email.",
        "empty": "can't be empty",
        "missing": "Document does not exist.",
        "settled": "Document already has an invoice.",
        "corrected": "Document already has a correction.",
        "forbidden": "can't be changed",
        "undeletable": "Document cannot be deleted",
        "no_tax_document": "Tax document cannot be created",
        "event": "{event} cannot be fired",
    },
    "cs": {
        "blank": "je povinná položka",
        "not_a_number": "není číslo",
        "zero": "nesmí být 0",
        "must_be_zero": "musí být nula",
        "short": "je příliš krátký/á/é (min. 2 znaků)",
        "long": "je příliš dlouhý/á/é (max. {most} znaků)",
        "inclusion": "není v seznamu povolených hodnot",
        "taken": "již databáze obsahuje",
        "date": "není platné datum",
        "number": "Číslo neodpovídá formátu čísla v nastavení",
        "subject": "Kontakt neexistuje.",
        "email": "Prosím zkontrolujte email.",
        "empty": "nesmí být prázdné",
        "missing": "Doklad neexistuje.",
        "settled": "Doklad už fakturu má.",
        "corrected": "Doklad už opravný doklad má.",
        "forbidden": "nelze změnit",
        "undeletable": "Doklad nelze smazat",
        "no_tax_document": "Daňový doklad nelze vytvořit",
        "event": "{event} nelze provést",
    },
    "sk": {
        "blank": "je povinná položka",
        "not_a_number": "nie je číslo",
        "zero": "nesmie byť 0",
        "must_be_zero": "musí byť nula",
        "short": "je príliš krátky/a/e (min. 2 znaky)",
        "long": "je príliš dlhý/á/é (max. {most} znakov)",
        "inclusion": "nie je v zozname povolených hodnôt",
        "taken": "už databáza obsahuje",
        "date": "nie je platný dátum",
        "number": "Číslo nezodpovedá formátu čísla v nastaveniach",
        "subject": "Kontakt neexistuje.",
        "email": "Prosím skontrolujte email.",
        "empty": "nesmie byť prázdne",
        "missing": "Doklad neexistuje.",
        "settled": "Doklad už faktúru má.",
        "corrected": "Doklad už opravný doklad má.",
        "forbidden": "nie je možné zmeniť",
        "undeletable": "Doklad nie je možné zmazať",
        "no_tax_document": "Daňový doklad nie je možné vytvoriť",
        "event": "{event} nie je možné vykonať",
    },
}


class RefusedError(Exception):
    """The vendor refuses; carries its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def word(locale: str, name: str, **facts: object) -> str:
    """Return a text in the account's language."""
    return _WORDS.get(locale, _WORDS["en"])[name].format(**facts)


class Faults:
    """Collects what is wrong with the fields of a request: ``{"errors": {"field": [text]}}``."""

    def __init__(self, locale: str) -> None:
        self._locale = locale
        self._errors: dict[str, list[str]] = {}

    def add(self, field: str, name: str, **facts: object) -> None:
        self._errors.setdefault(field, []).append(word(self._locale, name, **facts))

    def check(self) -> None:
        """Refuse if anything is wrong.

        Raises:
            RefusedError: with status 422.
        """
        if self._errors:
            raise RefusedError(Answer.json({"errors": self._errors}, 422))


def refused(status: int, code: str, description: str, **more: Any) -> RefusedError:
    """Refuse in the other form: ``{"error": code, "error_description": text}``."""
    return RefusedError(
        Answer.json({"error": code, "error_description": description, **more}, status)
    )


def refused_fields(status: int, errors: Mapping[str, Any]) -> RefusedError:
    """Refuse in the form with fields, with another status than 422."""
    return RefusedError(Answer.json({"errors": errors}, status))
