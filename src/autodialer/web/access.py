"""The guard in front of every page: signed in, of an account, allowed to."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url

from autodialer.apps.accounts import permissions
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.accounts.queries import needs_second_factor

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpResponseBase
    from django_htmx.middleware import HtmxDetails

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account, User
    from autodialer.web.routes import Route


class PageRequest(HttpRequest):
    """A request of somebody signed in: who asks, for which account, and whether htmx does."""

    user: User  # an AnonymousUser until the guard has looked
    account: Account
    actor: Actor
    htmx: HtmxDetails
    request_id: str
    from_address: str | None
    now: datetime


def guarded(route: Route) -> Any:
    """Return the route's view behind its checks: to the sign-in page, or "not allowed"."""
    from autodialer.web.routes import Open

    if route.who is Open.ANYBODY:
        return route.view

    @wraps(route.view)
    def checked(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not hasattr(request, "account"):  # the middleware knows nobody
            return to_page(request, f"{resolve_url(settings.LOGIN_URL)}?next={request.path}")
        method = str(request.method)
        needed = route.needs(method)
        if isinstance(needed, Permission):
            permissions.require(request.actor, needed)
            if not route.is_form(method):
                _require_confirmation(request, needed)
        return route.view(request, *args, **kwargs)

    return checked


def _require_confirmation(request: PageRequest, permission: Permission) -> None:
    """Raise ReauthenticationRequired unless it was proved lately who this is, where it must be.

    allauth asks for the proof and then carries out the request that was put off. Signing in is a
    proof as well; allauth itself would ask again at once.
    """
    if not permissions.asks_confirmation(request.actor, permission):
        return
    proofs = get_authentication_records(request, request.user)
    proved_at = max((proof["at"] for proof in proofs), default=0.0)
    if request.now.timestamp() - proved_at > settings.ACCOUNT_REAUTHENTICATION_TIMEOUT:
        raise ReauthenticationRequired


def may(request: PageRequest, permission: Permission) -> bool:
    """Return whether a page shows this person the way to something."""
    return permissions.may(request.actor, permission)


def lacks_second_factor(user: User) -> bool:
    """Return whether the account demands a second factor that this person has not set up."""
    return needs_second_factor(user) and not is_mfa_enabled(user)


def to_page(request: PageRequest, url: str) -> HttpResponse:
    """Send the browser elsewhere; htmx would put the other page into a part of this one."""
    if not request.htmx:
        return redirect(url)
    return HttpResponse(headers={"HX-Redirect": url})
