"""Where a request is from, as far as it can be believed."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """Return the IP address of the browser; None behind a socket without addresses.

    Each proxy adds who spoke to it at the right of X-Forwarded-For. Only as many as are ours
    (AUTODIALER_TRUSTED_PROXIES) are believed, so what a browser writes there itself never counts.
    """
    ours: int = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    told = hops[-ours] if 0 < ours <= len(hops) else ""
    return _address(told) or _address(request.META.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=1_024)
def _address(text: str) -> str | None:
    try:
        return str(ip_address(text.strip().partition("%")[0]))  # no name of an interface
    except ValueError:
        return None
