"""Where a dialog was opened, so that whoever has answered it is there again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

if TYPE_CHECKING:
    from autodialer.web.access import PageRequest

FIELD: Final = "back"


def origin(request: PageRequest, default: str) -> str:
    """Return the page, of this site, on which the dialog of this request was opened."""
    asked = request.POST.get(FIELD) or request.htmx.current_url or request.headers.get("Referer")
    return _here(request, asked) or default


def came_from(request: PageRequest) -> str:
    """Return the page, of this site, that led to this request; "" when none is known.

    The body is not looked at: it may be what is wrong with the request.
    """
    return _here(request, request.headers.get("Referer"))


def _here(request: PageRequest, asked: str | None) -> str:
    if not asked or not url_has_allowed_host_and_scheme(asked, {request.get_host()}):
        return ""
    parts = urlsplit(asked)
    here = f"{parts.path}?{parts.query}" if parts.query else parts.path
    # Without its host, `http://here//there/` would lead to another one.
    if not parts.path.startswith("/") or not url_has_allowed_host_and_scheme(here, None):
        return ""
    return "" if parts.path == request.path else here


def go(request: PageRequest, url: str) -> HttpResponse:
    """Show another page; htmx would put it into a part of the present one."""
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
