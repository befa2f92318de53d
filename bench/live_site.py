"""The web process of the part `live`: the product's, with one topic that can be told apart."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from autodialer.bootstrap import run_web
from autodialer.ops.cli.shell import set_up_django
from autodialer.ops.web import web_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodialer.web.live_topics import Fragments, View


def _counts(view: View, ids: Sequence[int]) -> Mapping[int, Fragments]:
    """The ten counts as the product reads and renders them, and their sum of changes beside it."""
    from autodialer.apps.campaigns.queries import rows_of
    from autodialer.domain.target import TargetStatus
    from autodialer.web.live_topics import fragment

    found = {}
    for row in rows_of(view.account, ids):
        html = fragment("campaign/_counts.html", counts=row.counts)
        begun = row.counts.total - row.counts[TargetStatus.SCHEDULED]
        step = begun + row.counts[TargetStatus.COMPLETED]
        found[row.id] = {"counts": html, "step": str(step)}
    return found


def main() -> int:
    """Run it until SIGTERM."""
    set_up_django()
    from autodialer.apps.campaigns.access import visible_campaign
    from autodialer.ports.screens import Shown
    from autodialer.web.live_topics import Topic, Topics, Viewer, the_id_of

    def authorise(viewer: Viewer, number: int) -> None:
        visible_campaign(viewer.account, viewer.actor, number)

    return run_web(
        web_settings(), Topics([Topic("campaign", authorise, _counts, the_id_of(Shown.CAMPAIGN))])
    )


if __name__ == "__main__":
    sys.exit(main())
