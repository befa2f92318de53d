"""Live events of a campaign: server-sent events with its state, each whole, whenever it changes.

`GET /api/v1/campaigns/{id}/events`, in the event loop of the web process. After any gap a client
connects again and has the present state: there are no deltas to miss. A state is read once for
all who watch the campaign, at most once a second; a lost hint is made up for every few seconds.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, Final, TypeVar, cast

import orjson
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.db.utils import Error as DatabaseError

from autodialer.api.auth import authenticate
from autodialer.api.limits import Limiter
from autodialer.api.problems import ApiError, problem_of
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.campaigns.queries import campaign_counts
from autodialer.apps.keys.queries import is_live
from autodialer.ports.screens import Gap, Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
    from django.http import HttpResponse

    from autodialer.api.request import ApiRequest
    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.keys.queries import Bearer
    from autodialer.ports.screens import News, Newsroom

    T = TypeVar("T")

THREADS: Final = 2
PACE_S: Final = 1.0
# Also without news: what a lost hint would have told, and a sign that the stream lives.
LOOK_AGAIN_S: Final = 5.0
# A client that takes nothing for so long is gone, or will connect again.
STUCK_S: Final = 20.0
MOST_STREAMS: Final = 40  # of one key
_PATH: Final = re.compile(r"/api/v1/campaigns/([1-9][0-9]{0,17})/events")
_BEAT: Final = b": nothing new\n\n"


def state_of(account: Account, actor: Actor, campaign_id: int) -> bytes:
    """Return the present state as one event. Raises NotFoundError or NotAllowedError."""
    found = visible_campaign(account, actor, campaign_id, Permission.VIEW_CAMPAIGN)
    counts = campaign_counts(account, campaign_id)
    by_status = {status.value: count for status, count in counts.by_status.items()}
    state = {
        "id": str(found.pk),
        "status": found.status,
        "reason": found.reason,
        "counts": {"total": counts.total, "by_status": by_status},
    }
    return b"event: campaign\ndata: " + orjson.dumps(state) + b"\n\n"


class _Feed:
    """The state of one campaign, read once for all who watch it."""

    def __init__(self, read: Callable[[], bytes], threads: ThreadPoolExecutor) -> None:
        self._read, self._threads = read, threads
        self._lock = asyncio.Lock()
        self._state, self._as_of = b"", float("-inf")

    async def state(self, not_before: float) -> bytes:
        """Return the state as it was at this time of the event loop, or later."""
        async with self._lock:
            if self._as_of < not_before:
                loop = asyncio.get_running_loop()
                await asyncio.sleep(self._as_of + PACE_S - loop.time())
                began = loop.time()
                self._state = await loop.run_in_executor(self._threads, _in_django, self._read)
                self._as_of = began
            return self._state


class _Stream:
    """What one client is sent."""

    def __init__(self, bearer: Bearer, campaign_id: int) -> None:
        self.bearer, self.campaign_id = bearer, campaign_id
        self.is_over = False
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at the state now."""
        self._wake.set()

    def end(self) -> None:
        """Send no more; the client connects again and is asked who it is."""
        self.is_over = True
        self._wake.set()

    async def write(self, feed: _Feed, send: ASGISendCallable) -> None:
        """Write until the stream is ended. Raises TimeoutError when the client is stuck."""
        sent, loop = b"", asyncio.get_running_loop()
        while not self.is_over:
            self._wake.clear()
            try:
                state = await feed.state(loop.time())
            except DatabaseError:
                state = sent  # looked at again below
            body = state if state != sent else _BEAT
            async with asyncio.timeout(STUCK_S):
                await send({"type": "http.response.body", "body": body, "more_body": True})
            sent = state
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._wake.wait()


