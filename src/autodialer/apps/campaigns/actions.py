"""What an actor may do with a campaign at this moment, and why not the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.permissions import Permission, may, refusal
from autodialer.domain.campaign import ACTIONS, CampaignAction, CampaignStatus
from autodialer.domain.errors import (
    AutodialerError,
    ConflictError,
    IllegalTransitionError,
    NotAllowedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.campaigns.models import Campaign

_A = CampaignAction
_NEEDS: Final[Mapping[CampaignAction, Permission]] = {
    _A.EDIT: Permission.EDIT_CAMPAIGN,
    _A.PAUSE: Permission.PAUSE_CAMPAIGN,
    _A.RESUME: Permission.RESUME_CAMPAIGN,
    _A.COMPLETE: Permission.COMPLETE_CAMPAIGN,
    _A.ARCHIVE: Permission.ARCHIVE_CAMPAIGN,
    _A.CLONE: Permission.CLONE_CAMPAIGN,
}
# What the campaign would be afterwards, for the sentence that refuses it.
_BECOMES: Final[Mapping[CampaignAction, str]] = {
    _A.EDIT: "edited",
    _A.PAUSE: CampaignStatus.PAUSED,
    _A.RESUME: CampaignStatus.IN_PROGRESS,
    _A.COMPLETE: CampaignStatus.COMPLETED,
    _A.ARCHIVE: CampaignStatus.ARCHIVED,
    _A.CLONE: "cloned",
}
# When it is possible, for a menu that greys it.
_ONLY: Final[Mapping[CampaignAction, str]] = {
    _A.EDIT: "Only before it starts.",
    _A.PAUSE: "Only while it is in progress.",
    _A.RESUME: "Only while it is paused.",
    _A.COMPLETE: "Only once it has started, until it is completed.",
    _A.ARCHIVE: "Only before it starts or when it is completed.",
}


class CallerIdUnverifiedError(ConflictError):
    """The number that the campaign calls from is not verified (any more)."""

    code = "caller_id_unverified"


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of the campaign's menu; `why_not` is empty exactly when it is allowed."""

    action: CampaignAction
    allowed: bool
    why_not: str


def choices(campaign: Campaign, actor: Actor) -> list[Choice]:
    """Return all entries of the menu, in its order."""
    refusals = ((action, _refusal(action, campaign, actor)) for action in CampaignAction)
    return [Choice(action, why is None, _briefly(action, why)) for action, why in refusals]


def _briefly(action: CampaignAction, why: AutodialerError | None) -> str:
    if isinstance(why, IllegalTransitionError):
        return _ONLY.get(action, str(why))
    return str(why or "")


def check_action(action: CampaignAction, campaign: Campaign, actor: Actor) -> None:
    """Raise NotAllowedError, IllegalTransitionError or CallerIdUnverifiedError unless it may be."""
    refusal = _refusal(action, campaign, actor)
    if refusal is not None:
        raise refusal


class _Hurdle(Enum):
    """Why an action is not allowed."""

    PERMISSION = auto()
    STATUS = auto()
    STILL_RUNS = auto()
    CALLER_ID = auto()


def allowed_actions(
    actor: Actor, status: CampaignStatus, is_verified: bool
) -> Sequence[CampaignAction]:
    """Return what the actor may do with a campaign of this status, in the order of the menu.

    `is_verified` tells whether its caller id is.
    """
    return [
        action
        for action in CampaignAction
        if _hurdle(action, status, actor, is_verified=is_verified) is None
    ]


def _hurdle(
    action: CampaignAction, status: CampaignStatus, actor: Actor, *, is_verified: bool
) -> _Hurdle | None:
    if not may(actor, _NEEDS[action]):
        return _Hurdle.PERMISSION
    if status not in ACTIONS[action]:
        return _Hurdle.STATUS
    if not _may_now(actor, action, status):
        return _Hurdle.STILL_RUNS
    return _Hurdle.CALLER_ID if action is _A.RESUME and not is_verified else None


def _refusal(action: CampaignAction, campaign: Campaign, actor: Actor) -> AutodialerError | None:
    status = CampaignStatus(campaign.status)
    is_verified = campaign.caller_id.verified_at is not None
    match _hurdle(action, status, actor, is_verified=is_verified):
        case None:
            return None
        case _Hurdle.PERMISSION:
            return refusal(actor, _NEEDS[action])
        case _Hurdle.STATUS:
            legal = _legal(status, actor)
            return IllegalTransitionError("campaign", status, _BECOMES[action], legal)
        case _Hurdle.STILL_RUNS:
            return NotAllowedError("Pause the campaign first, or ask an admin to complete it.")
        case _Hurdle.CALLER_ID:
            return CallerIdUnverifiedError(
                f"The caller id {campaign.caller_id} is not verified: an admin verifies it under"
                f" Caller ids, or by `autodialer caller-id add {campaign.caller_id} --verified`."
            )


def _legal(status: CampaignStatus, actor: Actor) -> tuple[str, ...]:
    return tuple(
        action
        for action, sources in ACTIONS.items()
        if status in sources and _may_now(actor, action, status)
    )


def _may_now(actor: Actor, action: CampaignAction, status: CampaignStatus) -> bool:
    """Return whether the actor may complete what is still in progress, if that is asked."""
    runs = action is _A.COMPLETE and status is CampaignStatus.IN_PROGRESS
    return not runs or may(actor, Permission.COMPLETE_RUNNING_CAMPAIGN)
