"""The life of a list's import."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ImportStatus(StrEnum):
    """What a worker is doing with an uploaded file."""

    QUEUED = "queued"
    CHECKING = "checking"
    SAVING = "saving"
    DONE = "done"
    FAILED = "failed"


# An import whose worker was killed begins again with checking: nothing was saved.
TRANSITIONS: Final[Mapping[ImportStatus, frozenset[ImportStatus]]] = MappingProxyType(
    {
        ImportStatus.QUEUED: frozenset({ImportStatus.CHECKING, ImportStatus.FAILED}),
        ImportStatus.CHECKING: frozenset(
            {ImportStatus.CHECKING, ImportStatus.SAVING, ImportStatus.FAILED}
        ),
        ImportStatus.SAVING: frozenset(
            {ImportStatus.CHECKING, ImportStatus.DONE, ImportStatus.FAILED}
        ),
        ImportStatus.DONE: frozenset(),
        ImportStatus.FAILED: frozenset(),
    }
)


def sources_of(status: ImportStatus) -> tuple[ImportStatus, ...]:
    """Return the statuses from which an import may become `status`."""
    return tuple(source for source, targets in TRANSITIONS.items() if status in targets)
