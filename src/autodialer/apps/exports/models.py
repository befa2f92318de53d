"""Workbooks that take a while: a worker writes them, and they are kept for a day."""

from __future__ import annotations

from django.db import models

from autodialer.apps.accounts.models import Account, User
from autodialer.apps.choices import one_of
from autodialer.domain.exports import Takeaway


class Export(models.Model):
    """One workbook of the campaign or list `subject_id`.

    It is being written until `finished_at`, and is there then, unless `error` says why not.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    what = models.CharField(max_length=10)
    subject_id = models.BigIntegerField()
    # What the campaign or list was called.
    title = models.CharField(max_length=100)
    rows_total = models.IntegerField()
    rows_done = models.IntegerField(default=0)
    # How often a worker has begun; also tells the present worker from one that was given up.
    tries = models.SmallIntegerField(default=0)
    # The file's name in the folder of exports; nobody can guess it.
    file = models.CharField(max_length=60, blank=True)
    size = models.BigIntegerField(default=0)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("what", Takeaway, name="export_is_of_something_known"),
            # A file that stands for two exports would be deleted with the first.
            models.UniqueConstraint(
                fields=["file"], condition=~models.Q(file=""), name="export_file_is_once"
            ),
        ]
        indexes = [
            # Those of one campaign or list, newest first.
            models.Index(
                fields=["account", "what", "subject_id", "-created_at"], name="export_of_subject"
            ),
            # What is old enough to be deleted.
            models.Index(fields=["created_at"], name="export_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.what} of {self.title}"
