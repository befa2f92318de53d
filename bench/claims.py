"""The part `claims`: how many calls a second the store can end and claim, at full speed.

Fifty sessions of one account do nothing but end an answered call and claim the next one, each in
one round trip, as the dialer does. No telephone is involved.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import psycopg
from django.db import connection

from autodialer.adapters.pg.store import PgStore
from autodialer.domain import outcome
from autodialer.domain.errors import InvariantError
from autodialer.domain.ids import AttemptId
from autodialer.domain.money import PaymentMode, Rate
from autodialer.domain.retry import move_after_call
from autodialer.domain.session import Claimed, EndReason, FinishCall
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ports.store import Lease, NextClaim
from bench.office import TARGETS, Office, now
from bench.part import Outcome
from bench.rows import Row, markdown

if TYPE_CHECKING:
    from autodialer.domain.ids import SessionId
    from bench.part import Options

SESSIONS: Final = 50
FULL: Final = 100_000
MILLION: Final = 1_000_000
WINDOW_S: Final = 8.0
CALLER_ID: Final = "+918030000000"
FIRST_AGENT: Final = 918_040_000_000
# Each scene dials numbers of its own.
_FIRST_CUSTOMER: Final = 919_000_000_000
_APART: Final = 20_000_000
_MORE: Final = """
INSERT INTO campaigns_target
    (account_id, campaign_id, seq, e164, contact, status, reason, tries, max_tries, changed_at)
SELECT account_id, id, n, '+' || %(first)s::bigint + n, '{}', 'scheduled', '', 0, 1, created_at
  FROM campaigns_campaign, generate_series(%(from)s, %(size)s - 1) AS n
 WHERE id = %(campaign)s"""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is claimed: from a list of so many targets, while a report is read, for money."""

    name: str
    targets: int
    report_open: bool = False
    prepaid: bool = False


def run(options: Options) -> Outcome:
    """Measure each scene; the same database, one campaign each."""
    seconds = 2.0 if options.quick else WINDOW_S
    small = TARGETS if options.quick else FULL
    scenes = [
        Scene("claims_per_s", small),
        Scene("claims_per_s_report_open", small, report_open=True),
        Scene("claims_per_s_1m_targets", small if options.quick else MILLION),
        # The last: a metered account stays so.
        Scene("claims_per_s_prepaid", small, prepaid=True),
    ]
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claims-")))
        server = EmbeddedPostgres(Paths.below(var))
        server.start()
        stack.callback(server.stop)
        office = Office.open(server.url, FIRST_AGENT, SESSIONS)
        rows = [
            Row(scene.name, _measure(office, server.url, scene, at, seconds), "1/s")
            for at, scene in enumerate(scenes)
        ]
        connection.close()
    table = markdown(
        ("", "calls/s", "targets"),
        [
            (row.name, f"{row.value:,.0f}", f"{scene.targets:,}")
            for row, scene in zip(rows, scenes, strict=True)
        ],
    )
    return Outcome(rows, table)


def _measure(office: Office, url: str, scene: Scene, at: int, seconds: float) -> float:
    first = _FIRST_CUSTOMER + at * _APART
    if scene.prepaid:
        _pay(office)
    campaign = office.campaign(SESSIONS, first, CALLER_ID)
    more = {"first": first, "from": TARGETS, "size": scene.targets, "campaign": campaign.pk}
    with connection.cursor() as cursor:
        cursor.execute(_MORE, more)
        cursor.execute("VACUUM ANALYZE campaigns_target")
    office.start_sessions(campaign, SESSIONS, 0.0)
    with ExitStack() as stack:
        if scene.report_open:
            reader = stack.enter_context(psycopg.connect(url))
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            reader.execute("SELECT count(*) FROM campaigns_campaign")
        return asyncio.run(_dial(url, scene.name, seconds))


def _pay(office: Office) -> None:
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.billing import services

    account = office.account
    rates = {"+91": Rate(60, 60, 60, 60)}
    mode = PaymentMode.PREPAID
    services.set_payment_mode(account=account, mode=mode, actor=OPERATOR, now=now())
    services.set_tariffs(account=account, rates=rates, actor=OPERATOR, now=now())
    services.top_up(account=account, amount=10**12, reference="b", actor=OPERATOR, now=now())


async def _dial(url: str, node: str, seconds: float) -> float:
    """Return how many calls a second were ended and claimed."""
    async with PgStore(url) as store:
        lease = await store.acquire_lease(node, "bench", now(), timedelta(hours=1))
        if not isinstance(lease, Lease):
            raise InvariantError("The node of the benchmark is taken.")
        orders = await store.take_sessions(lease, SESSIONS, now())
        for order in orders:
            await store.mark_ready(lease, order.session_id, now())
        until = time.monotonic() + seconds
        work = (_session(store, lease, order.session_id, until) for order in orders)
        calls = sum(await asyncio.gather(*work))
    return calls / seconds


async def _session(store: PgStore, lease: Lease, session_id: SessionId, until: float) -> int:
    calls = 0
    result = await store.claim(lease, session_id, AttemptId(uuid4()), now())
    while isinstance(result, Claimed) and time.monotonic() < until:
        finish, calls = _answered(result), calls + 1
        following = await store.finish(
            lease, finish, NextClaim(session_id, AttemptId(uuid4()), finish.at)
        )
        if following is None:
            raise InvariantError("A claim has no answer.")
        result = following
    if not isinstance(result, Claimed):
        raise InvariantError(f"The list ended before the time: {result}.")
    await store.finish(lease, replace(_answered(result), then_claim=False), None)
    await store.end_session(lease, session_id, EndReason.STOPPED, now())
    return calls


def _answered(claimed: Claimed) -> FinishCall:
    call, at = claimed.call, now()
    move = move_after_call(outcome.TALKED, call.tries, call.policy, at)
    return FinishCall(call.attempt_id, outcome.TALKED, move, at, then_claim=True, answered_at=at)
