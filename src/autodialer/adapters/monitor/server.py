"""A port for those who watch a process that answers nobody else."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import structlog
import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.adapters.monitor.app import Monitor

log = structlog.get_logger()

# A port that somebody else has is tried again: nobody stops calling because nobody can watch.
_TRY_AGAIN_S: Final = 5.0
# One who asks and does not listen to the answer.
_FINISH_S: Final = 1
_MOST_AT_ONCE: Final = 20


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield


async def watched(monitor: Monitor, host: str, port: int, stop: asyncio.Event) -> None:
    """Answer on this port until `stop`, as soon as it can be had."""
    while not stop.is_set():
        try:
            listener = _listen(host, port)
        except OSError as error:
            log.warning("monitor_not_listening", host=host, port=port, error=error.strerror)
            with suppress(TimeoutError):
                async with asyncio.timeout(_TRY_AGAIN_S):
                    await stop.wait()
        else:
            log.info("monitor_listening", host=host, port=port)
            with listener:
                await _serve(monitor, listener, stop)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


async def _serve(monitor: Monitor, listener: socket.socket, stop: asyncio.Event) -> None:
    config = uvicorn.Config(
        monitor,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_AT_ONCE,
        timeout_graceful_shutdown=_FINISH_S,
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([listener]), name="monitor")
        await stop.wait()
        server.should_exit = True
