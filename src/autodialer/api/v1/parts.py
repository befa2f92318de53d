"""Lists in parts, and versions of single things: what all resources answer alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from autodialer.api.cursors import next_page, place_of
from autodialer.api.operations import check_match
from autodialer.api.problems import ApiError, FieldProblem, invalid
from autodialer.apps import keyset
from autodialer.apps.contacts.numbers import NumberError, parse_caller_id
from autodialer.apps.versions import version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pydantic import BaseModel

    from autodialer.api.fields import ListAsked, Page
    from autodialer.api.request import ApiRequest
    from autodialer.apps.keyset import Place

    T = TypeVar("T", bound=BaseModel)
    R = TypeVar("R")


def answer_part(
    page: type[Page[T]],
    request: ApiRequest,
    asked: ListAsked,
    *,
    order: Sequence[str],
    fetch: Callable[[Place | None, int], Sequence[R]],
    show: Callable[[R], T],
) -> Page[T]:
    """Return the part of a list that was asked for.

    `fetch` returns rows after a place in this order, at most so many; `show` makes an item of one.
    """
    name = ",".join(order)
    rows = fetch(place_of(asked.cursor, name), asked.limit + 1)
    shown = rows[: asked.limit]
    place = keyset.place_of(shown[-1], order) if len(rows) > len(shown) else None
    return page(items=[show(row) for row in shown], next=next_page(request, name, place))


def seen_by(request: ApiRequest, facts: Mapping[str, object]) -> str:
    """Return the version that the client has read, for the service to compare once more.

    Raises ApiError unless it is that of these facts.
    """
    version = version_of(facts)
    check_match(request, version)
    return version


def number_asked(request: ApiRequest, raw: str) -> str | None:
    """Return the number of a filter as E.164, None for none. Raises ApiError."""
    if not raw:
        return None
    try:
        return parse_caller_id(raw, request.account.region)
    except NumberError as error:
        raise invalid([FieldProblem("?number", error.code, error.sentence)]) from None


def no_such(field: str, ids: Sequence[int], missing: Collection[int]) -> ApiError:
    """Return the refusal of ids in a body that the account does not have, by their places."""
    return invalid(
        [
            FieldProblem(f"/{field}/{at}", "not_found", "The account has nothing with this id.")
            for at, each in enumerate(ids)
            if each in missing
        ]
    )
