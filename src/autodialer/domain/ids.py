"""Names for the ids that travel between the parts, so that a mix-up is a type error."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

AccountId = NewType("AccountId", int)
CampaignId = NewType("CampaignId", int)
TargetId = NewType("TargetId", int)
SessionId = NewType("SessionId", UUID)
AttemptId = NewType("AttemptId", UUID)
