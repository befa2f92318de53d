"""Two accounts with one of everything, for tests that open every address as everybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import Role, User
from autodialer.apps.accounts.services import create_user
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.contacts.models import Contact, DndEntry
from autodialer.apps.contacts.services import add_dnd_numbers
from autodialer.apps.exports.services import ask_export
from autodialer.apps.imports.models import ListImport
from autodialer.apps.keys.services import create_key
from autodialer.apps.webhooks.models import Delivery
from autodialer.domain.exports import Takeaway
from tests.support.book import NOON, Book, make_book
from tests.support.outbox import endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class World:
    """One account: its people, and the id of one thing of each kind that an address can name."""

    book: Book
    outsider: User  # an agent who takes part in no campaign
    campaign: Campaign
    ids: Mapping[str, object] = field(default_factory=dict)

    def person(self, who: str) -> User:
        """Return asha (supervisor), devi (admin), bina (agent in the campaign) or esha (not)."""
        book = self.book
        people = (book.supervisor, book.admin, book.agent, self.outsider)
        return {user.name.lower(): user for user in people}[who]


def make_world(name: str) -> World:
    """Make an account with a campaign in progress, an agent in a session, and a finished call."""
    book = make_book(name)
    outsider = create_user(
        account=book.account,
        email=f"esha@{name.lower()}.example",
        name="Esha",
        role=Role.AGENT,
        now=NOON,
    )
    campaign = book.campaign()
    session_id = start_session(
        account=book.account,
        campaign_id=campaign.pk,
        user_id=book.agent.pk,
        now=NOON + SECOND,
        actor=Actor.of(book.agent),
    ).session_id
    told = endpoint(book)
    attempt_id = _finished_call(campaign, Session.objects.get(pk=session_id)).pk
    ids = {
        "endpoint_id": told.pk,
        "delivery_id": Delivery.objects.filter(account=book.account).latest("pk").pk,
        "campaign_id": campaign.pk,
        "session_id": session_id,
        "attempt_id": attempt_id,
        "list_id": book.list_id,
        "contact_id": Contact.objects.filter(account=book.account).earliest("pk").pk,
        "import_id": ListImport.objects.filter(account=book.account).latest("pk").pk,
        "entry_id": _entry(book).pk,
        "export_id": _export(book),
        "user_id": book.agent.pk,
        "group_id": book.group.pk,
        "device_id": book.device.pk,
        "caller_id": book.caller_id.pk,
        "key_id": create_key(
            account=book.account, actor=OPERATOR, name="CRM", scopes=["campaigns:read"], now=NOON
        ).id,
    }
    return World(book, outsider, campaign, ids)


def _export(book: Book) -> int:
    return ask_export(account=book.account, what=Takeaway.LIST, subject_id=book.list_id, now=NOON)


def _entry(book: Book) -> DndEntry:
    add_dnd_numbers(account=book.account, numbers=["9811111111"], now=NOON)
    return DndEntry.objects.get(account=book.account)


def _finished_call(campaign: Campaign, session: Session) -> Attempt:
    node, _ = Node.objects.get_or_create(name="main", defaults={"epoch": 1, "created_at": NOON})
    target = Target.objects.filter(campaign=campaign).earliest("seq")
    return Attempt.objects.create(
        id=uuid4(),
        account=campaign.account,
        campaign=campaign,
        target=target,
        session=session,
        user=session.user,
        node=node,
        e164=target.e164,
        caller_id=campaign.caller_id.e164,
        try_no=1,
        state="ended",
        status="completed",
        placed_at=NOON + SECOND,
        answered_at=NOON + 2 * SECOND,
        ended_at=NOON + 9 * SECOND,
    )
