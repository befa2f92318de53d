"""Whose campaigns an actor may see: agents those in which they take part, others all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Exists, OuterRef, Q, Subquery

from autodialer.apps.accounts.permissions import Permission, Scope, require
from autodialer.apps.agents.models import GroupMember
from autodialer.apps.campaigns.models import Campaign, CampaignAgent
from autodialer.apps.rows import rows
from autodialer.domain.campaign import CampaignKind
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account, User


def visible_campaigns(account: Account, actor: Actor) -> QuerySet[Campaign]:
    """Return the campaigns that the actor may see; archived ones too."""
    if sees_all(actor):
        return Campaign.objects.filter(account=account)
    return campaigns_of_agent(account, actor.user)


def sees_all(actor: Actor) -> bool:
    """Return whether the actor may see every campaign of the account. Raises NotAllowedError."""
    return require(actor, Permission.LIST_CAMPAIGNS) is Scope.ALL


def dialers(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Return what lists of campaigns show: single calls are found by their own id only."""
    return campaigns.filter(kind=CampaignKind.DIALER.value)


def visible_campaign(
    account: Account,
    actor: Actor,
    campaign_id: int,
    permission: Permission = Permission.VIEW_CAMPAIGN,
) -> Campaign:
    """Return the campaign for an actor who may do this with it.

    Raises NotFoundError when they may not even see it, then NotAllowedError.
    """
    found = visible_campaigns(account, actor).filter(pk=campaign_id).first()
    if found is None:
        raise no_such_campaign(campaign_id)
    require(actor, permission)
    found.account = account  # nobody need ask for it again
    return found


def check_visible(
    account: Account,
    actor: Actor,
    campaign_id: int,
    permission: Permission = Permission.VIEW_CAMPAIGN,
) -> None:
    """Raise as `visible_campaign`, for those who do not need the campaign itself."""
    if sees_all(actor):
        values = {"account_id": account.pk, "campaign_id": campaign_id}
        found = bool(rows("campaigns", "is_there", values))
    else:
        found = campaigns_of_agent(account, actor.user).filter(pk=campaign_id).exists()
    if not found:
        raise no_such_campaign(campaign_id)
    require(actor, permission)


def campaigns_of_agent(account: Account, user: User | None) -> QuerySet[Campaign]:
    """Return the campaigns in which the user is an agent at this moment, whatever their role."""
    campaigns = Campaign.objects.filter(account=account)
    if user is None or not user.is_active:
        return campaigns.none()
    in_group = GroupMember.objects.filter(group=OuterRef("group"), user=user)
    picked = CampaignAgent.objects.filter(campaign=OuterRef("pk"), user=user)
    return campaigns.filter(Q(Exists(in_group)) | Q(Exists(picked)))


def picked_agents() -> Subquery:
    """Return how many agents were picked for a campaign, for `annotate`; NULL for none.

    It is asked for the rows of a page only, where a join would count those of all campaigns.
    """
    picked = CampaignAgent.objects.filter(campaign=OuterRef("pk")).values("campaign")
    return Subquery(picked.annotate(agents=Count("pk")).values("agents"))


def takes_part(campaign: Campaign, user: User) -> bool:
    """Return whether the user is an agent of the campaign at this moment."""
    return campaigns_of_agent(campaign.account, user).filter(pk=campaign.pk).exists()


def no_such_campaign(campaign_id: int) -> NotFoundError:
    """Return the error for a campaign that is not there, or not for this actor."""
    return NotFoundError(f"There is no campaign {campaign_id}: see `autodialer campaign list`.")
