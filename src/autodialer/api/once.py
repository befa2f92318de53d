"""`Idempotency-Key`: a POST that is sent again is answered again, and not carried out again.

What is kept for a day are answers to requests that were carried out; a refused one changed
nothing, and its key may be used anew. So may that of one whose process was killed before anything
of it was committed. One that failed afterwards, or whose process was killed then, is not carried
out again: who asks is told to look at what there is.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from django.http import HttpResponse

from autodialer.api.problems import ApiError
from autodialer.apps.keys import replies
from autodialer.apps.keys.replies import Asked, InFlight, Interrupted, Kept

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.http import HttpResponseBase

    from autodialer.api.request import ApiRequest

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS: Final = ("Content-Type", "ETag", "Location")
_SUCCESS: Final = range(200, 300)


def answer_once(request: ApiRequest, answer: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Return the answer of a POST, or the one that was given before to the same request."""
    once = request.headers.get("Idempotency-Key")
    if request.method != "POST" or once is None:
        return answer()
    if not _KEY.fullmatch(once):
        raise ApiError(
            "idempotency_key_invalid", "An Idempotency-Key has 1 to 255 visible characters."
        )
    asked = Asked(request.bearer.key_id, request.path_info, once, _fingerprint(request))
    match replies.begin(asked=asked, now=request.now):
        case Kept() as kept if kept.fingerprint != asked.fingerprint:
            raise _reused()
        case (InFlight() | Interrupted()) as other if other.fingerprint != asked.fingerprint:
            raise _reused()
        case Kept() as kept:
            headers = {**kept.headers, "Idempotent-Replayed": "true"}
            return HttpResponse(kept.body, status=kept.status, headers=headers)
        case InFlight():
            raise ApiError(
                "request_in_flight",
                "This request is being answered: ask again in a moment.",
                headers={"Retry-After": "1"},
            )
        case Interrupted():
            raise ApiError(
                "request_interrupted",
                "It was carried out, wholly or in part, and then its answer was lost: look at what"
                " there is, and use a new Idempotency-Key for what is missing.",
            )
        case _:
            return _answer_and_keep(asked, answer, request.now)


def _answer_and_keep(
    asked: Asked, answer: Callable[[], HttpResponseBase], now: datetime
) -> HttpResponseBase:
    """Answer; what is refused is forgotten."""
    with replies.acting(asked):
        response = answer()
    if response.status_code in _SUCCESS and isinstance(response, HttpResponse):
        headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
        replies.keep(
            asked=asked, status=response.status_code, headers=headers, body=response.content
        )
    else:
        replies.forget(asked=asked, now=now)
    return response


def _fingerprint(request: ApiRequest) -> bytes:
    asked = f"{request.META.get('QUERY_STRING', '')}\n{request.content_type}\n".encode()
    return sha256(asked + request.body).digest()


def _reused() -> ApiError:
    return ApiError(
        "idempotency_key_reused",
        "This Idempotency-Key was sent with another request: use a new one for each.",
    )
