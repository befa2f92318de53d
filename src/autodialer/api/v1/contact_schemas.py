"""Contacts and lists as JSON: what may be sent and what is answered."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, WithJsonSchema

from autodialer.api.fields import Body, Id, ListAsked, Reply
from autodialer.apps.contacts.batch import MOST_AT_ONCE, NewContact
from autodialer.apps.contacts.person import LENGTHS, Person

if TYPE_CHECKING:
    from autodialer.apps.contacts.queries import ContactRow, ListRow, MemberRow

# The address book itself says what is too long, together with all else that is wrong.
Text = Annotated[str, WithJsonSchema({"type": "string", "maxLength": LENGTHS["first_name"]})]
Email = Annotated[str, WithJsonSchema({"type": "string", "maxLength": LENGTHS["email"]})]
Ids = Annotated[list[Id], Field(min_length=1, max_length=MOST_AT_ONCE)]
CONTACT_ORDERS: Final = {"-created": ("-id",), "created": ("id",)}
LIST_ORDERS: Final = {
    "-created": ("-created_at", "-id"),
    "created": ("created_at", "id"),
    "name": ("name", "id"),
    "-name": ("-name", "-id"),
}


class ContactsAsked(ListAsked):
    """Which contacts, in which order."""

    search: str = Field(
        "", max_length=100, description="Part of the number, name, company, e-mail or tag."
    )
    number: str = Field("", max_length=64, description="The whole number, however it is written.")
    sort: Literal["-created", "created"] = "-created"


class ContactFields(Body):
    """What is known of a contact besides the number."""

    first_name: Text = ""
    last_name: Text = ""
    company: Text = ""
    email: Email = ""
    tag: Text = ""
    fields: dict[str, str] = Field({}, description="Fields of your own; agents see them.")

    def person(self) -> Person:
        """Return what was sent; what was not stays as it is."""
        names = {*LENGTHS, "fields"}
        return Person(**self.model_dump(include=names, exclude_unset=True))


class ContactBody(ContactFields):
    """A contact. The number may be written in any way that can be read without guessing."""

    number: str

    def contact(self) -> NewContact:
        """Return it as the address book takes it."""
        return NewContact(self.number, self.person())


class NewContactBody(ContactBody):
    """A contact, and the list at whose end it is put."""

    list_id: Id | None = None


class ContactChanges(ContactFields):
    """What shall be otherwise; what is not sent stays. `fields` replaces all of them."""

    number: str = ""


class ContactsBody(Body):
    """Many contacts, and the list at whose end they are put."""

    contacts: list[ContactBody] = Field(min_length=1, max_length=MOST_AT_ONCE)
    list_id: Id | None = None


class ContactIds(Body):
    """Several contacts."""

    contact_ids: Ids


class ContactReply(Reply):
    """A contact."""

    id: str
    number: str = Field(description="E.164")
    first_name: str
    last_name: str
    company: str
    email: str
    tag: str
    fields: dict[str, str]
    created_at: datetime


class Outcome(StrEnum):
    """What became of a contact; a duplicate's number stands further up, and that one counts."""

    CREATED = "created"
    UPDATED = "updated"
    DUPLICATE = "duplicate"


class SavedContact(Reply):
    """What became of a contact that was sent."""

    id: str
    number: str
    outcome: Outcome


class SavedContacts(Reply):
    """What became of contacts, in the order in which they were sent."""

    created: int
    updated: int
    contacts: list[SavedContact]


class DeletedReply(Reply):
    """How many were deleted."""

    deleted: int


class ListsAsked(ListAsked):
    """Which lists, in which order."""

    search: str = Field("", max_length=100, description="Part of the name.")
    sort: Literal["-created", "created", "name", "-name"] = "-created"


class ListBody(Body):
    """The name of a list; no two lists of an account have the same."""

    name: Text


class ListReply(Reply):
    """A list: a named row of contacts."""

    id: str
    name: str
    contacts: int
    made_by: str
    created_at: datetime


class ListDetail(ListReply):
    """A list with what it would mean to call it."""

    forbidden: int = Field(description="Numbers that are on the do-not-call registry now.")
    campaigns: int = Field(description="Campaigns made from it; each has its own copy.")


class MembersAsked(ListAsked):
    """Which contacts of a list."""

    search: str = Field(
        "", max_length=100, description="Part of the number, name, company, e-mail or tag."
    )


class MemberReply(Reply):
    """A contact and its place in a list; places rise, with gaps."""

    place: int
    contact: ContactReply


class AddedReply(Reply):
    """How many contacts were new to the list."""

    added: int


class RemovedReply(Reply):
    """How many contacts stood in the list."""

    removed: int


def contact_reply(row: ContactRow) -> ContactReply:
    """Return a contact as JSON."""
    return ContactReply(
        id=str(row.id),
        number=row.e164,
        first_name=row.first_name,
        last_name=row.last_name,
        company=row.company,
        email=row.email,
        tag=row.tag,
        fields=dict(row.fields),
        created_at=row.created_at,
    )


def list_reply(row: ListRow) -> ListReply:
    """Return a list as JSON."""
    return ListReply(
        id=str(row.id),
        name=row.name,
        contacts=row.contacts,
        made_by=row.made_by,
        created_at=row.created_at,
    )


def member_reply(row: MemberRow) -> MemberReply:
    """Return a contact of a list as JSON."""
    return MemberReply(place=row.seq, contact=contact_reply(row.contact))
