"""The life of a list's import: checked by a worker, and saved at once or after a person's yes."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from autodialer.domain.errors import IllegalTransitionError

if TYPE_CHECKING:
    from collections.abc import Mapping


class ImportStatus(StrEnum):
    """What a worker is doing with an uploaded file, or a person has to do."""

    DRAFT = "draft"  # to be told which column is what
    QUEUED = "queued"
    CHECKING = "checking"
    CHECKED = "checked"  # to be told whether the rows that are good shall be saved
    SAVING = "saving"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDONE = "undone"


_S = ImportStatus
OVER: Final = frozenset({_S.DONE, _S.FAILED, _S.CANCELLED, _S.UNDONE})
# What waits for a person, and how long.
WAITING: Final = frozenset({_S.DRAFT, _S.CHECKED})
PATIENCE: Final = timedelta(days=7)
# After it was saved.
UNDONE_WITHIN: Final = timedelta(hours=24)

# An import whose worker was killed begins again with checking: nothing was saved. One that was
# checked goes through the queue once more, to be checked otherwise or to be saved.
TRANSITIONS: Final[Mapping[ImportStatus, frozenset[ImportStatus]]] = MappingProxyType(
    {
        _S.DRAFT: frozenset({_S.QUEUED, _S.CANCELLED}),
        _S.QUEUED: frozenset({_S.CHECKING, _S.FAILED, _S.CANCELLED}),
        _S.CHECKING: frozenset({_S.CHECKING, _S.CHECKED, _S.SAVING, _S.FAILED, _S.CANCELLED}),
        _S.CHECKED: frozenset({_S.QUEUED, _S.CANCELLED}),
        _S.SAVING: frozenset({_S.CHECKING, _S.DONE, _S.FAILED}),
        _S.DONE: frozenset({_S.UNDONE}),
        _S.FAILED: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.UNDONE: frozenset(),
    }
)


def sources_of(status: ImportStatus) -> tuple[ImportStatus, ...]:
    """Return the statuses from which an import may become `status`."""
    return tuple(source for source, targets in TRANSITIONS.items() if status in targets)


def check_move(current: str, wanted: ImportStatus) -> None:
    """Raise IllegalTransitionError unless an import may go from `current` to `wanted`."""
    legal = TRANSITIONS[ImportStatus(current)]
    if wanted not in legal:
        raise IllegalTransitionError("import", current, wanted, tuple(sorted(legal)))


def check_confirmable(current: str) -> None:
    """Raise IllegalTransitionError unless an import waits for a person's yes."""
    if current != ImportStatus.CHECKED:
        legal = tuple(sorted(TRANSITIONS[ImportStatus(current)]))
        raise IllegalTransitionError("import", current, ImportStatus.SAVING, legal)
