"""What waits for the workers, as a scraper is told it."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from autodialer.adapters.monitor.worker import BacklogMeter
from autodialer.adapters.pg.outbox import PgOutbox
from autodialer.ops.process import free_port
from autodialer.ports.outbox import Backlog
from tests.support.book import NOON, make_book
from tests.support.outbox import endpoint
from tests.support.pg_world import PgWorld

EVENT = """
WITH event AS (
    INSERT INTO webhooks_event (id, account_id, kind, at)
    SELECT gen_random_uuid(), account_id, 'webhook.test', %(due)s FROM webhooks_endpoint
    RETURNING id, account_id
)
INSERT INTO webhooks_delivery (event_id, account_id, purpose, endpoint_id, lane, due_at)
SELECT event.id, event.account_id, 'webhook', e.id, 'e' || e.id, %(due)s
  FROM event, webhooks_endpoint AS e"""
JOB = (
    "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('imports', 'x', 'todo')"
)


@pytest.fixture
def told_database(live_database: str) -> str:
    """A database with an endpoint that wants to know everything."""
    endpoint(make_book())
    return live_database


async def test_what_is_due_waits_since_it_was_due_and_a_retry_of_later_waits_too(
    told_database: str,
) -> None:
    async with PgWorld.open(told_database) as world, PgOutbox(told_database) as outbox:
        assert await outbox.backlog(NOON) == Backlog(0, 0.0, {})
        await world.run(EVENT, due=NOON + timedelta(hours=1))
        assert await outbox.backlog(NOON) == Backlog(1, 0.0, {})
        await world.run(EVENT, due=NOON - timedelta(seconds=90))
        await world.run(JOB)
        assert await outbox.backlog(NOON) == Backlog(2, 90.0, {("imports", "todo"): 1})


async def test_without_a_database_the_backlog_is_unknown_and_not_none() -> None:
    async with PgOutbox(f"postgresql://nobody@127.0.0.1:{free_port()}/none") as outbox:
        registry = CollectorRegistry()
        meter = BacklogMeter(registry, lambda: outbox.backlog(NOON))
        meter.show(Backlog(7, 61.5, {("imports", "todo"): 2}))
        assert registry.get_sample_value("autodialer_webhook_overdue_seconds") == 61.5
        await meter.look()
    assert math.isnan(registry.get_sample_value("autodialer_webhook_backlog") or 0.0)
    assert (
        registry.get_sample_value("autodialer_jobs", {"queue": "imports", "status": "todo"}) is None
    )
