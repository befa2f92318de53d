"""What every request gets: an id, the account's clock, and a page for each expected error."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from allauth.usersessions.middleware import UserSessionsMiddleware
from django.contrib.auth.models import AnonymousUser
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from autodialer.apps.accounts.actor import Actor
from autodialer.domain.errors import (
    AutodialerError,
    ConflictError,
    IllegalTransitionError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from autodialer.web.access import lacks_second_factor, to_page
from autodialer.web.back import came_from
from autodialer.web.broken import database_away, is_away
from autodialer.web.client import client_address
from autodialer.web.meters import count_request
from autodialer.web.request_log import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from autodialer.apps.accounts.models import User
    from autodialer.web.access import PageRequest

# 409: the state has moved under the user, or forbids it; the page says what it is now.
STATUS_OF: Final[tuple[tuple[type[AutodialerError], int], ...]] = (
    (NotFoundError, 404),
    (NotAllowedError, 403),
    (InvalidInputError, 422),
    (ConflictError, 409),
    (IllegalTransitionError, 409),
)
TITLES: Final = {
    403: "Not allowed",
    404: "Not found",
    409: "That is not possible now",
    413: "That is too big",
    422: "That cannot be used",
}


NOTED_EACH: Final = timedelta(minutes=1)
MOST_NOTED: Final = 10_000

CONFIRMATION_PAGES: Final = (
    "account_reauthenticate",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
)
# To set a second factor up, one confirms the password or another factor, and gets spare codes.
SECOND_FACTOR_PAGES: Final = frozenset(
    {
        "mfa_index",
        "mfa_activate_totp",
        "mfa_list_webauthn",
        "mfa_add_webauthn",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_download_recovery_codes",
        "account_logout",
        *CONFIRMATION_PAGES,
    }
)


class Stamp:
    """Gives each request its id, its time and where it is from, which all that it causes carries.

    The id stands in the reply, the log and the audit log. A client's own id is ignored.
    """

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        request.request_id, request.now = uuid.uuid4().hex, datetime.now(UTC)
        request.from_address, began_s = client_address(request), monotonic()
        with structlog.contextvars.bound_contextvars(request=request.request_id):
            response = self._get_response(request)
            took_s, match = monotonic() - began_s, request.resolver_match
            tell(request, response.status_code, took_s)
        route = match.route if match else ""
        count_request(str(request.method), route, response.status_code, took_s)
        response["X-Request-ID"] = request.request_id
        patch_vary_headers(response, ["HX-Request"])  # the same address answers htmx with a part
        return response


class Compression(GZipMiddleware):
    """Compresses replies, but no file that may be asked for in parts: those count its own bytes."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.has_header("Accept-Ranges"):
            return response
        return super().process_response(request, response)


class Private:
    """Keeps pages out of all caches: they are one person's, and the next one may use the browser.

    Pages that say something else about themselves are left alone.
    """

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class Activity(UserSessionsMiddleware):  # type: ignore[misc]  # allauth has no types
    """Notes when and from where a session is used: once a minute, as each note is a commit."""

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        super().__init__(get_response)
        self._noted: dict[tuple[str | None, str | None], datetime] = {}

    def __call__(self, request: PageRequest) -> HttpResponse:
        """Note it, unless that was done less than a minute ago."""
        going_on = super().__call__ if self._is_due(request) else self.get_response
        response: HttpResponse = going_on(request)
        return response

    def _is_due(self, request: PageRequest) -> bool:
        key = (request.session.session_key, request.from_address)
        noted = self._noted.get(key)
        if noted is not None and noted <= request.now < noted + NOTED_EACH:
            return False
        if len(self._noted) >= MOST_NOTED:
            self._noted.clear()
        self._noted[key] = request.now
        return True


class Person:
    """Tells views for whom they work, and shows times by the clock on the account's wall."""

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        user: User | AnonymousUser = request.user
        if isinstance(user, AnonymousUser):
            return self._get_response(request)
        request.account = user.account
        request.actor = Actor.of(user, request.request_id, request.from_address)
        with timezone.override(ZoneInfo(request.account.zone)):
            return self._get_response(request)


class SecondFactor:
    """Lets who still has to set up a demanded second factor do that, and sign out; no more."""

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(
        self, request: PageRequest, _view: object, _args: object, _kwargs: object
    ) -> HttpResponse | None:
        """Return the way to the set-up, None for whoever may go on."""
        user: User | AnonymousUser = request.user
        if isinstance(user, AnonymousUser) or page_name(request) in SECOND_FACTOR_PAGES:
            return None
        return to_page(request, reverse("mfa_index")) if lacks_second_factor(user) else None


class Confirmation:
    """Opens the page that asks who one is by itself: htmx would put it into a part of this one."""

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._pages = frozenset(map(reverse, CONFIRMATION_PAGES))

    def __call__(self, request: PageRequest) -> HttpResponse:
        response = self._get_response(request)
        if response.status_code != HTTPStatus.FOUND:
            return response
        page = urlsplit(response["Location"]).path
        return to_page(request, response["Location"]) if page in self._pages else response


class ErrorPages:
    """Turns expected errors into a sentence: a page, or for htmx an alert on the present one."""

    def __init__(self, get_response: Callable[[PageRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: PageRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: PageRequest, error: Exception) -> HttpResponse | None:
        """Return the reply for an error of ours, None for a bug."""
        if is_away(error):
            return database_away(request)
        if not isinstance(error, AutodialerError):
            return None
        return error_page(request, status_of(error), error.sentence, error.code)


def page_name(request: PageRequest) -> str:
    """Return what the page is called: an address may hold what no log should."""
    return (request.resolver_match and request.resolver_match.view_name) or "unknown"


def status_of(error: AutodialerError) -> int:
    """Return the HTTP status that says what kind of refusal this is."""
    kinds = (status for kind, status in STATUS_OF if isinstance(error, kind))
    return next(kinds, 409)


def error_page(request: PageRequest, status: int, sentence: str, code: str) -> HttpResponse:
    """Return the sentence as a page, or for htmx as an alert at the top of the present one."""
    shown = {"title": TITLES[status], "sentence": sentence, "code": code, "status": status}
    if not request.htmx:
        return render(request, "error.html", shown | {"back": came_from(request)}, status=status)
    response = render(request, "_alert.html", shown, status=status)
    response["HX-Retarget"], response["HX-Reswap"] = "#alerts", "innerHTML"
    return response
