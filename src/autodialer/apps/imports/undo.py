"""Taking an import back: what it has put into the address book, as far as it is still as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection, transaction

from autodialer.apps.accounts.permissions import Permission, require
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.contacts.queries import campaigns_of_list, list_row
from autodialer.apps.contacts.services import list_to_join
from autodialer.apps.events import tell_screens
from autodialer.apps.imports import queries
from autodialer.apps.statements import statement
from autodialer.domain.errors import ConflictError
from autodialer.domain.imports import UNDONE_WITHIN, ImportStatus, check_move
from autodialer.ports.screens import Shown

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.backends.utils import CursorWrapper

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.models import ContactList
    from autodialer.apps.imports.models import ListImport


class NotUndoableError(ConflictError):
    """It is too old, what it saved is in use, or a backup was restored: change the list by hand."""

    code = "import_not_undoable"


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back: places in the list, and contacts of which nothing else was known."""

    members: int
    contacts: int
    is_list_gone: bool


@transaction.atomic(durable=True)
def undo_import(*, account: Account, actor: Actor, import_id: int, now: datetime) -> Undone:
    """Take back what an import of the last 24 hours has saved.

    Its rows leave the list, and a list that it made is deleted when nobody has added to it. The
    contacts that it made go, unless they were changed since or stand in another list; contacts
    that were known before keep what the file said of them. Campaigns keep their copies; after one
    was made of the list, or a backup was restored, nothing is taken back any more. Raises
    NotFoundError, NotAllowedError, IllegalTransitionError, NotUndoableError.
    """
    require(actor, Permission.CREATE_LIST)
    found = _locked(account, actor, import_id, now)
    # The list may be deleted with it.
    list_row(account, actor, found.contact_list_id or 0, Permission.DELETE_LIST)
    into = list_to_join(account, found.contact_list_id or 0)
    _check_unused(account, found)
    with connection.cursor() as cursor:
        saved: dict[str, int | str | datetime | None] = {
            "list_id": into.pk,
            "saved_in": _saved_in(cursor, import_id),
            "saved_at": found.finished_at,
        }
        cursor.execute(statement("contacts", "import_undo"), saved)
        members, contacts = cursor.fetchone()
        cursor.execute(statement("imports", "mark_undone"), {"import_id": import_id, "now": now})
    undone = Undone(members, contacts, not found.joins and not into.members.exists())
    _note(actor, into, found, undone, now)
    if undone.is_list_gone:
        into.delete()
    return undone


def check_undoable(account: Account, actor: Actor, import_id: int, now: datetime) -> None:
    """Refuse what `undo_import` would refuse now.

    Raises NotFoundError, NotAllowedError, IllegalTransitionError, NotUndoableError.
    """
    require(actor, Permission.CREATE_LIST)
    found = queries.visible_imports(account, actor).filter(pk=import_id).first()
    _check_unused(account, _checked(found, import_id, now))
    with connection.cursor() as cursor:
        _saved_in(cursor, import_id)


def _locked(account: Account, actor: Actor, import_id: int, now: datetime) -> ListImport:
    imports = queries.visible_imports(account, actor).select_for_update(of=("self",))
    return _checked(imports.filter(pk=import_id).first(), import_id, now)


def _checked(found: ListImport | None, import_id: int, now: datetime) -> ListImport:
    if found is None:
        raise queries.no_such_import(import_id)
    check_move(found.status, ImportStatus.UNDONE)
    if found.finished_at is None or now > found.finished_at + UNDONE_WITHIN:
        raise NotUndoableError("It was saved more than 24 hours ago: change the list by hand.")
    if found.contact_list_id is None:
        raise NotUndoableError("Its list was deleted: there is nothing to take back.")
    return found


def _check_unused(account: Account, found: ListImport) -> None:
    if campaigns_of_list(account, found.contact_list_id or 0, since=found.finished_at):
        raise NotUndoableError("A campaign was made of this list since: change the list by hand.")


def _saved_in(cursor: CursorWrapper, import_id: int) -> str:
    """Return the transaction by which PostgreSQL still knows what was saved."""
    cursor.execute(statement("imports", "saved_here"), {"import_id": import_id})
    row = cursor.fetchone()
    if row is None:
        raise NotUndoableError(
            "A backup was restored since, and what came with this import cannot be told any more: "
            "change the list by hand."
        )
    return str(row[0])


def _note(
    actor: Actor, into: ContactList, found: ListImport, undone: Undone, now: datetime
) -> None:
    record(
        account=into.account,
        actor=actor,
        action="list.import_undo",
        subject=Subject("list", into.pk),
        before={"name": into.name, "file": found.file_name, "sha256": found.file_hash},
        after={
            "members_removed": undone.members,
            "contacts_deleted": undone.contacts,
            "list_deleted": undone.is_list_gone,
        },
        now=now,
    )
    tell_screens(into.account_id, Shown.IMPORT, found.pk)
