"""Feeds: one thing that pages watch, rendered once for all who see it alike.

Everything here runs in the event loop but `Desk.render`'s work, which is Django's and runs in
threads.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import orjson
import structlog
from django.db import close_old_connections
from django.db.utils import Error as DatabaseError
from django.utils import timezone, translation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from autodialer.ports.screens import Change
    from autodialer.web.live_stream import Stream
    from autodialer.web.live_topics import Fragments, Topic, View

log = structlog.get_logger()
T = TypeVar("T")

# Also without news: what a lost one would have told is shown this much later at most.
REFRESH_S: Final = 5.0
# Of one kind: more would keep the others waiting, and these themselves be old when they are sent.
MOST_AT_ONCE: Final = 10
_AFTER_FAILURE_S: Final = 1.0

# One element as it is sent: `"id":"html"`.
Parts: TypeAlias = "Mapping[str, bytes]"


@dataclass(eq=False, slots=True)
class Feed:
    """One id of a topic in one view. Times are those of the event loop."""

    topic: Topic
    id: int
    view: View
    streams: set[Stream] = field(default_factory=set)
    parts: Parts = field(default_factory=dict)
    # Not older than this is what is shown; None: nothing is, yet.
    as_of: float | None = None
    # When it is rendered next, and whether for news. The pace is that of renderings for news: one
    # without must not keep a change waiting.
    due: float = 0.0
    has_news: bool = True
    begun: float | None = None

    def hurry(self, now: float) -> None:
        """Render as soon as the topic's pace allows."""
        earliest = now if self.begun is None else self.begun + self.topic.pace_s
        self.due = min(self.due, max(now, earliest))
        self.has_news = True

    def show(self, parts: Parts, as_of: float) -> None:
        """Take what was rendered, and send to everybody what differs."""
        new = {name: part for name, part in parts.items() if self.parts.get(name) != part}
        self.parts, self.as_of = parts, as_of
        for stream in self.streams:
            stream.put(new)


class Desk:
    """Renders the feeds of one topic: the due ones together, one rendering at a time."""

    def __init__(
        self, topic: Topic, threads: ThreadPoolExecutor, clock: Callable[[], datetime]
    ) -> None:
        self._topic, self._threads, self._clock = topic, threads, clock
        self._feeds: dict[tuple[int, View], Feed] = {}
        self._by_id: dict[int, set[Feed]] = defaultdict(set)
        self._changed = asyncio.Event()

    def subscribe(self, number: int, view: View, stream: Stream) -> Feed:
        """Add a stream to a feed; what is known is sent at once, the rest as soon as rendered."""
        feed = self._feeds.get((number, view))
        if feed is None:
            feed = self._feeds[number, view] = Feed(self._topic, number, view)
            self._by_id[number].add(feed)
            self._changed.set()
        feed.streams.add(stream)
        stream.put(feed.parts)
        return feed

    def leave(self, feed: Feed, stream: Stream) -> None:
        """Take a stream out of a feed; one that nobody watches is forgotten."""
        feed.streams.discard(stream)
        if not feed.streams:
            self._feeds.pop((feed.id, feed.view), None)
            self._by_id[feed.id].discard(feed)
            if not self._by_id[feed.id]:
                del self._by_id[feed.id]

    def take(self, changes: Iterable[Change]) -> None:
        """Render what shows one of the changes."""
        now = _now()
        for change in changes:
            number = self._topic.shown_in(change)
            for feed in self._by_id.get(number, ()) if number is not None else ():
                feed.hurry(now)
        self._changed.set()

    def take_all(self) -> None:
        """Render everything: changes may have been missed."""
        now = _now()
        for feed in self._feeds.values():
            feed.hurry(now)
        self._changed.set()

    async def run(self) -> None:
        """Render what is due, for ever."""
        while True:
            self._changed.clear()
            for view, feeds in self._due().items():
                began = _now()
                await self._render(view, feeds)
                if self._topic.pace_s:  # Half of the time is left for pages.
                    await asyncio.sleep(_now() - began)
            await self._until_due()

    def _due(self) -> Mapping[View, Sequence[Feed]]:
        """Return what to render now: what has news, or else a little of what is only looked at."""
        now = _now()
        due = [feed for feed in self._feeds.values() if feed.due <= now]
        news = [feed for feed in due if feed.has_news]
        batches: dict[View, list[Feed]] = defaultdict(list)
        for feed in (news or due)[:MOST_AT_ONCE]:
            batches[feed.view].append(feed)
        return batches

    async def _until_due(self) -> None:
        first = min((feed.due for feed in self._feeds.values()), default=None)
        delay = None if first is None else max(0.0, first - _now())
        try:
            async with asyncio.timeout(delay):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _render(self, view: View, feeds: Sequence[Feed]) -> None:
        started = _now()
        for feed in feeds:  # A change during the rendering makes it due again.
            feed.begun = started if feed.has_news else feed.begun
            feed.has_news, feed.due = False, started + REFRESH_S
        loop, ids = asyncio.get_running_loop(), [feed.id for feed in feeds]
        now = replace(view, now=self._clock())
        try:
            rendered = await loop.run_in_executor(self._threads, _in_thread, self._topic, now, ids)
        except DatabaseError as error:
            log.warning("not_rendered", topic=self._topic.kind, error=type(error).__name__)
        except Exception:  # A topic's own fault: the pages see that their figures grow old.
            log.exception("rendering_failed", topic=self._topic.kind)
        else:
            for feed in feeds:
                feed.show(rendered.get(feed.id, feed.parts), started)
            return
        for feed in feeds:
            feed.due = _now() + _AFTER_FAILURE_S


def _in_thread(topic: Topic, view: View, ids: Sequence[int]) -> Mapping[int, Parts]:
    """Render in a thread that has no request: with the viewer's language and clock."""
    return django_work(lambda: _rendered(topic, view, ids))


def _rendered(topic: Topic, view: View, ids: Sequence[int]) -> Mapping[int, Parts]:
    with translation.override(view.language), timezone.override(ZoneInfo(view.account.zone)):
        return {number: _parts(found) for number, found in topic.render(view, ids).items()}


def _parts(fragments: Fragments) -> Parts:
    return {
        name: orjson.dumps(name) + b":" + orjson.dumps(each) for name, each in fragments.items()
    }


def django_work(work: Callable[[], T]) -> T:
    """Do something in a thread as Django does a request: a lost connection is made anew."""
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()


def _now() -> float:
    return asyncio.get_running_loop().time()
