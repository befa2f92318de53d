"""What pages and commands read of imports; the account comes first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Sum
from django.db.models.functions import Coalesce

from autodialer.apps import keyset
from autodialer.apps.accounts.models import Role
from autodialer.apps.contacts.staging import Outlook
from autodialer.apps.imports.columns import LEFT_OUT, NOWHERE, find_columns, guess_columns
from autodialer.apps.imports.files import open_file
from autodialer.apps.imports.models import FileKind, ListImport
from autodialer.apps.imports.pieces import content_of
from autodialer.apps.imports.problems import ROW_PROBLEMS, FileError
from autodialer.apps.imports.table import GUESS, Reading
from autodialer.domain.errors import NotFoundError
from autodialer.domain.imports import OVER, UNDONE_WITHIN, ImportStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.keyset import Place


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why some rows were left out, and what to do about it."""

    code: str
    rows: int
    cause: str
    remedy: str
    line: int | None
    example: str


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import with its progress. `ready` counts rows; minus `duplicates` they are contacts.

    `outlook` is what saving would do, or has done; `fixes` are line, number as written and as read.
    """

    id: int
    name: str
    list_id: int | None
    file_name: str
    status: str
    joins: bool
    confirmed: bool
    rows_total: int | None
    rows_seen: int
    ready: int
    duplicates: int
    rejected: int
    problems: tuple[RowProblem, ...]
    fixes: tuple[tuple[int, str, str], ...]
    outlook: Outlook
    has_rejected_file: bool
    error_code: str
    error: str
    who: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in OVER

    @property
    def undo_until(self) -> datetime | None:
        """Until when it can be taken back; None when there is nothing to take back."""
        if self.status != ImportStatus.DONE or self.list_id is None or self.finished_at is None:
            return None
        return self.finished_at + UNDONE_WITHIN

    @property
    def contacts(self) -> int:
        """How many distinct numbers can be dialled."""
        return self.ready - self.duplicates

    @property
    def untouched(self) -> int:
        """How many of these were written well enough."""
        return self.contacts - self.outlook.fixed


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows of files that became no member of their list."""

    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Preview:
    """How a file would be read. `meanings` follow `headings`; see `table.Reading`."""

    encoding: str
    separator: str
    has_header: bool
    headings: tuple[str, ...]
    meanings: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    first_row: tuple[str, ...]


SAMPLE_SHOWN = 5
IMPORT_ORDER = ("-created_at", "-id")


def import_rows(
    account: Account, actor: Actor, *, offset: int = 0, limit: int = 100
) -> list[ImportRow]:
    """Return imports, newest first: all of the account, for an agent their own."""
    newest_first = visible_imports(account, actor).order_by("-created_at", "-pk")
    return [_row(one) for one in newest_first[offset : offset + limit]]


def imports_part(
    account: Account,
    actor: Actor,
    *,
    status: ImportStatus | None = None,
    list_id: int | None = None,
    after: Place | None = None,
    limit: int,
) -> list[ImportRow]:
    """Return imports after a place, newest first; as `import_rows`."""
    found = visible_imports(account, actor)
    if status is not None:
        found = found.filter(status=status.value)
    if list_id is not None:
        found = found.filter(contact_list=list_id)
    return [_row(one) for one in keyset.part(found, IMPORT_ORDER, after, limit)]


def import_rows_of(account: Account, ids: Sequence[int]) -> list[ImportRow]:
    """Return these imports of the account, whoever started them."""
    return [_row(one) for one in ListImport.objects.filter(account=account, pk__in=ids)]


def import_row(account: Account, actor: Actor, import_id: int) -> ImportRow:
    """Return one import. Raises NotFoundError, also for an agent who did not start it."""
    return _row(_one(account, actor, import_id))


def left_out(account: Account, list_id: int) -> LeftOut:
    """Return how many rows of a list's files were duplicates of others, or could not be called."""
    imports = ListImport.objects.filter(account=account, contact_list=list_id)
    return LeftOut(
        **imports.aggregate(
            duplicates=Coalesce(Sum("duplicates"), 0), rejected=Coalesce(Sum("rejected"), 0)
        )
    )


def rejected_file(account: Account, actor: Actor, import_id: int) -> bytes:
    """Return the rows that were left out, as CSV to correct and import again.

    Raises NotFoundError when there are none.
    """
    content = content_of(_one(account, actor, import_id).pk, FileKind.REJECTED)
    if not content:
        raise NotFoundError("No row of this import was left out.")
    return content


def same_file(account: Account, data: bytes) -> ImportRow | None:
    """Return the newest import that made a list of exactly this file."""
    found = ListImport.objects.filter(
        account=account, file_hash=hash_of(data), status=ImportStatus.DONE.value
    )
    newest = found.order_by("-created_at", "-pk").first()
    return _row(newest) if newest else None