class CampaignEvents:
    """All such streams of a web process."""

    def __init__(self, newsroom: Newsroom, clock: Callable[[], datetime]) -> None:
        self._newsroom, self._clock = newsroom, clock
        self._limiter = Limiter(settings.API_REQUESTS_PER_MINUTE)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="events")
        self._streams: dict[int, set[_Stream]] = defaultdict(set)
        self._feeds: dict[int, _Feed] = {}
        self._keys_changed = asyncio.Event()

    @property
    def open_streams(self) -> int:
        """How many clients watch."""
        return sum(map(len, self._streams.values()))

    def matches(self, path: str) -> bool:
        """Return whether this address is answered here."""
        return _PATH.fullmatch(path) is not None

    async def run(self) -> None:
        """Hear of changes, and end the streams of keys that stop working, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="event-news")
            tasks.create_task(self._end_strangers(), name="event-keys")

    def end_all(self) -> None:
        """End every stream: the process is going to stop."""
        for stream in self._all():
            stream.end()

    async def serve(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer one request: with a stream, or with the problem that says why not."""
        request = cast("ApiRequest", ASGIRequest({**scope}, BytesIO()))
        request.request_id, request.now = uuid.uuid4().hex, self._clock()
        request.from_address = None
        told = {"X-Request-ID": request.request_id}
        try:
            stream = await self._in_thread(lambda: self._admitted(request, told))
            self._check_room(stream)
        except Exception as error:  # noqa: BLE001  as in the door: logged, and told as a problem
            await _refuse(problem_of(request, error), told, send)
            return
        with self._watching(stream) as feed:
            await _answer_stream(stream, feed, told, receive, send)

    def _admitted(self, request: ApiRequest, told: dict[str, str]) -> _Stream:
        """Return the stream that is asked for; `told` gets what is said to a known key.

        Raises what the API refuses.
        """
        bearer = authenticate(request)
        told |= self._limiter.take(bearer.key_id)
        if request.method != "GET":
            allow = {"Allow": "GET"}
            raise ApiError("method_not_allowed", "This address takes GET.", headers=allow)
        found = _PATH.fullmatch(request.path)
        campaign_id = int(found[1]) if found else 0
        visible_campaign(bearer.account, bearer.actor, campaign_id, Permission.VIEW_CAMPAIGN)
        return _Stream(bearer, campaign_id)

    def _check_room(self, stream: _Stream) -> None:
        of_key = sum(each.bearer.key_id == stream.bearer.key_id for each in self._all())
        if of_key >= MOST_STREAMS:
            raise ApiError(
                "too_many_requests",
                f"This key watches {of_key} campaigns already: end a stream first.",
                headers={"Retry-After": "60"},
            )

    @contextmanager
    def _watching(self, stream: _Stream) -> Iterator[_Feed]:
        watched, bearer = stream.campaign_id, stream.bearer
        if watched not in self._feeds:
            # Whoever may see a campaign sees the same of it: it has one state for all keys.
            self._feeds[watched] = _Feed(
                lambda: state_of(bearer.account, bearer.actor, watched), self._threads
            )
        self._streams[watched].add(stream)
        try:
            yield self._feeds[watched]
        finally:
            self._streams[watched].discard(stream)
            if not self._streams[watched]:
                del self._streams[watched], self._feeds[watched]

    def _all(self) -> list[_Stream]:
        return [stream for streams in self._streams.values() for stream in streams]

    async def _listen(self) -> None:
        async for news in self._newsroom.news():
            self._take(news)

    def _take(self, news: News) -> None:
        if isinstance(news, Gap):
            for stream in self._all():
                stream.wake()
            return
        for change in news:
            if change.what is Shown.CAMPAIGN:
                for stream in self._streams.get(change.id, ()):
                    stream.wake()
            elif change.what is Shown.ACCOUNT:
                self._keys_changed.set()

    async def _end_strangers(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._keys_changed.wait()
            self._keys_changed.clear()
            with suppress(DatabaseError):  # then nothing new is sent, either
                for key_id in {stream.bearer.key_id for stream in self._all()}:
                    await self._end_of(key_id)
            await asyncio.sleep(PACE_S)

    async def _end_of(self, key_id: int) -> None:
        """End the streams of the key unless it still works."""
        if await self._in_thread(lambda: is_live(key_id, self._clock())):
            return
        for stream in self._all():
            if stream.bearer.key_id == key_id:
                stream.end()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _in_django, work)


async def _answer_stream(
    stream: _Stream,
    feed: _Feed,
    told: Mapping[str, str],
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
) -> None:
    headers = {
        **told,
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Accel-Buffering": "no",  # a proxy must not wait for more
    }
    await _begin(200, headers, send)
    async with asyncio.TaskGroup() as tasks:
        gone = tasks.create_task(_end_when_gone(stream, receive), name="events-gone")
        with suppress(TimeoutError):
            await stream.write(feed, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        gone.cancel()


async def _end_when_gone(stream: _Stream, receive: ASGIReceiveCallable) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _refuse(response: HttpResponse, told: Mapping[str, str], send: ASGISendCallable) -> None:
    await _begin(response.status_code, {**told, **response.headers}, send)
    await send({"type": "http.response.body", "body": response.content, "more_body": False})


async def _begin(status: int, headers: Mapping[str, str], send: ASGISendCallable) -> None:
    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send(
        {"type": "http.response.start", "status": status, "headers": lines, "trailers": False}
    )


def _in_django(work: Callable[[], T]) -> T:
    """Do something in a thread as Django does a request: a lost connection is made anew."""
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
