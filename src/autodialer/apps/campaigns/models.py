"""Campaigns, their copied targets, and the history of both."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from autodialer.apps.accounts.models import Account, User
from autodialer.apps.addresses import LONGEST_URL
from autodialer.apps.agents.models import Group
from autodialer.apps.choices import one_of
from autodialer.apps.contacts.models import ContactList
from autodialer.apps.texts import E164
from autodialer.domain.campaign import (
    MAX_DURATION,
    MIN_DURATION,
    CallType,
    CampaignKind,
    CampaignStatus,
)
from autodialer.domain.dial_whom import SourceTrouble
from autodialer.domain.retry import MAX_RETRIES, RETRYABLE, RetryMechanism
from autodialer.domain.target import TargetStatus
from autodialer.domain.window import LEGAL_CLOSES, LEGAL_OPENS

CUSTOM_FIELD_LENGTH: Final = 128


class CallerId(models.Model):
    """A number of the account that calls may be made from, once verified."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    e164 = models.CharField(max_length=16)
    verified_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "e164"], name="caller_id_is_once"),
            models.CheckConstraint(condition=Q(e164__regex=E164), name="caller_id_is_e164"),
        ]

    def __str__(self) -> str:
        return self.e164


class Campaign(models.Model):
    """A dialer campaign: whom to call, by whom, when, and how often."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    kind = models.CharField(
        max_length=6,
        default=CampaignKind.DIALER.value,
        db_default=CampaignKind.DIALER.value,
    )
    # The list is only where the copy came from; it may be edited or deleted afterwards (R12).
    contact_list = models.ForeignKey(
        ContactList, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Instead of a list: asked for one number a call (R18). See NumberSource.
    dial_whom_url = models.CharField(max_length=LONGEST_URL, blank=True, db_default="")
    group = models.ForeignKey(Group, null=True, on_delete=models.PROTECT, related_name="+")
    agents = models.ManyToManyField(User, through="CampaignAgent", related_name="+")
    caller_id = models.ForeignKey(CallerId, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    # Narrower than the account's window, or NULL for the account's own.
    window_opens = models.TimeField(null=True)
    window_closes = models.TimeField(null=True)
    retries = models.SmallIntegerField(default=0)
    retry_statuses = ArrayField(models.CharField(max_length=10), default=list)
    retry_interval_min = models.IntegerField(default=30)
    retry_mechanism = models.CharField(max_length=12, default=RetryMechanism.LINEAR.value)
    ring_timeout_s = models.SmallIntegerField(default=30)
    idle_limit_s = models.IntegerField(default=120)
    max_talk_s = models.IntegerField(default=3600)
    call_type = models.CharField(max_length=20, default=CallType.TRANSACTIONAL.value)
    popup_url = models.CharField(max_length=LONGEST_URL, blank=True, db_default="")
    call_completed_url = models.CharField(max_length=LONGEST_URL, blank=True, db_default="")
    call_no_answer_url = models.CharField(max_length=LONGEST_URL, blank=True, db_default="")
    get_contacts_url = models.CharField(max_length=LONGEST_URL, blank=True, db_default="")
    status = models.CharField(max_length=12, default=CampaignStatus.CREATED.value)
    reason = models.CharField(max_length=40, blank=True)
    # The size of the copy; the ten counts always add up to it.
    target_count = models.IntegerField(default=0)
    # The ten counts of a campaign that is over, once the last call of it has ended; NULL before.
    final_counts = models.JSONField(null=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("status", CampaignStatus, name="campaign_status_is_known"),
            one_of("kind", CampaignKind, name="campaign_kind_is_known"),
            one_of("retry_mechanism", RetryMechanism, name="campaign_mechanism_is_known"),
            one_of("call_type", CallType, name="campaign_call_type_is_known"),
            # Numbers come from a list or from a URL, never from both.
            models.CheckConstraint(
                condition=Q(dial_whom_url="") | Q(contact_list__isnull=True),
                name="campaign_one_source",
            ),
            # People tell campaigns apart by name, and do not read "Diwali" and "diwali" as two.
            models.UniqueConstraint(
                "account",
                Lower("name"),
                condition=Q(kind=CampaignKind.DIALER.value)
                & ~Q(status=CampaignStatus.ARCHIVED.value),
                name="campaign_name_is_unique",
            ),
            models.CheckConstraint(
                condition=Q(retries__gte=0, retries__lte=MAX_RETRIES),
                name="campaign_retries_0_to_3",
            ),
            models.CheckConstraint(
                condition=Q(retry_interval_min__gte=1, retry_interval_min__lte=1440),
                name="campaign_interval_1_to_1440",
            ),
            models.CheckConstraint(
                condition=Q(ring_timeout_s__gte=5, ring_timeout_s__lte=120),
                name="campaign_ring_5_to_120",
            ),
            models.CheckConstraint(
                condition=Q(idle_limit_s__gte=10, idle_limit_s__lte=3_600),
                name="campaign_idle_10_to_3600",
            ),
            models.CheckConstraint(
                condition=Q(max_talk_s__gte=30, max_talk_s__lte=14_400),
                name="campaign_talk_30_to_14400",
            ),
            models.CheckConstraint(
                condition=Q(retry_statuses__contained_by=sorted(s.value for s in RETRYABLE)),
                name="campaign_retry_statuses_are_known",
            ),
            # A retry that no status asks for would never come.
            models.CheckConstraint(
                condition=Q(retries=0) | Q(retry_statuses__len__gt=0),
                name="campaign_retries_have_statuses",
            ),
            # R5.
            models.CheckConstraint(
                condition=Q(
                    ends_at__gte=F("starts_at") + MIN_DURATION,
                    ends_at__lte=F("starts_at") + MAX_DURATION,
                ),
                name="campaign_lasts_2_min_to_30_days",
            ),
            # R4. That it is open for one ring at least: campaign_window_holds_a_ring, in SQL.
            models.CheckConstraint(
                condition=Q(window_opens__isnull=True, window_closes__isnull=True)
                | Q(
                    window_opens__isnull=False,
                    window_closes__isnull=False,
                    window_opens__gte=LEGAL_OPENS,
                    window_closes__lte=LEGAL_CLOSES,
                ),
                name="campaign_window_is_legal",
            ),
        ]
        indexes = [
            # The sweep that starts and ends campaigns looks at these only.
            models.Index(
                fields=["status"],
                condition=Q(status__in=["created", "in-progress", "paused"]),
                name="campaign_unfinished",
            ),
            # The sweep that keeps the final counts looks at these only.
            models.Index(
                fields=["id"],
                condition=Q(status__in=["completed", "archived"], final_counts__isnull=True),
                name="campaign_to_count",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class NumberSource(models.Model):
    """How the asking goes at a campaign's Dial-Whom URL; a campaign with a list has none."""

    campaign = models.OneToOneField(
        Campaign, primary_key=True, on_delete=models.CASCADE, related_name="source"
    )
    # In a row: answers that were late or no numbers, and answers that were finished numbers.
    failures = models.SmallIntegerField(default=0)
    repeats = models.SmallIntegerField(default=0)
    # Not asked again before this, when the last answer was of no use.
    not_before = models.DateTimeField(null=True)
    exhausted_at = models.DateTimeField(null=True)
    # What was wrong with the last answer; "": nothing.
    trouble = models.CharField(max_length=20, blank=True, db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(trouble__in=["", *(trouble.value for trouble in SourceTrouble)]),
                name="source_trouble_is_known",
            ),
            models.CheckConstraint(
                condition=Q(failures__gte=0, repeats__gte=0), name="source_counts_from_zero"
            ),
        ]

    def __str__(self) -> str:
        return f"source of campaign {self.campaign_id}"


