"""Writing workbooks in a worker: asked for, written with progress, taken, and forgotten."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from django.db import transaction
from procrastinate.contrib.django import app as jobs

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.permissions import require
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.calls.queries import call_count
from autodialer.apps.calls.services import download_report
from autodialer.apps.calls.workbook import report_sections
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.contacts.export import contacts_of, for_workbook, note_export
from autodialer.apps.contacts.queries import list_row
from autodialer.apps.events import tell_screens
from autodialer.apps.exports import queries
from autodialer.apps.exports.models import Export
from autodialer.apps.sheets import write_workbook
from autodialer.domain.errors import AutodialerError, ConflictError
from autodialer.domain.exports import Takeaway
from autodialer.ports.screens import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.sheets import Section, Value

log = structlog.get_logger()

# Names of the queue and the task, by which a worker knows them.
QUEUE: Final = "exports"
TASK: Final = "exports.write"
KEPT_FOR: Final = timedelta(days=1)
# After so many workers that ended in the middle, the workbook itself is the suspect.
MOST_TRIES: Final = 3
# So many rows between two looks at the progress: about a second.
ROWS_BETWEEN_NOTES: Final = 2_000


class NotReadyError(ConflictError):
    """The workbook is still being written, or could not be."""

    code = "export_not_ready"


class _SupersededError(Exception):
    """Another worker has begun this workbook anew, or it was forgotten."""


@transaction.atomic(durable=True)
def ask_export(
    *, account: Account, what: Takeaway, subject_id: int, now: datetime, actor: Actor = OPERATOR
) -> int:
    """Let a worker write a workbook; return its id. Asked again meanwhile, it is the same one.

    Raises NotFoundError or NotAllowedError.
    """
    require(actor, queries.PERMISSIONS[what])
    title, rows = _subject(account, what, subject_id, actor)
    of_it = Export.objects.filter(account=account, what=what.value, subject_id=subject_id)
    running = of_it.filter(finished_at=None).first()
    if running is not None:
        return running.pk
    made = Export.objects.create(
        account=account,
        what=what.value,
        subject_id=subject_id,
        title=title,
        rows_total=rows,
        created_by=actor.user,
        created_at=now,
    )
    record(
        account=account,
        actor=actor,
        action="export.ask",
        subject=Subject("export", made.pk),
        after={"of": what.value, "id": subject_id, "name": title, "rows": rows},
        now=now,
    )
    # One at a time for each account: nobody's workbooks keep others from theirs.
    lock = f"exports-{account.pk}"
    jobs.configure_task(TASK, queue=QUEUE, lock=lock).defer(export_id=made.pk)
    return made.pk


def write_export(*, export_id: int, folder: Path, clock: Callable[[], datetime]) -> None:
    """Write a workbook that was asked for into the folder, for this user of the machine alone.

    Repeatable: one that is there stays as it is, one whose worker was killed is begun anew.
    """
    run = _begin(export_id)
    if run is None:
        return
    try:
        with _kept_if_done(folder / f"{secrets.token_urlsafe(24)}.xlsx") as file:
            _write(run, file, clock())
            _finish(run, clock(), file=file.name, size=file.stat().st_size)
    except _SupersededError:
        log.warning("export_superseded", export_id=export_id, tries=run.tries)
    except AutodialerError as error:
        with suppress(_SupersededError):
            _finish(run, clock(), error=str(error))


@contextmanager
def _kept_if_done(file: Path) -> Iterator[Path]:
    """Delete the file unless the block comes to its end, whatever ends it."""
    with ExitStack() as undo:
        undo.callback(file.unlink, missing_ok=True)
        yield file
        undo.pop_all()


def take_export(*, account: Account, export_id: int, actor: Actor, now: datetime) -> str:
    """Note that somebody takes a workbook away; return the file's name in the folder.

    Raises NotFoundError, NotAllowedError, or NotReadyError.
    """
    found = queries.export(account, actor, export_id)
    require(actor, queries.PERMISSIONS[Takeaway(found.what)])
    if not found.file:
        raise NotReadyError(found.error or "The workbook is still being prepared.")
    if found.what == Takeaway.REPORT:
        download_report(
            account=account,
            campaign_id=found.subject_id,
            form="workbook.xlsx",
            actor=actor,
            now=now,
        )
    else:
        note_export(account, actor, found.subject_id, now)
    return found.file


def expire_exports(*, folder: Path, now: datetime) -> int:
    """Delete the workbooks of yesterday, and files that workers left behind; return how many."""
    oldest = now - KEPT_FOR
    with transaction.atomic():
        expired = Export.objects.select_for_update().filter(created_at__lt=oldest)
        names = {export.file for export in expired}
        Export.objects.filter(pk__in=[export.pk for export in expired]).delete()
    known = set(Export.objects.exclude(file="").values_list("file", flat=True))
    # What is being written at this moment is nobody's yet, but young.
    left = [
        file
        for file in folder.iterdir()
        if file.name in names
        or (file.name not in known and file.stat().st_mtime < oldest.timestamp())
    ]
    for file in left:
        file.unlink(missing_ok=True)
    return len(left)


def _subject(account: Account, what: Takeaway, subject_id: int, actor: Actor) -> tuple[str, int]:
    """Return what the thing is called and how many rows it comes to. Raises NotFoundError."""
    permission = queries.PERMISSIONS[what]
    if what is Takeaway.LIST:
        row = list_row(account, actor, subject_id, permission)
        return row.name, row.contacts
    campaign = visible_campaign(account, actor, subject_id, permission)
    return campaign.name, campaign.target_count + call_count(account, campaign.pk)


def _begin(export_id: int) -> Export | None:
    """Take the workbook for this worker; None when it is there already, or forgotten."""
    with transaction.atomic():
        found = Export.objects.select_for_update(of=("self",)).select_related("account")
        run = found.filter(pk=export_id, finished_at=None).first()
        if run is None:
            return None
        run.tries, run.rows_done = run.tries + 1, 0
        run.save(update_fields=["tries", "rows_done"])
        _tell(run)
    log.info("export_begun", export_id=export_id, tries=run.tries)
    return run


def _write(run: Export, file: Path, now: datetime) -> None:
    if run.tries > MOST_TRIES:
        raise NotReadyError("It was interrupted again and again: take it as CSV instead.")
    sections = [_watched(run, section) for section in _sections(run, now)]
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as to:
        write_workbook(sections, to)


def _sections(run: Export, now: datetime) -> Sequence[Section]:
    what, account = Takeaway(run.what), run.account
    if what is Takeaway.LIST:
        list_row(account, OPERATOR, run.subject_id)
        return [for_workbook(contacts_of(run.subject_id))]
    permission = queries.PERMISSIONS[what]
    campaign = visible_campaign(account, OPERATOR, run.subject_id, permission)
    return report_sections(account, campaign, now)


def _watched(run: Export, section: Section) -> Section:
    return replace(section, rows=_noting(run, section.rows))


def _noting(run: Export, rows: Iterator[Sequence[Value]]) -> Iterator[Sequence[Value]]:
    for row in rows:
        yield row
        run.rows_done += 1
        if run.rows_done % ROWS_BETWEEN_NOTES == 0:
            _note(run, rows_done=run.rows_done)


def _note(run: Export, **facts: object) -> None:
    """Store the progress, or the end. Raises _SupersededError when the workbook is not ours."""
    mine = Export.objects.filter(pk=run.pk, tries=run.tries, finished_at=None)
    if not mine.update(**facts):
        raise _SupersededError
    _tell(run)


def _finish(run: Export, now: datetime, **facts: object) -> None:
    _note(run, rows_done=run.rows_done, finished_at=now, **facts)


def _tell(run: Export) -> None:
    tell_screens(run.account_id, Shown.EXPORT, run.pk)
