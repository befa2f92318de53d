"""Asks Get Contacts URLs who is being called, beside the calls and never in their way."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.domain.contact_details import DetailsUnreadableError, read_details
from autodialer.engine.contained import contained
from autodialer.ports.details import DetailsFailedError
from autodialer.ports.store import StoreUnavailableError

if TYPE_CHECKING:
    from autodialer.domain.ids import AttemptId, SessionId
    from autodialer.engine.runner import Tools
    from autodialer.ports.details import GetContacts

log = structlog.get_logger()

# Adapters end by themselves after 2 seconds; this is for one that does not.
ANSWER_TIMEOUT_S: Final = 2.5
MOST_AT_ONCE: Final = 50
# Calls that wait to be asked about; older ones are of no use any more.
_MOST_WAITING: Final = 200


class Inquiries:
    """The calls to ask about. The oldest are forgotten when too many wait."""

    def __init__(self) -> None:
        self._wanted: deque[tuple[SessionId, AttemptId]] = deque(maxlen=_MOST_WAITING)
        self._some = asyncio.Event()

    def want(self, session_id: SessionId, attempt_id: AttemptId) -> None:
        """Note a call that was placed; returns at once."""
        self._wanted.append((session_id, attempt_id))
        self._some.set()

    async def next(self) -> tuple[SessionId, AttemptId]:
        """Wait for a call to ask about."""
        while not self._wanted:
            self._some.clear()
            await self._some.wait()
        return self._wanted.popleft()


class Inquirer:
    """Asks about one call after the other; whatever goes wrong, the call goes on without."""

    def __init__(self, contacts: GetContacts, tools: Tools, tasks: asyncio.TaskGroup) -> None:
        self._contacts, self._tools, self._tasks = contacts, tools, tasks
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self._places.acquire()
            session_id, attempt_id = await self._tools.inquiries.next()
            task = self._tasks.create_task(
                contained(
                    self._ask(session_id, attempt_id), "details_failed", attempt=str(attempt_id)
                ),
                name=f"details-{attempt_id}",
            )
            task.add_done_callback(lambda _: self._places.release())

    async def _ask(self, session_id: SessionId, attempt_id: AttemptId) -> None:
        store = self._tools.store
        with suppress(StoreUnavailableError):
            request = await store.details_to_ask(attempt_id)
            if request is None:
                return
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    details = read_details(await self._contacts.ask(request))
            except (DetailsFailedError, DetailsUnreadableError, TimeoutError) as error:
                log.info("details_not_given", attempt=str(attempt_id), why=str(error))
                return
            if details.known():
                await store.keep_details(self._tools.lease, attempt_id, details)
                self._tools.screens.moved(session_id)
