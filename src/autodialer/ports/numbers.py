"""Asking a customer's system whom to dial next (R18), in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from autodialer.domain.errors import AutodialerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodialer.domain.dial_whom import NumberRequest, SourceTrouble

# Has a URL asked; returns at once.
Ask: TypeAlias = "Callable[[NumberRequest], None]"


class SourceFailedError(AutodialerError):
    """The URL did not answer in time, or answered that it cannot; `trouble` says which."""

    code = "dial_whom_failed"

    def __init__(self, trouble: SourceTrouble) -> None:
        self.trouble = trouble
        super().__init__(f"The Dial-Whom URL gave no answer ({trouble}).")


class DialWhom(Protocol):
    """Whoever knows the next number. Adapters pass `tests/contract/numbers.py`."""

    async def ask(self, request: NumberRequest) -> str:
        """Return the text of the answer, "" for no content. Raises SourceFailedError.

        The caller may cancel; asking again later is always allowed.
        """
        ...
