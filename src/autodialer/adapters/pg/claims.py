"""What a claim asks PostgreSQL: for a target, and, when there is none, why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from autodialer.adapters.pg import sources
from autodialer.adapters.pg.database import Row, Step, step
from autodialer.adapters.pg.fence import fence, require_lease
from autodialer.adapters.pg.rows import ending_of
from autodialer.apps.calls.nothing import Exhausted, why_nothing
from autodialer.domain.dial_whom import LATEST_ANSWER
from autodialer.domain.ids import AttemptId, SessionId
from autodialer.domain.session import NoMore, NothingNow, Wait
from autodialer.ports.store import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodialer.domain.session import FinishCall
    from autodialer.ports.numbers import Ask
    from autodialer.ports.store import NextClaim


@dataclass(frozen=True, slots=True)
class Claim:
    """The arguments of one claim."""

    lease: Lease
    session_id: SessionId
    attempt_id: AttemptId
    now: datetime

    @classmethod
    def following(cls, lease: Lease, claim: NextClaim) -> Claim:
        """Return the claim that follows the end of a call, or an answer."""
        return cls(lease, claim.session_id, claim.attempt_id, claim.now)

    def statement(self, after_seq: int) -> Step:
        """Claims the next target after this place of the list."""
        return step("calls", "claim", **fence(self.lease), **self.values(after_seq))

    def finishing(self, finish: FinishCall, after_seq: int) -> Step:
        """Ends a call, then claims the next target after this place of the list."""
        both = {**fence(self.lease), **ending_of(finish), **self.values(after_seq)}
        return step("calls", "finish_and_claim", **both)

    def values(self, after_seq: int) -> dict[str, Any]:
        """What a claim asks for besides the lease."""
        return {
            "session_id": self.session_id,
            "next_id": self.attempt_id,
            "now": self.now,
            "after_seq": after_seq,
            "recording": f"{self.attempt_id.hex}.wav",
        }

    def reasons(self) -> tuple[Step, Step, Step]:
        """Ask why there is no target, which call a repeated claim has, and whom a URL may serve."""
        asked = {"session_id": self.session_id, "now": self.now, **fence(self.lease)}
        late = {"latest_answer": LATEST_ANSWER}
        present = {"session_id": self.session_id, "attempt_id": self.attempt_id}
        return (
            step("calls", "nothing_to_claim", **asked, **late),
            step("calls", "present_call", **present),
            sources.waiting(self.lease, self.now, self.session_id),
        )

    def telling(self, ask: Ask) -> Callable[[list[list[Row]]], None]:
        """Return what tells what a URL may be asked, of the rows of `finishing` and `reasons`."""

        def tell(rows: list[list[Row]]) -> None:
            _, facts, _, waiting = rows
            answer = self.why_nothing(facts, waiting)
            if isinstance(answer, NothingNow) and answer.asks is not None:
                ask(answer.asks)

        return tell

    def why_nothing(
        self, facts: Sequence[Row], waiting: Sequence[Row]
    ) -> NothingNow | NoMore | Exhausted:
        """Say why there is no target, and what a URL may be asked. Raises LeaseLostError."""
        require_lease(facts)
        answer = why_nothing(facts[0], self.now)
        if isinstance(answer, NothingNow) and answer.why is Wait.SOURCE_SLOW:
            return replace(answer, asks=next(iter(sources.requests_of(waiting, self.now)), None))
        return answer
