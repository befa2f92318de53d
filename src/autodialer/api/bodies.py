"""JSON bodies, read strictly: an object in UTF-8, no name twice, nothing that cannot be stored."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from autodialer.api.problems import ApiError, FieldProblem, invalid
from autodialer.apps.texts import storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Of a number; whatever is longer is out of every range.
_DIGITS: Final = 40
_UNSTORABLE: Final = "It holds a NUL or half of a character: type it again."


def read_object(body: bytes) -> dict[str, Any]:
    """Return the object that the body holds.

    Raises ApiError: `malformed` with the offset of what cannot be read, or `invalid_fields` with
    all texts that cannot be stored.
    """
    try:
        found = json.loads(
            body.decode(),
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=lambda digits: int(digits[:_DIGITS]),
            object_pairs_hook=_once_each,
        )
        problems = list(_unstorable(found, ""))
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at offset {error.pos}") from None
    except UnicodeDecodeError as error:
        raise _malformed(f"it is not UTF-8 at offset {error.start}") from None
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise _malformed("it must be an object, at offset 0")
    if problems:
        raise invalid(problems)
    return found


def _malformed(why: str) -> ApiError:
    return ApiError("malformed", f"The body cannot be read: {why}.")


def _no_number(name: str) -> None:
    raise _malformed(f"{name} is no number in JSON")


def _finite(digits: str) -> float:
    """Return the number; one that is beyond all of them is in no range."""
    number = float(digits)
    if math.isinf(number):
        raise _malformed(f"{digits[:_DIGITS]} is too big")
    return number


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name in times if times[name] > 1)
        raise _malformed(f"{twice[:_DIGITS]!a} is there twice")
    return found


def _unstorable(value: object, pointer: str) -> Iterator[FieldProblem]:
    match value:
        case str() if not storable(value):
            yield FieldProblem(pointer, "text_not_storable", _UNSTORABLE)
        case dict():
            for name, each in value.items():
                if not storable(name):
                    yield FieldProblem(pointer, "text_not_storable", _UNSTORABLE)
                else:
                    yield from _unstorable(each, f"{pointer}/{name}")
        case list():
            for at, each in enumerate(value):
                yield from _unstorable(each, f"{pointer}/{at}")
        case _:
            pass
