"""Agents' phones as PJSIP objects, pushed over ARI and kept in Asterisk's memory.

Three objects of one name make an account: `auth` holds the digest, `aor` where the phone is, and
`endpoint` what it may do, which is to answer (docs/adr/0008-agents-phones.md).
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from autodialer.domain.errors import InvariantError
from autodialer.ports.phones import REALM, PhoneReport
from autodialer.ports.telephony import SwitchUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.adapters.ari.client import Connection, Reply
    from autodialer.ports.phones import Phone

_NAME: Final = re.compile(r"a[0-9a-f]{20}")
_CONFIG: Final = "asterisk/config/dynamic/res_pjsip"
_CLIENT_ERROR: Final = 400
_NOT_FOUND: Final = 404

# One place a phone, and who registers last has it: a phone that lost its address comes back at
# once. None is qualified: Asterisk would take a phone that had registered before its own restart
# for unreachable, and register or not, never ask it again.
_AOR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_contacts": "1",
        "remove_existing": "yes",
        "minimum_expiration": "60",
        "default_expiration": "120",
        "maximum_expiration": "120",
        "qualify_frequency": "0",
    }
)
_ENDPOINT: Final[Mapping[str, str]] = MappingProxyType(
    {
        # It reaches nothing: there is no extension in it.
        "context": "from-agent",
        "allow_subscribe": "no",
        "allow_transfer": "no",
        "disallow": "all",
        "direct_media": "no",
        "rewrite_contact": "yes",
        "rtp_symmetric": "yes",
        # Else each bridging tells the phone who is there now, with a re-INVITE.
        "send_connected_line": "no",
        # A far end that vanished must not keep an agent talking to nobody.
        "rtp_timeout": "30",
        "rtp_timeout_hold": "30",
        "rtp_keepalive": "10",
    }
)
_DESK_PHONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transport": "udp",
        "allow": "ulaw,alaw",
        "timers": "always",
        "timers_min_se": "90",
        "timers_sess_expires": "300",
    }
)
# Without session timers: a browser whose socket is away for a minute keeps its call, and one that
# is gone is found by its silence. It sends all the time, muted or without a microphone too, and a
# customer is on the line with nobody meanwhile: so it is given less time than a desk phone.
_BROWSER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transport": "ws",
        "allow": "opus,ulaw,alaw",
        "webrtc": "yes",
        "dtls_auto_generate_cert": "yes",
        "timers": "no",
        "rtp_timeout": "10",
        "rtp_timeout_hold": "10",
    }
)


async def list_phones(connection: Connection) -> Mapping[str, bool]:
    """Return each phone of ours with whether it is registered."""
    reply = await connection.request("GET", "endpoints/PJSIP")
    _require(reply, "list its endpoints")
    listed = reply.body if isinstance(reply.body, list) else []
    return {report.name: report.is_registered for report in map(_report, listed) if report}


async def put_phone(connection: Connection, phone: Phone) -> None:
    """Write the three objects; the endpoint last, because it names the others."""
    name = _checked(phone.name)
    auth = {
        "auth_type": "digest",
        "username": name,
        "realm": REALM,
        "password_digest": f"MD5:{phone.digest}",
    }
    await _put(connection, "auth", name, auth)
    await _put(connection, "aor", name, _AOR)
    kind = _BROWSER if phone.is_browser else _DESK_PHONE
    await _put(connection, "endpoint", name, {**_ENDPOINT, **kind, "auth": name, "aors": name})


async def remove_phone(connection: Connection, name: str) -> None:
    """Remove the three objects; the endpoint first, so that nobody registers in between."""
    for kind in ("endpoint", "aor", "auth"):
        reply = await connection.request("DELETE", f"{_CONFIG}/{kind}/{_checked(name)}")
        if reply.status != _NOT_FOUND:
            _require(reply, f"forget the {kind} of a phone")


def phone_report(message: Mapping[str, Any]) -> PhoneReport | None:
    """Read an event about a phone of ours; None for all others."""
    return _report(message.get("endpoint")) if message.get("type") == "PeerStatusChange" else None


def _report(endpoint: object) -> PhoneReport | None:
    if not isinstance(endpoint, dict) or not _NAME.fullmatch(str(endpoint.get("resource"))):
        return None
    return PhoneReport(str(endpoint["resource"]), is_registered=endpoint.get("state") == "online")


async def _put(connection: Connection, kind: str, name: str, fields: Mapping[str, str]) -> None:
    listed = [{"attribute": attribute, "value": value} for attribute, value in fields.items()]
    reply = await connection.request("PUT", f"{_CONFIG}/{kind}/{name}", {"fields": listed})
    _require(reply, f"take the {kind} of a phone")


def _checked(name: str) -> str:
    """Return the name; it becomes part of a path and of what is dialled."""
    if not _NAME.fullmatch(name):
        raise InvariantError(f"{name!r} is not the name of a phone's account.")
    return name


def _require(reply: Reply, what: str) -> None:
    if reply.status >= _CLIENT_ERROR:
        raise SwitchUnavailableError(f"Asterisk would not {what}: {reply.status} {reply.body}")
