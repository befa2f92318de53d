"""Nodes that settle their shares of a trunk at the same time, on PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg

from autodialer.adapters.pg.store import PgStore
from autodialer.domain.pacing import Limits, Use
from autodialer.ports.store import Lease, LeaseHeld
from tests.contract.store_world import NOW, TTL, lease_of
from tests.support.pg_world import PgWorld

LIMITS = Limits(calls_per_second=7, calls_at_once=11)
NODES = 5
ROUNDS = 20


async def test_a_renewal_does_not_wait_for_another_node_that_is_being_served(
    database_url: str, store: PgStore, world: PgWorld
) -> None:
    await world.limit_trunk(LIMITS)
    lease = await lease_of(store)
    async with await psycopg.AsyncConnection.connect(database_url) as served:
        await served.execute("SELECT FROM calls_trunk FOR UPDATE")
        later = NOW + timedelta(days=2)
        assert await store.renew_lease(lease, later, TTL, Use(3, 4)) is None
        held = await store.acquire_lease("north", "two", later, TTL)
        assert held == LeaseHeld(later + TTL)
        await served.rollback()
    assert await store.renew_lease(lease, later, TTL, Use(3, 4)) == LIMITS


async def test_nodes_that_ask_at_the_same_time_never_get_more_than_the_limits(
    store: PgStore, world: PgWorld
) -> None:
    await world.limit_trunk(LIMITS)
    leases = [await lease_of(store, f"node-{n}") for n in range(NODES)]
    shares = {lease: Limits(0, 0) for lease in leases}

    async def ask(lease: Lease) -> None:
        for at in range(ROUNDS):
            share = shares[lease]
            use = Use(share.calls_per_second or 0, share.calls_at_once or 0)
            now = NOW + timedelta(seconds=5 * at)
            shares[lease] = await store.renew_lease(lease, now, timedelta(days=1), use) or share
            assert sum(each.calls_per_second or 0 for each in shares.values()) <= 7
            assert sum(each.calls_at_once or 0 for each in shares.values()) <= 11

    async with asyncio.TaskGroup() as group:
        for lease in leases:
            group.create_task(ask(lease), name=str(lease.node_id))
    for _ in range(3):
        for lease in leases:
            await ask(lease)
    assert sum(each.calls_per_second or 0 for each in shares.values()) == 7
    assert sum(each.calls_at_once or 0 for each in shares.values()) == 11
