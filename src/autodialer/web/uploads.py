"""Files that browsers send: how big, and what is said of one that is bigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError

from autodialer.apps.imports.problems import FILE_PROBLEMS
from autodialer.apps.imports.table import MAX_BYTES
from autodialer.web.middleware import error_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.files.uploadedfile import UploadedFile
    from django.http import HttpResponse

    from autodialer.web.access import PageRequest

TOO_BIG: Final = "file_too_big"
# The file, and the other fields of its form.
MAX_BODY: Final = MAX_BYTES + 1024 * 1024
STATUS_TOO_BIG: Final = 413
STATUS_REFUSED: Final = 422
_SENTENCE: Final = f"{FILE_PROBLEMS[TOO_BIG].cause} {FILE_PROBLEMS[TOO_BIG].remedy}"


class UploadField(forms.FileField):
    """A file of at most 20 MB; an empty one is left to who reads it, as its name is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Return the file. Its name is only shown, never opened: see `clean_file_name`."""
        found: UploadedFile[bytes] = super().clean(data, initial)
        if found.size is not None and found.size > MAX_BYTES:
            raise ValidationError(_SENTENCE, TOO_BIG)
        return found

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Let the browser say it too, before the file is sent."""
        return {"data-most-bytes": str(MAX_BYTES), "data-too-big": _SENTENCE}


def status_of(form: forms.Form) -> int:
    """Return the HTTP status of a form that was refused, or was not."""
    codes = {error["code"] for errors in form.errors.get_json_data().values() for error in errors}
    if TOO_BIG in codes:
        return STATUS_TOO_BIG
    return STATUS_REFUSED if codes else 200


class BodyLimit:
    """Refuses a request that is bigger than any upload may be, before it is read."""

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > MAX_BODY:
            return error_page(request, STATUS_TOO_BIG, _SENTENCE, TOO_BIG)
        return self._get_response(request)
