"""Company ids of the customer: WooCommerce has none, and each plugin keeps them elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

# Field names found in real plugins, the more specific ones first: Kybernaut IČO DIČ and WPify Woo
# (_billing_ic, _billing_dic, _billing_dic_dph), SuperFaktura (billing_company_wi_*), WooCommerce EU
# VAT Number, EU VAT Assistant, EU/UK VAT Compliance ("VAT Number" with a space), EU/UK VAT Manager,
# and the block checkout of WooCommerce itself (_wc_billing/<namespace>/<field>).
DEFAULT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "company_id": (
        "_billing_ic",
        "_billing_ico",
        "billing_ic",
        "billing_ico",
        "_billing_company_id",
        "_billing_company_wi_id",
        "billing_company_wi_id",
        "_wc_billing/*/ico",
        "_wc_billing/*/ic",
        "_wc_other/*/ico",
    ),
    "tax_id": (
        "_billing_dic",
        "billing_dic",
        "_billing_tax_id",
        "_billing_company_wi_tax",
        "billing_company_wi_tax",
        "_wc_billing/*/dic",
        "_wc_other/*/dic",
    ),
    "vat_id": (
        "_billing_dic_dph",
        "billing_dic_dph",
        "_billing_ic_dph",
        "_billing_icdph",
        "_billing_company_wi_vat",
        "billing_company_wi_vat",
        "_billing_vat_number",
        "_vat_number",
        "vat_number",
        "VAT Number",
        "_billing_eu_vat_number",
        "_wc_billing/*/ic-dph",
        "_wc_billing/*/ic_dph",
        "_wc_billing/*/icdph",
        "_wc_billing/*/dic-dph",
        "_wc_billing/*/dic_dph",
        "_wc_billing/*/vat*",
        "_wc_other/*/ic-dph",
        "_wc_other/*/vat*",
    ),
}

_NOISE = re.compile(r"[\s\u00a0.\-–/_]+")
_WITH_COUNTRY = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}\Z")


def read_ids(
    extra: Iterable[tuple[str, str]], fields: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Return ``company_id``, ``tax_id`` and ``vat_id`` found in the extra fields.

    ``fields`` names, for each id, extra fields in order; ``*`` stands for any characters. The
    first that holds a value wins. A tax number with a country prefix is a VAT number as well
    (CZ27082440); a Slovak one is only that, because there the tax number itself has no prefix.
    """
    pairs = [(key, clean_id(value)) for key, value in extra]
    ids = {name: _first(pairs, fields.get(name, ())) for name in DEFAULT_FIELDS}
    if _WITH_COUNTRY.match(ids["tax_id"]) and any(c.isdigit() for c in ids["tax_id"]):
        ids["vat_id"] = ids["vat_id"] or ids["tax_id"]
        if not ids["tax_id"].startswith("CZ"):
            ids["tax_id"] = ""
    return ids


def clean_id(value: str) -> str:
    """Return an id without the spaces, dashes, dots and slashes that people write into it."""
    return _NOISE.sub("", value).upper()


def _first(pairs: Iterable[tuple[str, str]], names: Iterable[str]) -> str:
    known = list(pairs)
    for name in names:
        for key, value in known:
            if value and (key == name or ("*" in name and fnmatchcase(key, name))):
                return value
    return ""
