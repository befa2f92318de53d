"""API keys, and the replies that are kept so that a request may be sent again."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from autodialer.apps.accounts.models import Account, User

KEY_NAME_LENGTH: Final = 60  # "API key " and it stand where the name of a person may
LONGEST_ONCE: Final = 255


class ApiKey(models.Model):
    """What a program of the account signs in with. The secret is not kept, only its SHA-256."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    # The part of the key that may be shown, by which it is found.
    public_id = models.CharField(max_length=8, unique=True)
    secret_hash = models.BinaryField(max_length=32)
    name = models.CharField(max_length=KEY_NAME_LENGTH)
    scopes = ArrayField(models.CharField(max_length=30))
    # Who answers for it; NULL: the operator.
    made_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(scopes__len__gt=0), name="key_is_for_something"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="key_expires_after_it_is_made",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class KeptReply(models.Model):
    """What a request with an Idempotency-Key was answered; no status: it is being answered."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+", db_index=False)
    route = models.CharField(max_length=300)
    once = models.CharField(max_length=LONGEST_ONCE)
    # SHA-256 of what was asked: the same key with another request is a mistake.
    fingerprint = models.BinaryField(max_length=32)
    http_status = models.SmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    # Who answers it, for how long; after that another may, unless it has acted: what it did was
    # committed, or is about to be.
    holder = models.UUIDField()
    held_until = models.DateTimeField()
    has_acted = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Of two equal requests at the same moment one is carried out.
            models.UniqueConstraint(fields=["key", "route", "once"], name="kept_reply_is_once"),
        ]
        indexes = [
            # The sweep that forgets them looks at the oldest.
            models.Index(fields=["created_at"], name="kept_reply_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.http_status}"
