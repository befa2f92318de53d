"""Asterisk as our switch: the port `Telephony` over ARI (docs/adr/0004)."""

from __future__ import annotations

import asyncio
import math
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from websockets.exceptions import WebSocketException

from autodialer.adapters.ari import phones
from autodialer.adapters.ari.client import AriConfig, connect
from autodialer.adapters.ari.events import (
    Interpreter,
    agent_leg,
    customer_leg,
    parse,
    parse_legs,
    split,
)
from autodialer.adapters.ari.outage import Outage
from autodialer.adapters.ari.recordings import close_recording
from autodialer.domain.errors import AutodialerError
from autodialer.domain.ids import AttemptId, SessionId
from autodialer.domain.session import CustomerGone
from autodialer.ports.telephony import (
    CallRefusedError,
    CallReport,
    PhoneNotRegisteredError,
    SwitchDown,
    SwitchUnavailableError,
    SwitchUp,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping
    from random import Random

    from autodialer.adapters.ari.client import Connection, Reply
    from autodialer.adapters.ari.events import Leg
    from autodialer.domain.recovery import LegState
    from autodialer.domain.session import Call, Talk
    from autodialer.ports.phones import Phone, Phones
    from autodialer.ports.telephony import AgentDial, Legs, SwitchReport, Telephony

log = structlog.get_logger()

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_SIP_USER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CLIENT_ERROR: Final = 400
_NOT_FOUND: Final = 404
_IN_USE: Final = 409
_SERVER_ERROR: Final = 500
# No such channel, no such bridge, the channel or the bridge is just leaving the application.
_GONE: Final = (400, 404, 409, 422)
# How a PJSIP endpoint that does not exist, or has no phone registered, is refused: with a 500.
_NO_SUCH_ENDPOINT: Final = {"error": "Allocation failed"}

# Events that tell us nothing. Never an `allowed` list: it would filter the answers too.
_NOISE: Final = (
    *("ChannelVarset", "ChannelDialplan", "ChannelCallerId", "ChannelConnectedLine"),
    *("ChannelCreated", "ChannelEnteredBridge", "ChannelLeftBridge", "StasisEnd"),
    *("ChannelHold", "ChannelUnhold", "ChannelDtmfReceived", "ChannelUserevent"),
    *("ChannelTalkingStarted", "ChannelTalkingFinished", "ChannelToneDetected"),
    *("BridgeCreated", "BridgeDestroyed", "BridgeVideoSourceChanged"),
    *("DeviceStateChanged", "EndpointStateChange", "ContactStatusChange"),
    *("RecordingStarted", "RecordingFinished", "PlaybackStarted", "PlaybackFinished"),
)


class _NoEndpointError(CallRefusedError):
    """Asterisk knows no such endpoint, or nowhere to reach it."""


class AriSwitch:
    """Drives one Asterisk. Works while somebody reads `reports()`, which owns the connection."""

    def __init__(self, config: AriConfig, random: Random) -> None:
        self._config = config
        self._random = random
        self._connection: Connection | None = None
        self._interpreter = Interpreter()
        self._hears_ringing: dict[AttemptId, SessionId] = {}

    # Requests --------------------------------------------------------------------------------

    async def call_agent(self, dial: AgentDial) -> None:
        """Ring an agent; raises CallRefusedError when the session's leg lives already."""
        try:
            await self._originate(
                agent_leg(dial.session_id),
                endpoint=self._agent_endpoint(dial),
                context="agent",
                callerId=_e164(dial.caller_id),
                timeout=max(1, dial.ring_timeout_s),
                variables={"LEG": str(agent_leg(dial.session_id))},
            )
        except _NoEndpointError:
            if dial.kind == "phone":
                raise
            raise PhoneNotRegisteredError(f"The phone {dial.address} is not registered.") from None

    async def nail_agent(self, session_id: SessionId) -> None:
        """Make the session's bridge and put the agent in it."""
        made, _ = await asyncio.gather(
            # The id in the path, not in the body: there a second request answers 500, not 409.
            self._request("POST", f"bridges/{_bridge(session_id)}"),
            self._join(session_id, agent_leg(session_id)),
        )
        _require(made, "make a bridge", fine=(_IN_USE,))
        # A dialer that died may have left the ringing on.
        await self._silence(session_id)

    async def place_call(self, session_id: SessionId, call: Call) -> None:
        """Ring a customer, and let the agent hear it."""
        # Before the request, because the call may be over before its answer is read.
        first = call.attempt_id not in self._hears_ringing
        self._hears_ringing[call.attempt_id] = session_id
        try:
            await self._originate_customer(call)
        except AutodialerError:
            if first:
                self._hears_ringing.pop(call.attempt_id, None)
            raise
        if call.attempt_id in self._hears_ringing:
            with suppress(SwitchUnavailableError, TimeoutError):
                await self._up.tell("POST", f"channels/{agent_leg(session_id)}/ring")

    async def connect(self, session_id: SessionId, attempt_id: AttemptId) -> None:
        """Put the answered customer into the agent's bridge."""
        await self._join(session_id, customer_leg(attempt_id))
        self._hears_ringing.pop(attempt_id, None)
        await self._silence(session_id)

    async def hang_up_customer(self, attempt_id: AttemptId) -> None:
        """End a customer leg."""
        ended = await self._request("DELETE", f"channels/{customer_leg(attempt_id)}")
        _require(ended, "hang up", fine=(_NOT_FOUND,))

    async def release_agent(self, session_id: SessionId) -> None:
        """End the agent leg and remove its bridge."""
        ended, removed = await asyncio.gather(
            self._request("DELETE", f"channels/{agent_leg(session_id)}"),
            self._request("DELETE", f"bridges/{_bridge(session_id)}"),
        )
        _require(ended, "hang up", fine=(_NOT_FOUND,))
        _require(removed, "remove a bridge", fine=(_NOT_FOUND,))

    async def kept(self, attempt_id: AttemptId) -> Talk | None:
        """Return what the recording of a call that is over tells; make it playable."""
        return await close_recording(Path(self._recording(attempt_id)))

    async def legs(self) -> Legs:
        """Return every leg of ours that exists now."""
        return split(await _list_legs(self._up))

    # Agents' phones --------------------------------------------------------------------------

    async def phones(self) -> Mapping[str, bool]:
        """See `ports.phones.Phones`."""
        return await phones.list_phones(self._up)

    async def put_phone(self, phone: Phone) -> None:
        """See `ports.phones.Phones`."""
        await phones.put_phone(self._up, phone)

    async def remove_phone(self, name: str) -> None:
        """See `ports.phones.Phones`."""
        await phones.remove_phone(self._up, name)

    # Reports ---------------------------------------------------------------------------------

    async def reports(self) -> AsyncGenerator[SwitchReport, None]:
        """Yield what happens; connects, and connects again whenever the connection is lost."""
        outage = Outage(self._random)
        while True:
            try:
                async with connect(self._config) as connection:
                    up = await self._take_over(connection)
                    outage = Outage(self._random)
                    yield up
                    while (message := await connection.events.get()) is not None:
                        if message.get("type") == "ApplicationReplaced":
                            outage.yield_to_another()
                            break
                        for report in await self._read(message):
                            yield report
            except (OSError, WebSocketException, SwitchUnavailableError) as error:
                outage.note(error)
            finally:
                was_up, self._connection = self._connection is not None, None
            if was_up or outage.turned_deadly():
                yield SwitchDown(dead=not was_up)
            await asyncio.sleep(outage.next_delay())

    async def _take_over(self, connection: Connection) -> SwitchUp:
        """Make a new connection ours, then usable by the requests."""
        disallowed = [{"type": noise} for noise in _NOISE]
        info, filtered, legs = await asyncio.gather(
            connection.request("GET", "asterisk/info"),
            connection.request(
                "PUT",
                f"applications/{self._config.app}/eventFilter",
                {"disallowed": disallowed},
            ),
            _list_legs(connection),
        )
        _require(info, "describe itself")
        _require(filtered, "filter events")
        self._interpreter.resume(legs)
        self._connection = connection
        await self._silence_after_gap(legs)
        log.info("ari_connected", legs=len(legs))
        sip_url = f"ws://{self._config.host}:{self._config.port}/ws"
        return SwitchUp(_instance(info.body), sip_url)

    async def _read(self, message: Mapping[str, Any]) -> Iterable[SwitchReport]:
        event = parse(message)
        if event is None:
            phone = phones.phone_report(message)
            return () if phone is None else (phone,)
        reports = self._interpreter.read(event)
        for report in reports:
            if isinstance(report, CallReport) and isinstance(report.event, CustomerGone):
                await self._forget(report.event.attempt_id)
        return reports

    # Pieces ----------------------------------------------------------------------------------

    @property
    def _up(self) -> Connection:
        if self._connection is None:
            raise SwitchUnavailableError("There is no connection to Asterisk; see its log.")
        return self._connection

    async def _request(self, method: str, uri: str, body: Mapping[str, Any] | None = None) -> Reply:
        return await self._up.request(method, uri, body)

    async def _originate(self, leg: Leg, **fields: object) -> None:
        place = {"channelId": str(leg), "extension": "s", "priority": 1, **fields}
        reply = await self._request("POST", "channels", place)
        if reply.body == _NO_SUCH_ENDPOINT:
            raise _NoEndpointError(f"Asterisk has nowhere to send {leg}.")
        if _CLIENT_ERROR <= reply.status < _SERVER_ERROR:
            raise CallRefusedError(f"Asterisk refused {leg}: {reply.status} {reply.body}")
        _require(reply, "place a call")

    async def _originate_customer(self, call: Call) -> None:
        leg = customer_leg(call.attempt_id)
        await self._originate(
            leg,
            endpoint=f"PJSIP/{_e164(call.e164)}@{self._config.trunk}",
            context="customer",
            callerId=_e164(call.caller_id),
            timeout=max(1, math.ceil(call.ring_timeout.total_seconds())),
            variables={
                "LEG": str(leg),
                "RECORDING": self._recording(call.attempt_id),
                "MAX_CALL": str(math.ceil(call.max_talk.total_seconds())),
            },
        )

    def _recording(self, attempt_id: AttemptId) -> str:
        return f"{self._config.recordings}/{attempt_id.hex}.wav"

    async def _join(self, session_id: SessionId, leg: Leg) -> None:
        """Put a leg into the session's bridge, unless one of them has gone meanwhile."""
        bridge = _bridge(session_id)
        joined = await self._request("POST", f"bridges/{bridge}/addChannel", {"channel": str(leg)})
        _require(joined, "connect a leg", fine=_GONE)
        if joined.status in _GONE:
            about = {"session": str(session_id)}
            if leg.kind == "a":
                about["attempt"] = str(leg.key)
            log.info("leg_not_connected", answer=joined.body, **about)

    async def _silence(self, session_id: SessionId) -> None:
        """Stop the ringing that the agent hears, if any."""
        with suppress(SwitchUnavailableError, TimeoutError):
            await self._up.tell("DELETE", f"channels/{agent_leg(session_id)}/ring")

    async def _forget(self, attempt_id: AttemptId) -> None:
        session_id = self._hears_ringing.pop(attempt_id, None)
        if session_id is not None:
            await self._silence(session_id)

    async def _silence_after_gap(self, legs: Mapping[Leg, LegState]) -> None:
        for attempt_id in tuple(self._hears_ringing):
            if customer_leg(attempt_id) not in legs:
                await self._forget(attempt_id)

    def _agent_endpoint(self, dial: AgentDial) -> str:
        if dial.kind == "phone":
            return f"PJSIP/{_e164(dial.address)}@{self._config.trunk}"
        if not _SIP_USER.fullmatch(dial.address):
            raise CallRefusedError(f"{dial.address!r} is not a SIP user: letters, digits, - and _.")
        return f"PJSIP/{dial.address}"


async def _list_legs(connection: Connection) -> Mapping[Leg, LegState]:
    reply = await connection.request("GET", "channels")
    _require(reply, "list its channels")
    return parse_legs(reply.body)


def _bridge(session_id: SessionId) -> str:
    return f"b{session_id.hex}"


def _e164(number: str) -> str:
    """Return the number; raises CallRefusedError for what could mean more than a number."""
    if not _E164.fullmatch(number):
        raise CallRefusedError("The number is not a telephone number in E.164 form.")
    return number


def _instance(info: Any) -> str:
    """Name this run of Asterisk: its start (to the millisecond) and the host's id."""
    try:
        return f"{info['status']['startup_time']} {info['system']['entity_id']}"
    except (KeyError, TypeError):
        raise SwitchUnavailableError(f"Asterisk described itself without a start: {info}") from None


def _require(reply: Reply, what: str, fine: tuple[int, ...] = ()) -> None:
    if reply.status >= _CLIENT_ERROR and reply.status not in fine:
        raise SwitchUnavailableError(
            f"Asterisk would not {what}: {reply.status} {reply.body}; check its configuration."
        )


if TYPE_CHECKING:

    def _is_a_switch(switch: AriSwitch) -> tuple[Telephony, Phones]:
        return switch, switch
