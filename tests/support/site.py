"""A whole call centre on real parts: PostgreSQL, Asterisk, a dialer process, the lab carrier.

Everything a person does goes through the services; what the network saw is read at the carrier.
"""

from __future__ import annotations

import base64
import http.client
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import connections

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import Role, User
from autodialer.apps.accounts.services import create_account, create_user
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device, create_group, set_group_members
from autodialer.apps.billing.services import set_payment_mode, set_tariffs
from autodialer.apps.calls.models import Attempt, Session, SessionStatus
from autodialer.apps.calls.services import start_session, stop_session
from autodialer.apps.campaigns.counting import TargetCounts
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.campaigns.queries import campaign_counts
from autodialer.apps.campaigns.services import add_caller_id, create_campaign
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.imports.services import import_list
from autodialer.domain.money import PaymentMode
from autodialer.domain.target import LIVE, TERMINAL
from autodialer.ops.dialer import DialerProcess

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from autodialer.domain.money import Rate
    from autodialer.ops.asterisk.run import Ari
    from autodialer.ops.lab.carrier import Invite
    from autodialer.ops.paths import Paths
    from autodialer.ports.failpoints import Failpoint
    from tests.support.stack import AsteriskPair

T = TypeVar("T")

# Short, so that a dialer takes over in seconds; still longer than a busy test machine stalls.
LEASE_S: Final = 2.0
CALLER_ID: Final = "+918045678901"
BUSY_PHONE: Final = "+919900099992"
SILENT_PHONE: Final = "+919900099993"
_POLL_S: Final = 0.05
_SITES: Final = count(1)  # The carrier counts for all tests: each has numbers of its own.


