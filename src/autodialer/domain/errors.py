"""Expected errors: each has a stable `code` and a sentence that says what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    T = TypeVar("T")


class AutodialerError(Exception):
    """An expected failure. `str()` is one sentence for people; `code` is for programs."""

    code: str = "error"

    @property
    def sentence(self) -> str:
        """The sentence without the command that it may end with, which is of no use in a page."""
        return str(self).partition(": see `autodialer")[0]


class IllegalTransitionError(AutodialerError):
    """The thing is not in a state from which this move is legal."""

    code = "illegal_transition"

    def __init__(self, subject: str, current: str, wanted: str, legal: tuple[str, ...]) -> None:
        self.current, self.wanted, self.legal = current, wanted, legal
        if current == wanted:
            super().__init__(f"This {subject} is {current} already.")
            return
        allowed = ", ".join(legal) if legal else "nothing: it is final"
        super().__init__(
            f"This {subject} is {current} and cannot become {wanted}; possible now: {allowed}."
        )


class InvariantError(AutodialerError):
    """A promise of the design does not hold. The caller stops dialling and tells a person."""

    code = "invariant_broken"


class NotFoundError(AutodialerError):
    """No such thing in this account (another account's things are not found either)."""

    code = "not_found"


class InvalidInputError(AutodialerError):
    """A field's value cannot be accepted; nothing was changed."""

    code = "invalid_input"

    def __init__(self, field: str, message: str, code: str = "invalid_input") -> None:
        self.field, self.code = field, code
        super().__init__(message)


class UnknownReferenceError(InvalidInputError, NotFoundError):
    """A field names something that is not in this account; nothing was changed."""

    code = "unknown_reference"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message, self.code)


class ManyInvalidError(InvalidInputError):
    """Several values cannot be accepted; `errors` are all of them.

    The field of each is its place in the request, such as `contacts/17/number`.
    """

    def __init__(self, errors: Sequence[InvalidInputError]) -> None:
        first, *rest = errors
        more = f" ({len(rest)} more errors)" if rest else ""
        super().__init__(first.field, f"{first}{more}", first.code)
        self.errors = tuple(errors)


class ConflictError(AutodialerError):
    """The request is well formed but the present state forbids it; nothing was changed."""

    code = "conflict"


class NotAllowedError(AutodialerError):
    """The caller is known but may not do this; the text says who may."""

    code = "not_allowed"


class Complaints:
    """Gathers what is wrong with a request, so that all of it is told at once."""

    def __init__(self) -> None:
        self._errors: list[InvalidInputError] = []

    @contextmanager
    def at(self, place: str = "") -> Iterator[None]:
        """Keep what is refused inside; `place` goes before its field, such as `contacts/17/`."""
        try:
            yield
        except ManyInvalidError as error:
            self._errors += [_moved(one, place) for one in error.errors]
        except InvalidInputError as error:
            self._errors.append(_moved(error, place))

    def check(self) -> None:
        """Raise what was refused, if anything was: ManyInvalidError for more than one thing."""
        if len(self._errors) > 1:
            raise ManyInvalidError(self._errors)
        for error in self._errors:
            raise error


def _moved(error: InvalidInputError, place: str) -> InvalidInputError:
    if not place:
        return error
    return InvalidInputError(f"{place}{error.field}", str(error), error.code)


def gathered(*checks: Callable[[], T]) -> list[T]:
    """Return what the checks return, after all of them were made. Raises InvalidInputError."""
    found: list[T] = []
    complaints = Complaints()
    for check in checks:
        with complaints.at():
            found.append(check())
    complaints.check()
    return found
