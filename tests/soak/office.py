"""The people of a soak: agents who press Start whenever they can, and their campaign."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import Role
from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.accounts.services import change_account, create_account, create_user
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device, create_group, set_group_members
from autodialer.apps.billing.services import set_payment_mode, set_tariffs, top_up
from autodialer.apps.calls.models import Attempt, Session, SessionStatus
from autodialer.apps.calls.services import start_session, stop_session
from autodialer.apps.campaigns import services as campaigns
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.campaigns.queries import campaign_counts
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.services import add_dnd_numbers
from autodialer.apps.imports.services import import_list
from autodialer.apps.keys.services import create_key
from autodialer.apps.webhooks.services import add_endpoint
from autodialer.domain.errors import AutodialerError
from autodialer.domain.money import PaymentMode, Rate
from autodialer.ops.lab.carrier import AGENT_PREFIX
from tests.support.site import CALLER_ID, now, zone_of_noon

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from random import Random

    from autodialer.apps.campaigns.counting import TargetCounts

RETRIES: Final = 1
# Of a soak of any length the balance lasts: what runs out of money is another test.
PAYMENT: Final = 1_000_000_000
RATE: Final = Rate(first_s=30, first_amount=30, next_s=6, next_amount=6)
_TERMS: Final = Terms(
    retries=RETRIES,
    retry_statuses=("busy", "no-answer", "failed"),
    retry_interval_min=1,
    ring_timeout_s=5,
    max_talk_s=30,
)
# A person sees the page, reads why, and presses Start.
_REACTION_S: Final = (1.0, 4.0)


@dataclass
class Office:
    """One account with `agents` agents and one campaign of `numbers`."""

    agents: int
    numbers: Sequence[str]
    webhook_url: str
    luck: Random
    # When each number was put on the registry.
    forbidden: dict[str, datetime] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        at = now()
        made = create_account(name="Soak", zone=zone_of_noon(at), now=at)
        self.account = change_account(account=made, allows_http=True, now=at)
        self.admin = Actor.of(self._user("devi", Role.ADMIN))
        self._open_books()
        self.phones = dict(self._hire(place) for place in range(self.agents))
        group = create_group(account=self.account, name="All", now=at)
        set_group_members(
            account=self.account, group_id=group.pk, user_ids=list(self.phones), now=at
        )
        self._asked: Mapping[str, Any] = {"account": self.account, "actor": self.admin}
        add_endpoint(
            **self._asked, url=self.webhook_url, kinds=("call.ended", "number.finished"), now=at
        )
        scopes = (KeyScope.CAMPAIGNS_READ,)
        self.key = str(create_key(**self._asked, name="Soak", scopes=scopes, now=at).token)
        self.campaign = self._make_campaign(group.pk)
        self._starts_at: dict[int, datetime] = {}

    def _user(self, name: str, role: Role) -> Any:
        email = f"{name}@soak.example"
        return create_user(account=self.account, email=email, name=name, role=role, now=now())

    def _hire(self, place: int) -> tuple[int, str]:
        user, phone = self._user(f"agent{place}", Role.AGENT), f"{AGENT_PREFIX}{place:05d}"
        add_device(
            account=self.account,
            user_id=user.pk,
            kind=DeviceKind.PHONE,
            address=phone,
            now=now(),
        )
        return user.pk, phone

    def _open_books(self) -> None:
        books: Mapping[str, Any] = {"account": self.account, "actor": OPERATOR, "now": now()}
        set_tariffs(**books, rates={"+91": RATE})
        set_payment_mode(**books, mode=PaymentMode.PREPAID)
        top_up(**books, amount=PAYMENT, reference="soak")

    def _make_campaign(self, group: int) -> Campaign:
        at = now()
        data = "\n".join(["number", *self.numbers]).encode()
        imported = import_list(account=self.account, name="Soak", data=data, now=at)
        caller = campaigns.add_caller_id(**self._asked, number=CALLER_ID, verified=True, now=at)
        made = campaigns.create_campaign(
            **self._asked,
            name="Soak",
            list_id=imported.list_id,
            group_id=group,
            caller_id=caller.pk,
            terms=_TERMS,
            now=at,
        )
        assert made.target_count == len(self.numbers)
        return made

    # What people do --------------------------------------------------------------------------

    def press_start(self) -> None:
        """Let each agent without a session press Start, a few seconds after it ended."""
        at, live = now(), self.connected()
        for user in self.phones:
            if user in live:
                self._starts_at.pop(user, None)
            elif at >= self._starts_at.setdefault(user, at + self._reaction()):
                del self._starts_at[user]
                self._start(user, at)

    def _reaction(self) -> timedelta:
        return timedelta(seconds=self.luck.uniform(*_REACTION_S))

    def _start(self, user: int, at: datetime) -> None:
        try:
            start_session(account=self.account, campaign_id=self.campaign.pk, user_id=user, now=at)
        except AutodialerError as refusal:
            self.refusals[refusal.code] += 1

    def go_home(self) -> None:
        """Let every agent press Stop."""
        for session in Session.objects.exclude(status=SessionStatus.ENDED.value):
            stop_session(account=self.account, session_id=session.pk, now=now(), at_once=True)

    def pause(self) -> None:
        """Pause the campaign."""
        campaigns.pause_campaign(**self._asked, campaign_id=self.campaign.pk, now=now())

    def resume(self) -> None:
        """Resume the campaign."""
        campaigns.resume_campaign(**self._asked, campaign_id=self.campaign.pk, now=now())

    def complete(self) -> None:
        """End the campaign before its numbers are through."""
        campaigns.complete_campaign(**self._asked, campaign_id=self.campaign.pk, now=now())

    def forbid(self, numbers: Iterable[str]) -> None:
        """Put numbers on the do-not-call registry."""
        new = [number for number in numbers if number not in self.forbidden]
        add_dnd_numbers(account=self.account, numbers=new, actor=self.admin, now=now())
        self.forbidden.update(dict.fromkeys(new, now()))

    # What is so ------------------------------------------------------------------------------

    def connected(self) -> set[int]:
        """The users who have a session that lives."""
        live = Session.objects.exclude(status=SessionStatus.ENDED.value)
        return set(live.values_list("user_id", flat=True))

    def ready(self) -> set[int]:
        """The users who are on the line."""
        return set(
            Session.objects.filter(status=SessionStatus.READY.value).values_list(
                "user_id", flat=True
            )
        )

    def talking(self) -> int:
        """How many customers talk at this moment."""
        return Attempt.objects.filter(state="talking").count()

    def status(self) -> str:
        """The status of the campaign."""
        return Campaign.objects.get(pk=self.campaign.pk).status

    def counts(self) -> TargetCounts:
        """The ten counts."""
        return campaign_counts(self.account, self.campaign.pk)