def imported_before(account: Account, import_id: int) -> ImportRow | None:
    """Return the newest other import that made a list of the file of this one."""
    same = ListImport.objects.filter(account=account, pk=import_id).values("file_hash")
    done = ListImport.objects.filter(account=account, status=ImportStatus.DONE.value)
    found = done.filter(file_hash__in=same).exclude(pk=import_id)
    newest = found.order_by("-created_at", "-pk").first()
    return _row(newest) if newest else None


# Imports of files with further columns, which stand between two that are alike.
LOOKED_THROUGH: Final = 20


def last_mapping(account: Account, headings: Sequence[str]) -> Mapping[str, str]:
    """Return what these columns were in the account's newest list of such a file; empty: never.

    As in `Reading.columns`. Files count as alike when they have the same headings in any order.
    """
    if not headings:
        return {}
    done = ListImport.objects.filter(account=account, status=ImportStatus.DONE.value)
    readings = done.filter(reading__columns__has_keys=list(headings)).order_by("-created_at", "-pk")
    found = readings.values_list("reading__columns", flat=True)[:LOOKED_THROUGH]
    return next((columns for columns in found if columns.keys() == set(headings)), {})


def hash_of(data: bytes) -> str:
    """Return what tells a file from others."""
    return sha256(data).hexdigest()


def preview(account: Account, data: bytes, reading: Reading = GUESS) -> Preview:
    """Say how the file would be read, for people to correct; no column may be the numbers'.

    Raises FileError.
    """
    table = open_file(data, reading)
    columns = guess_columns(table, reading.region or account.region, reading)
    meaning_at = {at: name for name, at in (columns.known | columns.others).items()}
    if columns.number != NOWHERE:
        meaning_at[columns.number] = "number"
    sample = [row.cells for row in table.sample()]
    rows = sample[columns.has_header :]
    return Preview(
        encoding=table.encoding,
        separator=table.separator,
        has_header=columns.has_header,
        headings=columns.headings,
        meanings=tuple(meaning_at.get(at, LEFT_OUT) for at in range(columns.width)),
        sample=tuple(rows[:SAMPLE_SHOWN]),
        first_row=sample[0],
    )


def check_file(account: Account, data: bytes, reading: Reading) -> None:
    """Raise FileError for a file that can be no list, as far as its beginning shows."""
    if not data:
        raise FileError("file_empty")
    table = open_file(data, reading)
    find_columns(table, reading.region or account.region, reading)


def draft_preview(account: Account, actor: Actor, import_id: int, reading: Reading) -> Preview:
    """Say how the file of an import that nobody has confirmed would be read.

    Raises NotFoundError, also when the file is forgotten because the import is over; FileError.
    """
    content = content_of(_one(account, actor, import_id).pk, FileKind.UPLOADED)
    if not content:
        raise NotFoundError("The file of this import is not kept any more: choose it again.")
    return preview(account, content, reading)


def reading_of(account: Account, actor: Actor, import_id: int) -> Reading:
    """Return what was said about the file of an import. Raises NotFoundError."""
    return Reading(**_one(account, actor, import_id).reading)


def visible_imports(account: Account, actor: Actor) -> QuerySet[ListImport]:
    """Return the imports that the actor may see: all of the account, for an agent their own."""
    imports = ListImport.objects.filter(account=account)
    return imports.filter(created_by=actor.user) if actor.role is Role.AGENT else imports


def _one(account: Account, actor: Actor, import_id: int) -> ListImport:
    found = visible_imports(account, actor).filter(pk=import_id).first()
    if found is None:
        raise no_such_import(import_id)
    return found


def no_such_import(import_id: int) -> NotFoundError:
    """Return the error for an import that is not there, or not for this actor."""
    return NotFoundError(f"There is no import {import_id}: see `autodialer import list`.")


def _row(found: ListImport) -> ImportRow:
    return ImportRow(
        id=found.pk,
        name=found.name,
        list_id=found.contact_list_id,
        file_name=found.file_name,
        status=found.status,
        joins=found.joins,
        confirmed=found.confirmed,
        rows_total=found.rows_total,
        rows_seen=found.rows_seen,
        ready=found.ready,
        duplicates=found.duplicates,
        rejected=found.rejected,
        problems=_problems(found),
        fixes=tuple((line, raw, e164) for line, raw, e164 in found.fixes),
        outlook=Outlook(**found.outlook),
        has_rejected_file=found.rejected > 0 and found.status != ImportStatus.CANCELLED,
        error_code=found.error_code,
        error=found.error,
        who=found.who,
        created_at=found.created_at,
        finished_at=found.finished_at,
    )


def _problems(found: ListImport) -> tuple[RowProblem, ...]:
    counts: Mapping[str, int] = found.problems
    most_first = sorted(counts, key=lambda code: (-counts[code], code))
    return tuple(_problem(code, counts[code], found.examples.get(code)) for code in most_first)


def _problem(code: str, rows: int, example: Sequence[Any] | None) -> RowProblem:
    line, text = example or (None, "")
    return RowProblem(code, rows, **asdict(ROW_PROBLEMS[code]), line=line, example=text)
