"""The outbox: who wants to be told, what happened, and what is still to be delivered.

Events and deliveries are written by triggers (migration 0002), in the transaction of what happened.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from autodialer.apps.accounts.models import Account
from autodialer.apps.addresses import LONGEST_URL
from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.choices import one_of
from autodialer.domain.webhooks import KINDS, DeliveryStatus, DisabledReason, EventKind, Purpose


class Endpoint(models.Model):
    """An address of an account that is told what happens there."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    url = models.CharField(max_length=LONGEST_URL)
    description = models.CharField(max_length=200, blank=True)
    # Empty: all of them, also those that come later.
    kinds = ArrayField(models.CharField(max_length=30), default=list)
    # The secret is derived from it and from the key of the installation (domain.signing).
    salt = models.CharField(max_length=64)
    # After a rotation both secrets sign, until then.
    old_salt = models.CharField(max_length=64, blank=True)
    old_salt_until = models.DateTimeField(null=True)
    # "" while it is enabled.
    disabled_reason = models.CharField(max_length=20, blank=True)
    disabled_at = models.DateTimeField(null=True)
    # When the admins were written to that it was disabled by itself.
    told_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    # The first of the failures since the last delivery; NULL when all is well.
    failing_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kinds__contained_by=[kind.value for kind in KINDS]),
                name="endpoint_kinds_are_known",
            ),
            models.CheckConstraint(
                condition=Q(disabled_reason="", disabled_at__isnull=True)
                | Q(
                    disabled_reason__in=[reason.value for reason in DisabledReason],
                    disabled_at__isnull=False,
                ),
                name="endpoint_disabled_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(old_salt="", old_salt_until__isnull=True)
                | ~Q(old_salt="") & Q(old_salt_until__isnull=False),
                name="endpoint_old_secret_ends",
            ),
        ]
        indexes = [
            # "Does anybody want to know?" is asked at each step of a call and of a number.
            models.Index(
                fields=["account"], condition=Q(disabled_reason=""), name="endpoint_enabled"
            ),
        ]

    def __str__(self) -> str:
        return self.url


class Event(models.Model):
    """Something that happened and that somebody wants to know; its facts are in other tables."""

    # Written beside each call: no key that would lock rows which all calls share.
    id = models.UUIDField(primary_key=True)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    campaign = models.ForeignKey(
        Campaign,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    kind = models.CharField(max_length=30)
    # One of them: the row that has the facts. A session has those of a call that never was.
    session_id = models.UUIDField(null=True)
    attempt_id = models.UUIDField(null=True)
    target_id = models.BigIntegerField(null=True)
    change_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [one_of("kind", EventKind, name="event_kind_is_known")]
        # Housekeeping forgets what is old.
        indexes = [BrinIndex(fields=["at"], name="event_by_age")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Delivery(models.Model):
    """One event for one address: to be delivered, delivered or failed."""

    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    purpose = models.CharField(max_length=14)
    # NULL for the URLs of a campaign, which are read there.
    endpoint = models.ForeignKey(
        Endpoint,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # The address it waits for: e<endpoint> or c<campaign>:<purpose>. Each has its share of the
    # courier, so that one that hangs delays no other.
    lane = models.CharField(max_length=50)
    status = models.CharField(max_length=9, db_default=DeliveryStatus.PENDING.value)
    tries = models.SmallIntegerField(db_default=0)
    due_at = models.DateTimeField()
    # In the hands of a courier; after it, another may take it (the same id is sent again).
    taken_until = models.DateTimeField(null=True)
    # Of the last try: http_<status> or the kind of failure.
    outcome = models.CharField(max_length=40, blank=True, db_default="")
    done_at = models.DateTimeField(null=True)
    # Each try: [when, outcome, milliseconds].
    log = models.JSONField(db_default=[])

    class Meta:
        constraints = [
            one_of("status", DeliveryStatus, name="delivery_status_is_known"),
            one_of("purpose", Purpose, name="delivery_purpose_is_known"),
            # An address is told of an event by one delivery.
            models.UniqueConstraint(fields=["event", "lane"], name="delivery_is_once"),
            models.CheckConstraint(
                condition=Q(purpose="webhook", endpoint__isnull=False)
                | ~Q(purpose="webhook") & Q(endpoint__isnull=True),
                name="delivery_has_an_address",
            ),
            models.CheckConstraint(
                condition=Q(status="pending", done_at__isnull=True)
                | ~Q(status="pending") & Q(done_at__isnull=False, taken_until__isnull=True),
                name="delivery_done_is_dated",
            ),
        ]
        indexes = [
            # What a courier takes: of each lane the oldest, and the newest.
            models.Index(
                fields=["lane", "due_at"], condition=Q(status="pending"), name="delivery_pending"
            ),
            # The deliveries of an address, newest first ...
            models.Index(fields=["lane", "-id"], name="delivery_of_lane"),
            # ... and those that failed, also to be sent again.
            models.Index(
                fields=["lane", "-id"], condition=Q(status="failed"), name="delivery_failed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.event_id}"
