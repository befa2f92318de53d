"""Making lists of files: at once, or by a worker that shows its progress.

A file is checked whole before anything is saved, and saved in one transaction: there is a whole
list or none, whatever is killed. Pages go step by step: `begin_import` keeps the file,
`plan_import` says how it is read and lets a worker check it, `confirm_import` lets one save it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog
from django.db import transaction
from phonenumbers import SUPPORTED_REGIONS
from procrastinate.contrib.django import app as jobs

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.contacts import services as book
from autodialer.apps.contacts.queries import list_row
from autodialer.apps.contacts.staging import staging, transaction_id
from autodialer.apps.events import tell_screens
from autodialer.apps.imports import pieces, queries
from autodialer.apps.imports.checked_rows import NothingToImportError, RejectedRow, check_numbers
from autodialer.apps.imports.files import clean_file_name
from autodialer.apps.imports.models import FileKind, ListImport
from autodialer.apps.imports.problems import FileError, ImportInterruptedError, SameFileError
from autodialer.apps.imports.steps import Rejects, Tally, check_all, open_and_find
from autodialer.apps.imports.table import GUESS, MAX_BYTES, Reading
from autodialer.domain.errors import AutodialerError, ConflictError, InvalidInputError
from autodialer.domain.imports import (
    PATIENCE,
    WAITING,
    ImportStatus,
    check_confirmable,
    check_move,
    sources_of,
)
from autodialer.ports.failpoints import Failpoint, never
from autodialer.ports.screens import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from autodialer.apps.accounts.models import Account, User
    from autodialer.apps.contacts.staging import Staging
    from autodialer.ports.failpoints import Killer

log = structlog.get_logger()

# Names of the queue and the task, by which a worker knows them.
QUEUE: Final = "imports"
TASK: Final = "imports.run"
# After so many workers that ended in the middle, the file itself is the suspect.
MOST_TRIES: Final = 3


class _SupersededError(Exception):
    """Another worker has begun this import anew, because this one was taken for dead."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a file. `imported` + `duplicates` + the rejected rows are its rows."""

    list_id: int
    imported: int
    duplicates: int
    rejected: tuple[RejectedRow, ...]
    headings: tuple[str, ...]
    has_header: bool
    number_column: str
    encoding: str
    separator: str


def import_list(
    *,
    account: Account,
    name: str,
    data: bytes,
    now: datetime,
    reading: Reading = GUESS,
    created_by: User | None = None,
    file_name: str = "",
    again: bool = True,
) -> ImportResult:
    """Make a list of the rows of a file that can be dialled; all of them or nothing at all.

    Known numbers update their contact. Rows with errors are left out and returned. Raises
    FileError when the file cannot be read, NothingToImportError when no row is good,
    ConflictError when the name is taken, and SameFileError unless `again`.
    """
    book.check_list_name(account=account, name=name)
    if not again:
        _check_new(account, data)
    file = open_and_find(data, account.region, reading)
    rejected: list[RejectedRow] = []
    with staging() as staged:
        tally = Tally()
        for tally in check_all(file, account, staged, rejected):  # noqa: B007  the last one counts
            pass
        if not tally.ready:
            raise _nothing(rejected, file.columns.headings)
        record = ListImport(
            account=account,
            name=name,
            file_name=clean_file_name(file_name),
            file_hash=queries.hash_of(data),
            reading=reading.as_json(),
            created_by=created_by,
            who=created_by.name if created_by else OPERATOR.name,
            created_at=now,
        )
        _save(record, staged, tally, now, never)
    return ImportResult(
        list_id=record.contact_list_id or 0,
        imported=tally.ready - record.duplicates,
        duplicates=record.duplicates,
        rejected=tuple(rejected),
        headings=file.columns.headings,
        has_header=file.columns.has_header,
        number_column=file.columns.headings[file.columns.number],
        encoding=file.table.encoding,
        separator=file.table.separator,
    )


@transaction.atomic(durable=True)
def queue_import(
    *,
    account: Account,
    actor: Actor,
    file_name: str,
    data: bytes,
    now: datetime,
    name: str = "",
    list_id: int | None = None,
    reading: Reading = GUESS,
    again: bool = False,
    confirmed: bool = True,
) -> int:
    """Keep the file and let a worker make a list of it; return the id of the import.

    Unless `confirmed`, the worker waits for `confirm_import` before it saves. Raises what
    `begin_import` raises; what else is wrong with the file, the import itself says.
    """
    require(actor, Permission.CREATE_LIST)
    draft = _draft(account, actor, name, list_id, now)
    draft.reading, draft.confirmed = reading.as_json(), confirmed
    made = _keep(draft, actor, file_name, data, again=again)
    _queue(draft)
    return made


