"""The do-not-call registry: read it, and add to it. Only an admin takes numbers off it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from ninja import File, Form, Query, Router
from ninja.files import UploadedFile
from pydantic import Field

from autodialer.api.fields import Body, Id, ListAsked, Page, Reply
from autodialer.api.operations import FILES, operation
from autodialer.api.request import ApiRequest
from autodialer.api.v1.parts import answer_part, number_asked
from autodialer.api.v1.uploads import FormBody, read_file
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.contacts import browse, queries, services
from autodialer.apps.contacts.batch import MOST_AT_ONCE
from autodialer.apps.imports.problems import ROW_PROBLEMS
from autodialer.apps.imports.services import import_dnd

if TYPE_CHECKING:
    from autodialer.apps.contacts.queries import DndRow
    from autodialer.apps.imports.checked_rows import RejectedRow

router: Final = Router()
_P = Permission
_SHOWN: Final = 1_000  # rejected rows of one file that are told
Reason = Annotated[str, Field(max_length=services.REASON_LENGTH)]


class NumbersAsked(ListAsked):
    """Which numbers."""

    search: str = Field("", max_length=64, description="Part of the number.")
    number: str = Field("", max_length=64, description="The whole number, however it is written.")


class ForbiddenReply(Reply):
    """A number that is never called."""

    id: str
    number: str = Field(description="E.164")
    reason: str
    added_by: str
    added_at: datetime


class NumbersBody(Body):
    """Numbers that are not to be called from this instant on, and why."""

    numbers: list[str] = Field(min_length=1, max_length=MOST_AT_ONCE)
    reason: Reason = ""


class NumbersForm(FormBody):
    """Why the numbers of a file are not to be called."""

    reason: Reason = ""


class AddedNumbers(Reply):
    """How many numbers were new to the registry, and how many were on it or given twice."""

    added: int
    known: int


class RejectedLine(Reply):
    """A row of a file without a number."""

    line: int
    code: str
    cause: str
    remedy: str


class AddedFile(AddedNumbers):
    """What became of a file; of the rows without a number the first thousand are told."""

    rejected: int
    rejected_rows: list[RejectedLine]


@operation(router, "GET", "/dnd", _P.VIEW_DND, replies={200: Page[ForbiddenReply]})
def list_forbidden_numbers(request: ApiRequest, asked: Query[NumbersAsked]) -> Page[ForbiddenReply]:
    """List the do-not-call registry, newest first; `number` says whether one is on it."""
    number = number_asked(request, asked.number)
    return answer_part(
        Page[ForbiddenReply],
        request,
        asked,
        order=browse.DND_ORDER,
        fetch=lambda after, limit: browse.dnd_part(
            request.account, search=asked.search, e164=number, after=after, limit=limit
        ),
        show=_reply,
    )


@operation(router, "POST", "/dnd", _P.ADD_DND, replies={200: AddedNumbers})
def forbid_numbers(request: ApiRequest, body: NumbersBody) -> AddedNumbers:
    """Forbid calls to up to 5,000 numbers: to all of them, or to none.

    It counts at once: a phone that rings is silenced.
    """
    added = services.add_dnd_numbers(
        account=request.account,
        numbers=body.numbers,
        reason=body.reason,
        now=request.now,
        actor=request.actor,
    )
    return AddedNumbers(added=added, known=len(body.numbers) - added)


@operation(router, "POST", "/dnd/file", _P.ADD_DND, replies={200: AddedFile}, consumes=FILES)
def forbid_numbers_of_file(
    request: ApiRequest, file: File[UploadedFile], said: Form[NumbersForm]
) -> AddedFile:
    """Forbid calls to the numbers of a CSV or XLSX file; rows without a number are told."""
    done = import_dnd(
        account=request.account,
        data=read_file(request, file, NumbersForm),
        reason=said.reason,
        now=request.now,
        actor=request.actor,
    )
    return AddedFile(
        added=done.added,
        known=done.known,
        rejected=len(done.rejected),
        rejected_rows=[_line(row) for row in done.rejected[:_SHOWN]],
    )


@operation(
    router,
    "GET",
    "/dnd/{entry_id}",
    _P.VIEW_DND,
    replies={200: ForbiddenReply},
    refuses=(404,),
)
def get_forbidden_number(request: ApiRequest, entry_id: Id) -> ForbiddenReply:
    """Read one entry of the registry."""
    return _reply(queries.dnd_row(request.account, entry_id))


def _reply(row: DndRow) -> ForbiddenReply:
    return ForbiddenReply(
        id=str(row.id),
        number=row.e164,
        reason=row.reason,
        added_by=row.added_by,
        added_at=row.added_at,
    )


def _line(row: RejectedRow) -> RejectedLine:
    problem = ROW_PROBLEMS[row.code]
    return RejectedLine(line=row.line, code=row.code, cause=problem.cause, remedy=problem.remedy)
