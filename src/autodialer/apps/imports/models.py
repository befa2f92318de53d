"""Imports of lists: who brought which file, and what became of it."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.db.models import Q

from autodialer.apps.accounts.models import Account, User
from autodialer.apps.choices import one_of
from autodialer.apps.contacts.models import ContactList
from autodialer.domain.imports import WAITING, ImportStatus


class FileKind(StrEnum):
    """The file as it was sent, kept while it is worked on, or the rows that were left out."""

    UPLOADED = "uploaded"
    REJECTED = "rejected"


class ListImport(models.Model):
    """One file that became a list, is becoming one, or could not; kept for ever."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    contact_list = models.ForeignKey(
        ContactList, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    file_name = models.CharField(max_length=100)
    # SHA-256 in hexadecimal digits: tells the same file again.
    file_hash = models.CharField(max_length=64)
    reading = models.JSONField(default=dict)
    # The rows join `contact_list`, which was there before; else it is the list that was made.
    joins = models.BooleanField(default=False)
    status = models.CharField(max_length=10, default=ImportStatus.QUEUED.value)
    # Nobody has to be asked (any more) before the rows are saved.
    confirmed = models.BooleanField(default=True)
    # How often a worker has begun; also tells the present worker from one that was given up.
    tries = models.SmallIntegerField(default=0)
    # How many of these belong to rounds that came to their end.
    tries_before = models.SmallIntegerField(default=0)
    # NULL until the file has been opened.
    rows_total = models.IntegerField(null=True)
    rows_seen = models.IntegerField(default=0)
    ready = models.IntegerField(default=0)
    duplicates = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    # How many rows were left out for each code.
    problems = models.JSONField(default=dict)
    # The first row of each code, and some numbers that were read though written oddly.
    examples = models.JSONField(default=dict)
    fixes = models.JSONField(default=list)
    # What saving would do, asked at the end of the check: see `contacts.staging.Outlook`.
    outlook = models.JSONField(default=dict)
    # The transaction that saved the rows, and the database in which that is its name: what is still
    # there from it, nobody has changed.
    saved_in = models.CharField(max_length=31, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    who = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("status", ImportStatus, name="import_status_is_known"),
        ]
        indexes = [
            # The imports of an account, newest first.
            models.Index(fields=["account", "-created_at"], name="import_newest"),
            # Whether this very file was imported before.
            models.Index(fields=["account", "file_hash"], name="import_same_file"),
            # What nobody has confirmed, to be forgotten some day.
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=[status.value for status in sorted(WAITING)]),
                name="import_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} into {self.name}"


class ImportFile(models.Model):
    """A piece of at most 1 MB of a file of an import, so that no statement carries all of it."""

    list_import = models.ForeignKey(
        ListImport, on_delete=models.CASCADE, related_name="pieces", db_index=False
    )
    kind = models.CharField(max_length=8)
    seq = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            one_of("kind", FileKind, name="import_file_kind_is_known"),
            models.UniqueConstraint(
                fields=["list_import", "kind", "seq"], name="import_piece_is_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq} of {self.list_import_id}"
