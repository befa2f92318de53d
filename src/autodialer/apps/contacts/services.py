"""Writes to the address book: lists, contacts and the do-not-call registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import connection, transaction

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.permissions import Permission, Scope, require
from autodialer.apps.audit.services import Subject, record
from autodialer.apps.contacts import queries
from autodialer.apps.contacts.access import visible_contacts, visible_lists
from autodialer.apps.contacts.batch import (
    NewContact,
    callable_number,
    check_contact,
    check_contacts,
    save_contacts,
)
from autodialer.apps.contacts.models import Contact, ContactList, DndEntry, ListMember
from autodialer.apps.contacts.numbers import NumberError, parse_caller_id
from autodialer.apps.contacts.person import NOBODY
from autodialer.apps.events import hint_registry
from autodialer.apps.statements import statement
from autodialer.apps.texts import clean_name
from autodialer.apps.versions import require_unchanged
from autodialer.domain.campaign import MAX_TARGETS
from autodialer.domain.errors import (
    Complaints,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account, User
    from autodialer.apps.contacts.batch import Saved
    from autodialer.apps.contacts.person import Person

DND_BATCH: Final = 5_000
REASON_LENGTH: Final = 200
# The audit log keeps so many of the things that one act was done to.
NOTED: Final = 100


@transaction.atomic(durable=True)
def create_list(
    *, account: Account, name: str, now: datetime, actor: Actor = OPERATOR
) -> ContactList:
    """Make an empty list. Raises ConflictError when the name is taken."""
    require(actor, Permission.CREATE_LIST)
    made = new_list(account, name, now, actor.user)
    _note(actor, "create", made, now, after={"name": made.name})
    return made


def check_list_name(*, account: Account, name: str) -> str:
    """Return the name as it is stored. Raises InvalidInputError, or ConflictError when taken."""
    cleaned = clean_name(name)
    if ContactList.objects.filter(account=account, name=cleaned).exists():
        raise _name_taken(cleaned)
    return cleaned


def new_list(account: Account, name: str, now: datetime, created_by: User | None) -> ContactList:
    """Make a list inside the caller's transaction. Raises ConflictError when the name is taken."""
    cleaned = clean_name(name)
    made, is_new = ContactList.objects.get_or_create(
        account=account, name=cleaned, defaults={"created_at": now, "created_by": created_by}
    )
    if not is_new:
        raise _name_taken(cleaned)
    return made


def list_of_numbers(
    account: Account, actor: Actor, name: str, numbers: Sequence[str], now: datetime
) -> ContactList:
    """Make a list of these numbers, in their order, inside the caller's transaction.

    Its name is the given one, or the next that is free. Raises InvalidInputError, which names every
    number that cannot be dialled by its place.
    """
    require(actor, Permission.CREATE_LIST)
    checked = check_contacts(account, [NewContact(number) for number in numbers], "from")
    made = new_list(account, _free_list_name(account, clean_name(name)), now, actor.user)
    first = {str(one["e164"]): one for one in checked}
    saved = save_contacts(account, first.values(), now, by=actor.user)
    _append(account, actor, made.pk, [saved[e164].id for e164 in first], now)
    _note(actor, "create", made, now, after={"name": made.name})
    return made


def list_to_join(account: Account, list_id: int) -> ContactList:
    """Return a list, locked until the caller's commit. Raises NotFoundError when it is gone."""
    lists = ContactList.objects.select_for_update(no_key=True).filter(account=account)
    found = lists.filter(pk=list_id).first()
    if found is None:
        raise NotFoundError("The list was deleted meanwhile, and nothing was saved.")
    return found


def require_room(found: ContactList) -> None:
    """Raise InvalidInputError when a list has become longer than what a campaign dials."""
    if ListMember.objects.filter(contact_list=found).count() > MAX_TARGETS:
        raise InvalidInputError(
            "contacts",
            f"A list holds at most {MAX_TARGETS:,} contacts: put the rest into another one.",
            "list_too_big",
        )


