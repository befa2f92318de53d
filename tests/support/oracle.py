"""What must be true of a site after every test, whatever was killed in it."""

from __future__ import annotations

import wave
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from django.db.models import Q

from autodialer.apps.calls.models import Attempt, Session
from autodialer.apps.calls.promises import broken_promises
from autodialer.domain.outcome import SILENCE
from autodialer.ops.lab.carrier import agent_tone_hz, customer_tone_hz
from autodialer.ops.process import wait_until
from tests.support.audio import level, seconds
from tests.support.site import CALLER_ID, now

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.site import Site

LOUD: Final = 500.0
_SLACK_S: Final = 2.0
# The first audio of both sides reaches the recorder about this long after the answer.
_FIRST_AUDIO_S: Final = 0.5
# An Asterisk that is killed has not written the last 32 KiB.
_UNWRITTEN_S: Final = 2.5
_WINDOW_S: Final = 0.5


def check(site: Site) -> None:
    """Fail unless every promise of the dialer held. Call it when all agents have left."""
    _at_most_once(site)
    _never_two_at_once(site)
    _nothing_is_stuck(site)
    _caller_ids_are_right(site)
    _recordings_are_right(site)
    _what_is_stored_is_right()


def _at_most_once(site: Site) -> None:
    """INVITEs <= attempts that count <= 1 + retries, by number; none without an attempt."""
    phones = {agent.phone for agent in site.agents}
    seen = Counter(call.called for call in site.invites() if call.called not in phones)
    for campaign in site.campaigns:
        most = 1 + campaign.retries
        touched = Q(tries__gt=0) | Q(attempts__isnull=False)
        for target in campaign.targets.filter(touched).distinct():
            tries = [a.try_no for a in target.attempts.all() if a.try_no is not None]
            sent = seen.pop(target.e164, 0)
            assert sent <= len(tries) <= most, (target.e164, sent, tries, most)
            assert (
                sorted(tries) == list(range(1, len(tries) + 1)) == list(range(1, target.tries + 1))
            )
    assert not seen, f"called without being on a list: {seen}"
    agent_calls = sum(call.called in phones for call in site.invites())
    assert agent_calls <= Session.objects.count(), "an agent was called more often than asked for"


def _never_two_at_once(site: Site) -> None:
    """No two calls overlap to one number or in one session; one that was not sent is no call."""
    calls = [call for call in site.attempts() if call.try_no is not None]
    for key in ("e164", "session_id"):
        for value in {getattr(call, key) for call in calls}:
            _do_not_overlap(call for call in calls if getattr(call, key) == value)


def _do_not_overlap(calls: Iterable[Attempt]) -> None:
    for first, second in pairwise(calls):
        assert first.ended_at is not None
        assert first.ended_at <= second.placed_at, [
            (each.pk, each.placed_at, each.ended_at, each.reason) for each in (first, second)
        ]


def _nothing_is_stuck(site: Site) -> None:
    if site.campaigns:
        site.counts()
    assert site.is_quiet()
    site.wait(lambda: not site.asterisk("channels") and not site.asterisk("bridges"), 5)


def _caller_ids_are_right(site: Site) -> None:
    assert {call.caller for call in site.invites()} <= {CALLER_ID}


def _what_is_stored_is_right() -> None:
    """Every check of `autodialer doctor`."""
    broken = broken_promises(now())
    assert not broken, broken


def _recordings_are_right(site: Site) -> None:
    """One file an answered call, as long as the talk, with both voices; none of others."""
    answered = [call for call in site.attempts() if call.answered_at is not None]
    files = {call.recording for call in answered}
    found = {file.name for file in site.paths.recordings.iterdir()}
    # A customer who answered in the last moment of a ring that ended may have a file, too.
    assert files <= found, files - found
    for call in answered:
        _recording_is_right(site, call)


def _recording_is_right(site: Site, call: Attempt) -> None:
    assert call.answered_at is not None
    assert call.ended_at is not None
    talk_s = (call.ended_at - call.answered_at).total_seconds()
    shortest_s = _UNWRITTEN_S if call.pk in site.cut_by_asterisk else _FIRST_AUDIO_S
    if talk_s < shortest_s:
        return  # Cut before there was anything to record.
    file = recording(site, call)
    talk_s = max(talk_s, seconds(file)) if call.pk in site.ended_unseen else talk_s
    assert abs(seconds(file) - talk_s) <= _SLACK_S + _unseen_s(site, call), (call.e164, talk_s)
    if min(talk_s, seconds(file)) < 3 * _WINDOW_S:
        return  # Too short to tell one tone from another.
    assert loudest(file, customer_tone_hz(call.e164)) > LOUD, call.e164
    # Agents who were hired have a phone of the lab, which speaks with a tone.
    phones = {agent.user.pk: agent.phone for agent in site.agents}
    if not call.abandoned and call.user_id in phones:
        assert loudest(file, agent_tone_hz(phones[call.user_id])) > LOUD, call.e164


def _unseen_s(site: Site, call: Attempt) -> float:
    """How long the call lived while nobody could note its answer or its end."""
    assert call.ended_at is not None
    if call.pk in site.fell_silent:
        return SILENCE.total_seconds()
    began, ended = call.placed_at.timestamp(), call.ended_at.timestamp()
    return sum(
        max(0.0, min(ended, outage.ended) - max(began, outage.began)) for outage in site.outages
    )


def recording(site: Site, call: Attempt) -> Path:
    """The finished recording of a call."""
    file = site.paths.recordings / call.recording
    wait_until(lambda: _is_finished(file), 5, f"{file} is finished")
    return file


def loudest(file: Path, hz: float) -> float:
    """How loud the tone is where it is loudest."""
    return max(levels(file, hz))


def levels(file: Path, hz: float) -> list[float]:
    """How loud the tone is in each half second of the file; its ragged end is left out."""
    windows = max(1, int(seconds(file) / _WINDOW_S))
    return [level(file, hz, at * _WINDOW_S, (at + 1) * _WINDOW_S) for at in range(windows)]


def _is_finished(file: Path) -> bool:
    try:
        with wave.open(str(file)) as wav:
            return bool(wav.getnframes() > 0)
    except (wave.Error, EOFError):
        return False
