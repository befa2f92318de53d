"""Whose lists and contacts an actor may see: agents their own, supervisors and admins all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodialer.apps.accounts.models import Role
from autodialer.apps.contacts.models import Contact, ContactList

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account


def visible_lists(account: Account, actor: Actor) -> QuerySet[ContactList]:
    """Return the lists that the actor may see, edit and delete."""
    lists = ContactList.objects.filter(account=account)
    return lists.filter(created_by=actor.user) if actor.role is Role.AGENT else lists


def visible_contacts(account: Account, actor: Actor) -> QuerySet[Contact]:
    """Return the contacts that the actor may see, edit and delete."""
    contacts = Contact.objects.filter(account=account)
    return contacts.filter(created_by=actor.user) if actor.role is Role.AGENT else contacts
