"""Files that programs send: one a request, with a few fields beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from autodialer.api.problems import FieldProblem, invalid
from autodialer.apps.imports.problems import FileError
from autodialer.apps.imports.table import MAX_BYTES
from autodialer.apps.texts import storable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ninja.files import UploadedFile

    from autodialer.api.request import ApiRequest

FILE: Final = "file"


class FormBody(BaseModel):
    """The fields beside a file; forms hold texts, so `true` and `7` are read from them."""

    model_config = ConfigDict(extra="forbid")


def read_file(request: ApiRequest, file: UploadedFile, form: type[FormBody]) -> bytes:
    """Return the file of a request that has no field that the form does not know.

    Its name says nothing of what it is, and it is never opened by it. Raises ApiError, FileError.
    """
    if problems := list(_problems(request, form)):
        raise invalid(problems)
    if file.size is None or file.size > MAX_BYTES:
        raise FileError("file_too_big")
    content: bytes = file.read()
    return content


def _problems(request: ApiRequest, form: type[FormBody]) -> Iterator[FieldProblem]:
    for name in sorted({*request.POST, *request.FILES} - {*form.model_fields, FILE}):
        yield FieldProblem(f"/{name[:80]}", "unknown_field", "There is no such field.")
    for name, texts in request.POST.lists():
        if len(texts) > 1:
            yield FieldProblem(f"/{name}", "given_twice", "Send this field once.")
        if not all(map(storable, texts)):
            yield FieldProblem(f"/{name}", "text_not_storable", "It holds a NUL: type it again.")
    if len(request.FILES.getlist(FILE)) > 1:
        yield FieldProblem(f"/{FILE}", "given_twice", "Send one file at a time.")
