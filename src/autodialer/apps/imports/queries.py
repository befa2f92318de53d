"""What pages and commands read of imports; the account comes first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.db.models import Sum
from django.db.models.functions import Coalesce

from autodialer.apps.accounts.models import Role
from autodialer.apps.imports.models import FileKind, ListImport
from autodialer.apps.imports.pieces import content_of
from autodialer.apps.imports.problems import ROW_PROBLEMS
from autodialer.apps.imports.steps import open_and_find
from autodialer.apps.imports.table import GUESS
from autodialer.domain.errors import NotFoundError
from autodialer.domain.imports import ImportStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.db.models import QuerySet

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.imports.table import Reading


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why some rows were left out, and what to do about it."""

    code: str
    rows: int
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import with its progress. `ready` counts rows; minus `duplicates` they are contacts."""

    id: int
    name: str
    list_id: int | None
    file_name: str
    status: str
    rows_total: int | None
    rows_seen: int
    ready: int
    duplicates: int
    rejected: int
    problems: tuple[RowProblem, ...]
    error_code: str
    error: str
    who: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in {ImportStatus.DONE, ImportStatus.FAILED}


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


SAMPLE_SHOWN = 5


def import_rows(account: Account, actor: Actor, *, limit: int = 100) -> list[ImportRow]:
    """Return the newest imports: all of the account, for an agent their own."""
    found = _visible(account, actor).order_by("-created_at", "-pk")[:limit]
    return [_row(one) for one in found]


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


def hash_of(data: bytes) -> str:
    """Return what tells a file from others."""
    return sha256(data).hexdigest()


def preview(account: Account, data: bytes, reading: Reading = GUESS) -> Preview:
    """Say how the file would be read, for people to correct. Raises FileError."""
    file = open_and_find(data, account.region, reading)
    columns = file.columns
    meaning_at = {at: name for name, at in (columns.known | columns.others).items()}
    meaning_at[columns.number] = "number"
    rows = [row.cells for row in file.table.sample()][columns.has_header :]
    return Preview(
        encoding=file.table.encoding,
        separator=file.table.separator,
        has_header=columns.has_header,
        headings=columns.headings,
        meanings=tuple(meaning_at.get(at, "-") for at in range(columns.width)),
        sample=tuple(rows[:SAMPLE_SHOWN]),
    )


def _visible(account: Account, actor: Actor) -> QuerySet[ListImport]:
    imports = ListImport.objects.filter(account=account)
    return imports.filter(created_by=actor.user) if actor.role is Role.AGENT else imports


def _one(account: Account, actor: Actor, import_id: int) -> ListImport:
    found = _visible(account, actor).filter(pk=import_id).first()
    if found is None:
        raise NotFoundError(f"There is no import {import_id}: see `autodialer import list`.")
    return found


def _row(found: ListImport) -> ImportRow:
    return ImportRow(
        id=found.pk,
        name=found.name,
        list_id=found.contact_list_id,
        file_name=found.file_name,
        status=found.status,
        rows_total=found.rows_total,
        rows_seen=found.rows_seen,
        ready=found.ready,
        duplicates=found.duplicates,
        rejected=found.rejected,
        problems=_problems(found.problems),
        error_code=found.error_code,
        error=found.error,
        who=found.who,
        created_at=found.created_at,
        finished_at=found.finished_at,
    )


def _problems(counts: Mapping[str, int]) -> tuple[RowProblem, ...]:
    known = MappingProxyType(counts)
    most_first = sorted(known, key=lambda code: (-known[code], code))
    return tuple(
        RowProblem(code=code, rows=known[code], **asdict(ROW_PROBLEMS[code])) for code in most_first
    )
