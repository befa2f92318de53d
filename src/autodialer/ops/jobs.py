"""The jobs that workers do, each a thin call of a service. Import after Django is set up."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, ParamSpec

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import connections
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from autodialer.apps.campaigns.services import keep_final_counts as keep_counts
from autodialer.apps.exports import services as exports
from autodialer.apps.imports import services as imports
from autodialer.apps.keys.replies import expire_replies
from autodialer.apps.webhooks import services as webhooks
from autodialer.bootstrap import killer
from autodialer.domain.webhooks import DisabledReason
from autodialer.ops import env
from autodialer.ops.paths import private_folder

if TYPE_CHECKING:
    from procrastinate import JobContext

    from autodialer.apps.webhooks.models import Endpoint

log = structlog.get_logger()

_P = ParamSpec("_P")

HOUSEKEEPING: Final = "housekeeping"
# A worker says every 5 s that it lives; the jobs of one that was silent for 20 s are done anew.
HEARTBEAT_S: Final = 5.0
STALLED_S: Final = 20.0
# When a job fails for a reason outside of it, such as a restart of the database.
_AGAIN: Final = RetryStrategy(max_attempts=10, exponential_wait=2)


def _in_thread(job: Callable[_P, None]) -> Callable[_P, None]:
    """Give Django's connections back: a job runs in a thread that is not used again."""

    @functools.wraps(job)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            job(*args, **kwargs)
        finally:
            connections.close_all()

    return run


def _now() -> datetime:
    return datetime.now(UTC)


@app.task(name=imports.TASK, queue=imports.QUEUE, retry=_AGAIN)
@_in_thread
def run_import(import_id: int) -> None:
    """Make a list of an uploaded file."""
    imports.run_import(import_id=import_id, clock=_now, kill=killer(env.failpoint()))


@app.periodic(cron="17 * * * *")
@app.task(name="imports.expire", queue=HOUSEKEEPING, queueing_lock="imports.expire")
@_in_thread
def expire_imports(timestamp: int) -> None:
    """Forget uploaded files that nobody went on with."""
    imports.expire_imports(now=_now())


@app.task(name=exports.TASK, queue=exports.QUEUE, retry=_AGAIN)
@_in_thread
def write_export(export_id: int) -> None:
    """Write a workbook that somebody asked for."""
    folder = private_folder(settings.EXPORTS)
    exports.write_export(export_id=export_id, folder=folder, clock=_now)


@app.periodic(cron="47 * * * *")
@app.task(name="exports.expire", queue=HOUSEKEEPING, queueing_lock="exports.expire")
@_in_thread
def expire_exports(timestamp: int) -> None:
    """Delete the workbooks of yesterday."""
    exports.expire_exports(folder=private_folder(settings.EXPORTS), now=_now())


@app.periodic(cron="* * * * * */20")  # the sixth field are seconds
@app.task(name="jobs.rescue", queue=HOUSEKEEPING, queueing_lock="jobs.rescue", pass_context=True)
async def rescue(context: JobContext, timestamp: int) -> None:
    """Queue the jobs of workers that were killed again; every job may be repeated."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
        await manager.retry_job(job)


@app.periodic(cron="* * * * * */20")
@app.task(
    name="campaigns.keep_final_counts",
    queue=HOUSEKEEPING,
    queueing_lock="campaigns.keep_final_counts",
)
@_in_thread
def keep_final_counts(timestamp: int) -> None:
    """Spare pages the counting of campaigns that are over."""
    keep_counts()


@app.periodic(cron="* * * * * */30")
@app.task(name="webhooks.look_after", queue=HOUSEKEEPING, queueing_lock="webhooks.look_after")
@_in_thread
def look_after_webhooks(timestamp: int) -> None:
    """Disable endpoints that only fail, and write to the admins about what has stopped."""
    webhooks.disable_failing(now=_now())
    webhooks.close_disabled(now=_now())
    for endpoint, admins in webhooks.note_stopped(now=_now()):
        _write_to(admins, endpoint)


@app.periodic(cron="37 * * * *")
@app.task(name="webhooks.forget_old", queue=HOUSEKEEPING, queueing_lock="webhooks.forget_old")
@_in_thread
def forget_old_webhooks(timestamp: int) -> None:
    """Delete what was delivered long ago."""
    webhooks.forget_old(now=_now())


def _write_to(admins: Sequence[str], endpoint: Endpoint) -> None:
    """Send a mail, when there is a server for it; that it cannot be sent must not stop the rest."""
    why = {
        DisabledReason.GONE: "it answered that it is gone (410)",
        DisabledReason.FAILING: "nothing could be delivered for five days",
    }[DisabledReason(endpoint.disabled_reason)]
    text = (
        f"Webhooks to {endpoint.url} were stopped: {why}.\n\n"
        "What happens from now on is not told. When the address works again, enable the endpoint "
        f"and send again what failed: {settings.PUBLIC_URL.rstrip('/')}/webhooks/{endpoint.pk}/\n"
    )
    try:
        send_mail("A webhook endpoint was stopped", text, None, admins)
    except OSError as error:  # which the errors of smtplib are
        log.warning("mail_not_sent", error=type(error).__name__)


@app.periodic(cron="47 * * * *")
@app.task(name="keys.expire_replies", queue=HOUSEKEEPING, queueing_lock="keys.expire_replies")
@_in_thread
def expire_kept_replies(timestamp: int) -> None:
    """Forget what requests with an Idempotency-Key were answered a day ago."""
    while expire_replies(now=_now()):
        pass
