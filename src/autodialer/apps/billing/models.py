"""What accounts have, what numbers cost, and what each leg reserved and was charged."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from autodialer.apps.accounts.models import Account
from autodialer.apps.choices import one_of
from autodialer.domain.money import (
    CURRENCIES,
    MAX_INCREMENT_S,
    MAX_RATE,
    EntryKind,
    HoldStatus,
    LegKind,
    PaymentMode,
)


class Purse(models.Model):
    """The money of an account. An account without a purse is not metered: its calls are free."""

    account = models.OneToOneField(
        Account, primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    mode = models.CharField(max_length=8)
    currency = models.CharField(max_length=3)
    # The sum of the ledger: written by the trigger of a new entry alone.
    balance = models.BigIntegerField(default=0)
    # The sum of the open holds: written by their trigger; one that is not covered is refused.
    held = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("mode", PaymentMode, name="purse_mode_is_known"),
            models.CheckConstraint(
                condition=Q(currency__in=CURRENCIES), name="purse_currency_is_known"
            ),
            models.CheckConstraint(condition=Q(held__gte=0), name="purse_held_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"purse of {self.account_id}"


class Tariff(models.Model):
    """What an answered leg to numbers of a prefix costs; the longest prefix counts."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    prefix = models.CharField(max_length=16)
    first_s = models.IntegerField()
    first_amount = models.BigIntegerField()
    next_s = models.IntegerField()
    next_amount = models.BigIntegerField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Also the index of the claim, which asks for the longest prefix first.
            models.UniqueConstraint(fields=["account", "prefix"], name="tariff_prefix_is_once"),
            models.CheckConstraint(
                condition=Q(prefix__regex=r"^\+[1-9][0-9]{0,14}$"), name="tariff_prefix_is_e164"
            ),
            models.CheckConstraint(
                condition=Q(
                    first_s__gte=1,
                    first_s__lte=MAX_INCREMENT_S,
                    next_s__gte=1,
                    next_s__lte=MAX_INCREMENT_S,
                ),
                name="tariff_increments_1_to_3600",
            ),
            models.CheckConstraint(
                condition=Q(
                    first_amount__gte=0,
                    first_amount__lte=MAX_RATE,
                    next_amount__gte=0,
                    next_amount__lte=MAX_RATE,
                ),
                name="tariff_amounts_are_possible",
            ),
        ]

    def __str__(self) -> str:
        return self.prefix


class Hold(models.Model):
    """What one leg has reserved, by the rate of that moment, and what it was charged at its end."""

    # The id of the attempt, or of the session for the agent's leg: one hold each.
    leg = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=8)
    # Copied from the attempt; a key would lock a row that all calls share.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    first_s = models.IntegerField()
    first_amount = models.BigIntegerField()
    next_s = models.IntegerField()
    next_amount = models.BigIntegerField()
    # NULL for postpaid accounts: nothing is reserved, the charge has no limit.
    reserved = models.BigIntegerField(null=True)
    status = models.CharField(max_length=7, default=HoldStatus.OPEN.value)
    charged = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("kind", LegKind, name="hold_kind_is_known"),
            one_of("status", HoldStatus, name="hold_status_is_known"),
            models.CheckConstraint(
                condition=Q(status="open", closed_at__isnull=True)
                | (~Q(status="open") & Q(closed_at__isnull=False)),
                name="hold_end_is_dated",
            ),
            # Only an answered leg is charged ...
            models.CheckConstraint(
                condition=Q(status="settled", charged__gte=0) | Q(charged=0),
                name="hold_charged_iff_settled",
            ),
            # ... and never more than it reserved: a prepaid balance never ends below zero.
            models.CheckConstraint(
                condition=Q(reserved__isnull=True) | Q(reserved__gte=0, charged__lte=F("reserved")),
                name="hold_covers_its_charge",
            ),
        ]

    def __str__(self) -> str:
        return str(self.leg)


class LedgerEntry(models.Model):
    """One movement of a balance. PostgreSQL refuses to change or delete it."""

    # The trigger that books it refuses an account without purse; a key would lock a shared row.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=10)
    amount = models.BigIntegerField()
    # The leg of a charge.
    leg = models.UUIDField(null=True)
    # What the person who booked it calls it: an invoice, a payment.
    reference = models.CharField(max_length=100, blank=True)
    actor = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("kind", EntryKind, name="entry_kind_is_known"),
            models.CheckConstraint(
                condition=Q(kind="charge", amount__lt=0, leg__isnull=False)
                | Q(kind="top-up", amount__gt=0, leg__isnull=True)
                | (Q(kind="adjustment", leg__isnull=True) & ~Q(amount=0)),
                name="entry_amount_fits_its_kind",
            ),
            # A leg is charged once.
            models.UniqueConstraint(
                fields=["leg"], condition=Q(leg__isnull=False), name="entry_charge_is_once"
            ),
            # A payment that is reported twice is booked once.
            models.UniqueConstraint(
                fields=["account", "reference"],
                condition=~Q(kind="charge"),
                name="entry_reference_is_once",
            ),
        ]
        indexes = [
            # The statement of an account, newest first.
            models.Index(fields=["account", "-id"], name="entry_of_account"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