class Callbacks(models.Model):
    """Where a program that made a campaign is told of it, and a text that it is told again.

    A campaign that was not made so has none.
    """

    campaign = models.OneToOneField(
        Campaign, primary_key=True, on_delete=models.CASCADE, related_name="callbacks"
    )
    # After each call, after each number, and when the campaign starts or ends.
    call_url = models.CharField(max_length=LONGEST_URL, blank=True)
    number_url = models.CharField(max_length=LONGEST_URL, blank=True)
    campaign_url = models.CharField(max_length=LONGEST_URL, blank=True)
    custom_field = models.CharField(max_length=CUSTOM_FIELD_LENGTH, blank=True)
    # Which news of a call, and how they are written: domain.callbacks. "": as always.
    on_answer = models.BooleanField(default=False)
    on_end = models.BooleanField(default=True)
    content_type = models.CharField(max_length=20, blank=True)

    class Meta:
        indexes = [
            # "Does anybody want to hear of numbers?" is asked whenever one is finished.
            models.Index(
                fields=["campaign"], condition=~Q(number_url=""), name="callbacks_of_numbers"
            ),
        ]

    def __str__(self) -> str:
        return f"callbacks of campaign {self.campaign_id}"


class CampaignAgent(models.Model):
    """An agent picked for a campaign without a group."""

    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "user"], name="campaign_agent_is_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} for {self.campaign_id}"


