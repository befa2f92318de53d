"""One call that a program asks for: the agent's phone first, then the number."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device
from autodialer.apps.calls.models import Attempt, Node, Session
from autodialer.apps.calls.services import connect_call, start_session
from autodialer.apps.calls.start import CannotStartError, DoNotCallError, NotAnAgentError
from autodialer.apps.campaigns import listing
from autodialer.apps.campaigns.models import Callbacks, Campaign, CampaignAgent, Target
from autodialer.apps.campaigns.queries import campaign_names, campaign_rows
from autodialer.apps.campaigns.services import change_tells, create_campaign
from autodialer.apps.campaigns.tells import Tells, tells_of
from autodialer.apps.campaigns.terms import Terms
from autodialer.apps.contacts.models import Contact, ContactList
from autodialer.apps.contacts.numbers import NumberError
from autodialer.apps.contacts.services import add_dnd_numbers
from autodialer.domain.errors import InvalidInputError, NotAllowedError
from tests.support.book import NOON, Book, make_book

NUMBER = "+919876543210"


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def connect(book: Book, number: str = NUMBER, **changes: object) -> Session:
    values: dict[str, object] = {
        "phone": book.device.address,
        "caller_id": book.caller_id.pk,
        "now": NOON,
        **changes,
    }
    session_id = connect_call(account=book.account, number=number, **values)  # type: ignore[arg-type]
    return Session.objects.get(pk=session_id)


def refused(book: Book, **changes: object) -> str:
    """The code of the refusal; nothing must be left of the call."""
    with pytest.raises((CannotStartError, NumberError, DoNotCallError)) as found:
        connect(book, **changes)  # type: ignore[arg-type]
    assert not Session.objects.exists()
    assert not Campaign.objects.exists()
    return found.value.code


def test_a_single_call_queues_the_agent_for_one_number(book: Book) -> None:
    session = connect(book, "098765 43210", tells=Tells(custom_field="order 7"))
    assert (session.status, session.user, session.device) == ("queued", book.agent, book.device)
    campaign = session.campaign
    assert (campaign.kind, campaign.status, campaign.target_count) == ("call", "in-progress", 1)
    assert campaign.ends_at - campaign.starts_at == timedelta(minutes=3)
    target = Target.objects.get(campaign=campaign)
    assert (target.e164, target.status, target.max_tries) == (NUMBER, "scheduled", 1)
    assert CampaignAgent.objects.get(campaign=campaign).user == book.agent
    assert Callbacks.objects.get(campaign=campaign).custom_field == "order 7"


def test_the_agents_screen_knows_the_called_person_of_the_address_book(book: Book) -> None:
    known = Contact.objects.filter(account=book.account).earliest("pk")
    session = connect(book, known.e164)
    assert Target.objects.get(campaign=session.campaign).contact["first_name"] == known.first_name


def test_no_list_of_campaigns_shows_a_single_call(book: Book) -> None:
    connect(book)
    assert campaign_rows(book.account) == []
    assert campaign_names(book.account) == []
    assert listing.entries(book.account, OPERATOR, listing.Wanted()) == []
    assert not listing.has_any(book.account, OPERATOR)


def test_two_single_calls_to_one_number_need_no_two_names(book: Book) -> None:
    first = connect(book)
    Session.objects.update(status="ended", ended_at=NOON)
    assert connect(book).campaign.name == first.campaign.name


def test_the_agent_is_found_by_a_telephone_number_however_it_is_written(book: Book) -> None:
    phone = add_device(
        account=book.account,
        user_id=book.agent.pk,
        kind=DeviceKind.PHONE,
        address="9812345678",
        now=NOON,
    )
    assert connect(book, phone="09812345678").device == phone


def test_what_is_no_phone_of_an_agent_is_called_by_nobody(book: Book) -> None:
    for phone in ("+919999999999", "sip:abc", "", "a\0b"):
        with pytest.raises(NotAnAgentError, match="no phone of an agent"):
            connect(book, phone=phone)
    other = make_book("Bharat")
    with pytest.raises(NotAnAgentError):
        connect(book, phone=other.device.address)


def test_an_agent_in_a_session_gets_no_second_call(book: Book) -> None:
    start_session(
        account=book.account, campaign_id=book.campaign().pk, user_id=book.agent.pk, now=NOON
    )
    with pytest.raises(CannotStartError) as found:
        connect(book)
    assert found.value.code == "already_connected"


def test_the_rules_of_campaigns_hold_for_a_single_call(book: Book) -> None:
    assert refused(book, number="112") == "number_emergency"
    assert refused(book, number=book.caller_id.e164) == "number_is_ours"
    assert refused(book, now=NOON + timedelta(hours=12)) == "outside_window"
    add_dnd_numbers(account=book.account, numbers=[NUMBER], now=NOON)
    assert refused(book) == "do_not_call"
    with pytest.raises(InvalidInputError, match="Choose 30 to"):
        connect(book, "+919876543211", terms=Terms(max_talk_s=14_401))


def test_a_number_that_was_called_a_moment_ago_rests(book: Book) -> None:
    session = connect(book)
    node = Node.objects.create(name="node", created_at=NOON)
    attempt = Attempt.objects.create(
        id=uuid4(),
        account=book.account,
        campaign=session.campaign,
        target=Target.objects.get(campaign=session.campaign),
        session=session,
        user=book.agent,
        node=node,
        e164=NUMBER,
        caller_id=book.caller_id.e164,
        try_no=1,
        placed_at=NOON,
    )
    Session.objects.update(status="ended", ended_at=NOON)
    with pytest.raises(CannotStartError, match="in a call of this account"):
        connect(book)
    Attempt.objects.filter(pk=attempt.pk).update(state="ended", status="busy", ended_at=NOON)
    with pytest.raises(CannotStartError, match="call again at 10:31"):
        connect(book, now=NOON + timedelta(seconds=59))
    assert connect(book, now=NOON + timedelta(seconds=60)).status == "queued"


def test_nobody_makes_another_ones_phone_ring(book: Book) -> None:
    with pytest.raises(NotAllowedError, match="start another agent"):
        connect(book, actor=Actor.of(book.supervisor))


# Campaigns of numbers --------------------------------------------------------------------------


def of_numbers(book: Book, *numbers: str, name: str = "Onam") -> Campaign:
    return create_campaign(
        account=book.account,
        actor=Actor.of(book.supervisor),
        name=name,
        numbers=numbers,
        group_id=book.group.pk,
        caller_id=book.caller_id.pk,
        tells=Tells(call_url="https://crm.example/calls"),
        now=NOON,
    )


def test_a_campaign_of_numbers_makes_a_list_of_them_in_their_order(book: Book) -> None:
    campaign = of_numbers(book, "9876543212", "9876543211", "+919876543212")
    dialled = Target.objects.filter(campaign=campaign).order_by("seq")
    assert [target.e164 for target in dialled] == ["+919876543212", "+919876543211"]
    assert campaign.contact_list is not None
    assert (campaign.contact_list.name, campaign.contact_list.size) == ("Onam", 2)
    assert (
        tells_of(book.account, [campaign.pk])[campaign.pk].call_url == "https://crm.example/calls"
    )


def test_the_list_of_a_campaigns_numbers_takes_the_next_free_name(book: Book) -> None:
    campaign = of_numbers(book, "9876543212", name="Leads")
    assert campaign.contact_list is not None
    assert campaign.contact_list.name == "Leads (2)"


def test_one_bad_number_leaves_neither_campaign_nor_list(book: Book) -> None:
    with pytest.raises(InvalidInputError) as refused:
        of_numbers(book, "9876543212", "12")
    assert refused.value.field == "from/1/number"
    assert not Campaign.objects.exists()
    assert ContactList.objects.count() == 1


def test_who_is_told_of_a_campaign_changes_while_it_runs(book: Book) -> None:
    campaign = of_numbers(book, "9876543212")
    change_tells(
        account=book.account,
        campaign_id=campaign.pk,
        actor=Actor.of(book.supervisor),
        tells=Tells(number_url="https://crm.example/numbers", call_url=""),
        now=NOON,
    )
    told = tells_of(book.account, [campaign.pk])[campaign.pk]
    assert (told.call_url, told.number_url) == ("", "https://crm.example/numbers")
    with pytest.raises(InvalidInputError, match="public internet"):
        change_tells(
            account=book.account,
            campaign_id=campaign.pk,
            actor=Actor.of(book.supervisor),
            tells=Tells(campaign_url="http://127.0.0.1/"),
            now=NOON,
        )
