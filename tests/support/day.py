"""A busy moment on real parts, into which a fault falls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.support.site import LEASE_S

if TYPE_CHECKING:
    from tests.support.site import Site

# Everything recovers within seconds; a busy test machine is given more.
SOON_S: Final = 30.0


class Day:
    """Somebody talks, and somebody else works through short calls."""

    def __init__(self, site: Site, calls: int = 40) -> None:
        self.site = site
        self.talker = site.number("01")
        self.rest = [site.number("10") for _ in range(calls)]
        talking, working = site.hire(), site.hire()
        site.campaign([self.talker, *self.rest])
        site.start_agent(talking)
        site.wait(lambda: site.talks(self.talker))
        site.start_agent(working)
        self.dials_on()
        self.legs = self.talkers_legs()

    def dials_on(self) -> None:
        """Return when two more calls have been made."""
        before = len(self.site.invites())
        self.site.wait(lambda: len(self.site.invites()) >= before + 2, SOON_S)

    def talkers_legs(self) -> set[str]:
        (call,) = self.site.attempts(self.talker)
        ours = {f"a{call.pk.hex}", f"s{call.session_id.hex}"}
        return ours & {leg["id"] for leg in self.site.asterisk("channels")}

    def still_talks(self) -> bool:
        return len(self.legs) == 2 and self.talkers_legs() == self.legs

    def is_blind_since(self, at: float) -> None:
        """Fail if a call goes out more than a lease after this moment."""
        late = [call for call in self.site.invites() if call.at > at + LEASE_S]
        assert late == []

    def ends_well(self) -> None:
        """The talk was never cut and its end is seen."""
        assert self.still_talks()
        self.site.hang_up(self.talker)
        self.site.wait(lambda: self.site.target(self.talker).status == "completed", SOON_S)
        (call,) = self.site.attempts(self.talker)
        assert (call.reason, call.estimated) == ("answered", False)
