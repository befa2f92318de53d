"""The address book: contacts, lists, imports, and the do-not-call registry."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from autodialer.apps.accounts.models import Account, User
from autodialer.apps.texts import E164


class Contact(models.Model):
    """A person with a number; one row for each number of an account."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    e164 = models.CharField(max_length=16)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    company = models.CharField(max_length=100, blank=True)
    email = models.CharField(max_length=254, blank=True)
    tag = models.CharField(max_length=100, blank=True)
    fields = models.JSONField(default=dict)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            # One contact a number: an import of a known number updates it.
            models.UniqueConstraint(fields=["account", "e164"], name="contact_number_is_unique"),
            models.CheckConstraint(condition=Q(e164__regex=E164), name="contact_number_is_e164"),
        ]
        indexes = [
            # The address book, newest first.
            models.Index(fields=["account", "-id"], name="contact_newest"),
        ]

    def __str__(self) -> str:
        return self.e164


class ContactList(models.Model):
    """A named set of contacts, in the order of its import."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    # How many members it has: PostgreSQL counts (0002_sizes), so that no page has to.
    size = models.IntegerField(default=0, db_default=0)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="list_name_is_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class ListMember(models.Model):
    """A contact's place in a list. `seq` is the order of dialling."""

    contact_list = models.ForeignKey(
        ContactList, on_delete=models.CASCADE, related_name="members", db_index=False
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    seq = models.IntegerField()

    class Meta:
        constraints = [
            # A number stands once in a list (R13).
            models.UniqueConstraint(fields=["contact_list", "contact"], name="member_is_once"),
        ]
        indexes = [
            # The copy into a campaign reads a list in order.
            models.Index(fields=["contact_list", "seq"], name="member_order"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.contact_list_id}"


class DndEntry(models.Model):
    """A number that must not be called; asked at the instant of dialling (R7)."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_index=False)
    e164 = models.CharField(max_length=16)
    reason = models.CharField(max_length=200, blank=True, db_default="")
    added_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Also the index of the claim's question.
            models.UniqueConstraint(fields=["account", "e164"], name="dnd_number_is_once"),
            models.CheckConstraint(condition=Q(e164__regex=E164), name="dnd_number_is_e164"),
        ]
        indexes = [
            # The registry as its page shows it.
            models.Index(fields=["account", "-added_at", "-id"], name="dnd_newest"),
        ]

    def __str__(self) -> str:
        return self.e164
