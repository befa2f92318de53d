"""A Dial-Whom URL whose answers are written down beforehand."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodialer.domain.dial_whom import NumberRequest, SourceTrouble
from autodialer.ports.numbers import SourceFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gets: a text after `delay_s`, or a failure when the text is None."""

    text: str | None
    delay_s: float = 0.0


class ScriptedNumbers:
    """`ports.numbers.DialWhom` from a script; when that is over, each answer is empty."""

    def __init__(self, script: Iterable[Answer | str | None]) -> None:
        self._script = deque(step if isinstance(step, Answer) else Answer(step) for step in script)
        self.requests: list[NumberRequest] = []

    async def ask(self, request: NumberRequest) -> str:
        """See `ports.numbers.DialWhom`."""
        self.requests.append(request)
        answer = self._script.popleft() if self._script else Answer("")
        await asyncio.sleep(answer.delay_s)
        if answer.text is None:
            raise SourceFailedError(SourceTrouble.CONNECT_FAILED)
        return answer.text
