"""The checklist that activating a WooCommerce shop runs."""

from __future__ import annotations

from collections.abc import Callable

from spojka.core.descriptor import Check, CheckStatus, Text
from spojka.core.outcome import OutcomeError
from spojka.core.problem import Problem
from spojka.net.client import Client, NotJsonError, Response
from spojka.shops.woocommerce.client import Api
from spojka.shops.woocommerce.reading import child, text

LABELS: dict[str, Text] = {
    "address": {"cs": "Adresa odpovídá", "sk": "Adresa odpovedá", "en": "The address answers"},
    "tls": {"cs": "Šifrované spojení", "sk": "Šifrované spojenie", "en": "Encrypted connection"},
    "api": {
        "cs": "REST API WooCommerce nalezeno",
        "sk": "REST API WooCommerce nájdené",
        "en": "WooCommerce REST API found",
    },
    "orders": {
        "cs": "Přihlášení a čtení objednávek",
        "sk": "Prihlásenie a čítanie objednávok",
        "en": "Login and reading of orders",
    },
    "refunds": {"cs": "Čtení vratek", "sk": "Čítanie vrátení", "en": "Reading of refunds"},
    "notes": {
        "cs": "Zápis poznámek k objednávkám",
        "sk": "Zápis poznámok k objednávkam",
        "en": "Writing of notes to orders",
    },
    "taxes": {"cs": "Výpočet daní", "sk": "Výpočet daní", "en": "Calculation of taxes"},
    "rounding": {
        "cs": "Zaokrouhlení daně",
        "sk": "Zaokrúhlenie dane",
        "en": "Rounding of tax",
    },
}

ROUND_AT_SUBTOTAL = "settings/tax/woocommerce_tax_round_at_subtotal"
CALC_TAXES = "settings/general/woocommerce_calc_taxes"
DECIMALS = "settings/general/woocommerce_price_num_decimals"


def run(api: Api, http: Client) -> list[Check]:
    """Run all rows; after a failed necessary row the rest is not tried."""
    rows: list[Check] = []
    steps: tuple[Callable[[], list[Check]], ...] = (
        lambda: _address(api, http),
        lambda: [_read(api, "orders", necessary=True)],
        lambda: [_read(api, "refunds", necessary=False)],
        lambda: [_notes(api)],
        lambda: _taxes(api),
    )
    for step in steps:
        rows += step()
        if any(row.status is CheckStatus.FAIL and row.necessary for row in rows):
            break
    return rows


def _address(api: Api, http: Client) -> list[Check]:
    try:
        response = http.request("GET", f"{api.root}/wp-json/")
    except OutcomeError as error:
        return [_failed("address", error)]
    rows = [_ok("address", api.root)]
    if api.root.startswith("https:"):
        rows.append(_ok("tls"))
    else:
        rows.append(_warned("tls", Problem.of("SPJ-SHOP-NO-TLS", address=api.root)))
    if "wc/v3" in _namespaces(response):
        rows.append(_ok("api"))
    elif response.status in (401, 403):
        # Security plugins hide the index of the API, but not the API: the login will tell.
        rows.append(_ok("api", f"HTTP {response.status}"))
    else:
        problem = Problem.of("SPJ-SHOP-NO-API", address=api.root)
        detail = f"HTTP {response.status}"
        rows.append(Check("api", LABELS["api"], CheckStatus.FAIL, detail, problem))
    return rows


def _namespaces(response: Response) -> list[str]:
    try:
        body = response.json()
    except NotJsonError:
        return []
    found = body.get("namespaces") if isinstance(body, dict) else None
    return [text(name) for name in found] if isinstance(found, list) else []


def _read(api: Api, what: str, *, necessary: bool) -> Check:
    try:
        api.get(what, {"per_page": "1"})
    except OutcomeError as error:
        return _failed(what, error, necessary=necessary)
    return _ok(what)


def _notes(api: Api) -> Check:
    """Try a note on order 0, which cannot exist.

    The key's permission is checked before anything else: without it the answer is 401, with it the
    complaint is about the order (404) or about the missing text (400). Nothing is written.
    """
    try:
        response = api.send("POST", "orders/0/notes", json={})
    except OutcomeError as error:
        return _failed("notes", error, necessary=False)
    if response.status in (400, 404):
        return _ok("notes")
    return _warned("notes", Problem.of("SPJ-SHOP-READ-ONLY", status=response.status))


def _taxes(api: Api) -> list[Check]:
    try:
        calculates, decimals, whole = (
            text(child({"answer": api.get(path)}, "answer").get("value"))
            for path in (CALC_TAXES, DECIMALS, ROUND_AT_SUBTOTAL)
        )
    except OutcomeError as error:
        # Settings are read by shop managers only; orders can be coupled without them.
        return [_warned("taxes", error.problem, error.technical)]
    taxes = _ok("taxes", f"woocommerce_calc_taxes={calculates}, decimals={decimals}")
    if whole == "yes" and calculates == "yes":
        return [taxes, _warned("rounding", Problem.of("SPJ-SHOP-ROUNDS-SUBTOTAL"))]
    return [taxes, _ok("rounding")]


def _ok(key: str, detail: str = "") -> Check:
    return Check(key, LABELS[key], CheckStatus.OK, detail)


def _warned(key: str, problem: Problem, detail: str = "") -> Check:
    return Check(key, LABELS[key], CheckStatus.WARN, detail, problem, necessary=False)


def _failed(key: str, error: OutcomeError, *, necessary: bool = True) -> Check:
    status = CheckStatus.FAIL if necessary else CheckStatus.WARN
    return Check(key, LABELS[key], status, error.technical, error.problem, necessary=necessary)
