"""What screens are told: a hint which of the things that they show has changed.

Who shows one reads it again; losing a hint loses nothing, because screens look by themselves too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from autodialer.domain.ids import AccountId


class Shown(StrEnum):
    """What screens show. The id of a change is that of the campaign, user, import, export
    or account."""

    # Its status, its counts, its calls, or the agents on it.
    CAMPAIGN = "campaign"
    # Where a user's session and call stand.
    AGENT = "agent"
    IMPORT = "import"
    # A workbook that a worker writes.
    EXPORT = "export"
    # People, groups, lists, the do-not-call registry, money, settings.
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Change:
    """Something of an account has changed: read it again."""

    account_id: AccountId
    what: Shown
    id: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Changes may have been missed up to now: read everything again."""


News: TypeAlias = "Sequence[Change] | Gap"


class Newsroom(Protocol):
    """Where changes are heard of."""

    def news(self) -> AsyncIterator[News]:
        """Yield news for ever: a Gap first, and after each time that nothing could be heard."""
        ...
