"""Nodes: their names, what state they are in, and when one of them is given up."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from autodialer.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from datetime import datetime

# What `up` runs on one machine; it makes itself known.
FIRST_NODE: Final = "main"
# What a node calls over unless it is told otherwise.
FIRST_TRUNK: Final = "main"
DEFAULT_CAPACITY: Final = 200
# They become parts of file names and host names.
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class NodeState(StrEnum):
    """What a node does, spelled as people see it."""

    RUNNING = "running"
    DRAINING = "draining"
    DRAINED = "drained"
    DOWN = "down"


def check_name(field: str, name: str) -> str:
    """Return the name of a node or a trunk. Raises InvalidInputError."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            field, f"{name[:70]!r} is no name: use up to 63 small letters, digits and hyphens."
        )
    return name


def state_of(
    *, lease_until: datetime | None, is_draining: bool, is_empty: bool, now: datetime
) -> NodeState:
    """Return what a node does; one that drains is `drained` once no session and call is left."""
    if is_draining:
        return NodeState.DRAINED if is_empty else NodeState.DRAINING
    is_held = lease_until is not None and lease_until > now
    return NodeState.RUNNING if is_held else NodeState.DOWN
