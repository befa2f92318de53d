"""The table of campaigns: filtered, searched, sorted and cut into pages, with each one's menu."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from django.db.models import Case, Count, F, Max, Value, When
from django.db.models.functions import Lower

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.permissions import Permission, may
from autodialer.apps.campaigns.access import (
    check_visible,
    dialers,
    picked_agents,
    visible_campaigns,
)
from autodialer.apps.campaigns.actions import Choice, choices
from autodialer.apps.campaigns.counting import cheap_counts, count_targets, known_counts
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.texts import storable
from autodialer.domain.campaign import CampaignStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from autodialer.apps.accounts.models import Account, Role
    from autodialer.apps.campaigns.counting import CountAll, TargetCounts

SEARCH_FROM: Final = 3  # characters, as in the requirements
# What needs somebody's eyes comes first.
_BY_STATUS: Final = Case(
    *(
        When(status=status.value, then=Value(place))
        for place, status in enumerate(
            (
                CampaignStatus.IN_PROGRESS,
                CampaignStatus.PAUSED,
                CampaignStatus.CREATED,
                CampaignStatus.COMPLETED,
                CampaignStatus.ARCHIVED,
            )
        )
    )
)


class Order(StrEnum):
    """How the table may be sorted; the minus sign turns it round."""

    NEWEST = "-created"
    OLDEST = "created"
    NAME = "name"
    NAME_DOWN = "-name"
    STATUS = "status"
    STATUS_DOWN = "-status"


_COLUMNS: Final[dict[str, F | Lower | Case]] = {
    "created": F("created_at"),
    "name": Lower("name"),
    "status": _BY_STATUS,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which campaigns are asked for. Archived ones only by their status (R19)."""

    status: CampaignStatus | None = None
    search: str = ""
    order: Order = Order.NEWEST

    @property
    def is_too_short(self) -> bool:
        """Whether the search has too few characters, and finds everything."""
        return 0 < len(self.search) < SEARCH_FROM


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table. `counts` None: counting them now would make the page slow."""

    id: int
    name: str
    status: str
    reason: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime
    numbers: str  # the list's name; "" of a Dial-Whom URL, or when the list is gone
    is_asked: bool  # whether the numbers come from a Dial-Whom URL
    group: str  # "" when agents were picked
    agents: int  # how many were picked
    made_by: str
    target_count: int
    counts: TargetCounts | None
    choices: tuple[Choice, ...]  # the menu; none for an actor who only looks on


def entries(
    account: Account,
    actor: Actor,
    wanted: Wanted,
    *,
    count: CountAll | None = None,
    offset: int = 0,
    limit: int = 25,
) -> list[Entry]:
    """Return a part of the campaigns that the actor may see, in two queries.

    `count` is asked for the counts, if given, instead of the database.
    """
    column = _COLUMNS[wanted.order.removeprefix("-")]
    down = wanted.order.startswith("-")
    order = (column.desc(), "-pk") if down else (column.asc(), "pk")
    campaigns = list(_shown(matching(account, actor, wanted)).order_by(*order)[offset:][:limit])
    counts = cheap_counts(account, campaigns, count=count)
    return [_entry(campaign, counts[campaign.pk], actor) for campaign in campaigns]


def entry(account: Account, actor: Actor, campaign_id: int) -> Entry:
    """Return the row of one campaign, with its counts. Raises NotFoundError."""
    check_visible(account, actor, campaign_id)
    campaign = _shown(visible_campaigns(account, actor)).get(pk=campaign_id)
    return _entry(campaign, count_targets(account, [campaign_id])[campaign_id], actor)


def entries_of(
    account: Account, role: Role, ids: Sequence[int], count: Callable[[int], TargetCounts]
) -> list[Entry]:
    """Return these rows as everybody of the role sees them who may see them at all.

    `count` is asked for the counts that are not known. Ids that are no more are left out.
    """
    found = list(_shown(Campaign.objects.filter(account=account, pk__in=ids)))
    known = known_counts(account, found)
    actor = Actor("", role)
    return [_entry(campaign, known[campaign.pk] or count(campaign.pk), actor) for campaign in found]


def version(account: Account) -> str:
    """Return a word that is another one when a campaign was made or archived."""
    in_use = dialers(Campaign.objects.filter(account=account)).exclude(
        status=CampaignStatus.ARCHIVED.value
    )
    newest, many = in_use.aggregate(newest=Max("pk"), many=Count("pk")).values()
    return f"{newest or 0}-{many}"


def matches(account: Account, actor: Actor, wanted: Wanted) -> int:
    """Return how many campaigns `entries` would return without a limit."""
    return matching(account, actor, wanted).count()


def has_any(account: Account, actor: Actor) -> bool:
    """Return whether the actor may see any campaign, archived ones too."""
    return dialers(visible_campaigns(account, actor)).exists()


def matching(account: Account, actor: Actor, wanted: Wanted) -> QuerySet[Campaign]:
    campaigns = dialers(visible_campaigns(account, actor))
    if wanted.status is None:
        campaigns = campaigns.exclude(status=CampaignStatus.ARCHIVED.value)
    else:
        campaigns = campaigns.filter(status=wanted.status.value)
    if not storable(wanted.search):  # then no name holds it
        return campaigns.none()
    if len(wanted.search) >= SEARCH_FROM:
        campaigns = campaigns.filter(name__icontains=wanted.search)
    return campaigns


def _shown(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Add what the columns show."""
    shown = campaigns.select_related("group", "caller_id", "contact_list", "created_by")
    return shown.annotate(picked=picked_agents())


def _entry(campaign: Campaign, counts: TargetCounts | None, actor: Actor) -> Entry:
    picked: int | None = campaign.picked  # type: ignore[attr-defined]  # annotated in _shown
    return Entry(
        id=campaign.pk,
        name=campaign.name,
        status=campaign.status,
        reason=campaign.reason,
        created_at=campaign.created_at,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        numbers=campaign.contact_list.name if campaign.contact_list else "",
        is_asked=bool(campaign.dial_whom_url),
        group=campaign.group.name if campaign.group else "",
        agents=picked or 0,
        made_by=campaign.created_by.name if campaign.created_by else "",
        target_count=campaign.target_count,
        counts=counts,
        choices=tuple(choices(campaign, actor)) if may(actor, Permission.CLONE_CAMPAIGN) else (),
    )
