"""What each number of the lab carrier does, as the calling Asterisk sees it."""

from __future__ import annotations

import itertools
import time

import pytest

from autodialer.ops.lab.carrier import agent_tone_hz, customer_tone_hz
from autodialer.ops.process import wait_until
from tests.support.ari import CALLER_ID, AriSession
from tests.support.audio import level, seconds
from tests.support.stack import AsteriskPair

pytestmark = pytest.mark.asterisk

AGENT = "+919900012345"
LOUD = 3000  # a tone of the lab has an amplitude of about 7200
FAINT = 200
_serial = itertools.count(1)


def customer(ending: str) -> str:
    """A number of its own for each test, with the ending that decides what happens."""
    return f"+9112{next(_serial):06d}{ending}"


def channel_id() -> str:
    return f"c{next(_serial):08d}"


def states(ari: AriSession, channel: str) -> list[str]:
    changes = [e["channel"] for e in ari.events if e["type"] == "ChannelStateChange"]
    return [change["state"] for change in changes if change["id"] == channel]


@pytest.mark.parametrize(
    ("ending", "cause", "sip"),
    [("02", 17, 486), ("04", 21, 603), ("05", 1, 404), ("06", 34, 503), ("08", 17, 486)],
)
def test_a_refusing_number_gives_its_sip_code(
    ari: AriSession, ending: str, cause: int, sip: int
) -> None:
    channel = channel_id()
    ari.originate(channel, customer(ending), "customer")
    gone = ari.wait_for("ChannelDestroyed", channel)
    assert (gone["cause"], gone["tech_cause"]) == (cause, sip)
    assert states(ari, channel) == []


def test_nine_rings_and_is_then_unavailable(ari: AriSession) -> None:
    channel = channel_id()
    ari.originate(channel, customer("19"), "customer")
    gone = ari.wait_for("ChannelDestroyed", channel)
    assert (gone["cause"], gone["tech_cause"]) == (19, 480)
    assert ari.wait_for("ChannelHangupRequest", channel)["tech_cause"] == 480
    assert states(ari, channel) == ["Ringing"]


def test_zero_answers_and_hangs_up_after_its_seconds(ari: AriSession) -> None:
    channel = channel_id()
    ari.originate(channel, customer("10"), "customer")
    ari.wait_for("StasisStart", channel)
    answered = time.monotonic()
    gone = ari.wait_for("ChannelDestroyed", channel)
    assert 0.8 < time.monotonic() - answered < 2
    assert "tech_cause" not in gone
    assert states(ari, channel) == ["Ringing", "Up"]


def test_zero_zero_hangs_up_right_after_the_answer(ari: AriSession) -> None:
    channel = channel_id()
    ari.originate(channel, customer("00"), "customer")
    ari.wait_for("ChannelDestroyed", channel, deadline_s=2)
    assert states(ari, channel) == ["Ringing", "Up"]


def test_one_talks_until_somebody_hangs_up(ari: AriSession, pair: AsteriskPair) -> None:
    channel, number = channel_id(), customer("01")
    ari.originate(channel, number, "customer")
    ari.wait_for("StasisStart", channel)
    assert pair.lab.live_numbers() == [number]
    assert pair.lab.hang_up(number) == 1
    ari.wait_for("ChannelDestroyed", channel)
    assert pair.lab.hang_up(number) == 0


def test_three_rings_until_we_cancel(ari: AriSession, pair: AsteriskPair) -> None:
    channel, number = channel_id(), customer("03")
    ari.originate(channel, number, "customer")
    ari.wait_for("ChannelStateChange", channel)
    assert states(ari, channel) == ["Ringing"]
    ari.request("DELETE", f"channels/{channel}")
    ari.wait_for("ChannelDestroyed", channel)
    wait_until(lambda: pair.lab.live_numbers() == [], 20, "the carrier got the CANCEL")


def test_seven_neither_rings_nor_answers(ari: AriSession, pair: AsteriskPair) -> None:
    channel, number = channel_id(), customer("07")
    ari.originate(channel, number, "customer")
    wait_until(lambda: pair.lab.live_numbers() == [number], 20, "the call arrived")
    ari.drain(0.5)
    assert states(ari, channel) == []


def test_eight_is_busy_once_and_talks_the_next_time(ari: AriSession) -> None:
    number, first, second = customer("08"), channel_id(), channel_id()
    ari.originate(first, number, "customer")
    assert ari.wait_for("ChannelDestroyed", first)["tech_cause"] == 486
    ari.originate(second, number, "customer")
    ari.wait_for("ChannelDestroyed", second)
    assert states(ari, second) == ["Ringing", "Up"]


