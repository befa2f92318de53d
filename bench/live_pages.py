"""The browsers of the part `live`: a process that holds many streams and notes what comes when.

Reads its plan from a file, says `ready` once every stream shows something, and writes, when told
to stop, one line for each event: when it came (monotonic), of which campaign, which step it shows.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_AT_ONCE: Final = 50  # streams that connect at the same time


class Pages:
    """All streams of the plan: port, and for each stream its campaign and session."""

    def __init__(self, port: int, streams: Sequence[tuple[int, str]]) -> None:
        self._port, self._streams = port, streams
        self.events: list[tuple[float, int, int, int]] = []
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._missing = len(streams)
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Hold all streams until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for at, (campaign, session) in enumerate(self._streams):
                tasks.create_task(self._hold(at, campaign, session))

    async def _hold(self, at: int, campaign: int, session: str) -> None:
        async with self._gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(
                f"GET /live?topic=campaign:{campaign} HTTP/1.1\r\n"
                f"Host: 127.0.0.1\r\nCookie: sessionid={session}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head:
                raise ConnectionError(head)
        waiting = True
        async for line in reader:
            came = time.monotonic()
            if not line.startswith(b"data: "):
                continue
            parts = json.loads(line[len(b"data: ") :])["parts"]
            if "step" in parts:
                self.events.append((came, at, campaign, int(parts["step"])))
            if waiting and "step" in parts:
                waiting = False
                self._missing -= 1
                if not self._missing:
                    self.ready.set()


async def main(folder: Path) -> None:
    """Hold the streams of `plan.json`; write `events.json` at SIGTERM."""
    plan = json.loads((folder / "plan.json").read_text())
    pages, stop = Pages(plan["port"], plan["streams"]), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as tasks:
        holding = tasks.create_task(pages.run())
        await pages.ready.wait()
        (folder / "ready").touch()
        await stop.wait()
        holding.cancel()
    (folder / "events.json").write_text(json.dumps(pages.events))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