@transaction.atomic(durable=True)
def begin_import(
    *,
    account: Account,
    actor: Actor,
    file_name: str,
    data: bytes,
    now: datetime,
    name: str = "",
    list_id: int | None = None,
    region: str = "",
    again: bool = False,
) -> int:
    """Keep a file for a new list `name`, or for the list `list_id`; return the id of the import.

    Nothing happens to it before `plan_import`. Raises FileError when it cannot be a list,
    ConflictError when the name is taken, NotFoundError for a list that the actor may not change,
    InvalidInputError for a country that is none, SameFileError unless `again`.
    """
    require(actor, Permission.CREATE_LIST)
    if region and region not in SUPPORTED_REGIONS:
        raise InvalidInputError("region", "Choose a country of the list.", "unknown_region")
    draft = _draft(account, actor, name, list_id, now)
    draft.status, draft.confirmed = ImportStatus.DRAFT.value, False
    draft.reading = Reading(region=region).as_json()
    if len(data) <= MAX_BYTES:
        queries.preview(account, data, Reading(region=region))  # refuses what can be no list
    return _keep(draft, actor, file_name, data, again=again)


@transaction.atomic(durable=True)
def plan_import(*, account: Account, actor: Actor, import_id: int, reading: Reading) -> None:
    """Say how the file is read, and let a worker check it; also again after a check.

    Raises FileError when it cannot be read so, NotFoundError, IllegalTransitionError.
    """
    require(actor, Permission.CREATE_LIST)
    found = _locked(account, actor, import_id)
    check_move(found.status, ImportStatus.QUEUED)
    open_and_find(pieces.content_of(found.pk, FileKind.UPLOADED), account.region, reading)
    found.reading = reading.as_json()
    _queue(found)


@transaction.atomic(durable=True)
def confirm_import(*, account: Account, actor: Actor, import_id: int, name: str = "") -> None:
    """Let a worker save what was checked; a new list may be called otherwise than at first.

    Raises ConflictError when there is nothing to save or the name is taken meanwhile,
    NotFoundError, IllegalTransitionError.
    """
    require(actor, Permission.CREATE_LIST)
    found = _locked(account, actor, import_id)
    check_confirmable(found.status)
    if not found.ready:
        raise ConflictError("No row of this file can be dialled: correct it and import it again.")
    if not found.joins:
        found.name = book.check_list_name(account=account, name=name or found.name)
    found.confirmed = True
    _queue(found)


@transaction.atomic(durable=True)
def cancel_import(*, account: Account, actor: Actor, import_id: int, now: datetime) -> None:
    """Forget a file of which nothing was saved yet, also while it is being checked.

    Raises NotFoundError, IllegalTransitionError.
    """
    require(actor, Permission.CREATE_LIST)
    found = _locked(account, actor, import_id)
    check_move(found.status, ImportStatus.CANCELLED)
    _cancel(found, "", now)


@transaction.atomic(durable=True)
def expire_imports(*, now: datetime) -> int:
    """Forget the files that nobody has gone on with for a week; return how many."""
    waiting = ListImport.objects.select_for_update(skip_locked=True).filter(
        status__in=[status.value for status in WAITING], created_at__lt=now - PATIENCE
    )
    expired = list(waiting)
    for found in expired:
        _cancel(found, "Nobody went on with it for a week, and nothing was saved.", now)
    return len(expired)


def _cancel(found: ListImport, sentence: str, now: datetime) -> None:
    found.status, found.error, found.finished_at = ImportStatus.CANCELLED.value, sentence, now
    found.save(update_fields=["status", "error", "finished_at"])
    _tell(found)
    for kind in FileKind:
        pieces.forget(found.pk, kind)


def _draft(
    account: Account, actor: Actor, name: str, list_id: int | None, now: datetime
) -> ListImport:
    draft = ListImport(account=account, created_at=now)
    if list_id is None:
        draft.name = book.check_list_name(account=account, name=name)
    else:
        into = list_row(account, actor, list_id, Permission.EDIT_LIST)
        draft.name, draft.contact_list_id, draft.joins = into.name, into.id, True
    return draft


