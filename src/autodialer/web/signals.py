"""Notes in the audit log who signs in and out, and what they change of how they do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
from allauth.account.authentication import get_authentication_records
from allauth.account.signals import user_logged_in
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.dispatch import receiver

from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.queries import user_by_email
from autodialer.apps.audit.services import Subject, record
from autodialer.domain.people import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession

    from autodialer.apps.accounts.models import User
    from autodialer.web.access import PageRequest

log = structlog.get_logger(__name__)

FACTORS: Final = {
    "totp": "authenticator app",
    "webauthn": "passkey or security key",
    "recovery_codes": "recovery codes",
}


@receiver(user_logged_in)
def note_sign_in(request: PageRequest, user: User, **_: Any) -> None:
    """Note that somebody is in, and by which proofs."""
    proofs = get_authentication_records(request, user)
    shown = [FACTORS.get(proof.get("type"), proof["method"]) for proof in proofs]
    _note(request, user, "sign_in", {"with": ", ".join(shown)} if shown else None)


@receiver(user_logged_out)
def note_sign_out(request: PageRequest, user: User | None, **_: Any) -> None:
    """Note that somebody has left; who was not signed in leaves nothing."""
    if user is not None:
        _note(request, user, "sign_out")


@receiver(user_login_failed)
def note_wrong_password(
    credentials: Mapping[str, Any], request: PageRequest | None = None, **_: Any
) -> None:
    """Note a failed try with the user it was for.

    An address that is nobody's goes to the log alone and is not repeated there: people type
    passwords into the wrong field.
    """
    user = user_by_email(str(credentials.get("email", "")))
    if request is None or user is None:
        log.info("sign_in_failed", from_address=request and request.from_address)
        return
    _note_failure(request, user, "password")


@receiver(authentication_failed)
def note_wrong_factor(
    request: PageRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    """Note a right password with a wrong second factor."""
    _note_failure(request, user, FACTORS[authenticator.type])


@receiver(authenticator_added)
def note_added_factor(
    request: PageRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    """Note a new way to prove who one is."""
    _note(request, user, "add_second_factor", {"factor": FACTORS[authenticator.type]})


@receiver(authenticator_removed)
def note_removed_factor(
    request: PageRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    """Note that a way to prove who one is has gone."""
    _note(request, user, "remove_second_factor", {"factor": FACTORS[authenticator.type]})


@receiver(authenticator_reset)
def note_new_codes(request: PageRequest, user: User, **_: Any) -> None:
    """Note that the recovery codes were made anew."""
    _note(request, user, "renew_recovery_codes")


def note_ended_session(request: PageRequest, session: UserSession) -> None:
    """Note that somebody has ended another session of their own."""
    ended = {"session_from": session.ip, "browser": session.user_agent}
    _note(request, request.user, "end_session", ended)


def _note(
    request: PageRequest, user: User, verb: str, after: Mapping[str, object] | None = None
) -> None:
    _record(request, user, verb, Actor.of(user, request.request_id, request.from_address), after)


def _note_failure(request: PageRequest, user: User, proof: str) -> None:
    """Nobody knows who it was: the user may have had nothing to do with it."""
    somebody = Actor(
        "not signed in", Role(user.role), None, request.request_id, request.from_address
    )
    _record(request, user, "sign_in_failed", somebody, {"wrong": proof})


def _record(
    request: PageRequest,
    user: User,
    verb: str,
    actor: Actor,
    after: Mapping[str, object] | None,
) -> None:
    record(
        account=user.account,
        actor=actor,
        action=f"user.{verb}",
        subject=Subject("user", user.pk),
        after=after,
        now=request.now,
    )
