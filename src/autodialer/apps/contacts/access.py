"""Whose lists and contacts an actor may see: agents their own, supervisors and admins all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodialer.apps.accounts.permissions import Permission, Scope, require
from autodialer.apps.contacts.models import Contact, ContactList

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account


def visible_lists(
    account: Account, actor: Actor, permission: Permission = Permission.VIEW_LIST
) -> QuerySet[ContactList]:
    """Return the lists with which the actor may do this. Raises NotAllowedError."""
    lists = ContactList.objects.filter(account=account)
    is_all = sees_all(actor, permission)
    return lists if is_all else lists.filter(created_by=actor.user)


def visible_contacts(
    account: Account, actor: Actor, permission: Permission = Permission.VIEW_LIST
) -> QuerySet[Contact]:
    """Return the contacts with which the actor may do this. Raises NotAllowedError."""
    contacts = Contact.objects.filter(account=account)
    is_all = sees_all(actor, permission)
    return contacts if is_all else contacts.filter(created_by=actor.user)


def sees_all(actor: Actor, permission: Permission = Permission.VIEW_LIST) -> bool:
    """Return whether the actor may do this with all of the account's. Raises NotAllowedError."""
    return require(actor, permission) is Scope.ALL