def _keep(draft: ListImport, actor: Actor, file_name: str, data: bytes, *, again: bool) -> int:
    if not data or len(data) > MAX_BYTES:
        raise FileError("file_too_big" if data else "file_empty")
    if not again:
        _check_new(draft.account, data)
    draft.created_by, draft.who = actor.user, actor.name
    draft.file_name, draft.file_hash = clean_file_name(file_name), queries.hash_of(data)
    draft.save()
    pieces.keep(draft, FileKind.UPLOADED, data)
    return draft.pk


def _queue(found: ListImport) -> None:
    """Hand the import to the workers, in the caller's transaction: no job without an import."""
    found.status, found.tries_before = ImportStatus.QUEUED.value, found.tries
    found.save()
    _tell(found)
    jobs.configure_task(TASK, queue=QUEUE).defer(import_id=found.pk)


def _locked(account: Account, actor: Actor, import_id: int) -> ListImport:
    imports = queries.visible_imports(account, actor).select_for_update(of=("self",))
    found = imports.filter(pk=import_id).first()
    if found is None:
        raise queries.no_such_import(import_id)
    return found


@dataclass(frozen=True, slots=True)
class DndResult:
    """What became of a file of numbers: new, on the registry or repeated, and no numbers."""

    added: int
    known: int
    rejected: tuple[RejectedRow, ...]


@transaction.atomic(durable=True)
def import_dnd(
    *,
    account: Account,
    data: bytes,
    now: datetime,
    reading: Reading = GUESS,
    reason: str = "",
    actor: Actor = OPERATOR,
) -> DndResult:
    """Forbid calls to the numbers of a file, in one transaction; rows without one are left out.

    Raises FileError, or NothingToImportError when no row holds a number.
    """
    require(actor, Permission.ADD_DND)
    because = book.clean_reason(reason)
    file = open_and_find(data, account.region, reading)
    numbers: set[str] = set()
    rejected: list[RejectedRow] = []
    rows = 0
    for row in check_numbers(file.table, file.columns, account.region):
        rows += 1
        if isinstance(row, RejectedRow):
            rejected.append(row)
        else:
            numbers.add(row)
    if not numbers:
        raise _nothing(rejected, file.columns.headings)
    added = book.insert_dnd(account, sorted(numbers), now, actor, because)
    return DndResult(added, rows - len(rejected) - added, tuple(rejected))


def run_import(*, import_id: int, clock: Callable[[], datetime], kill: Killer = never) -> None:
    """Do a queued import to its end: done, or failed with a sentence. `kill` is for tests.

    Repeatable: one that is over stays as it is, one whose worker was killed begins anew.
    """
    run = _begin(import_id, clock())
    if run is None:
        return
    try:
        _run(run, clock, kill)
    except _SupersededError:
        log.warning("import_superseded", import_id=import_id, tries=run.tries)
    except AutodialerError as error:
        _fail(run, error, clock())


def _run(run: ListImport, clock: Callable[[], datetime], kill: Killer) -> None:
    if run.tries - run.tries_before > MOST_TRIES:
        raise ImportInterruptedError(
            "The import was interrupted again and again, and nothing was saved: split the file "
            "into smaller ones and import them."
        )
    data = pieces.content_of(run.pk, FileKind.UPLOADED)
    file = open_and_find(data, run.account.region, Reading(**run.reading))
    rows = sum(1 for _ in file.table.rows()) if file.table.separator else None
    _note(run, rows_total=None if rows is None else rows - file.columns.has_header)
    rejects = Rejects(file.columns)
    with staging() as staged:
        tally = Tally()
        for tally in check_all(file, run.account, staged, rejects):
            _note(run, rows_seen=tally.seen, ready=tally.ready, rejected=tally.rejected)
        _note(
            run,
            rows_total=tally.seen,
            problems=dict(tally.problems),
            examples=tally.examples,
            fixes=tally.fixes,
        )
        pieces.forget(run.pk, FileKind.REJECTED)  # of a worker that was killed
        pieces.keep(run, FileKind.REJECTED, rejects.content())
        if not run.confirmed:
            _offer(run, staged, tally)
            return
        if not tally.ready:
            raise _nothing([rejects.first] if rejects.first else [], file.columns.headings)
        _move(run, ImportStatus.SAVING)
        _save(run, staged, tally, clock(), kill)


