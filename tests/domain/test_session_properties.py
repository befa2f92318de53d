"""Any order of events keeps the promises of a session."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from autodialer.domain.ids import AttemptId
from autodialer.domain.session import (
    AgentAnswered,
    Claim,
    Claimed,
    Command,
    CustomerAnswered,
    EndSession,
    Event,
    FinishCall,
    Phase,
    PlaceCall,
    Session,
)
from autodialer.domain.step import REFUSED, start, step
from tests.domain.made import CALL, FOREIGN, NOW, SESSION_ID, one_of_each

KINDS = len(one_of_each())


class Shell:
    """Feeds a session as the engine does: a claim is answered only when it was asked for."""

    def __init__(self) -> None:
        self.now, self.claims = NOW, 0
        self.claimed: list[AttemptId] = []
        self.placed: list[AttemptId] = []
        self.finished: list[AttemptId] = []
        self.ends = 0
        self.session: Session
        self.session, commands = start(SESSION_ID, timedelta(seconds=120))
        self._note(commands)

    def feed(self, kind: int, seconds: int, *, foreign: bool) -> None:
        self.now += timedelta(seconds=seconds)
        event = self._event(kind, foreign=foreign)
        if (self.session.phase, type(event)) in REFUSED:
            return
        if isinstance(event, Claimed):
            self.claimed.append(event.call.attempt_id)
        before = self.session
        self.session, commands = step(before, event, self.now)
        if before.phase is Phase.ENDED:
            assert (self.session, commands) == (before, ())
        self._note(commands)

    def _event(self, kind: int, *, foreign: bool) -> Event:
        fresh = AttemptId(UUID(int=100 + len(self.claimed)))
        present = self.session.call.attempt_id if self.session.call else FOREIGN
        event = one_of_each(FOREIGN if foreign else present)[kind]
        if isinstance(event, Claimed):
            return Claimed(replace(CALL, attempt_id=fresh, placed_at=self.now))
        return event

    def _note(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            match command:
                case Claim():
                    self.claims += 1
                case PlaceCall(call):
                    assert call.attempt_id == self.claimed[-1]
                    assert call.attempt_id not in self.placed
                    self.placed.append(call.attempt_id)
                case FinishCall(attempt_id):
                    assert attempt_id not in self.finished
                    self.finished.append(attempt_id)
                case EndSession():
                    self.ends += 1
                case _:
                    pass

    def check(self) -> None:
        live = [self.session.call.attempt_id] if self.session.call else []
        assert sorted(self.finished + live) == sorted(self.claimed)
        assert self.ends == (1 if self.session.phase is Phase.ENDED else 0)


STEPS = st.lists(
    st.tuples(
        st.integers(0, KINDS - 1),
        st.integers(0, 40),
        st.sampled_from((False, False, False, True)),
    ),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_any_order_of_events_keeps_the_promises(steps: list[tuple[int, int, bool]]) -> None:
    shell = Shell()
    for kind, seconds, foreign in steps:
        shell.feed(kind, seconds, foreign=foreign)
        shell.check()


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_a_session_that_got_far_keeps_them_too(steps: list[tuple[int, int, bool]]) -> None:
    shell = Shell()
    kinds = [type(event) for event in one_of_each()]
    for kind in (AgentAnswered, Claimed, CustomerAnswered):
        shell.feed(kinds.index(kind), 1, foreign=False)
    assert shell.session.phase is Phase.TALKING
    for index, seconds, foreign in steps:
        shell.feed(index, seconds, foreign=foreign)
        shell.check()
