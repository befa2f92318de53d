"""Who does something: a user, or an operator or API key that acts for the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autodialer.apps.accounts.models import Role, User
from autodialer.domain.errors import NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class Actor:
    """A name for the history and the role that decides what is allowed.

    `request_id` is that of the web request, for the audit log.
    """

    name: str
    role: Role
    user: User | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, user: User) -> Actor:
        """Return the user as an actor."""
        return cls(user.name, Role(user.role), user)


# Whoever can run commands on the machine can read the database: no rule would hold them.
OPERATOR: Final = Actor("operator", Role.ADMIN)
MANAGERS: Final = frozenset({Role.ADMIN, Role.SUPERVISOR})


def require_manager_of(actor: Actor, *roles: Role) -> None:
    """Raise NotAllowedError unless the actor may manage users of these roles.

    An admin manages all users, a supervisor agents.
    """
    if any(role is not Role.AGENT for role in roles):
        require_role(actor, {Role.ADMIN}, "manage admins and supervisors")
    require_role(actor, MANAGERS, "manage users")


def require_role(actor: Actor, allowed: Collection[Role], to_do: str) -> None:
    """Raise NotAllowedError, naming who may, unless the actor has one of the roles."""
    if actor.role not in allowed:
        who = " or ".join(sorted(role.value for role in allowed))
        raise NotAllowedError(f"Only a user with the role {who} may {to_do}.")
