"""Why an agent cannot start now: one sentence each, for the page and the command line."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from django.db.models import Max

from autodialer.apps.agents.queries import device_problem
from autodialer.apps.calls.models import Attempt, AttemptState
from autodialer.apps.campaigns.access import takes_part
from autodialer.apps.campaigns.models import CampaignChange, NumberSource, Target
from autodialer.apps.campaigns.terms import narrowed_hours
from autodialer.domain.campaign import CampaignStatus, PauseReason
from autodialer.domain.errors import ConflictError, InvalidInputError
from autodialer.domain.target import TargetStatus
from autodialer.domain.window import next_opening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.apps.accounts.models import Account, User
    from autodialer.apps.agents.models import AgentDevice
    from autodialer.apps.campaigns.models import Campaign

# A campaign that paused by itself says what it waits for.
NEEDS: Final[Mapping[str, str]] = {
    PauseReason.LOW_BALANCE: "the balance is too low. Ask for a top-up, then Resume.",
    PauseReason.NO_TARIFF: "a number has no price. Ask for a tariff, then Resume.",
    PauseReason.DIAL_WHOM_FAILED: "its Dial-Whom URL gives no number. Mend it, then Resume.",
    PauseReason.CALLER_ID_UNVERIFIED: "its caller id is not verified. Ask for that, then Resume.",
    PauseReason.RESTORED: "a backup was restored. See whom you called since, then Resume.",
}


class CannotStartError(ConflictError):
    """Start is refused; `code` tells the reason to programs and `str()` to the agent.

    `until` is when it will be worth another look, where time alone is in the way.
    """

    def __init__(self, code: str, message: str, until: datetime | None = None) -> None:
        self.code, self.until = code, until
        super().__init__(message)


class NotAnAgentError(InvalidInputError):
    """A single call begins with the phone of an agent of the account, and this is none."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message, "not_an_agent")


class DoNotCallError(ConflictError):
    """The number is on the do-not-call registry."""

    code = "do_not_call"


def check_start(account: Account, campaign: Campaign, user: User, now: datetime) -> None:
    """Raise CannotStartError, with the reason, unless the agent could be dialling now.

    A wait that is shorter than the campaign's idle limit is no reason: the agent waits (R11).
    """
    _check_member(campaign, user)
    _check_status(account, campaign, now)
    _check_window(account, campaign, now)
    _check_targets(account, campaign, now)


def check_rested(account: Account, e164: str, now: datetime) -> None:
    """Raise CannotStartError for a number that is in a call, or was until a moment ago.

    In a campaign the agent gets the next number instead; of a single call there is none.
    """
    calls = Attempt.objects.filter(account=account, e164=e164, try_no__isnull=False)
    if calls.exclude(state=AttemptState.ENDED.value).exists():
        raise CannotStartError("number_in_call", f"{e164} is in a call of this account now.")
    gap = timedelta(seconds=account.redial_gap_s)
    ended = calls.filter(state=AttemptState.ENDED.value, ended_at__gt=now - gap)
    last: datetime | None = ended.aggregate(last=Max("ended_at"))["last"]
    if last is not None:
        again = clock_text(account, last + gap, now)
        raise CannotStartError(
            "recently_called", f"{e164} was called a moment ago: call again at {again}.", last + gap
        )


def check_device(user: User, device: AgentDevice | None) -> AgentDevice:
    """Return the device. Raises CannotStartError when the user cannot be called on it now."""
    if device is None:
        raise CannotStartError(
            "no_device", f"{user.name} has no phone to be called on: add a device first."
        )
    # Refused at once, as the dialer would when it calls.
    if problem := device_problem(device):
        raise CannotStartError("phone_not_registered", problem)
    return device


def _check_member(campaign: Campaign, user: User) -> None:
    if not takes_part(campaign, user):
        raise CannotStartError(
            "not_in_campaign",
            f"{user.name} is not an agent of this campaign: a supervisor can change that.",
        )


def _check_status(account: Account, campaign: Campaign, now: datetime) -> None:
    # A start that has come counts at once; the sweep that writes the status may be seconds late.
    if campaign.starts_at > now:
        wait = _minutes(campaign.starts_at - now)
        raise CannotStartError(
            "campaign_not_started",
            f"Starts at {clock_text(account, campaign.starts_at, now)} ({wait}).",
            campaign.starts_at,
        )
    if campaign.status == CampaignStatus.PAUSED:
        raise CannotStartError("campaign_paused", _paused(account, campaign, now))
    over = campaign.status in {CampaignStatus.COMPLETED, CampaignStatus.ARCHIVED}
    if over or campaign.ends_at <= now:
        raise CannotStartError("campaign_completed", "This campaign is completed.")


def _paused(account: Account, campaign: Campaign, now: datetime) -> str:
    pauses = CampaignChange.objects.filter(campaign=campaign, new=CampaignStatus.PAUSED.value)
    last = pauses.order_by("-pk").first()
    if last is None:
        return "This campaign is paused."
    if last.reason in NEEDS:
        return f"Campaign paused at {clock_text(account, last.at, now)}: {NEEDS[last.reason]}"
    return f"Campaign paused by {last.actor} at {clock_text(account, last.at, now)}."


def _check_window(account: Account, campaign: Campaign, now: datetime) -> None:
    window = narrowed_hours(account, campaign.window_opens, campaign.window_closes)
    opening = next_opening(window, now, timedelta(seconds=campaign.ring_timeout_s))
    if opening is None:
        raise CannotStartError(
            "window_never_open",
            "The hours of this campaign lie outside those of the account: ask a supervisor.",
        )
    if opening > now + timedelta(seconds=campaign.idle_limit_s):
        hours = f"{window.opens:%H:%M} and {window.closes:%H:%M}"
        raise CannotStartError(
            "outside_window",
            f"Calls are allowed between {hours} only:"
            f" start at {clock_text(account, opening, now)}.",
            opening,
        )


def _check_targets(account: Account, campaign: Campaign, now: datetime) -> None:
    targets = Target.objects.filter(campaign=campaign)
    if targets.filter(status=TargetStatus.SCHEDULED.value).exists():
        return
    if NumberSource.objects.filter(campaign=campaign, exhausted_at=None).exists():
        return
    retries = targets.filter(status=TargetStatus.RETRY.value).order_by("due_at", "pk")
    due_at = retries.values_list("due_at", flat=True).first()
    if due_at is None:
        raise CannotStartError("nothing_left", "No numbers are left to dial in this campaign.")
    if due_at > now + timedelta(seconds=campaign.idle_limit_s):
        raise CannotStartError(
            "nothing_due",
            f"The next number is due at {clock_text(account, due_at, now)}.",
            due_at,
        )


def clock_text(account: Account, instant: datetime, now: datetime) -> str:
    """Return the wall-clock time in the account's zone, with the date unless it is today."""
    local = instant.astimezone(ZoneInfo(account.zone))
    today = now.astimezone(local.tzinfo).date()
    return local.strftime("%H:%M %Z" if local.date() == today else "%H:%M %Z on %-d %B")


def _minutes(wait: timedelta) -> str:
    minutes = -(-int(wait.total_seconds()) // 60)
    return f"in {minutes} min" if minutes < 120 else f"in {minutes // 60} h"  # noqa: PLR2004
