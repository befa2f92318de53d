"""Cursors: where a list goes on, as a text that clients pass back and do not read.

A cursor names the last item by the values that the list is sorted by, so a list stays whole when
items are added or removed meanwhile.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import orjson

from autodialer.api.problems import ApiError
from autodialer.apps.texts import storable

if TYPE_CHECKING:
    from autodialer.api.request import ApiRequest
    from autodialer.apps.keyset import Place

# Ids are smaller, and so are the microseconds since 1970 of every time that there can be.
_NUMBERS: Final = range(2**57)


def cursor(order: str, place: Place) -> str:
    """Return the cursor of a place in a list that is sorted by `order`."""
    return base64.urlsafe_b64encode(orjson.dumps([order, *place])).decode().rstrip("=")


def place_of(text: str, order: str) -> Place | None:
    """Return the place that the cursor names, None for the beginning.

    Raises ApiError for what is no cursor of a list in this order; whether the values fit is asked
    by the query (`PlaceError`).
    """
    if not text:
        return None
    padded = text + "=" * (-len(text) % 4)
    try:
        found = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise _invalid() from None
    if not isinstance(found, list) or found[:1] != [order]:
        raise _invalid()
    place = found[1:]
    if not all(_is_part(part) for part in place):
        raise _invalid()
    return place


def next_page(request: ApiRequest, order: str, place: Place | None) -> str | None:
    """Return the address of the part of the list after this place; None when there is none."""
    if place is None:
        return None
    asked = {name: value for name, value in request.GET.items() if name != "cursor"}
    return f"{request.path}?{urlencode({**asked, 'cursor': cursor(order, place)})}"


def _is_part(part: object) -> bool:
    if isinstance(part, str):
        return storable(part)
    return type(part) is int and part in _NUMBERS


def _invalid() -> ApiError:
    return ApiError("cursor_invalid", "This cursor is of another list: begin without one.")