@dataclass(frozen=True, slots=True)
class Agent:
    """A user and the telephone on which they are called."""

    user: User
    phone: str


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without a dialer, in seconds since 1970."""

    began: float
    ended: float


class Site:
    """One account with its agents, one campaign at a time, and the machines below them."""

    def __init__(self, pair: AsteriskPair, database_url: str, paths: Paths) -> None:
        self.pair, self.lab, self.paths = pair, pair.lab, paths
        # How dialers reach their store and their switch: a test may put a link in between.
        self.store_url, self.ari = database_url, pair.ari
        # What its dialers are told beside that.
        self.settings: dict[str, str] = {"AUTODIALER_LEASE_SECONDS": str(LEASE_S)}
        self._number = next(_SITES)
        self._range = f"+917{self._number % 100:02d}"
        self._endings: Counter[str] = Counter()
        self.account = create_account(name="Acme", zone=zone_of_noon(now()), now=now())
        self.supervisor = self._user("asha", Role.SUPERVISOR)
        self.admin = self._user("devi", Role.ADMIN)
        self.group = create_group(account=self.account, name="Sales", now=now())
        self.agents: list[Agent] = []
        self.campaigns: list[Campaign] = []
        self.outages: list[Outage] = []
        self.cut_by_asterisk: set[UUID] = set()
        # Calls that ended in silence: their recordings are longer by it.
        self.fell_silent: set[UUID] = set()
        # Their stored end is earlier than the real one.
        self.ended_unseen: set[UUID] = set()
        self._down_since: float | None = None
        self._dialer: DialerProcess | None = None
        self._recoveries = 0

    # People ----------------------------------------------------------------------------------

    def hire(self, phone: str | None = None) -> Agent:
        """Add an agent to the group; the phone is one of the lab that answers unless given."""
        at = len(self.agents) + 1
        user = self._user(f"agent{at}", Role.AGENT)
        number = phone or f"+9199000{self._number % 990:03d}{at:02d}"
        add_device(
            account=self.account, user_id=user.pk, kind=DeviceKind.PHONE, address=number, now=now()
        )
        self.agents.append(Agent(user, number))
        self.set_group(*self.agents)
        return self.agents[-1]

    def user(self, name: str) -> User:
        """Add an agent to the account who has no phone and no group yet."""
        return self._user(name, Role.AGENT)

    def set_group(self, *agents: Agent) -> None:
        """Make these agents the group."""
        ids = [agent.user.pk for agent in agents]
        set_group_members(account=self.account, now=now(), group_id=self.group.pk, user_ids=ids)

    def start_agent(self, agent: Agent) -> UUID:
        """Press Start; return the session's id."""
        campaign = self.campaigns[-1].pk
        return start_session(
            account=self.account, campaign_id=campaign, user_id=agent.user.pk, now=now()
        ).session_id

    def stop_agent(self, session_id: UUID, *, at_once: bool = False) -> None:
        """Press Stop."""
        stop_session(account=self.account, session_id=session_id, now=now(), at_once=at_once)

    def hang_up(self, number: str) -> None:
        """Let the person with this telephone hang up."""
        assert self.lab.hang_up(number) == 1, f"{number} has no call"

    def set_price(self, rate: Rate) -> None:
        """Let every answered leg cost this, on account."""
        mode = PaymentMode.POSTPAID
        set_payment_mode(account=self.account, mode=mode, actor=OPERATOR, now=now())
        set_tariffs(account=self.account, rates={"+91": rate}, actor=OPERATOR, now=now())

    # Numbers and campaigns -------------------------------------------------------------------

    def number(self, ending: str) -> str:
        """A new number with the ending of docs/reference/lab-carrier.md: what it does."""
        self._endings["all"] += 1
        return f"+9198{self._number:04d}{self._endings['all']:02d}{ending}"

    def many_numbers(self, ending: str, size: int) -> list[str]:
        """Up to 100,000 numbers with this ending, in a range of their own."""
        return [f"{self._range}{at:05d}{ending}" for at in range(size)]

    def campaign(self, numbers: Sequence[str], **terms: Any) -> Campaign:
        """Upload a list of these numbers and make a campaign of the group, in progress now."""
        name = f"Campaign {len(self.campaigns) + 1}"
        data = "\n".join(["number", *numbers]).encode()
        made = import_list(account=self.account, name=name, data=data, now=now())
        caller = add_caller_id(
            account=self.account, actor=OPERATOR, number=CALLER_ID, verified=True, now=now()
        )
        campaign = create_campaign(
            account=self.account,
            actor=self.boss,
            name=name,
            list_id=made.list_id,
            group_id=self.group.pk,
            caller_id=caller.pk,
            terms=Terms(**terms),
            now=now(),
        )
        assert campaign.target_count == len(numbers)
        self.campaigns.append(campaign)
        return campaign

    @property
    def boss(self) -> Actor:
        """The admin, who may do everything."""
        return Actor.of(self.admin)

    # What is so ------------------------------------------------------------------------------

    def counts(self) -> TargetCounts:
        """The ten counts of the campaign; they add up in every read, mid-fault too."""
        campaign = self.campaigns[-1]
        counts = campaign_counts(self.account, campaign.pk)
        assert counts.total == campaign.target_count, counts
        return counts

    def status(self) -> str:
        """The status of the campaign."""
        return Campaign.objects.get(pk=self.campaigns[-1].pk).status

    def target(self, number: str) -> Target:
        """The number's target in the campaign."""
        return Target.objects.get(campaign=self.campaigns[-1], e164=number)

    def session(self, session_id: UUID) -> Session:
        """A session as it is now."""
        return Session.objects.get(pk=session_id)

    def has_ended(self, session_id: UUID) -> bool:
        """Whether the agent was released."""
        return self.session(session_id).status == SessionStatus.ENDED

    def attempts(self, number: str | None = None) -> list[Attempt]:
        """All attempts, or those of one number, oldest first."""
        wanted = {} if number is None else {"e164": number}
        return list(Attempt.objects.filter(**wanted).order_by("placed_at", "pk"))

    def rings(self, number: str) -> bool:
        """Whether the number is being called and has not answered."""
        return number in self.lab.live_numbers() and not self.talks(number)

    def talks(self, number: str) -> bool:
        """Whether a call to the number is stored as answered and lives."""
        return Attempt.objects.filter(e164=number, state="talking").exists()

    def is_quiet(self) -> bool:
        """Whether nothing is live: no session, no call, no number in progress."""
        live_targets = Target.objects.filter(status__in=[status.value for status in LIVE])
        live_sessions = Session.objects.exclude(status=SessionStatus.ENDED.value)
        return not live_targets.exists() and not live_sessions.exists() and not self._live_calls()

    def is_through(self) -> bool:
        """Whether each number of the campaign has its final status."""
        counts = self.counts()
        return sum(counts[status] for status in TERMINAL) == counts.total

    def invites(self, number: str | None = None) -> list[Invite]:
        """The calls that the carrier saw from this site, or to one number, in their order."""
        phones = (agent.phone for agent in self.agents)
        prefixes = (f"+9198{self._number:04d}", self._range, *phones)
        seen = [call for call in self.lab.invites() if call.called.startswith(prefixes)]
        return [call for call in seen if number in {None, call.called}]

    def wait(
        self, condition: Callable[[], T], deadline_s: float = 40.0, *, counting: bool = True
    ) -> T:
        """Return what the condition returns as soon as it is true; fail after the deadline.

        Meanwhile it looks that the counts add up, unless the database is away.
        """
        give_up = time.monotonic() + deadline_s
        while not (found := condition()):
            if counting and self.campaigns:
                self.counts()
            assert time.monotonic() < give_up, f"not within {deadline_s} s; {self._story()}"
            time.sleep(_POLL_S)
        return found

    def never(self, condition: Callable[[], object], seconds: float) -> None:
        """Fail if the condition becomes true within this time."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            assert not condition(), f"it came true; {self._story()}"
            time.sleep(_POLL_S)

    def asterisk(self, what: str) -> list[Mapping[str, Any]]:
        """The node's `channels` or `bridges`, over plain HTTP."""
        return asterisk_rows(self.pair.ari, what)

    # Faults ----------------------------------------------------------------------------------

    @property
    def dialer(self) -> DialerProcess:
        """The dialer process that was started last."""
        assert self._dialer is not None
        return self._dialer

    def new_dialer(self, kill_at: Failpoint | None = None) -> DialerProcess:
        """Another dialer process for the same node, not yet started."""
        extra = dict(self.settings)
        if kill_at is not None:
            extra["AUTODIALER_KILL_AT"] = kill_at.value
        return DialerProcess(self.paths, self.store_url, self.ari, extra=extra)

    def start_dialer(self, kill_at: Failpoint | None = None) -> None:
        """Start a dialer; with `kill_at` it kills itself there."""
        self._dialer = self.new_dialer(kill_at)
        self._recoveries = self._count_recoveries()
        self._dialer.start()
        if self._down_since is not None and kill_at is None:
            # It still has to take the lease and to compare: the outage lasts a little longer.
            self.outages.append(Outage(self._down_since, time.time() + LEASE_S + 3))
            self._down_since = None

    def wait_for_recovery(self) -> None:
        """Return once the dialer that was started last has compared store and switch."""
        self.wait(lambda: self._count_recoveries() > self._recoveries, 30)

    def stop_dialer(self) -> int | None:
        """Tell it to end (SIGTERM); return its exit code."""
        self._is_down()
        self.dialer.stop()
        return self.dialer.exit_code

    def kill_dialer(self) -> None:
        """End it with SIGKILL."""
        self._is_down()
        self.dialer.kill()

    def wait_for_the_kill(self, deadline_s: float = 40.0) -> None:
        """Return once the dialer has killed itself at its failpoint."""
        self.wait(lambda: self.dialer.exit_code is not None, deadline_s)
        assert self.dialer.exit_code == -signal.SIGKILL
        self._is_down()

    def kill_asterisk(self) -> None:
        """End Asterisk with SIGKILL; the far ends are not told."""
        self.cut_by_asterisk |= {call.pk for call in self.attempts() if call.ended_at is None}
        self.pair.node.kill()
        # Their network notices that nobody answers any more; the lab's would after 30 s only.
        self.lab.asterisk.cli("channel request hangup all")

    def close(self) -> None:
        """Let every agent hang up, end the dialer and leave nothing behind."""
        if self.pair.node.exit_code is not None:
            self.pair.node.start()
        if self._dialer is None or self.dialer.exit_code is not None:
            self.start_dialer()
            # Before that it does not listen to SIGTERM yet.
            self.wait_for_recovery()
        self.lab.asterisk.cli("channel request hangup all")
        self.wait(self.is_quiet, 30)
        assert self.stop_dialer() == 0

    def _count_recoveries(self) -> int:
        log = self.dialer.log
        return log.read_text().count('"reconciled"') if log.exists() else 0

    def _is_down(self) -> None:
        self._down_since = self._down_since or time.time()

    def _live_calls(self) -> bool:
        return Attempt.objects.exclude(state="ended").exists()

    def _user(self, who: str, role: Role) -> User:
        return create_user(
            account=self.account, email=f"{who}@acme.example", name=who, role=role, now=now()
        )

    def _story(self) -> str:
        """What a failed wait should tell."""
        calls = [(call.e164, call.state, call.status, call.reason) for call in self.attempts()]
        sessions = [(s.status, s.end_reason) for s in Session.objects.order_by("created_at")]
        log: Path = self.dialer.log
        return f"{calls=} {sessions=}\n{log.read_text()[-4000:]}"


def now() -> datetime:
    """The real time: these parts run on it."""
    return datetime.now(UTC)  # noqa: TID251  the shell around everything


def zone_of_noon(at: datetime) -> str:
    """A zone in which it is between 12:00 and 13:00 at this moment.

    Calls are legal from 09:00 to 21:00 on the account's wall: so the tests may run at any hour.
    """
    # POSIX counts westwards: Etc/GMT-5 is five hours ahead of Greenwich.
    ahead = 12 - at.hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def reconnect_django() -> None:
    """Forget the connection to a PostgreSQL that was restarted."""
    connections["default"].close()


def asterisk_rows(ari: Ari, what: str) -> list[Mapping[str, Any]]:
    """The `channels` or `bridges` of an Asterisk, over plain HTTP."""
    secret = base64.b64encode(f"{ari.user}:{ari.password}".encode()).decode()
    connection = http.client.HTTPConnection(ari.host, ari.port, timeout=5)
    try:
        connection.request("GET", f"/ari/{what}", headers={"Authorization": f"Basic {secret}"})
        rows: list[Mapping[str, Any]] = json.load(connection.getresponse())
        return rows
    finally:
        connection.close()
