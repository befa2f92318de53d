"""Who does something: a user, or an operator or API key that acts for the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.models import Role, User

if TYPE_CHECKING:
    from autodialer.apps.accounts.permissions import Permission


@dataclass(frozen=True, slots=True)
class Actor:
    """A name for the history and the role that decides what is allowed (`permissions`).

    `request_id` and `from_address`, an IP address, are those of the web request, for the audit log.
    `granted` is what an API key may do, in the whole account; None: what the role may.
    """

    name: str
    role: Role
    user: User | None = None
    request_id: str | None = None
    from_address: str | None = None
    is_operator: bool = False
    granted: frozenset[Permission] | None = None

    @classmethod
    def of(
        cls, user: User, request_id: str | None = None, from_address: str | None = None
    ) -> Actor:
        """Return the user as an actor."""
        return cls(user.name, Role(user.role), user, request_id, from_address)


# Whoever can run commands on the machine can read the database: no rule would hold them.
OPERATOR: Final = Actor("operator", Role.ADMIN, is_operator=True)
