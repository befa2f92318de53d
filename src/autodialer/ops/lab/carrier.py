"""The lab carrier: the telephone network of tests, of `make demo` and of the benchmark.

What each number does is in docs/reference/lab-carrier.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autodialer.ops.asterisk.config import Instance, base_files, media, packaged, section, transport
from autodialer.ops.asterisk.run import Asterisk

AGENT_PREFIX: Final = "+9199000"


@dataclass(frozen=True, slots=True)
class Invite:
    """One call that reached the carrier; `at` is in seconds since 1970."""

    at: float
    called: str
    caller: str
    call_id: str


class LabCarrier:
    """A private Asterisk that answers every number on 127.0.0.1 and counts every INVITE."""

    def __init__(self, instance: Instance, log: Path) -> None:
        self.invites_file = instance.folder / "invites.log"
        self.ends_file = instance.folder / "ends.log"
        self.heard = instance.folder / "heard"
        files = carrier_files(
            instance, invites=self.invites_file, ends=self.ends_file, heard=self.heard
        )
        self.asterisk = Asterisk("lab", instance, files, log, ari=None)

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None before the start and while it runs."""
        return self.asterisk.exit_code

    def start(self) -> None:
        """Start; return once calls are answered. Raises AsteriskUnavailableError."""
        self.asterisk.start()

    def stop(self) -> None:
        """Hang up and end."""
        self.asterisk.stop()

    def invites(self) -> list[Invite]:
        """Every call so far, in the order of arrival; earlier runs of this folder included."""
        return read_invites(self.invites_file)

    def ends(self) -> dict[str, float]:
        """When each call ended, in seconds since 1970, by its Call-ID; live ones are not there."""
        return read_ends(self.ends_file)

    def break_down(self) -> None:
        """Refuse every new call with 503 from now on, agents' phones too."""
        self.asterisk.cli("dialplan set global OUT_OF_ORDER 1")

    def repair(self) -> None:
        """Answer again after `break_down`."""
        self.asterisk.cli("dialplan set global OUT_OF_ORDER 0")

    def live_numbers(self) -> list[str]:
        """The called numbers of the calls that exist now, ringing or talking."""
        return [number for _, number in self._channels()]

    def hang_up(self, number: str) -> int:
        """End every call to `number` as its person would; return how many there were."""
        channels = [name for name, called in self._channels() if called == number]
        for name in channels:
            self.asterisk.cli(f"channel request hangup {name}")
        return len(channels)

    def heard_by(self, number: str) -> Path:
        """Where the latest call to an agent's phone keeps what the agent hears (WAV, 8 kHz)."""
        return self.heard / f"{number.lstrip('+')}.wav"

    def _channels(self) -> list[tuple[str, str]]:
        rows = self.asterisk.cli("core show channels concise").splitlines()
        fields = [row.split("!") for row in rows]
        return [(row[0], row[2]) for row in fields if len(row) > 2]  # noqa: PLR2004 - name, context, number


def carrier_files(instance: Instance, *, invites: Path, ends: Path, heard: Path) -> dict[str, str]:
    """The configuration files by name: anybody on 127.0.0.1 may call."""
    return {
        **base_files(instance),
        "pjsip.conf": transport(instance)
        + section(
            "anonymous",
            type="endpoint",
            transport="udp",
            context="carrier",
            **media(instance),
        ),
        "extensions.conf": section("globals", INVITES=invites, ENDS=ends, HEARD=heard)
        + packaged("extensions.conf", "autodialer.ops.lab"),
    }


def read_invites(path: Path) -> list[Invite]:
    """Parse the carrier's count; a missing file means that nobody called."""
    if not path.exists():
        return []
    rows = (line.split(" ") for line in path.read_text().splitlines())
    return [Invite(float(at), called, caller, call_id) for at, called, caller, call_id in rows]


def read_ends(path: Path) -> dict[str, float]:
    """Parse the carrier's list of ends; a missing file means that no call has ended."""
    if not path.exists():
        return {}
    rows = (line.split(" ") for line in path.read_text().splitlines())
    return {call_id: float(at) for at, call_id in rows}


def customer_tone_hz(number: str) -> int:
    """The tone that a customer speaks with: told by the two digits before the last two."""
    return 600 + 10 * int(number[-4:-2])


def agent_tone_hz(number: str) -> int:
    """The tone that an agent's phone of the lab speaks with: told by its last two digits."""
    return 1800 + 10 * int(number[-2:])
