"""How the phones behind the numbers behave: the same plan as the lab carrier's.

A number's last two digits are `NB`:

    B=0  rings, answers, talks N s, hangs up     B=5  404 unknown number
    B=1  rings, answers, stays on the line       B=6  503 network failure
    B=2  486 busy                                B=7  silence: nothing at all
    B=3  rings for ever                          B=8  486 at the first call, later as B=0
    B=4  603 rejects                             B=9  rings N s, then 480

Numbers that begin with +91 99000 are agents' phones: they answer and stay; 99992 at the end is
busy, 99993 rings for ever.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_RING_S: Final = 0.05
_ANSWER_S: Final = 0.3
_REFUSE_S: Final = 0.1
_AGENTS: Final = "+9199000"
_BUSY_AGENT, _SLEEPING_AGENT = "99992", "99993"
_REFUSALS: Final = {2: 486, 4: 603, 5: 404, 6: 503}


@dataclass(frozen=True, slots=True)
class Script:
    """What one phone does, in seconds after the INVITE; None means never.

    `talks_s` counts from the answer. `sip_code` is sent at `refuses_s`.
    """

    rings_s: float | None = None
    answers_s: float | None = None
    talks_s: float | None = None
    refuses_s: float | None = None
    sip_code: int | None = None


def is_e164(number: str) -> bool:
    """Return whether a carrier would take this number."""
    return _E164.fullmatch(number) is not None


def script_of(e164: str, invites: int, luck: Random) -> Script:
    """Return what the phone behind `e164` does at its `invites`-th call (1 for the first)."""
    if not e164.startswith(_AGENTS):
        return _customer(e164, invites, luck)
    if e164.endswith(_BUSY_AGENT):
        return Script(refuses_s=_REFUSE_S, sip_code=486)
    return Script(_RING_S) if e164.endswith(_SLEEPING_AGENT) else device_script(luck)


def device_script(luck: Random) -> Script:
    """Return what an agent's own device does: ring, be picked up, stay."""
    pace = luck.uniform(0.5, 1.5)
    return Script(_RING_S * pace, _ANSWER_S * pace)


def _customer(e164: str, invites: int, luck: Random) -> Script:
    seconds, behaviour = float(e164[-2]), int(e164[-1])
    pace = luck.uniform(0.5, 1.5)
    if behaviour == 8:  # noqa: PLR2004  the table at the top
        behaviour = 0 if invites > 1 else 2
    if behaviour in _REFUSALS:
        return Script(refuses_s=_REFUSE_S * pace, sip_code=_REFUSALS[behaviour])
    rings = _RING_S * pace
    match behaviour:
        case 0:
            return Script(rings, _ANSWER_S * pace, talks_s=seconds)
        case 1:
            return Script(rings, _ANSWER_S * pace)
        case 3:
            return Script(rings)
        case 9:
            return Script(rings, refuses_s=rings + seconds, sip_code=480)
        case _:
            return Script()
