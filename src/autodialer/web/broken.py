"""What people see when the database is away, or we have failed: made without the database."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import structlog
from django.db.utils import InterfaceError, OperationalError
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

log = structlog.get_logger(__name__)

_AWAY: Final = (OperationalError, InterfaceError)
_TITLE: Final = "The database does not answer"
_SENTENCE: Final = "Nothing was changed. The page will work again as soon as it is back."


def is_away(error: BaseException | None) -> bool:
    """Whether this is what Django raises when PostgreSQL does not answer."""
    return isinstance(error, _AWAY)


def database_away(request: HttpRequest) -> HttpResponse:
    """Say that the database is away: a page, or for htmx an alert on the present one."""
    log.warning("database_unavailable")
    is_part = request.headers.get("HX-Request") == "true"
    shown = {"title": _TITLE, "sentence": _SENTENCE, "code": "database_unavailable"}
    response = HttpResponse(
        render_to_string("_alert.html" if is_part else "503.html", shown),
        status=503,
        headers={"Retry-After": "5"},
    )
    if is_part:
        response["HX-Retarget"], response["HX-Reswap"] = "#alerts", "innerHTML"
    return response


def failed(request: HttpRequest) -> HttpResponseBase:
    """Answer for an error that nobody expected (Django's handler500).

    What middleware asks of the database, who is signed in above all, fails outside of every view.
    """
    error = sys.exc_info()[1]
    return database_away(request) if is_away(error) else server_error(request)
