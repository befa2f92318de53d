"""What the questions of a campaign to a customer's system have in common: a GET with parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from autodialer.domain.parameters import with_parameters
from autodialer.ports.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from autodialer.domain.ids import AccountId


class Asked(Protocol):
    """Whose question it is, and where to."""

    @property
    def account_id(self) -> AccountId: ...
    @property
    def url(self) -> str: ...
    @property
    def plain_http(self) -> bool: ...


def question(
    asked: Asked, parameters: Sequence[tuple[str, str]], deadline: timedelta, longest: int
) -> HttpRequest:
    """Return the request for it; the user's own query stays as it is, before the parameters."""
    return HttpRequest(
        account_id=asked.account_id,
        method="GET",
        url=with_parameters(asked.url, parameters),
        deadline=deadline,
        longest_body=longest,
        plain_http=asked.plain_http,
    )
