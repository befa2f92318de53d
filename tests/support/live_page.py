"""A browser's page, as far as its stream is concerned: raw HTTP over asyncio."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(slots=True)
class LivePage:
    """One stream. `shown` is what the page shows now, by element id."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    shown: dict[str, str] = field(default_factory=dict)
    age_ms: int = -1
    events: int = 0

    @classmethod
    async def open(cls, port: int, topics: Sequence[str], session: str = "") -> Self:
        """Connect; `status` is what the server answered."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        query = urlencode([("topic", topic) for topic in topics])
        cookie = f"Cookie: sessionid={session}\r\n" if session else ""
        writer.write(
            f"GET /live?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{cookie}\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        return cls(reader, writer, int(head.split()[1]))

    async def read(self) -> dict[str, Any] | None:
        """Return the next event once it is shown; None at the end of the stream."""
        while line := await self.reader.readline():
            if line.startswith(b"data: "):
                event: dict[str, Any] = json.loads(line[len(b"data: ") :])
                self.shown |= event["parts"]
                self.age_ms = event["age"]
                self.events += 1
                return event
            if line == b"0\r\n":  # the last chunk
                return None
        return None

    async def until(self, condition: Callable[[Self], object], deadline_s: float = 5.0) -> None:
        """Read until the condition holds. Raises TimeoutError."""
        async with asyncio.timeout(deadline_s):
            while not condition(self):
                assert await self.read() is not None, "the stream ended"

    async def until_the_end(self, deadline_s: float) -> None:
        """Read until the server ends the stream. Raises TimeoutError."""
        async with asyncio.timeout(deadline_s):
            while await self.read() is not None:
                pass

    async def close(self) -> None:
        """Close the page."""
        self.writer.close()