@transaction.atomic(durable=True)
def rename_list(
    *,
    account: Account,
    list_id: int,
    name: str,
    now: datetime,
    seen: str | None = None,
    actor: Actor = OPERATOR,
) -> ContactList:
    """Give a list another name; `seen` is the version of `queries.list_facts` that was looked at.

    Raises NotFoundError, ChangedMeanwhileError, or ConflictError when the name is taken.
    """
    found = _locked_list(account, actor, list_id, Permission.EDIT_LIST)
    before = queries.list_facts(found.name)
    require_unchanged(before, seen)
    cleaned = clean_name(name)
    others = ContactList.objects.filter(account=account, name=cleaned).exclude(pk=found.pk)
    if others.exists():
        raise _name_taken(cleaned)
    found.name = cleaned
    found.save(update_fields=["name"])
    _note(actor, "rename", found, now, before=before, after=queries.list_facts(cleaned))
    return found


@transaction.atomic(durable=True)
def delete_list(*, account: Account, list_id: int, now: datetime, actor: Actor = OPERATOR) -> None:
    """Delete a list; its contacts stay, and campaigns keep their copy (R12)."""
    found = _locked_list(account, actor, list_id, Permission.DELETE_LIST)
    before = {"name": found.name, "contacts": found.members.count()}
    _note(actor, "delete", found, now, before=before)
    found.delete()


@transaction.atomic(durable=True)
def add_to_list(
    *,
    account: Account,
    list_id: int,
    contact_ids: Sequence[int],
    now: datetime,
    actor: Actor = OPERATOR,
) -> int:
    """Put contacts at the end of a list, in this order; return how many were new to it.

    Those that stand in it keep their place. Raises NotFoundError for a list or contact that the
    actor may not see, InvalidInputError when the list would grow beyond what a campaign dials.
    """
    return _append(account, actor, list_id, contact_ids, now)


@transaction.atomic(durable=True)
def remove_from_list(
    *,
    account: Account,
    list_id: int,
    contact_ids: Sequence[int],
    now: datetime,
    actor: Actor = OPERATOR,
) -> int:
    """Take contacts out of a list; return how many stood in it. The others keep their place."""
    found = _locked_list(account, actor, list_id, Permission.EDIT_LIST)
    members = ListMember.objects.filter(contact_list=found, contact__in=contact_ids)
    removed, _ = members.delete()
    noted = list(contact_ids)[:NOTED]
    _note(actor, "remove", found, now, before={"count": removed, "contacts": noted})
    return removed


@transaction.atomic(durable=True)
def create_contact(
    *,
    account: Account,
    number: str,
    now: datetime,
    person: Person = NOBODY,
    list_id: int | None = None,
    actor: Actor = OPERATOR,
) -> Contact:
    """Make a contact, at the end of a list if one is given.

    Raises InvalidInputError for all that is wrong, ConflictError when the number is
    there, and what `add_to_list` raises.
    """
    require(actor, Permission.CREATE_LIST)
    values = check_contact(account, NewContact(number, person))
    e164 = values.pop("e164")
    made, is_new = Contact.objects.get_or_create(
        account=account,
        e164=e164,
        defaults={"created_by": actor.user, "created_at": now, **values},
    )
    if not is_new:
        raise ConflictError(f"There is a contact with the number {e164} already.")
    _note(actor, "create", made, now, after=queries.contact_facts(made))
    if list_id is not None:
        _append(account, actor, list_id, [made.pk], now)
    return made


@transaction.atomic(durable=True)
def add_contacts(
    *,
    account: Account,
    contacts: Sequence[NewContact],
    now: datetime,
    list_id: int | None = None,
    actor: Actor = OPERATOR,
) -> list[Saved]:
    """Put contacts into the address book, and at the end of a list if one is given; return each.

    All or none. A known number is updated and no value wiped out; of a number that is given twice
    the first counts. Raises InvalidInputError for all that is wrong, ConflictError for a
    contact that the actor may not change, and what `add_to_list` raises.
    """
    require(actor, Permission.CREATE_LIST)
    of_all = require(actor, Permission.EDIT_LIST) is Scope.ALL
    checked = check_contacts(account, contacts)
    first = {str(one["e164"]): one for one in reversed(checked)}
    owner = None if of_all else actor.user
    saved = save_contacts(account, first.values(), now, by=actor.user, owner=owner)
    for e164 in first.keys() - saved.keys():
        raise ConflictError(f"There is a contact with the number {e164} already.")
    found = [saved[str(one["e164"])] for one in checked]
    record(
        account=account,
        actor=actor,
        action="contact.add",
        subject=Subject("contacts", account.pk),
        after={"count": len(first), "numbers": list(first)[:NOTED]},
        now=now,
    )
    if list_id is not None:
        _append(account, actor, list_id, [one.id for one in found], now)
    return found


