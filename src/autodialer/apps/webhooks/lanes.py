"""What a lane is called, in the words of migration 0002."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autodialer.domain.webhooks import Purpose

if TYPE_CHECKING:
    from collections.abc import Sequence

URL_PURPOSES: Final = tuple(purpose for purpose in Purpose if purpose is not Purpose.WEBHOOK)


def lane_of_endpoint(endpoint_id: int) -> str:
    """Return the lane of an endpoint's deliveries."""
    return f"e{endpoint_id}"


def lanes_of_campaign(campaign_id: int) -> Sequence[str]:
    """Return the lanes of the URLs of a campaign."""
    return [f"c{campaign_id}:{purpose}" for purpose in URL_PURPOSES]


def salt_of_urls(account_id: int) -> str:
    """Return the salt of the secret that signs what the URLs of an account's campaigns get."""
    return f"urls:{account_id}"
