"""The way in: who asks with a key is answered here, past all that only pages need.

Sessions, cookies, CSRF tokens and the pages' errors have no part in the API: a request is its
key's alone, whatever cookies come with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.http import HttpResponse
from django.urls import resolve

from autodialer.api.auth import authenticate
from autodialer.api.exotel import refusals as exotel
from autodialer.api.limits import Limiter
from autodialer.api.once import answer_once
from autodialer.api.problems import ApiError, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpResponseBase
    from django.urls import ResolverMatch

    from autodialer.api.request import ApiRequest

PREFIXES: Final = ("/api/", *exotel.PREFIXES)
# Addresses that say how to use the API, for people without a key.
OPEN: Final = frozenset({"api:openapi-json", "api_docs", "api_errors"})
JSON_BYTES: Final = 5 * 1024 * 1024  # five thousand contacts with fields of their own
FILE_BYTES: Final = 21 * 1024 * 1024


class Door:
    """Middleware: answers what is the API's, and lets the rest pass to the pages."""

    def __init__(self, get_response: Callable[[ApiRequest], HttpResponseBase]) -> None:
        self._pages = get_response
        self._limiter = Limiter(settings.API_REQUESTS_PER_MINUTE)

    def __call__(self, request: ApiRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIXES):
            return self._pages(request)
        told: dict[str, str] = {}
        try:
            response = self._answer(request, told)
        except Exception as error:  # noqa: BLE001  the last resort: logged, and told as a 500
            response = _refused(request, error)
        return _with(response, told)

    def _answer(self, request: ApiRequest, told: dict[str, str]) -> HttpResponseBase:
        """Answer; `told` gets what is said to a known key, whatever becomes of its request."""
        match = _match(request)
        if match.view_name in OPEN:
            return _run(request, match)
        request.bearer = authenticate(request)
        request.account, request.actor = request.bearer.account, request.bearer.actor
        told |= self._limiter.take(request.bearer.key_id)
        told["Cache-Control"] = "private, no-store"
        _check_size(request)
        return answer_once(request, lambda: _run(request, match))


def _match(request: ApiRequest) -> ResolverMatch:
    request.resolver_match = resolve(request.path_info)
    return request.resolver_match


def _run(request: ApiRequest, match: ResolverMatch) -> HttpResponseBase:
    """Run the endpoint: HEAD as GET, OPTIONS answered with the methods that there are."""
    asked = request.method
    if asked == "HEAD":
        request.method = "GET"  # the server leaves the body out
    response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    request.method = asked
    if asked == "HEAD" and response.streaming:
        response.close()
        response = HttpResponse(status=response.status_code, headers=dict(response.headers))
    if response.status_code != HttpResponse(status=405).status_code:
        return response
    methods = response.headers["Allow"].split(", ")
    allow = ", ".join(sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}))
    if asked == "OPTIONS":
        return HttpResponse(status=204, headers={"Allow": allow})
    raise ApiError("method_not_allowed", f"This address takes {allow}.", headers={"Allow": allow})


def _refused(request: ApiRequest, error: Exception) -> HttpResponse:
    """Return a refusal in the words of the address that was asked."""
    if request.path_info.startswith(exotel.PREFIXES):
        return exotel.refused(request, error)
    return problem_of(request, error)


def _check_size(request: ApiRequest) -> None:
    is_file = request.content_type == "multipart/form-data"
    most = FILE_BYTES if is_file else JSON_BYTES
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > most:
        raise ApiError("too_big", f"The body may have {most:,} bytes: send less at once.")


def _with(response: HttpResponseBase, headers: Mapping[str, str]) -> HttpResponseBase:
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    return response
