"""Who asks: the API key of a request, as `Authorization: Bearer` or `Basic`, never in the address.

Basic is for clients that know user name and password only: the whole key as the password (any
user name), or the key's id as the user name and what follows it as the password.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from django.conf import settings

from autodialer.api.problems import CHALLENGE, ApiError
from autodialer.apps.keys.queries import KeyRefusedError, bearer_of
from autodialer.apps.keys.services import note_use
from autodialer.apps.keys.token import PREFIX, parse_token, token_of_parts

if TYPE_CHECKING:
    from django.http import HttpRequest

    from autodialer.api.request import ApiRequest
    from autodialer.apps.keys.queries import Bearer
    from autodialer.apps.keys.token import Token

_NAMES: Final = frozenset({"access_token", "api_key", "api_token", "apikey", "key", "token"})


def authenticate(request: ApiRequest) -> Bearer:
    """Return who asks, and note that the key is used. Raises ApiError or KeyRefusedError."""
    if any(name.lower() in _NAMES or PREFIX in value for name, value in request.GET.items()):
        raise ApiError(
            "key_in_query",
            "A key must not stand in the address, where logs keep it: revoke it, and send a new"
            " one as `Authorization: Bearer KEY`.",
        )
    token = _token(request)
    if token is None:
        raise KeyRefusedError("There is no such API key: check that you copied all of it.")
    _check_transport(request)
    bearer = bearer_of(token, request.now, request.request_id, request.from_address)
    note_use(key_id=bearer.key_id, last_used_at=bearer.last_used_at, now=request.now)
    return bearer


def _token(request: HttpRequest) -> Token | None:
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return parse_token(credentials.strip())
        case "basic":
            return _token_of_basic(credentials.strip())
        case _:
            raise ApiError(
                "key_missing",
                "Send a key as `Authorization: Bearer KEY`; an admin makes it under API keys.",
                headers={"WWW-Authenticate": CHALLENGE},
            )


def _token_of_basic(credentials: str) -> Token | None:
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return parse_token(password) or token_of_parts(user, password)


def _check_transport(request: HttpRequest) -> None:
    """Refuse a key that travelled without TLS, where the proxies say how it came."""
    is_told = settings.SESSION_COOKIE_SECURE and settings.SECURE_PROXY_SSL_HEADER
    if is_told and not request.is_secure():
        raise ApiError("https_required", "The key came without TLS, for all to read: revoke it.")
