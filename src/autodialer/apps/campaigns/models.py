"""Campaigns, their copied targets, and the history of both."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from autodialer.apps.accounts.models import Account, User
from autodialer.apps.agents.models import Group
from autodialer.apps.choices import one_of
from autodialer.apps.contacts.models import E164, ContactList
from autodialer.domain.campaign import CampaignStatus
from autodialer.domain.retry import MAX_RETRIES, RetryMechanism
from autodialer.domain.target import LIVE, TargetStatus


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
    # The list is only where the copy came from; it may be edited or deleted afterwards (R12).
    contact_list = models.ForeignKey(
        ContactList, null=True, on_delete=models.SET_NULL, related_name="+"
    )
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
    call_type = models.CharField(max_length=20, default="transactional")
    status = models.CharField(max_length=12, default=CampaignStatus.CREATED.value)
    reason = models.CharField(max_length=40, blank=True)
    # The size of the copy; the ten counts always add up to it.
    target_count = models.IntegerField(default=0)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("status", CampaignStatus, name="campaign_status_is_known"),
            one_of("retry_mechanism", RetryMechanism, name="campaign_mechanism_is_known"),
            models.UniqueConstraint(
                fields=["account", "name"],
                condition=~Q(status=CampaignStatus.ARCHIVED.value),
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
                condition=Q(ends_at__gt=F("starts_at")), name="campaign_ends_later"
            ),
        ]
        indexes = [
            # The sweep that starts and ends campaigns looks at these only.
            models.Index(
                fields=["status"],
                condition=Q(status__in=["created", "in-progress", "paused"]),
                name="campaign_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.name


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
            # "Is anything of this campaign live?" and the recovery of a node.
            models.Index(
                fields=["campaign"],
                condition=Q(status__in=[status.value for status in sorted(LIVE)]),
                name="target_live",
            ),
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
