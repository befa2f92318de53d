"""The SIP accounts of agents' own phones: what the switch must know of them, in our words.

One adapter: `adapters.ari`. A simulated switch calls agents without accounts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

# Part of every digest: another one makes all secrets void.
REALM: Final = "autodialer"


@dataclass(frozen=True, slots=True)
class Phone:
    """An account that may register and answer, and nothing else.

    `digest` is the MD5 of name, realm and secret, 32 lower-case hex digits: the secret itself is
    nowhere but in the phone. A browser speaks over a WebSocket, a desk phone over UDP.
    """

    name: str
    digest: str = field(repr=False)
    is_browser: bool


@dataclass(frozen=True, slots=True)
class PhoneReport:
    """A phone has registered, or is there no more."""

    name: str
    is_registered: bool


class Phones(Protocol):
    """The accounts that a switch knows. What it forgets at a restart must be given again."""

    async def phones(self) -> Mapping[str, bool]:
        """Return each account by name with whether it is registered."""
        ...

    async def put_phone(self, phone: Phone) -> None:
        """Make the account, or make it be as given: the secret of before is refused from now on.

        A registration and a call that exist go on.
        """
        ...

    async def remove_phone(self, name: str) -> None:
        """Forget the account and where it is registered. One that is gone is success."""
        ...
