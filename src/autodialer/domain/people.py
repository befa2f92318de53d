"""The words for people: what a user may be, and on what an agent is called."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a user may do; see docs/reference/roles.md."""

    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    AGENT = "agent"


class DeviceKind(StrEnum):
    """How a device is reached: over the trunk, as a SIP user of ours, or in the browser."""

    PHONE = "phone"
    SIP = "sip"
    BROWSER = "browser"
