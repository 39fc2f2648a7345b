"""Somebody else's client of Fakturoid (``fakturoid-sdk``) runs its flows against our simulator.

It was written after the vendor's documentation and knows nothing of us: what it cannot read, we
have got wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from fakturoid_sdk import AuthType, FakturoidClient
from fakturoid_sdk.enums import InvoiceEvent, InvoiceStatus
from fakturoid_sdk.exceptions import AuthorizationFailedError, ClientError

from spojka.accounting.fakturoid.tests.world import World, world

LINES = [{"name": "Hrnek", "quantity": "2", "unit_price": "121", "vat_rate": "21"}]


def run(flow: Callable[[World, Any], Awaitable[None]], **account: Any) -> None:
    """Run a flow with the client logged in to a served account."""

    async def logged_in(w: World) -> None:
        async with FakturoidClient(
            client_id=w.simulator.account["client_id"],
            client_secret=w.simulator.account["client_secret"],
            user_agent="Somebody else (klient@example.com)",
            account_slug="zkusebni",
            base_url=f"{w.address}/api/v3",
        ) as client:
            await client.auth.auth(AuthType.CLIENT_CREDENTIALS_CODE_FLOW)
            await flow(w, client)

    with world(**account) as w:
        asyncio.run(logged_in(w))


async def _made(client: Any, **more: Any) -> Any:
    subject = await client.subjects.create({"name": "Jana Nováková", "email": "jana@example.com"})
    body = {"subject_id": subject["id"], "vat_price_mode": "from_total_with_vat", "lines": LINES}
    return await client.invoices.create({**body, **more})


def test_an_invoice_is_made_found_paid_sent_and_downloaded() -> None:
    async def flow(w: World, client: Any) -> None:
        assert await client.invoices.find_by_custom_id("klic-1") is None
        made = await _made(client, custom_id="klic-1", due=21)
        found = await client.invoices.find_by_custom_id("klic-1")
        assert (found.id, found.number, found.status) == (
            made["id"],
            "2026-0001",
            InvoiceStatus.OPEN,
        )
        assert (found.total, found.subtotal, found.currency) == (
            Decimal("242.0"),
            Decimal("200.0"),
            "CZK",
        )
        assert (found.due_on - found.issued_on).days == 21
        payment = await client.invoices.create_payment(found.id, {"paid_on": "2026-11-26"})
        assert payment["amount"] == "242.0"
        await client.invoices.create_message(
            found.id, {"email": "jana@example.com", "subject": "Faktura", "message": "#link#"}
        )
        pdf = await client.invoices.wait_for_pdf(found.id, delay_seconds=0)
        assert pdf.startswith(b"%PDF")
        now = await client.invoices.get_model(found.id)
        assert (now.status, now.remaining_amount) == (InvoiceStatus.PAID, Decimal(0))
        await client.invoices.delete_payment(found.id, payment["id"])
        assert (await client.invoices.get_model(found.id)).status is InvoiceStatus.SENT
        assert w.simulator.books()[0].emails == ("jana@example.com",)

    run(flow, pdf_delay=3)


def test_a_proforma_its_tax_document_and_a_correction() -> None:
    async def flow(w: World, client: Any) -> None:
        proforma = await _made(client, document_type="proforma", proforma_followup_document="none")
        paid = await client.invoices.create_payment(proforma["id"], {})
        with_tax = await client.invoices.create_tax_document(proforma["id"], paid["id"])
        tax = await client.invoices.get_model(with_tax["tax_document_id"])
        assert (tax.document_type, tax.total) == ("tax_document", Decimal("242.0"))
        invoice = await _made(client)
        back = [{**LINES[0], "unit_price": "-121"}]
        correction = await client.invoices.create_correction(
            invoice["id"],
            {"subject_id": invoice["subject_id"], "lines": back,
             "vat_price_mode": "from_total_with_vat"},
        )  # fmt: skip
        assert correction["total"] == "-242.0"
        linked = await client.invoices.get_model(invoice["id"])
        assert linked.correction_id == correction["id"]
        with pytest.raises(ClientError) as refused:
            await client.invoices.delete(invoice["id"])
        assert refused.value.status_code == 422

    run(flow)


def test_lists_actions_and_webhooks() -> None:
    async def flow(w: World, client: Any) -> None:
        for at in range(43):
            await _made(client, custom_id=str(at))
        listed = [model.custom_id async for model in client.invoices.iter_models()]
        assert sorted(listed, key=int) == [str(at) for at in range(43)]
        first = await client.invoices.find_by_custom_id("0")
        await client.invoices.fire(first.id, event=InvoiceEvent.LOCK)
        with pytest.raises(ClientError) as refused:
            await client.invoices.update(first.id, {"due": 7})
        assert refused.value.status_code == 403
        hook = await client.webhooks.create(
            {"webhook_url": "https://example.com/hook", "auth_header": "Bearer x",
             "events": ["invoice_created"]}
        )  # fmt: skip
        changed = await client.webhooks.update(hook["id"], {"active": False})
        assert changed["active"] is False
        await client.webhooks.delete(hook["id"])
        assert await client.webhooks.list() == []
        events = await client.events.list()
        assert events[0]["name"] == "invoice_locked"

    run(flow)


def test_the_account_and_what_belongs_to_it() -> None:
    async def flow(w: World, client: Any) -> None:
        user = await client.users.get_current_user()
        assert user["accounts"][0]["slug"] == "zkusebni"
        assert (await client.users.list())[0]["permission"] == "owner"
        assert (await client.account.get())["vat_mode"] == "vat_payer"
        assert (await client.bank_accounts.list())[0]["default"] is True
        assert (await client.number_formats.list())[0]["format"] == "#yyyy#-#dddd#"
        subject = await client.subjects.create({"name": "Firma", "registration_no": "25596641"})
        found = await client.subjects.search(query="25596641")
        assert [one["id"] for one in found] == [subject["id"]]
        await client.subjects.delete(subject["id"])

    run(flow)


def test_a_wrong_key_is_refused() -> None:
    async def flow(w: World, client: Any) -> None:
        w.simulator.account["client_id"] = "another"
        with pytest.raises(AuthorizationFailedError):
            await client.auth.auth(AuthType.CLIENT_CREDENTIALS_CODE_FLOW)

    run(flow)
