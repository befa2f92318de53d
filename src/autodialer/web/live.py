"""Live screens: the hub of one web process, from the database's news to the pages' streams.

A page opens one stream, `/live?topic=campaign:12&topic=agent`, and gets the present state of
each topic at once: after any gap, connecting again makes it whole. Every topic is also read anew
every few seconds, so that a lost hint is no lost change (docs/explanation/live-screens.md).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import structlog
from django.core.handlers.asgi import ASGIRequest
from django.db.utils import Error as DatabaseError

from autodialer.domain.errors import NotAllowedError, NotFoundError
from autodialer.ports.screens import Gap, Shown
from autodialer.web.live_access import still_there, viewer_of
from autodialer.web.live_feeds import Desk, django_work
from autodialer.web.live_stream import Stream
from autodialer.web.live_topics import MOST_TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import TypeVar

    from asgiref.typing import (
        ASGIReceiveCallable,
        ASGISendCallable,
        HTTPResponseBodyEvent,
        HTTPScope,
    )

    from autodialer.ports.screens import News, Newsroom
    from autodialer.web.live_topics import Topic, Topics, Viewer

    T = TypeVar("T")

log = structlog.get_logger()

# Each has a connection to the database; of what they do, most is waiting for it.
THREADS: Final = 4
# How long somebody who may not watch any more still can.
LOOK_AGAIN_S: Final = 4.0
_LEAST_PAUSE_S: Final = 0.5
# A person's open pages. More are a program that forgets to close them.
MOST_STREAMS: Final = 40
_STREAM: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # a proxy must not wait for more
)
_LAST: Final[HTTPResponseBodyEvent] = {
    "type": "http.response.body",
    "body": b"",
    "more_body": False,
}
# What is another account's is not there at all.
_STATUS_OF: Final[Mapping[type[Exception], int]] = {
    NotFoundError: 404,
    NotAllowedError: 403,
    DatabaseError: 503,
}


class _RefusedError(Exception):
    """No stream for this request; the page's script says why."""

    def __init__(self, status: int) -> None:
        self.http_status = status
        super().__init__(status)


class Hub:
    """All streams of a web process, and what they show."""

    def __init__(self, topics: Topics, newsroom: Newsroom, clock: Callable[[], datetime]) -> None:
        self._topics, self._newsroom, self._clock = topics, newsroom, clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live")
        self._desks = {topic.kind: Desk(topic, self._threads, clock) for topic in topics}
        self._streams: set[Stream] = set()
        # How to end what else is open for somebody.
        self._others: dict[Callable[[], None], Viewer] = {}
        self._people_changed = asyncio.Event()

    async def run(self) -> None:
        """Keep all streams up to date until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="news")
            tasks.create_task(self._end_strangers(), name="sessions")
            for kind, desk in self._desks.items():
                tasks.create_task(desk.run(), name=f"desk-{kind}")

    @property
    def open_streams(self) -> int:
        """How many pages watch."""
        return len(self._streams)

    def end_all(self) -> None:
        """End every stream: the process is going to stop, another one answers the pages."""
        for stream in self._streams:
            stream.end()
        for end in self._others:
            end()

    @contextmanager
    def watching(self, viewer: Viewer, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` when, during the block, this person may not be here any more."""
        self._others[end] = viewer
        try:
            yield
        finally:
            del self._others[end]

    async def serve(
        self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Answer `GET /live`: with a stream, or with the status that says why not."""
        try:
            viewer, topics = await self._admit(scope)
        except _RefusedError as refusal:
            await _answer(send, refusal.http_status, [(b"content-length", b"0")])
            await send(_LAST)
            return
        stream = Stream(viewer, self._clock)
        self._open(stream, topics)  # at once: it counts for the next one that asks
        try:
            await _answer(send, 200, _STREAM)
            await _write_until_gone(stream, receive, send)
        finally:
            self._close(stream)

    async def _admit(self, scope: HTTPScope) -> tuple[Viewer, Sequence[tuple[Topic, int]]]:
        names = parse_qs(scope["query_string"].decode("latin-1")).get("topic", [])
        if scope["method"] != "GET":
            raise _RefusedError(405)
        if not 0 < len(names) <= MOST_TOPICS:
            raise _RefusedError(400)
        request = ASGIRequest({**scope}, BytesIO())
        try:
            viewer, topics = await self.in_thread(lambda: self._asked_for(request, names))
        except tuple(_STATUS_OF) as error:
            raise _RefusedError(_status_of(error)) from error
        open_pages = sum(stream.viewer.user.pk == viewer.user.pk for stream in self._streams)
        if open_pages >= MOST_STREAMS:
            raise _RefusedError(429)
        return viewer, topics

    def _asked_for(
        self, request: ASGIRequest, names: Sequence[str]
    ) -> tuple[Viewer, Sequence[tuple[Topic, int]]]:
        viewer = viewer_of(request)
        if viewer is None:
            raise _RefusedError(401)
        return viewer, [self._topics.asked_for(name, viewer) for name in dict.fromkeys(names)]

    def _open(self, stream: Stream, topics: Sequence[tuple[Topic, int]]) -> None:
        self._streams.add(stream)
        view = stream.viewer.view(self._clock())
        for topic, number in topics:
            stream.feeds.append(self._desks[topic.kind].subscribe(number, view, stream))

    def _close(self, stream: Stream) -> None:
        self._streams.discard(stream)
        for feed in stream.feeds:
            self._desks[feed.topic.kind].leave(feed, stream)

    async def _listen(self) -> None:
        async for news in self._newsroom.news():
            self._take(news)

    def _take(self, news: News) -> None:
        if isinstance(news, Gap):
            for desk in self._desks.values():
                desk.take_all()
            return
        for desk in self._desks.values():
            desk.take(news)
        if any(change.what is Shown.ACCOUNT for change in news):
            self._people_changed.set()

    async def _end_strangers(self) -> None:
        """End, for ever, the streams of those who may not watch any more."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._people_changed.wait()
            self._people_changed.clear()
            with suppress(DatabaseError):  # Then no stream gets anything new, either.
                await self._end_those_who_are_not()
            await asyncio.sleep(_LEAST_PAUSE_S)

    async def _end_those_who_are_not(self) -> None:
        viewers = {stream.viewer for stream in self._streams} | set(self._others.values())
        if not viewers:
            return
        there = await self.in_thread(lambda: still_there(viewers, self._clock()))
        ends = [(stream.viewer, stream.end) for stream in self._streams]
        for viewer, end in [*ends, *((viewer, end) for end, viewer in self._others.items())]:
            if viewer in viewers - there:
                end()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Return what a piece of Django's work returns."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, django_work, work)


async def _write_until_gone(
    stream: Stream, receive: ASGIReceiveCallable, send: ASGISendCallable
) -> None:
    async with asyncio.TaskGroup() as tasks:
        gone = tasks.create_task(_end_when_gone(stream, receive), name="live-gone")
        with suppress(TimeoutError):
            await stream.write(send)
            await send(_LAST)
        gone.cancel()


async def _end_when_gone(stream: Stream, receive: ASGIReceiveCallable) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _answer(
    send: ASGISendCallable, status: int, headers: Iterable[tuple[bytes, bytes]]
) -> None:
    every = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), *headers]
    await send(
        {"type": "http.response.start", "status": status, "headers": every, "trailers": False}
    )


def _status_of(error: Exception) -> int:
    return next(status for kind, status in _STATUS_OF.items() if isinstance(error, kind))
