"""The worker as a process: does queued jobs and delivers webhooks; also a supervised child."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import structlog

from autodialer.adapters.monitor.logs import log_as_json
from autodialer.bootstrap import CourierSettings, run_courier
from autodialer.ops import env
from autodialer.ops.monitor import monitor_settings
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import Child

log = structlog.get_logger()

DEFAULT_CONCURRENCY: Final = 4
POLL_S: Final = 5.0  # a job is told by NOTIFY; this is when the telling was lost
# A job that takes longer is cut and done anew by the next worker.
FINISH_S: Final = 20.0
STOP_DEADLINE_S: Final = FINISH_S + 5.0
COME_BACK_S: Final = 1.0


class WorkerProcess(Child):
    """A worker as a child process, which takes jobs as soon as it has its database."""

    def __init__(
        self, paths: Paths, database_url: str, extra: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(
            "worker",
            [sys.executable, "-m", "autodialer.ops.worker"],
            log=paths.log / "worker.log",
            env={
                "AUTODIALER_VAR": str(paths.var),  # the key that signs webhooks, and the workbooks
                **env.handed_on("AUTODIALER_DATABASE_URL", database_url),
                **(extra or {}),
            },
        )

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> int | None:
        """End it after the jobs in its hands."""
        return super().stop(deadline_s)


def run_worker(*, until_idle: bool = False) -> None:
    """Do jobs in this process and deliver webhooks until SIGTERM or SIGINT. Needs Django.

    `until_idle`: only the jobs that wait.
    """
    asyncio.run(_do_jobs(wait=False) if until_idle else _serve())


async def _serve() -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with asyncio.TaskGroup() as tasks:
        jobs = tasks.create_task(_keep_doing_jobs(stop), name="jobs")
        tasks.create_task(run_courier(_courier_settings(), stop), name="courier")
        await stop.wait()
        jobs.cancel()  # which lets those in hand finish


async def _keep_doing_jobs(stop: asyncio.Event) -> None:
    """Do jobs across restarts of PostgreSQL: a worker stops when one of its connections dies."""
    import psycopg
    from procrastinate.exceptions import ConnectorException

    while not stop.is_set():
        try:
            await _do_jobs(wait=True)
        except (ConnectorException, psycopg.OperationalError) as error:
            log.warning("worker_lost_database", error=type(error).__name__)
        with suppress(TimeoutError):
            async with asyncio.timeout(COME_BACK_S):
                await stop.wait()


async def _do_jobs(*, wait: bool) -> None:
    from procrastinate import PsycopgConnector
    from procrastinate.contrib.django import app
    from procrastinate.contrib.django.utils import connector_params

    from autodialer.ops import jobs

    # The application's own connector works in Django's connection, which no worker can share.
    worker_app = app.with_connector(PsycopgConnector(kwargs=connector_params()))
    async with worker_app.open_async():
        await worker_app.run_worker_async(
            wait=wait,
            concurrency=env.integer("AUTODIALER_WORKER_JOBS", DEFAULT_CONCURRENCY, at_least=1),
            fetch_job_polling_interval=POLL_S,
            shutdown_graceful_timeout=FINISH_S,
            delete_jobs="successful",
            update_heartbeat_interval=jobs.HEARTBEAT_S,
            stalled_worker_timeout=jobs.STALLED_S,
            install_signal_handlers=False,
        )


def _courier_settings() -> CourierSettings:
    from django.conf import settings

    url = env.secret("AUTODIALER_DATABASE_URL", "")
    return CourierSettings(
        database_url=url or EmbeddedPostgres(Paths.from_environment()).url,
        key=settings.SECRET_KEY.encode(),
        public_url=settings.PUBLIC_URL,
        rules=settings.OUTBOUND,
        monitor=monitor_settings(),
        kill_at=env.failpoint(),
    )


def serve() -> None:
    """Work until SIGTERM or SIGINT, with the log on stderr."""
    log_as_json("worker")
    run_worker()


def main() -> int:
    """Run a worker in this process; return its exit code."""
    from autodialer.ops.cli.shell import set_up_django

    set_up_django()
    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
