"""Changes by somebody else between looking and saving: they are told, not overwritten unseen."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from autodialer.domain.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Mapping


class ChangedMeanwhileError(ConflictError):
    """Somebody has changed the thing since it was looked at; nothing was changed now."""

    code = "changed_meanwhile"


def version_of(facts: Mapping[str, object]) -> str:
    """Return what stands for exactly these facts, which hold what JSON can."""
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def require_unchanged(facts: Mapping[str, object], seen: str | None) -> None:
    """Raise ChangedMeanwhileError unless `seen` is the version of these facts; None: any is fine.

    The caller holds a lock on what they are read from.
    """
    if seen is not None and seen != version_of(facts):
        raise ChangedMeanwhileError(
            "Somebody else has changed this since you opened it. Open it again to see how it is"
            " now, or save once more to put yours in its place."
        )