def test_an_agents_phone_may_be_busy_or_not_answer(ari: AriSession) -> None:
    busy, ringing = channel_id(), channel_id()
    ari.originate(busy, "+919900099992", "agent")
    ari.originate(ringing, "+919900099993", "agent")
    assert ari.wait_for("ChannelDestroyed", busy)["tech_cause"] == 486
    ari.wait_for("ChannelStateChange", ringing)
    ari.drain(0.5)
    assert states(ari, ringing) == ["Ringing"]


def test_every_invite_is_counted_also_when_cancelled_at_once(
    ari: AriSession, pair: AsteriskPair
) -> None:
    number, calls = customer("03"), [channel_id() for _ in range(100)]
    for channel in calls:
        ari.originate(channel, number, "customer")
        ari.request("DELETE", f"channels/{channel}")
    for channel in calls:
        ari.wait_for("ChannelDestroyed", channel)
    # A channel that was ended before its INVITE left never reached the carrier: ask the sender.
    sent = [e for e in ari.events if e["type"] == "Dial" and e["peer"]["id"] in calls]
    dialled = {e["peer"]["id"] for e in sent if e["dialstatus"] == ""}
    wait_until(lambda: pair.lab.live_numbers() == [], 10, "the carrier ended all calls")
    counted = [invite for invite in pair.lab.invites() if invite.called == number]
    assert len({invite.call_id for invite in counted}) == len(counted) == len(dialled)
    assert {invite.caller for invite in counted} == {CALLER_ID}
    assert all(abs(invite.at - time.time()) < 60 for invite in counted)


def test_the_end_of_every_call_is_noted_with_its_call_id(
    ari: AriSession, pair: AsteriskPair
) -> None:
    talks, refused, rings = customer("00"), customer("02"), customer("03")
    channels = {number: channel_id() for number in (talks, refused, rings)}
    for number, channel in channels.items():
        ari.originate(channel, number, "customer")
    ari.wait_for("ChannelDestroyed", channels[talks])
    ari.wait_for("ChannelDestroyed", channels[refused])
    ids = {call.called: call for call in pair.lab.invites() if call.called in channels}
    wait_until(
        lambda: {ids[n].call_id for n in (talks, refused)} <= set(pair.lab.ends()), 20, "end"
    )
    assert ids[rings].call_id not in pair.lab.ends()
    assert pair.lab.ends()[ids[talks].call_id] - ids[talks].at > 0.2
    pair.lab.hang_up(rings)
    wait_until(lambda: ids[rings].call_id in pair.lab.ends(), 20, "the ringing call has an end")


def test_a_carrier_that_broke_down_refuses_everybody_until_it_is_repaired(
    ari: AriSession, pair: AsteriskPair
) -> None:
    pair.lab.break_down()
    for number in (customer("00"), AGENT):
        channel = channel_id()
        ari.originate(channel, number, "customer")
        assert ari.wait_for("ChannelDestroyed", channel)["tech_cause"] == 503
    pair.lab.repair()
    channel = channel_id()
    ari.originate(channel, customer("00"), "customer")
    assert ari.wait_for("ChannelDestroyed", channel)["cause"] == 16


def test_the_agent_hears_ringing_and_then_the_customer(ari: AriSession, pair: AsteriskPair) -> None:
    agent, caller, number = channel_id(), channel_id(), customer("21")
    recording = pair.paths.recordings / "one.wav"
    ari.originate(agent, AGENT, "agent")
    ari.wait_for("StasisStart", agent)
    bridge = ari.request("POST", "bridges", type="mixing")["id"]
    ari.request("POST", f"bridges/{bridge}/addChannel", channel=agent)
    ari.request("POST", f"channels/{agent}/ring")
    ari.drain(1.0)
    ari.request("DELETE", f"channels/{agent}/ring")
    ari.originate(caller, number, "customer", RECORDING=str(recording))
    ari.wait_for("StasisStart", caller)
    ari.request("POST", f"bridges/{bridge}/addChannel", channel=caller)
    ari.drain(1.0)
    for channel in (caller, agent):
        ari.request("DELETE", f"channels/{channel}")
        ari.wait_for("ChannelDestroyed", channel)
    wait_until(lambda: pair.lab.live_numbers() == [], 20, "the phones hung up")

    heard = pair.lab.heard_by(AGENT)
    length = seconds(heard)
    customer_hz, agent_hz = customer_tone_hz(number), agent_tone_hz(AGENT)
    assert level(heard, 400, 0.0, 1.0) > 1000
    assert level(heard, customer_hz, length - 0.6, length - 0.1) > LOUD
    assert level(heard, 400, length - 0.6, length - 0.1) < FAINT
    assert 0.9 < seconds(recording) < 1.6
    assert level(recording, customer_hz) > LOUD
    assert level(recording, agent_hz) > LOUD
    assert level(recording, customer_hz + 50) < FAINT