class Target(models.Model):
    """One number of one campaign: scheduled, dialled, retried and finished."""

    # The indexes below serve all that is asked; more would slow each call.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="targets", db_index=False
    )
    seq = models.IntegerField()
    e164 = models.CharField(max_length=16)
    # The contact as it was when the campaign was made (R12).
    contact = models.JSONField(default=dict)
    status = models.CharField(max_length=17, default=TargetStatus.SCHEDULED.value)
    reason = models.CharField(max_length=40, blank=True)
    tries = models.SmallIntegerField(default=0)
    # 1 + the campaign's retries, copied so that PostgreSQL itself can refuse one dial too many.
    max_tries = models.SmallIntegerField()
    due_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("status", TargetStatus, name="target_status_is_known"),
            # R13: one target a number.
            models.UniqueConstraint(fields=["campaign", "e164"], name="target_number_is_once"),
            # The order of dialling is one order.
            models.UniqueConstraint(fields=["campaign", "seq"], name="target_place_is_once"),
            # Nothing else is ever dialled.
            models.CheckConstraint(condition=Q(e164__regex=E164), name="target_number_is_e164"),
            # Promise 1: dialled at most 1 + retries times, and never more than four.
            models.CheckConstraint(
                condition=Q(
                    tries__gte=0, tries__lte=F("max_tries"), max_tries__lte=1 + MAX_RETRIES
                ),
                name="target_tries_within_limit",
            ),
            # A retry knows when; nothing else has a due time.
            models.CheckConstraint(
                condition=Q(status="retry", due_at__isnull=False)
                | (~Q(status="retry") & Q(due_at__isnull=True)),
                name="target_due_iff_retry",
            ),
        ]
        indexes = [
            # First half of the claim: scheduled targets in list order.
            models.Index(
                fields=["campaign", "seq"], condition=Q(status="scheduled"), name="target_scheduled"
            ),
            # Second half of the claim: due retries, oldest first.
            models.Index(
                fields=["campaign", "due_at", "id"],
                condition=Q(status="retry"),
                name="target_retry",
            ),
            # The ten counts without reading a row, and "is anything of this campaign live?".
            models.Index(fields=["campaign", "status"], name="target_counts"),
        ]

    def __str__(self) -> str:
        return self.e164


class CampaignChange(models.Model):
    """History of a campaign's status; PostgreSQL refuses to change or delete a row."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="changes")
    old = models.CharField(max_length=12, blank=True)
    new = models.CharField(max_length=12)
    reason = models.CharField(max_length=40, blank=True)
    actor = models.CharField(max_length=100)
    at = models.DateTimeField()

    class Meta:
        constraints = [one_of("new", CampaignStatus, name="campaign_change_is_known")]

    def __str__(self) -> str:
        return f"{self.old} -> {self.new}"


class TargetChange(models.Model):
    """History of a target's status; PostgreSQL refuses to change or delete a row."""

    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="changes")
    old = models.CharField(max_length=17)
    new = models.CharField(max_length=17)
    reason = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [one_of("new", TargetStatus, name="target_change_is_known")]

    def __str__(self) -> str:
        return f"{self.old} -> {self.new}"
