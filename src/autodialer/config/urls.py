"""Where each address leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from django.http import Http404
from django.urls import include, path, re_path

if TYPE_CHECKING:
    from django.http import HttpRequest


def closed(request: HttpRequest) -> NoReturn:
    """Answer as if nothing were there."""
    raise Http404


handler500 = "autodialer.web.broken.failed"
urlpatterns = [
    # Pages of allauth that would let people give themselves addresses: admins vouch for those.
    re_path("^accounts/(?:email|confirm-email|login/code)/", closed),
    path("accounts/", include("allauth.urls")),
    path("", include("autodialer.api.urls")),
    path("", include("autodialer.web.urls")),
]