@transaction.atomic(durable=True)
def edit_contact(
    *,
    account: Account,
    contact_id: int,
    now: datetime,
    person: Person = NOBODY,
    number: str | None = None,
    seen: str | None = None,
    actor: Actor = OPERATOR,
) -> Contact:
    """Change what is known of a contact; campaigns that were made before keep what they copied.

    `seen` is the version of `queries.contact_facts` that was looked at. Raises NotFoundError,
    InvalidInputError for all that is wrong, ChangedMeanwhileError, or ConflictError for a known
    number.
    """
    require(actor, Permission.EDIT_LIST)
    queries.contact(account, actor, contact_id)
    found = Contact.objects.select_for_update().get(pk=contact_id)
    before = queries.contact_facts(found)
    require_unchanged(before, seen)
    changes: dict[str, object] = {}
    complaints = Complaints()
    if number is not None:
        with complaints.at():
            changes["e164"] = callable_number(account, number)
    with complaints.at():
        changes |= person.changes()
    complaints.check()
    e164 = changes.get("e164", found.e164)
    if e164 != found.e164 and Contact.objects.filter(account=account, e164=e164).exists():
        raise ConflictError(f"There is a contact with the number {e164} already.")
    for name, value in changes.items():
        setattr(found, name, value)
    found.save(update_fields=list(changes))
    _note(actor, "edit", found, now, before=before, after=queries.contact_facts(found))
    return found


@transaction.atomic(durable=True)
def delete_contacts(
    *, account: Account, contact_ids: Sequence[int], now: datetime, actor: Actor = OPERATOR
) -> None:
    """Delete contacts, also from their lists. Raises NotFoundError unless all are there."""
    queries.require_contacts(account, actor, contact_ids)
    contacts = visible_contacts(account, actor, Permission.DELETE_LIST).filter(pk__in=contact_ids)
    numbers = list(contacts.order_by("pk").values_list("e164", flat=True))
    contacts.delete()
    record(
        account=account,
        actor=actor,
        action="contact.delete",
        subject=Subject("contacts", account.pk),
        before={"count": len(numbers), "numbers": numbers[:NOTED]},
        now=now,
    )


@dataclass(frozen=True, slots=True)
class BadNumber:
    """A line that is no telephone number, and why."""

    line: int
    raw: str
    code: str
    cause: str


@dataclass(frozen=True, slots=True)
class DndAdded:
    """What became of some lines: new, on the registry or repeated, and no numbers."""

    added: int
    known: int
    rejected: tuple[BadNumber, ...]


@transaction.atomic(durable=True)
def add_dnd_numbers(
    *,
    account: Account,
    numbers: Sequence[str],
    now: datetime,
    reason: str = "",
    actor: Actor = OPERATOR,
) -> int:
    """Forbid calls to these numbers from this instant on; return how many were new.

    All or nothing: raises InvalidInputError, naming each text that is no telephone number.
    """
    require(actor, Permission.ADD_DND)
    wanted = sorted(_e164s(account, numbers))
    return insert_dnd(account, wanted, now, actor, clean_reason(reason))


@transaction.atomic(durable=True)
def add_dnd_lines(
    *, account: Account, text: str, now: datetime, reason: str = "", actor: Actor = OPERATOR
) -> DndAdded:
    """Forbid calls to the numbers of a text, one a line; lines that are none are handed back.

    Blank lines are skipped. Raises InvalidInputError for a reason that is too long.
    """
    require(actor, Permission.ADD_DND)
    because = clean_reason(reason)
    numbers: set[str] = set()
    rejected: list[BadNumber] = []
    lines = [(at, line.strip()) for at, line in enumerate(text.splitlines(), start=1)]
    asked = [(at, line) for at, line in lines if line]
    for at, line in asked:
        try:
            numbers.add(parse_caller_id(line, account.region))
        except NumberError as error:
            rejected.append(BadNumber(at, line, error.code, str(error)))
    added = insert_dnd(account, sorted(numbers), now, actor, because) if numbers else 0
    return DndAdded(added, len(asked) - len(rejected) - added, tuple(rejected))


