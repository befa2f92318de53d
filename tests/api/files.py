"""Sending files with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

if TYPE_CHECKING:
    from tests.api.client import Caller


def send_file(
    crm: Caller, path: str, data: bytes, name: str = "leads.csv", **fields: object
) -> Any:
    """Send a file and the fields beside it as a form."""
    form = {**fields, "file": SimpleUploadedFile(name, data)}
    return send_form(crm, path, encode_multipart(BOUNDARY, form))


def send_form(crm: Caller, path: str, body: bytes, kind: str = MULTIPART_CONTENT) -> Any:
    """Send the body of a form as it is."""
    headers = {"Authorization": f"Bearer {crm.key}"}
    return crm.client.generic("POST", f"/api/v1{path}", body, kind, headers=headers)
