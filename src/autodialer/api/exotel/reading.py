"""What clients send: JSON objects, wrapped or bare, forms, and parameters of the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from django.core.exceptions import SuspiciousOperation
from django.http.multipartparser import MultiPartParserError

from autodialer.api.bodies import read_object
from autodialer.api.exotel.problems import missing
from autodialer.api.exotel.words import parts
from autodialer.apps.texts import storable
from autodialer.domain.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodialer.api.request import ApiRequest

Body: TypeAlias = "Mapping[str, Any]"

# Things of one request, numbers of a campaign included.
MOST_AT_ONCE: Final = 5_000
LARGEST: Final = 2**31 - 1
_TRUE: Final = frozenset({"true", "1", "yes"})
_FALSE: Final = frozenset({"false", "0", "no"})
_LONGEST_NUMBER: Final = 18


class UnreadableBodyError(InvalidInputError):
    """The body of a request is no form."""

    def __init__(self) -> None:
        super().__init__("body", "The body cannot be read: send a form.", "body_unreadable")


def json_body(request: ApiRequest) -> Body:
    """Return the JSON object that was sent, {} for an empty body. Raises ApiError."""
    return read_object(request.body) if request.body.strip() else {}


def form_body(request: ApiRequest) -> Body:
    """Return the fields of a form, or of a JSON object. Raises ApiError, InvalidInputError."""
    if request.content_type == "application/json":
        return json_body(request)
    try:
        return {name: str(value) for name, value in request.POST.items()}
    except (SuspiciousOperation, MultiPartParserError) as error:
        raise UnreadableBodyError from error


def parameters(request: ApiRequest) -> Body:
    """Return the parameters of the address; of one that is there twice the last counts."""
    return {name: str(value) for name, value in request.GET.items()}


def unwrapped(body: Body, name: str) -> Sequence[Body]:
    """Return the things of `{"lists": [{...}]}`, or the bare one that the body is.

    Raises InvalidInputError for none, for too many, and for what is no object.
    """
    found = body.get(name, [body])
    things = [found] if isinstance(found, dict) else found
    if not isinstance(things, list) or not all(isinstance(thing, dict) for thing in things):
        raise InvalidInputError(name, f"{name} must be a list of objects.", "type_wrong")
    if not things or things == [{}]:
        raise missing(name)
    if len(things) > MOST_AT_ONCE:
        raise InvalidInputError(
            name, f"{name} holds more than {MOST_AT_ONCE:,}: send several requests.", "too_many"
        )
    return things


def only(body: Body, name: str) -> Body:
    """Return the one thing of a wrapped or bare body. Raises InvalidInputError."""
    things = unwrapped(body, name)
    if len(things) > 1:
        raise InvalidInputError(name, f"{name} must hold one thing here.", "too_many")
    return things[0]


def text(body: Body, name: str, default: str = "") -> str:
    """Return a text; numbers are taken as they are written. Raises InvalidInputError."""
    found = body.get(name)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, str | int) or not storable(str(found)):
        raise InvalidInputError(name, f"{name} must be a text.", "type_wrong")
    return str(found).strip()


def optional(body: Body, name: str) -> str | None:
    """Return a text, None when it is not there. Raises InvalidInputError."""
    return None if body.get(name) is None else text(body, name)


def required(body: Body, name: str) -> str:
    """Return a text that must be there. Raises InvalidInputError."""
    found = text(body, name)
    if not found:
        raise missing(name)
    return found


def flag(body: Body, name: str) -> bool | None:
    """Return yes or no, None when it is not said. Raises InvalidInputError."""
    found = body.get(name)
    if found is None or isinstance(found, bool):
        return found
    word = str(found).strip().casefold()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidInputError(name, f"{name} must be true or false.", "type_wrong")


def whole(body: Body, name: str, default: int) -> int:
    """Return a whole number; one beyond all limits is LARGEST. Raises InvalidInputError."""
    found = body.get(name)
    if found is None or found == "":
        return default
    digits = str(found).strip() if isinstance(found, str | int) else ""
    if isinstance(found, bool) or not digits.isascii() or not digits.isdecimal():
        raise InvalidInputError(name, f"{name} must be a whole number.", "type_wrong")
    return min(int(digits), LARGEST) if len(digits) <= _LONGEST_NUMBER else LARGEST


def texts(body: Body, name: str) -> tuple[str, ...]:
    """Return the texts of an array, or of one text with commas. Raises InvalidInputError."""
    found = body.get(name)
    if isinstance(found, str):
        found = parts(found)
    if not isinstance(found, list | None):
        raise InvalidInputError(name, f"{name} must be a list of texts.", "type_wrong")
    return tuple(text({name: one}, name) for one in found or ())


def section(body: Body, name: str) -> Body:
    """Return an object inside another one, {} when it is not there. Raises InvalidInputError."""
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidInputError(name, f"{name} must be an object.", "type_wrong")
    return found


def span(asked: Body, *, most: int, usual: int = 20) -> tuple[int, int]:
    """Return offset and limit; more than `most` at once is `most`. Raises InvalidInputError."""
    return whole(asked, "offset", 0), max(1, min(whole(asked, "limit", usual), most))


def last_segment(url: str) -> str:
    """Return what stands behind the last slash of an address, "" for what is none."""
    try:
        return urlsplit(url).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        return ""
