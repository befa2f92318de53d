"""Names for the ids that travel between the parts, so that a mix-up is a type error."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

AccountId = NewType("AccountId", int)
CampaignId = NewType("CampaignId", int)
TargetId = NewType("TargetId", int)
SessionId = NewType("SessionId", UUID)
AttemptId = NewType("AttemptId", UUID)


def sid_of(number: int) -> str:
    """Return a number as Exotel's clients keep ids: 32 lower-case hexadecimal digits."""
    return f"{number:032x}"
