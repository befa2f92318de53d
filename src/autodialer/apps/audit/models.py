"""The audit log: who did what to which thing, and what it was before and after."""

from __future__ import annotations

from django.db import models


class AuditEntry(models.Model):
    """One privileged act; PostgreSQL refuses to change or delete a row."""

    # Named, not imported: every app records its acts here, accounts too.
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    who = models.CharField(max_length=100)
    # NULL for an operator or an API key.
    user = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    action = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=20)
    subject_id = models.CharField(max_length=40)
    before = models.JSONField()
    after = models.JSONField()
    request_id = models.CharField(max_length=64, null=True)
    # Where the browser was; NULL for what no request caused.
    from_address = models.GenericIPAddressField(null=True)

    class Meta:
        indexes = [
            # The log of an account, newest first.
            models.Index(fields=["account", "-id"], name="audit_of_account"),
            # All that was done to one thing.
            models.Index(
                fields=["account", "subject_kind", "subject_id", "-id"], name="audit_of_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_kind} {self.subject_id}"