def _offer(run: ListImport, staged: Staging, tally: Tally) -> None:
    """Say what saving would do, and wait for a person's yes."""
    outlook = staged.outlook(run.account, run.contact_list_id if run.joins else None)
    _note(run, duplicates=tally.ready - outlook.numbers, outlook=asdict(outlook))
    _move(run, ImportStatus.CHECKED)


@transaction.atomic(durable=True)
def _save(run: ListImport, staged: Staging, tally: Tally, now: datetime, kill: Killer) -> None:
    """Make the list; the only step that others can see, and the import's end with it."""
    if run.pk and not _mine(run).select_for_update().exists():
        raise _SupersededError
    if run.joins:
        made = book.list_to_join(run.account, run.contact_list_id or 0)
        outlook = staged.outlook(run.account, made.pk)
        run.duplicates, run.outlook = tally.ready - outlook.numbers, asdict(outlook)
        joined = staged.save(made, now, run.created_by)
        book.require_room(made)
    else:
        made = book.new_list(run.account, run.name, now, run.created_by)
        joined = staged.save(made, now, run.created_by)
        run.duplicates = tally.ready - joined
    kill(Failpoint.IMPORT_SAVING)
    run.contact_list = made
    run.ready, run.rejected = tally.ready, tally.rejected
    run.rows_total = run.rows_seen = tally.seen
    run.problems, run.examples, run.fixes = dict(tally.problems), tally.examples, tally.fixes
    run.status, run.finished_at, run.saved_in = ImportStatus.DONE.value, now, transaction_id()
    run.save()
    _tell(run)
    pieces.forget(run.pk, FileKind.UPLOADED)
    record(
        account=run.account,
        actor=_actor(run),
        action="list.import",
        subject=Subject("list", made.pk),
        after={
            "name": made.name,
            "file": run.file_name,
            "sha256": run.file_hash,
            "contacts": joined,
        },
        now=now,
    )


def _actor(run: ListImport) -> Actor:
    """Return who asked for the import; who is no user is known by name."""
    return Actor.of(run.created_by) if run.created_by else replace(OPERATOR, name=run.who)


def _begin(import_id: int, now: datetime) -> ListImport | None:
    """Take the import for this worker; None when it is over."""
    with transaction.atomic():
        found = ListImport.objects.select_for_update().filter(
            pk=import_id, status__in=sources_of(ImportStatus.CHECKING)
        )
        run = found.first()
        if run is None:
            return None
        run.status, run.tries = ImportStatus.CHECKING.value, run.tries + 1
        run.rows_seen = run.ready = run.rejected = 0
        run.save(update_fields=["status", "tries", "rows_seen", "ready", "rejected"])
        _tell(run)
    log.info("import_begun", import_id=import_id, tries=run.tries, waited=now - run.created_at)
    return run


def _mine(run: ListImport) -> QuerySet[ListImport]:
    """The row, as long as no other worker has begun it and it is not over."""
    live = (ImportStatus.CHECKING.value, ImportStatus.SAVING.value)
    return ListImport.objects.filter(pk=run.pk, tries=run.tries, status__in=live)


def _note(run: ListImport, **progress: object) -> None:
    """Show the progress. Raises _SupersededError when the import is no longer ours."""
    if not _mine(run).update(**progress):
        raise _SupersededError
    _tell(run)


def _move(run: ListImport, status: ImportStatus) -> None:
    if not _mine(run).filter(status__in=sources_of(status)).update(status=status.value):
        raise _SupersededError
    _tell(run)


@transaction.atomic(durable=True)
def _fail(run: ListImport, error: AutodialerError, now: datetime) -> None:
    ended = _mine(run).update(
        status=ImportStatus.FAILED.value,
        error_code=error.code,
        error=str(error),
        finished_at=now,
    )
    if ended:
        pieces.forget(run.pk, FileKind.UPLOADED)
        _tell(run)


def _tell(run: ListImport) -> None:
    tell_screens(run.account_id, Shown.IMPORT, run.pk)


def _check_new(account: Account, data: bytes) -> None:
    before = queries.same_file(account, data)
    if before is not None:
        by = f" by {before.who}" if before.who else ""
        raise SameFileError(
            f"This file was imported as {before.name!r} on {before.created_at:%d %B %Y}{by}: "
            "import it again only if you mean to."
        )


def _nothing(rejected: Sequence[RejectedRow], headings: Sequence[str]) -> FileError:
    return NothingToImportError(rejected, headings) if rejected else FileError("file_no_rows")
