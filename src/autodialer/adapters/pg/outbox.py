"""The outbox in PostgreSQL, which triggers fill (docs/adr/0012-webhook-outbox.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from autodialer.adapters.pg.database import Database, listening, step
from autodialer.apps.hints import SCREENS
from autodialer.apps.webhooks.facts import parcel_of
from autodialer.ports.outbox import Backlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from datetime import datetime

    from autodialer.domain.parcels import Parcel
    from autodialer.ports.outbox import Tried

# One takes, one notes, one is spare.
_CONNECTIONS: Final = 3


class PgOutbox:
    """`ports.outbox.Outbox`, used as an async context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._database = Database(url, size=_CONNECTIONS)

    async def __aenter__(self) -> Self:
        await self._database.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()

    async def take(
        self, rooms: Mapping[str, int], room: int, now: datetime, until: datetime
    ) -> Sequence[Parcel]:
        """See `ports.outbox.Outbox`."""
        taking = step(
            "webhooks",
            "take",
            lanes=list(rooms),
            rooms=list(rooms.values()),
            room=room,
            now=now,
            taken_until=until,
        )
        (taken,) = await self._database.run(taking)
        if not taken:
            return []
        facts = step("webhooks", "facts", ids=[row["id"] for row in taken])
        (rows,) = await self._database.run(facts)
        return [parcel_of(row, now) for row in rows]

    async def note(self, tried: Sequence[Tried]) -> None:
        """See `ports.outbox.Outbox`."""
        noting = step(
            "webhooks",
            "note_tries",
            ids=[each.parcel.id for each in tried],
            statuses=[each.verdict.status.value for each in tried],
            outcomes=[each.verdict.outcome for each in tried],
            due=[each.verdict.due_at for each in tried],
            at=[each.at for each in tried],
            took_ms=[each.took_ms for each in tried],
            are_tries=[each.is_try for each in tried],
        )
        gone = {each.parcel.endpoint_id: each.at for each in tried if each.verdict.gone}
        if not gone:
            await self._database.run(noting)
            return
        disabling = step("webhooks", "disable_gone", ids=list(gone), now=max(gone.values()))
        await self._database.run(noting, disabling)

    async def give_back(self, ids: Collection[int]) -> None:
        """See `ports.outbox.Outbox`."""
        await self._database.run(step("webhooks", "give_back", ids=list(ids)))

    async def backlog(self, now: datetime) -> Backlog:
        """Return what waits, jobs included. Raises StoreUnavailableError."""
        (waits,), jobs = await self._database.run(
            step("webhooks", "backlog", now=now), step("imports", "jobs")
        )
        due_since = waits["due_since"]
        return Backlog(
            deliveries=waits["deliveries"],
            overdue_s=0.0 if due_since is None else (now - due_since).total_seconds(),
            jobs={(row["queue"], row["status"]): row["count"] for row in jobs},
        )

    async def hints(self) -> AsyncIterator[None]:
        """See `ports.outbox.Outbox`. The news for the screens: told of each call and campaign.

        A NOTIFY of its own in the transaction of a call would make the commits of all calls queue.
        """
        async with listening(self._url, SCREENS) as payloads:
            if payloads is not None:
                async for _ in payloads:
                    yield None
