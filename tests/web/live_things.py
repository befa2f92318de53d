"""What pages of the tests of the hub watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.queries import users_by_id
from autodialer.apps.calls.queries import agent_rows
from autodialer.apps.campaigns.access import visible_campaign
from autodialer.apps.campaigns.queries import campaign_counts
from autodialer.ports.screens import Shown
from autodialer.web.live_topics import AT_ONCE, Topic, Topics, the_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodialer.web.live_topics import Fragments, View, Viewer


def _may_see(viewer: Viewer, campaign_id: int) -> None:
    visible_campaign(viewer.account, viewer.actor, campaign_id)


def _counts(view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
    return {
        number: {f"counts-{number}": f"<p>{view.role}: {campaign_counts(view.account, number)}</p>"}
        for number in ids
    }


def _everybody(viewer: Viewer, number: int) -> None:
    pass


def _states(view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
    states = {row.user_id: row.state for row in agent_rows(view.account)}
    users = users_by_id(view.account, ids)
    return {user.pk: {"agent": f"{user.name} is {states.get(user.pk, 'off')}"} for user in users}


# The counts of a campaign, and one's own state.
TOPICS: Final = Topics(
    (
        Topic("campaign", _may_see, _counts, the_id_of(Shown.CAMPAIGN)),
        Topic(
            "agent",
            _everybody,
            _states,
            the_id_of(Shown.AGENT),
            pace_s=AT_ONCE,
            own_id=lambda viewer: viewer.user.pk,
        ),
    )
)
