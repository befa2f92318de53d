"""The files of an import in the database, piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autodialer.apps.imports.models import FileKind, ImportFile

if TYPE_CHECKING:
    from autodialer.apps.imports.models import ListImport

PIECE: Final = 1024 * 1024


def keep(list_import: ListImport, kind: FileKind, content: bytes) -> None:
    """Store a file. An empty one is no file."""
    view = memoryview(content)
    for seq, start in enumerate(range(0, len(content), PIECE)):
        ImportFile.objects.create(
            list_import=list_import,
            kind=kind.value,
            seq=seq,
            content=bytes(view[start : start + PIECE]),
        )


def content_of(import_id: int, kind: FileKind) -> bytes:
    """Return a stored file; empty when there is none."""
    pieces = ImportFile.objects.filter(list_import=import_id, kind=kind.value).order_by("seq")
    return b"".join(pieces.values_list("content", flat=True).iterator(chunk_size=1))


def forget(import_id: int, kind: FileKind) -> None:
    """Delete a stored file; repeatable."""
    ImportFile.objects.filter(list_import=import_id, kind=kind.value).delete()
