"""Imports of lists as JSON: how a file is read, how far it is, and what became of it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from autodialer.api.fields import WORD, Body, Id, ListAsked, Reply
from autodialer.api.v1.uploads import FormBody
from autodialer.apps.contacts.numbers import regions
from autodialer.apps.imports.csv_file import ENCODINGS, SEPARATORS
from autodialer.apps.imports.table import MAX_COLUMNS, Reading
from autodialer.domain.imports import ImportStatus

if TYPE_CHECKING:
    from autodialer.apps.imports.queries import ImportRow, Preview

Heading = Annotated[str, Field(min_length=1, max_length=1_000)]
Meaning = Annotated[str, Field(min_length=1, max_length=100)]
Columns = Annotated[dict[Heading, Meaning], Field(max_length=MAX_COLUMNS)]


def _region(region: str) -> str:
    if region and region not in dict(regions()):
        raise PydanticCustomError("region_unknown", "Write a country as two letters, like IN")
    return region


def _encoding(encoding: str) -> str:
    if encoding and encoding not in ENCODINGS:
        raise PydanticCustomError("unknown_value", f"Use one of {', '.join(ENCODINGS)}")
    return encoding


def _separator(separator: str) -> str:
    if separator and separator not in tuple(SEPARATORS):
        raise PydanticCustomError("unknown_value", "Use a comma, semicolon, TAB or bar")
    return separator


def _object(text: object) -> Any:
    """Return the JSON object that a field of a form holds."""
    try:
        return json.loads(text) if isinstance(text, str) and text else {}
    except (ValueError, RecursionError):
        raise PydanticCustomError("wrong_type", "Write it as a JSON object of texts") from None


Region = Annotated[str, AfterValidator(_region)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Separator = Annotated[str, AfterValidator(_separator)]
ColumnsText = Annotated[
    Columns,
    BeforeValidator(_object),
    WithJsonSchema({"type": "string", "contentMediaType": "application/json"}),
]


class ReadingBody(Body):
    """What is said of a file; what is left empty is guessed.

    `columns` gives headings (or `column_1`, `column_2` ...) a meaning: `number`, a field of a
    contact, `-` to leave the column out, or the name of a field of your own.
    """

    encoding: Encoding = ""
    separator: Separator = ""
    region: Region = Field("", description="Of numbers without a country code.")
    has_header: bool | None = None
    columns: Columns = Field({})

    def reading(self) -> Reading:
        """Return it as the import takes it."""
        return Reading(self.encoding, self.separator, self.region, self.has_header, self.columns)


class ImportForm(FormBody):
    """What becomes of a file, and how it is read; what is left out is guessed.

    It becomes a new list called `name`, or joins the list `list_id`. With `confirm=manual` it is
    checked, and nothing saved before the import is confirmed.
    """

    name: str = Field("", description="Of the new list; left out, it is that of the file.")
    list_id: Id | None = None
    confirm: Literal["automatic", "manual"] = "automatic"
    again: bool = Field(False, description="Import a file that was imported before once more.")
    encoding: Encoding = ""
    separator: Separator = ""
    region: Region = Field("", description="Of numbers without a country code.")
    has_header: bool | None = None
    columns: ColumnsText = Field({}, description="JSON: `{HEADING: MEANING}`, as in `plan`.")

    def reading(self) -> Reading:
        """Return how the file is to be read."""
        return Reading(self.encoding, self.separator, self.region, self.has_header, self.columns)


class ImportsAsked(ListAsked):
    """Which imports."""

    status: Annotated[ImportStatus, WORD] | None = None
    list_id: Id | None = None


class ConfirmBody(Body):
    """The name of the new list, if it shall be another one."""

    name: str = ""


class RowProblemReply(Reply):
    """Why some rows were left out: how many, and the first of them."""

    code: str
    rows: int
    cause: str
    remedy: str
    line: int | None
    example: str


class FixReply(Reply):
    """A number that was written oddly, and how it was read."""

    line: int
    written: str
    number: str


class OutlookReply(Reply):
    """What saving would do, or has done, in distinct numbers."""

    numbers: int
    fixed: int
    known: int
    members: int
    forbidden: int


class ImportErrorReply(Reply):
    """Why an import failed."""

    code: str
    message: str


class ImportReply(Reply):
    """An import: `rows_seen` of `rows_total` says how far it is.

    `ready` rows can be dialled, `duplicates` among them; `rejected` ones cannot.
    """

    id: str
    status: ImportStatus
    name: str
    list_id: str | None
    joins: bool
    confirmed: bool
    file_name: str
    rows_total: int | None
    rows_seen: int
    ready: int
    duplicates: int
    rejected: int
    problems: list[RowProblemReply]
    fixes: list[FixReply]
    outlook: OutlookReply
    error: ImportErrorReply | None
    rejected_rows: str | None = Field(description="Address of the rows to correct, as CSV.")
    made_by: str
    created_at: datetime
    finished_at: datetime | None


class PreviewReply(Reply):
    """How a file would be read; `meanings` follow `headings`."""

    encoding: str
    separator: str
    has_header: bool
    headings: list[str]
    meanings: list[str]
    sample: list[list[str]]


def import_reply(row: ImportRow, address: str) -> ImportReply:
    """Return an import as JSON; `address` is its own."""
    failed = ImportErrorReply(code=row.error_code, message=row.error) if row.error else None
    return ImportReply(
        id=str(row.id),
        status=ImportStatus(row.status),
        name=row.name,
        list_id=None if row.list_id is None else str(row.list_id),
        joins=row.joins,
        confirmed=row.confirmed,
        file_name=row.file_name,
        rows_total=row.rows_total,
        rows_seen=row.rows_seen,
        ready=row.ready,
        duplicates=row.duplicates,
        rejected=row.rejected,
        problems=[
            RowProblemReply(
                code=one.code,
                rows=one.rows,
                cause=one.cause,
                remedy=one.remedy,
                line=one.line,
                example=one.example,
            )
            for one in row.problems
        ],
        fixes=[FixReply(line=line, written=raw, number=e164) for line, raw, e164 in row.fixes],
        outlook=OutlookReply(
            numbers=row.outlook.numbers,
            fixed=row.outlook.fixed,
            known=row.outlook.known,
            members=row.outlook.members,
            forbidden=row.outlook.forbidden,
        ),
        error=failed,
        rejected_rows=f"{address}/rejected.csv" if row.has_rejected_file else None,
        made_by=row.who,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def preview_reply(preview: Preview) -> PreviewReply:
    """Return how a file would be read as JSON; bytes that are no text are shown as marks."""
    return PreviewReply(
        encoding=preview.encoding,
        separator=preview.separator,
        has_header=preview.has_header,
        headings=[_shown(heading) for heading in preview.headings],
        meanings=[_shown(meaning) for meaning in preview.meanings],
        sample=[[_shown(cell) for cell in row] for row in preview.sample],
    )


def _shown(text: str) -> str:
    return text.encode(errors="replace").decode()
