"""How sign-in differs from what allauth does by itself: nobody signs up, and all of it is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django.core.exceptions import ValidationError

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.queries import person
from autodialer.apps.accounts.services import set_password
from autodialer.web import signals
from autodialer.web.client import client_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from allauth.usersessions.models import UserSession
    from django.http import HttpRequest

    from autodialer.apps.accounts.models import User

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Accounts are made by operators and users by admins."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: there is no sign-up page."""
        return False

    def set_password(self, user: User, password: str) -> None:
        """Set one's own password through the service, which checks and notes it."""
        request = context.request
        actor = Actor.of(user, request.request_id, request.from_address)
        set_password(
            account=user.account, user_id=user.pk, password=password, actor=actor, now=request.now
        )
        user.refresh_from_db(fields=["password"])  # the session that goes on is tied to it

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Raise ValidationError after too many failed tries, which stands in the log."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            log.warning("sign_in_throttled", from_address=client_address(request))
            raise

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return where the request is from, as the audit log says it."""
        return client_address(request) or ""

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count the tries of each address by themselves: nobody locks out somebody elsewhere."""
        return f"{client_address(request)}:{str(credentials.get('email', '')).lower()}"


class SignIn(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """Who a session belongs to."""

    def get_user(self, user_id: int) -> User | None:
        """Return the person with their account, which every page needs, None when disabled."""
        user = person(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None


class SessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc]  # allauth has no types
    """People see where they are signed in and end what they do not know."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """End sessions of the person who asks; each stands in the audit log."""
        for session in sessions:
            session.end()
            signals.note_ended_session(context.request, session)
