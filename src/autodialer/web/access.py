"""The guard in front of every page: signed in, of an account, allowed to."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url

from autodialer.apps.accounts import permissions
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.accounts.queries import needs_second_factor

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.http import HttpResponseBase
    from django_htmx.middleware import HtmxDetails

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account, User
    from autodialer.web.routes import Open


class PageRequest(HttpRequest):
    """A request of somebody signed in: who asks, for which account, and whether htmx does."""

    user: User  # an AnonymousUser until the guard has looked
    account: Account
    actor: Actor
    htmx: HtmxDetails
    request_id: str
    from_address: str | None
    now: datetime


def guarded(view: Callable[..., HttpResponseBase], who: Permission | Open) -> Any:
    """Return the view behind a check of `who`: to the sign-in page, or "not allowed"."""
    from autodialer.web.routes import Open

    if who is Open.ANYBODY:
        return view

    @wraps(view)
    def checked(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not hasattr(request, "account"):  # the middleware knows nobody
            return to_page(request, f"{resolve_url(settings.LOGIN_URL)}?next={request.path}")
        if isinstance(who, Permission):
            permissions.require(request.actor, who)
        return view(request, *args, **kwargs)

    return checked


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
