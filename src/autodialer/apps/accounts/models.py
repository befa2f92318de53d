"""Accounts, the customer organisations, their users, and how the first one comes in."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q

from autodialer.apps.choices import one_of
from autodialer.domain.people import Role
from autodialer.domain.retry import LONGEST_REDIAL_GAP, REDIAL_GAP
from autodialer.domain.window import LEGAL_CLOSES, LEGAL_OPENS

__all__ = ["Account", "Role", "SetupLink", "User"]

SECOND: Final = timedelta(seconds=1)


class Account(models.Model):
    """One customer organisation. Everything belongs to exactly one account."""

    name = models.CharField(max_length=100, unique=True)
    zone = models.CharField(max_length=64, default="Asia/Kolkata")
    region = models.CharField(max_length=2, default="IN")
    window_opens = models.TimeField(default=LEGAL_OPENS)
    window_closes = models.TimeField(default=LEGAL_CLOSES)
    # A number is left alone for so long after a call, whichever campaign called it.
    redial_gap_s = models.IntegerField(
        default=REDIAL_GAP // SECOND, db_default=REDIAL_GAP // SECOND
    )
    # Whether addresses of other systems may do without TLS.
    allows_http = models.BooleanField(default=False, db_default=False)
    require_second_factor = models.BooleanField(default=False)  # of admins and supervisors
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            # A window is hours of one day and never wider than the law's.
            models.CheckConstraint(
                condition=Q(
                    window_opens__gte=LEGAL_OPENS,
                    window_closes__lte=LEGAL_CLOSES,
                    window_opens__lt=F("window_closes"),
                ),
                name="account_window_is_legal",
            ),
            models.CheckConstraint(
                condition=Q(redial_gap_s__gte=0, redial_gap_s__lte=LONGEST_REDIAL_GAP // SECOND),
                name="account_redial_gap_0_to_3600",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class User(AbstractBaseUser):
    """A person of one account, known by e-mail address."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="users")
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=10)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    objects = BaseUserManager["User"]()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [one_of("role", Role, name="user_role_is_known")]

    def __str__(self) -> str:
        return self.name


class SetupLink(models.Model):
    """The link with which the first admin comes in: used up by its use. The token is not kept."""

    ONLY: Final = 1

    id = models.SmallIntegerField(primary_key=True, default=ONLY)
    token_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            # A new link ends the one before.
            models.CheckConstraint(condition=Q(id=1), name="setup_link_is_the_only_one"),
        ]

    def __str__(self) -> str:
        return "set-up link"
