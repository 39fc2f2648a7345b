"""Names under which a customer is found again among the contacts of an accounting system."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from spojka.core.order import Customer

_LONGEST_ID = 50
"""A registration number has at most a dozen characters; what is longer is none."""


def names(customer: Customer) -> Mapping[str, str]:
    """Return the names by which a customer is found among the contacts of a system.

    ``data`` stands for all that goes on a document: it changes with every letter. ``own`` is our
    own key, short and without a secret, to be stored with the contact where a system lets us: the
    same for the same company, or the same e-mail and name. ``company`` is there for companies. None
    is longer than 60 characters.
    """
    address = customer.address
    shown = (
        customer.company_id, customer.tax_id, customer.vat_id, customer.email, customer.phone,
        address.name, address.company, address.street, address.street2, address.city,
        address.postcode, address.state, address.country, address.phone,
    )  # fmt: skip
    company_id = "".join(customer.company_id.split())
    who = (
        f"{address.country}|{company_id}"
        if company_id
        else f"{customer.email.strip().lower()}|{address.company}|{address.name}|{address.country}"
        if customer.email.strip()
        else "|".join(shown)
    )
    found = {
        "data": "data:" + _digest("|".join(f"{len(part)}:{part}" for part in shown)),
        "own": "spojka-" + _digest(who)[:20],
    }
    if 0 < len(company_id) <= _LONGEST_ID:
        found["company"] = f"company:{company_id}"
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
