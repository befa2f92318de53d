"""Imports: a file is taken at once, checked by a worker, and becomes or joins a list."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from django.http import HttpResponse
from ninja import File, Form, Query, Router, Status
from ninja.files import UploadedFile

from autodialer.api.fields import Id, Page
from autodialer.api.operations import FILES, operation
from autodialer.api.request import ApiRequest
from autodialer.api.v1.downloads import CSV, file_of
from autodialer.api.v1.import_schemas import (
    ConfirmBody,
    ImportForm,
    ImportReply,
    ImportsAsked,
    PreviewReply,
    ReadingBody,
    import_reply,
    preview_reply,
)
from autodialer.api.v1.parts import answer_part
from autodialer.api.v1.uploads import read_file
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.imports import queries, services, undo
from autodialer.apps.imports.files import clean_file_name

router: Final = Router()
_P = Permission
_ALL: Final = "/api/v1/imports"
_ONE: Final = "/imports/{import_id}"


@operation(router, "GET", "/imports", _P.CREATE_LIST, replies={200: Page[ImportReply]})
def list_imports(request: ApiRequest, asked: Query[ImportsAsked]) -> Page[ImportReply]:
    """List the imports of the account, newest first; they are kept for ever."""
    return answer_part(
        Page[ImportReply],
        request,
        asked,
        order=queries.IMPORT_ORDER,
        fetch=lambda after, limit: queries.imports_part(
            request.account,
            request.actor,
            status=asked.status,
            list_id=asked.list_id,
            after=after,
            limit=limit,
        ),
        show=_shown,
    )


@operation(
    router,
    "POST",
    "/imports",
    _P.CREATE_LIST,
    replies={202: ImportReply},
    refuses=(404,),
    consumes=FILES,
)
def import_file(
    request: ApiRequest,
    file: File[UploadedFile],
    said: Form[ImportForm],
    response: HttpResponse,
) -> Status[ImportReply]:
    """Take a CSV or XLSX file of at most 20 MB and 100,000 rows; a worker does the rest.

    `Location` is where its progress is read. A file that was imported before is a conflict
    unless `again` is sent.
    """
    data = read_file(request, file, ImportForm)
    name = clean_file_name(file.name or "")
    queries.check_file(request.account, data, said.reading())
    made = services.queue_import(
        account=request.account,
        actor=request.actor,
        file_name=name,
        data=data,
        name=said.name or PurePath(name).stem[:100],
        list_id=said.list_id,
        reading=said.reading(),
        again=said.again,
        confirmed=said.confirm == "automatic",
        now=request.now,
    )
    return _accepted(request, made, response)


@operation(router, "GET", _ONE, _P.CREATE_LIST, replies={200: ImportReply}, refuses=(404,))
def get_import(request: ApiRequest, import_id: Id) -> ImportReply:
    """Read how far an import is, what was found, and what became of it."""
    return _shown(queries.import_row(request.account, request.actor, import_id))


@operation(
    router,
    "GET",
    f"{_ONE}/preview",
    _P.CREATE_LIST,
    replies={200: PreviewReply},
    refuses=(404,),
)
def preview_import(request: ApiRequest, import_id: Id) -> PreviewReply:
    """Read how the file is understood: its columns and first rows, until it is saved."""
    reading = queries.reading_of(request.account, request.actor, import_id)
    return preview_reply(queries.draft_preview(request.account, request.actor, import_id, reading))


@operation(
    router,
    "POST",
    f"{_ONE}/plan",
    _P.CREATE_LIST,
    replies={202: ImportReply},
    refuses=(404,),
)
def plan_import(
    request: ApiRequest, import_id: Id, body: ReadingBody, response: HttpResponse
) -> Status[ImportReply]:
    """Say how a file is read, and have it checked so; as often as need be before it is saved."""
    services.plan_import(
        account=request.account,
        actor=request.actor,
        import_id=import_id,
        reading=body.reading(),
    )
    return _accepted(request, import_id, response)


@operation(
    router,
    "POST",
    f"{_ONE}/confirm",
    _P.CREATE_LIST,
    replies={202: ImportReply},
    refuses=(404,),
)
def confirm_import(
    request: ApiRequest, import_id: Id, body: ConfirmBody, response: HttpResponse
) -> Status[ImportReply]:
    """Have the rows that were checked and can be dialled saved."""
    services.confirm_import(
        account=request.account,
        actor=request.actor,
        import_id=import_id,
        name=body.name,
    )
    return _accepted(request, import_id, response)


@operation(
    router,
    "POST",
    f"{_ONE}/cancel",
    _P.CREATE_LIST,
    replies={200: ImportReply},
    refuses=(404,),
)
def cancel_import(request: ApiRequest, import_id: Id) -> ImportReply:
    """Forget a file of which nothing was saved yet."""
    services.cancel_import(
        account=request.account, actor=request.actor, import_id=import_id, now=request.now
    )
    return _shown(queries.import_row(request.account, request.actor, import_id))


@operation(
    router,
    "POST",
    f"{_ONE}/undo",
    _P.CREATE_LIST,
    replies={200: ImportReply},
    refuses=(404,),
)
def undo_import(request: ApiRequest, import_id: Id) -> ImportReply:
    """Take back what an import of the last 24 hours has saved, unless a campaign was made of it.

    Contacts that were changed since, or stand in other lists, stay.
    """
    undo.undo_import(
        account=request.account, actor=request.actor, import_id=import_id, now=request.now
    )
    return _shown(queries.import_row(request.account, request.actor, import_id))


@operation(
    router,
    "GET",
    f"{_ONE}/rejected.csv",
    _P.CREATE_LIST,
    replies={200: None},
    refuses=(404,),
    produces=CSV,
    documented=file_of(CSV),
)
def download_rejected_rows(request: ApiRequest, import_id: Id) -> HttpResponse:
    """Download the rows that were left out, each with its cause, to correct and import again."""
    content = queries.rejected_file(request.account, request.actor, import_id)
    name = f'attachment; filename="import-{import_id}-rejected.csv"'
    return HttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": name},
    )


def _accepted(request: ApiRequest, import_id: int, response: HttpResponse) -> Status[ImportReply]:
    row = queries.import_row(request.account, request.actor, import_id)
    response["Location"] = f"{_ALL}/{import_id}"
    return Status(202, _shown(row))


def _shown(row: queries.ImportRow) -> ImportReply:
    return import_reply(row, f"{_ALL}/{row.id}")
