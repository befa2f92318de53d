"""What every store must do with what a Get Contacts URL says of a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autodialer.domain import outcome
from autodialer.domain.contact_details import ContactDetails
from autodialer.ports.store import LeaseLostError
from tests.contract.store_world import FIRST, NOW, CampaignPlan, desk_for, lease_of, sit_down

if TYPE_CHECKING:
    from autodialer.ports.store import Store
    from tests.contract.store_world import World

URL = "https://crm.example.com/who"
ASKS = CampaignPlan((FIRST,), get_contacts_url=URL)
ASHA_RAO = ContactDetails("Asha", "Rao", fields={"order_id": "A-17", "note": "<b>1</b>\n2"})


class DetailsContract:
    """Who is called, as another system knows it."""

    async def test_a_call_says_whether_its_campaign_asks_for_details(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, ASKS)
        asks = await desk.call()
        quiet = await world.campaign(await world.account(), CampaignPlan((FIRST,)))
        other = await (await sit_down(store, world, desk.lease, quiet)).call()
        assert (asks.asks_details, other.asks_details) == (True, False)
        assert await store.details_to_ask(other.attempt_id) is None

    async def test_the_request_names_the_call_and_the_agent(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, ASKS)
        call = await desk.call()
        request = await store.details_to_ask(call.attempt_id)
        assert request is not None
        assert (request.attempt_id, request.campaign_id) == (call.attempt_id, desk.campaign)
        assert (request.url, request.e164, request.plain_http) == (URL, FIRST, False)
        assert request.agent_address

    async def test_details_are_kept_as_they_are_also_after_the_call(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, ASKS)
        call = await desk.call()
        assert await world.details(call.attempt_id) is None
        await desk.finish(call, outcome.TALKED)
        await store.keep_details(desk.lease, call.attempt_id, ASHA_RAO)
        assert await world.details(call.attempt_id) == {
            "first_name": "Asha",
            "last_name": "Rao",
            "fields": {"order_id": "A-17", "note": "<b>1</b>\n2"},
        }

    async def test_a_dialer_that_lost_its_node_keeps_nothing(
        self, store: Store, world: World
    ) -> None:
        desk = await desk_for(store, world, ASKS)
        call = await desk.call()
        await store.release_lease(desk.lease, NOW)
        await lease_of(store)
        with pytest.raises(LeaseLostError):
            await store.keep_details(desk.lease, call.attempt_id, ASHA_RAO)
        assert await world.details(call.attempt_id) is None