def clean_reason(raw: str) -> str:
    """Return why numbers are not to be called, as it is stored. Raises InvalidInputError."""
    return clean_name(raw, field="reason", most=REASON_LENGTH) if raw.strip() else ""


def insert_dnd(
    account: Account, e164s: Sequence[str], now: datetime, actor: Actor, reason: str = ""
) -> int:
    """Add parsed numbers inside the caller's transaction; return how many were new."""
    before = queries.dnd_count(account)
    DndEntry.objects.bulk_create(
        [
            DndEntry(account=account, e164=e164, reason=reason, added_by=actor.user, added_at=now)
            for e164 in e164s
        ],
        batch_size=DND_BATCH,
        ignore_conflicts=True,
    )
    added = queries.dnd_count(account) - before
    _record_dnd(account, actor, "add", e164s, count=added, now=now)
    hint_registry()
    return added


@transaction.atomic(durable=True)
def remove_dnd_numbers(
    *, account: Account, numbers: Sequence[str], now: datetime, actor: Actor = OPERATOR
) -> int:
    """Allow calls to these numbers again; return how many were on the registry. Admins only."""
    require(actor, Permission.REMOVE_DND)
    wanted = _e164s(account, numbers)
    removed, _ = DndEntry.objects.filter(account=account, e164__in=wanted).delete()
    _record_dnd(account, actor, "remove", sorted(wanted), count=removed, now=now)
    return removed


def _e164s(account: Account, numbers: Sequence[str]) -> set[str]:
    """Return the numbers as E.164. Raises InvalidInputError, naming each that is none."""
    found: set[str] = set()
    complaints = Complaints()
    for at, number in enumerate(numbers):
        with complaints.at():
            try:
                found.add(parse_caller_id(number, account.region))
            except NumberError as error:
                sentence = f"{number[:40]!r}: {error}"
                raise InvalidInputError(f"numbers/{at}", sentence, error.code) from None
    complaints.check()
    return found


def _record_dnd(
    account: Account, actor: Actor, verb: str, e164s: Sequence[str], *, count: int, now: datetime
) -> None:
    """Note the change; of a whole file the first numbers only, entries tell their time."""
    record(
        account=account,
        actor=actor,
        action=f"dnd.{verb}",
        subject=Subject("dnd", account.pk),
        after={"count": count, "numbers": list(e164s[:NOTED])},
        now=now,
    )


def _note(
    actor: Actor,
    verb: str,
    subject: ContactList | Contact,
    now: datetime,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    kind = "list" if isinstance(subject, ContactList) else "contact"
    record(
        account=subject.account,
        actor=actor,
        action=f"{kind}.{verb}",
        subject=Subject(kind, subject.pk),
        before=before,
        after=after,
        now=now,
    )


def _append(
    account: Account, actor: Actor, list_id: int, contact_ids: Sequence[int], now: datetime
) -> int:
    found = _locked_list(account, actor, list_id, Permission.EDIT_LIST)
    wanted = list(dict.fromkeys(contact_ids))
    queries.require_contacts(account, actor, wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            statement("contacts", "add_members"), {"list_id": found.pk, "contact_ids": wanted}
        )
        added = int(cursor.rowcount)
    require_room(found)
    _note(actor, "add", found, now, after={"count": added, "contacts": wanted[:NOTED]})
    return added


def _locked_list(
    account: Account, actor: Actor, list_id: int, permission: Permission
) -> ContactList:
    """Return the list, locked until commit: two who add at once count one after the other."""
    lists = visible_lists(account, actor, permission).select_for_update(of=("self",), no_key=True)
    found = lists.filter(pk=list_id).first()
    if found is None:
        raise queries.no_such_list(list_id)
    return found


def _free_list_name(account: Account, name: str) -> str:
    lists = ContactList.objects.filter(account=account, name__startswith=name[:90])
    taken, candidate, number = set(lists.values_list("name", flat=True)), name, 2
    while candidate in taken:
        candidate, number = f"{name[:90]} ({number})", number + 1
    return candidate


def _name_taken(name: str) -> ConflictError:
    return ConflictError(f"There is a list called {name!r} already: choose another name.")
