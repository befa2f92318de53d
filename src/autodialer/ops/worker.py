"""The worker as a process: does queued jobs until it is told to stop; also a supervised child."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Final

from autodialer.bootstrap import log_as_json
from autodialer.ops import env
from autodialer.ops.process import Child

if TYPE_CHECKING:
    from autodialer.ops.paths import Paths

DEFAULT_CONCURRENCY: Final = 4
POLL_S: Final = 5.0  # a job is told by NOTIFY; this is when the telling was lost
# A job that takes longer is cut and done anew by the next worker.
FINISH_S: Final = 20.0
STOP_DEADLINE_S: Final = FINISH_S + 5.0


class WorkerProcess(Child):
    """A worker as a child process, which takes jobs as soon as it has its database."""

    def __init__(self, paths: Paths, database_url: str) -> None:
        super().__init__(
            "worker",
            [sys.executable, "-m", "autodialer.ops.worker"],
            log=paths.log / "worker.log",
            env={"AUTODIALER_DATABASE_URL": database_url},
        )

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> int | None:
        """End it after the jobs in its hands."""
        return super().stop(deadline_s)


def run_worker(*, until_idle: bool = False) -> None:
    """Do jobs in this process until SIGTERM or SIGINT, or until none is left. Needs Django."""
    from asgiref.sync import sync_to_async
    from django.db import connections
    from procrastinate import PsycopgConnector
    from procrastinate.contrib.django import app
    from procrastinate.contrib.django.utils import connector_params

    from autodialer.ops import jobs

    concurrency = env.integer("AUTODIALER_WORKER_JOBS", DEFAULT_CONCURRENCY, at_least=1)
    # The application's own connector works in Django's connection, which no worker can share.
    worker_app = app.with_connector(PsycopgConnector(kwargs=connector_params()))

    async def work() -> None:
        async with worker_app.open_async():
            await worker_app.run_worker_async(
                wait=not until_idle,
                concurrency=concurrency,
                fetch_job_polling_interval=POLL_S,
                shutdown_graceful_timeout=FINISH_S,
                delete_jobs="successful",
                update_heartbeat_interval=jobs.HEARTBEAT_S,
                stalled_worker_timeout=jobs.STALLED_S,
                install_signal_handlers=not until_idle,
            )
        # Periodic jobs were queued in a connection of Django's, in a thread that outlives the loop.
        await sync_to_async(connections.close_all)()

    asyncio.run(work())


def serve() -> None:
    """Do jobs until SIGTERM or SIGINT, with the log on stderr."""
    log_as_json()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    run_worker()


def main() -> int:
    """Run a worker in this process; return its exit code."""
    from autodialer.ops.cli.shell import set_up_django

    set_up_django()
    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
