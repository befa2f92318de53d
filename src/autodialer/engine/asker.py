"""Asks Dial-Whom URLs for the agents who wait for a number, beside the sessions."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.domain import session as domain
from autodialer.domain.dial_whom import AnswerUnreadableError, SourceTrouble, read_answer
from autodialer.domain.session import Phase, Wait
from autodialer.engine.contained import contained
from autodialer.engine.insist import insist
from autodialer.ports.numbers import SourceFailedError
from autodialer.ports.store import StoreUnavailableError

if TYPE_CHECKING:
    from autodialer.domain.dial_whom import Given, NumberRequest
    from autodialer.domain.ids import CampaignId, SessionId
    from autodialer.engine.floor import Floor
    from autodialer.engine.runner import Tools
    from autodialer.ports.numbers import DialWhom

log = structlog.get_logger()

# Adapters end by themselves after 5 seconds; this is for one that does not.
ANSWER_TIMEOUT_S: Final = 5.5
# Requests to one campaign's URL that are under way at once, whatever the number of agents.
MOST_AT_ONCE: Final = 10
_LOOK_AGAIN_S: Final = 1.0


class Asker:
    """One request for each agent who waits; the answer is stored, then the agent looks again."""

    def __init__(
        self, numbers: DialWhom, tools: Tools, floor: Floor, tasks: asyncio.TaskGroup
    ) -> None:
        self._numbers, self._tools, self._floor, self._tasks = numbers, tools, floor, tasks
        self._asking: dict[SessionId, CampaignId] = {}
        self._crowded: set[CampaignId] = set()
        self._has_room = asyncio.Event()

    async def run(self) -> None:
        """Ask at once for whoever begins to wait for a number, for ever."""
        while True:
            self._begin(await self._tools.numbers_wanted.get())

    async def look(self) -> None:
        """Find those who wait still, for ever: a URL is left alone at times, or has no place."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await self._has_room.wait()
            self._has_room.clear()
            if self._somebody_waits():
                with suppress(StoreUnavailableError):
                    await self._ask_for_all()

    def _somebody_waits(self) -> bool:
        runners = self._floor.runners.values()
        return any(runner.state.waiting_for is Wait.SOURCE_SLOW for runner in runners)

    async def _ask_for_all(self) -> None:
        tools = self._tools
        for request in await tools.store.numbers_to_ask(tools.lease, tools.clock()):
            self._begin(request)

    def _begin(self, request: NumberRequest) -> None:
        session_id, campaign_id = request.session_id, request.campaign_id
        if session_id in self._asking:
            return
        if Counter(self._asking.values())[campaign_id] >= MOST_AT_ONCE:
            self._crowded.add(campaign_id)
            return
        self._asking[session_id] = campaign_id
        self._tasks.create_task(self._ask(request), name=f"numbers-{session_id}")

    async def _ask(self, request: NumberRequest) -> None:
        campaign_id = request.campaign_id
        try:
            if not await contained(self._try(request), "answer_failed", campaign_id=campaign_id):
                useless = self._take(request, SourceTrouble.BAD_ANSWER)
                await contained(useless, "answer_failed", campaign_id=campaign_id)
        finally:
            del self._asking[request.session_id]
            if campaign_id in self._crowded:
                self._crowded.remove(campaign_id)
                self._has_room.set()

    async def _try(self, request: NumberRequest) -> None:
        await self._take(request, await self._answer(request))

    async def _take(self, request: NumberRequest, answer: Given) -> None:
        """Store an answer, best with the claim of who waits for it."""
        tools, runner = self._tools, self._floor.runners.get(request.session_id)
        if runner is not None and await runner.bring(request, answer):
            return
        await insist(lambda: tools.store.take_answer(tools.lease, request, answer, tools.clock()))
        if runner is not None and runner.state.phase is Phase.WAITING:
            runner.post(domain.Woken())

    async def _answer(self, request: NumberRequest) -> Given:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return read_answer(await self._numbers.ask(request))
        except SourceFailedError as error:
            trouble = error.trouble
        except TimeoutError:
            trouble = SourceTrouble.TIMEOUT
        except AnswerUnreadableError:
            trouble = SourceTrouble.NOT_NUMBERS
        log.warning("numbers_not_given", campaign_id=request.campaign_id, why=trouble.value)
        return trouble
