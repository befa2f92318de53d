"""Expected errors: each has a stable `code` and a sentence that says what to do."""

from __future__ import annotations


class AutodialerError(Exception):
    """An expected failure. `str()` is one sentence for people; `code` is for programs."""

    code: str = "error"


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


class ConflictError(AutodialerError):
    """The request is well formed but the present state forbids it; nothing was changed."""

    code = "conflict"


class NotAllowedError(AutodialerError):
    """The caller is known but may not do this; the text says who may."""

    code = "not_allowed"
