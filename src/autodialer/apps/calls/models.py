"""Nodes, agent sessions and attempts: what the dialer reads and writes."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.db.models import F, Q

from autodialer.apps.accounts.models import Account, User
from autodialer.apps.agents.models import AgentDevice
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.choices import one_of
from autodialer.apps.texts import E164
from autodialer.domain.nodes import FIRST_TRUNK
from autodialer.domain.outcome import CallStatus
from autodialer.domain.pacing import MOST_CALLS_AT_ONCE, MOST_CALLS_PER_SECOND
from autodialer.domain.retry import MAX_RETRIES


class SessionStatus(StrEnum):
    """The states of a session; talking and dialling follow from its live attempt."""

    QUEUED = "queued"
    RINGING = "ringing"
    READY = "ready"
    ENDED = "ended"


class AttemptState(StrEnum):
    """The states of an attempt; its outcome is `status` once it has ended."""

    DIALING = "dialing"
    TALKING = "talking"
    ENDED = "ended"


class Trunk(models.Model):
    """What a carrier lets through; a trunk without a row has no limits."""

    name = models.CharField(max_length=100, unique=True)
    # Both for all nodes of the trunk together; NULL: no limit.
    calls_per_second = models.IntegerField(null=True)
    calls_at_once = models.IntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(calls_per_second__gte=1)
                & Q(calls_per_second__lte=MOST_CALLS_PER_SECOND)
                & Q(calls_at_once__gte=1)
                & Q(calls_at_once__lte=MOST_CALLS_AT_ONCE),
                name="trunk_limits_are_in_bounds",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Node(models.Model):
    """One Asterisk and the one dialer that drives it, with the dialer's lease."""

    name = models.CharField(max_length=100, unique=True)
    # The name of the trunk that its calls go over.
    trunk = models.CharField(max_length=100, default=FIRST_TRUNK, db_default=FIRST_TRUNK)
    # How many sessions its dialer takes at most, as it said when it took the lease.
    capacity = models.IntegerField(default=0, db_default=0)
    # Since when it takes no session any more.
    draining_since = models.DateTimeField(null=True)
    # Since when it does not belong to the installation; its calls are history.
    removed_at = models.DateTimeField(null=True)
    # Grows with each new holder; every write of a dialer carries it.
    epoch = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)
    # Which run of the switch was driven last: another one means that its legs are gone.
    switch_instance = models.CharField(max_length=200, blank=True)
    # The WebSocket over which browsers' phones reach the switch, from the machine of the dialer.
    sip_url = models.CharField(max_length=200, blank=True, db_default="")
    # Since when the trunk carries no calls, and new ones are held back; NULL: it carries them.
    trunk_silent_since = models.DateTimeField(null=True)
    # What it takes of the limits of its trunk (docs/explanation/nodes.md), and how many of its
    # agents wait for it, as of its last renewal.
    trunk_starts = models.IntegerField(default=0, db_default=0)
    trunk_lines = models.IntegerField(default=0, db_default=0)
    trunk_waiting = models.IntegerField(default=0, db_default=0)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Session(models.Model):
    """One span of an agent being connected, from Start to the end of the agent's leg."""

    id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    device = models.ForeignKey(AgentDevice, null=True, on_delete=models.SET_NULL, related_name="+")
    # `session_live_of_node` serves the only question that is asked by node.
    node = models.ForeignKey(
        Node, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    status = models.CharField(max_length=10, default=SessionStatus.QUEUED.value)
    stop_reason = models.CharField(max_length=40, blank=True)
    stop_at_once = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            one_of("status", SessionStatus, name="session_status_is_known"),
            # Promise 2 and R17: one live session an agent, whatever presses Start.
            models.UniqueConstraint(
                fields=["user"], condition=~Q(status="ended"), name="session_one_live_per_agent"
            ),
            models.CheckConstraint(
                condition=Q(status="ended", ended_at__isnull=False)
                | (~Q(status="ended") & Q(ended_at__isnull=True)),
                name="session_end_is_dated",
            ),
        ]
        indexes = [
            # Dialers take queued sessions, oldest first.
            models.Index(fields=["created_at"], condition=Q(status="queued"), name="session_queue"),
            # A dialer that takes over reads its node's live sessions.
            models.Index(
                fields=["node"], condition=~Q(status="ended"), name="session_live_of_node"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Attempt(models.Model):
    """One try to reach a target: one customer leg, one outcome."""

    # Each index is written several times a call: only those below and that of the agent's calls.
    # The four columns that are copied from the session, whose own keys hold, need no key: each
    # would lock a row that all calls share (docs/adr/0006-hot-path-sql.md).
    id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    target = models.ForeignKey(
        Target, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="attempts")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    node = models.ForeignKey(
        Node, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    e164 = models.CharField(max_length=16)
    caller_id = models.CharField(max_length=16)
    # Which try of the target this is; NULL when the call was surely never sent: not a try.
    try_no = models.SmallIntegerField(null=True)
    state = models.CharField(max_length=8, default=AttemptState.DIALING.value)
    placed_at = models.DateTimeField()
    # Known, and stored, where the campaign has a popup URL to tell.
    rang_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=10, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    abandoned = models.BooleanField(default=False)
    # Since when its node is given up: nobody knows how it goes on (docs/adr/0016-lost-nodes.md).
    lost_at = models.DateTimeField(null=True)
    # Nobody saw the end: `ended_at` is when it was noticed.
    estimated = models.BooleanField(default=False)
    # File name in the recordings folder; the file exists only if the customer answered.
    recording = models.CharField(max_length=100, blank=True)
    # What the Get Contacts URL said, in the form of `Target.contact`; NULL: nothing.
    contact = models.JSONField(null=True)

    class Meta:
        constraints = [
            one_of("state", AttemptState, name="attempt_state_is_known"),
            models.CheckConstraint(
                condition=Q(status="", ended_at__isnull=True) & ~Q(state="ended")
                | Q(
                    status__in=[s.value for s in CallStatus], ended_at__isnull=False, state="ended"
                ),
                name="attempt_outcome_iff_ended",
            ),
            models.CheckConstraint(condition=Q(e164__regex=E164), name="attempt_number_is_e164"),
            # Promise 1: each try of a target happens once, and there are at most four.
            models.UniqueConstraint(fields=["target", "try_no"], name="attempt_try_is_once"),
            models.CheckConstraint(
                condition=Q(try_no__isnull=True) | Q(try_no__gte=1, try_no__lte=1 + MAX_RETRIES),
                name="attempt_try_1_to_4",
            ),
            # Promise 2: never two live calls to one number in an account ...
            models.UniqueConstraint(
                fields=["account", "e164"],
                condition=~Q(state="ended"),
                name="attempt_one_live_per_number",
            ),
            # ... nor two customers in one session.
            models.UniqueConstraint(
                fields=["session"], condition=~Q(state="ended"), name="attempt_one_live_per_session"
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True)
                | Q(ended_at__isnull=True)
                | Q(ended_at__gte=F("answered_at")),
                name="attempt_talk_is_not_negative",
            ),
        ]
        indexes = [
            # Call details of a campaign, newest first, and its report.
            models.Index(fields=["campaign", "-placed_at"], name="attempt_of_campaign"),
            # When a number was called last. What was surely never sent did not call it.
            models.Index(
                fields=["account", "e164", "ended_at"],
                condition=Q(state="ended", try_no__isnull=False),
                name="attempt_of_number",
            ),
            # Each dialer looks again and again for calls of lost nodes to close.
            models.Index(
                fields=["placed_at"],
                condition=Q(lost_at__isnull=False) & ~Q(state="ended"),
                name="attempt_lost",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
