"""Live screens on a real web process, a real PostgreSQL and raw sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, TypeVar

import psycopg
import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connections
from django.test import Client
from pytest_django import DjangoDbBlocker
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from autodialer.adapters.pg.store import PgStore
from autodialer.apps.accounts.actor import Actor
from autodialer.apps.accounts.services import change_account, set_user_active
from autodialer.apps.calls.models import Node
from autodialer.apps.calls.services import start_session
from autodialer.apps.campaigns.models import Campaign
from autodialer.ops.paths import Paths
from autodialer.ops.process import free_port
from autodialer.ops.web import WebProcess
from autodialer.web.sip_bridge import MOST_SOCKETS
from tests.contract.store_world import claimed, lease_of, new_attempt
from tests.support.book import NOON, Book, make_book
from tests.support.database import Databases, django_on
from tests.support.live_page import LivePage

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import User

# The connections that have said LISTEN last are the hub's and that of the API's events.
KILL_LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND query LIKE 'LISTEN %'"""

SIP = Subprotocol("sip")
T = TypeVar("T")

NUMBERS = count()
# The hub looks every five seconds; a busy test machine may need a little longer.
FIVE_SECONDS = 7.0


@pytest.fixture(scope="module")
def database(databases: Databases, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """One database for all tests of this module; each has an account of its own."""
    with databases.copy() as url, django_on(url), django_db_blocker.unblock():
        yield url


@pytest.fixture(scope="module")
def web(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    """A web process with the topics of `live_site`."""
    paths = Paths.below(tmp_path_factory.mktemp("web"))
    process = WebProcess(
        paths,
        database,
        port=free_port(),
        module="tests.web.live_site",
        extra={"AUTODIALER_SECRET_KEY": settings.SECRET_KEY},
    )
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def book(database: str) -> Book:
    return make_book(f"Acme{next(NUMBERS)}")


@pytest.fixture
def campaign(book: Book) -> Campaign:
    return book.campaign()


def signed_in(user: User) -> str:
    """The session cookie of a browser in which the user has signed in."""
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def sign_out(user: User) -> None:
    """End the browser sessions of the user."""
    ids = [
        each.pk
        for each in Session.objects.all()
        if each.get_decoded()["_auth_user_id"] == str(user.pk)
    ]
    assert Session.objects.filter(pk__in=ids).delete()[0] > 0


async def in_thread(work: Callable[[], T]) -> T:
    """Do something of Django's, in a thread whose connection is closed again."""

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


@asynccontextmanager
async def page(web: WebProcess, user: User, *topics: str) -> AsyncIterator[LivePage]:
    """A page of this person that watches these topics."""
    session = await in_thread(lambda: signed_in(user))
    opened = await LivePage.open(web.port, topics, session)
    try:
        yield opened
    finally:
        await opened.close()


def start(book: Book, campaign: Campaign) -> None:
    """Bina presses Start."""
    start_session(
        account=book.account,
        campaign_id=campaign.pk,
        user_id=book.agent.pk,
        now=NOON,
        actor=Actor.of(book.agent),
    )


async def test_a_page_gets_the_present_state_and_then_what_changes(
    web: WebProcess, book: Book, campaign: Campaign
) -> None:
    async with page(web, book.agent, "agent") as opened:
        await opened.until(lambda page: page.shown == {"agent": "Bina is off"})
        await in_thread(lambda: start(book, campaign))
        await opened.until(lambda page: page.shown == {"agent": "Bina is connecting"}, 2)


async def test_what_the_dialer_tells_arrives(
    web: WebProcess, database: str, book: Book, campaign: Campaign
) -> None:
    await in_thread(lambda: start(book, campaign))
    async with (
        page(web, book.supervisor, f"campaign:{campaign.pk}") as opened,
        PgStore(database) as store,
    ):
        counts = f"counts-{campaign.pk}"
        await opened.until(lambda page: "supervisor: scheduled 3" in page.shown.get(counts, ""))
        lease = await lease_of(store)
        sessions = [order.session_id for order in await store.take_sessions(lease, 100, NOON)]
        for session_id in sessions:  # also those of other tests
            await store.mark_ready(lease, session_id, NOON)
            claimed(await store.claim(lease, session_id, new_attempt(), NOON))
        await store.tell_screens(sessions)
        await opened.until(lambda page: "in-progress 1" in page.shown.get(counts, ""), 3)


async def test_what_nobody_told_arrives_within_five_seconds(
    web: WebProcess, database: str, book: Book, campaign: Campaign
) -> None:
    async with page(web, book.supervisor, f"campaign:{campaign.pk}") as opened:
        await opened.until(lambda page: page.shown)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "UPDATE campaigns_target SET status = 'invalid' WHERE campaign_id = %s",
                [campaign.pk],
            )
        counts = f"counts-{campaign.pk}"
        await opened.until(lambda page: "invalid 3" in page.shown.get(counts, ""), FIVE_SECONDS)


async def test_a_quiet_page_hears_that_its_figures_are_right(
    web: WebProcess, book: Book, campaign: Campaign
) -> None:
    async with page(web, book.supervisor, f"campaign:{campaign.pk}") as opened:
        await opened.until(lambda page: page.events > 2, 2 * FIVE_SECONDS)
        assert 0 <= opened.age_ms < 6_000


async def test_nobody_sees_by_another_role(web: WebProcess, book: Book, campaign: Campaign) -> None:
    for user, role in ((book.supervisor, "supervisor"), (book.agent, "agent")):
        async with page(web, user, f"campaign:{campaign.pk}") as opened:
            await opened.until(lambda page: page.shown)
            assert f"<p>{role}: " in opened.shown[f"counts-{campaign.pk}"]


async def test_another_accounts_campaign_is_not_found(
    web: WebProcess, book: Book, campaign: Campaign
) -> None:
    chitra = (await in_thread(lambda: make_book(f"Other{next(NUMBERS)}"))).admin
    async with page(web, chitra, f"campaign:{campaign.pk}") as opened:
        assert opened.status == 404


@pytest.mark.parametrize("topic", ["campaign:0", "campaign:x", "campaign", "moon", "agent:"])
async def test_what_is_not_there_is_not_found(web: WebProcess, book: Book, topic: str) -> None:
    async with page(web, book.supervisor, topic) as opened:
        assert opened.status == (200 if topic == "agent:" else 404)


async def test_without_a_session_nothing_is_watched(web: WebProcess, book: Book) -> None:
    for session in ("", "x" * 32):
        opened = await LivePage.open(web.port, ["agent"], session)
        assert opened.status == 401
        await opened.close()


async def test_a_stream_without_topics_is_refused(web: WebProcess, book: Book) -> None:
    async with page(web, book.supervisor) as opened:
        assert opened.status == 400


async def test_signing_out_ends_the_stream(web: WebProcess, book: Book) -> None:
    async with (
        page(web, book.supervisor, "agent") as opened,
        page(web, book.admin, "agent") as other,
    ):
        await opened.until(lambda page: page.shown)
        await in_thread(lambda: sign_out(book.supervisor))
        await opened.until_the_end(FIVE_SECONDS)
        await other.until(lambda page: page.events > 1, FIVE_SECONDS)


async def test_a_disabled_persons_stream_ends_at_once(web: WebProcess, book: Book) -> None:
    async with page(web, book.agent, "agent") as opened:
        await opened.until(lambda page: page.shown)
        await in_thread(
            lambda: set_user_active(
                account=book.account, user_id=book.agent.pk, active=False, now=NOON
            )
        )
        await opened.until_the_end(2)


async def test_new_settings_of_the_account_make_pages_connect_again(
    web: WebProcess, book: Book
) -> None:
    async with page(web, book.agent, "agent") as opened:
        await opened.until(lambda page: page.shown)
        await in_thread(lambda: change_account(account=book.account, zone="Asia/Dubai", now=NOON))
        await opened.until_the_end(2)


async def test_the_hub_listens_again_after_its_connection_was_killed(
    web: WebProcess, database: str, book: Book, campaign: Campaign
) -> None:
    async with page(web, book.agent, "agent") as opened:
        await opened.until(lambda page: page.shown)
        with psycopg.connect(database, autocommit=True) as connection:
            killed = connection.execute(KILL_LISTENERS).fetchall()
        assert killed == [(True,)] * 2
        await in_thread(lambda: start(book, campaign))
        await opened.until(lambda page: page.shown == {"agent": "Bina is connecting"}, 3)


async def test_a_page_comes_back_to_a_restarted_web_process(
    web: WebProcess, book: Book, campaign: Campaign
) -> None:
    async with page(web, book.agent, "agent") as opened:
        await opened.until(lambda page: page.shown)
        await asyncio.gather(asyncio.to_thread(web.stop), opened.until_the_end(2))
    assert web.exit_code == 0
    await in_thread(lambda: start(book, campaign))
    web.start()  # in this thread: it would end with another one
    async with page(web, book.agent, "agent") as opened:
        await opened.until(lambda page: page.shown == {"agent": "Bina is connecting"})


async def test_django_answers_everything_else(web: WebProcess, book: Book) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(b"GET /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Content-Security-Policy" in answer or b"content-security-policy" in answer


# The browser phone's socket ---------------------------------------------------------------------


@asynccontextmanager
async def asterisk() -> AsyncIterator[list[str]]:
    """Something that answers where Asterisk would, and keeps what it was sent."""
    heard: list[str] = []

    async def answer(socket: ServerConnection) -> None:
        async for message in socket:
            heard.append(str(message))
            await socket.send(f"SIP/2.0 200 OK to {heard[-1]}")

    async with serve(answer, "127.0.0.1", 0, subprotocols=[SIP]) as server:
        (listening,) = server.sockets
        url = f"ws://127.0.0.1:{listening.getsockname()[1]}/ws"
        node = {"sip_url": url, "epoch": 1, "created_at": NOON}
        await in_thread(lambda: Node.objects.update_or_create(name="phones", defaults=node))
        yield heard


def phone(web: WebProcess, session: str, origin: str | None = None) -> connect:
    here = f"http://127.0.0.1:{web.port}"
    return connect(
        f"ws://127.0.0.1:{web.port}/sip",
        origin=Origin(origin or here),
        subprotocols=[SIP],
        additional_headers={"Cookie": f"sessionid={session}"},
    )


async def say(socket: ClientConnection, text: str) -> str:
    await socket.send(text)
    return str(await socket.recv())


async def test_messages_go_to_asterisk_and_back(web: WebProcess, book: Book) -> None:
    session = await in_thread(lambda: signed_in(book.agent))
    async with asterisk() as heard, phone(web, session) as socket:
        assert socket.subprotocol == SIP
        assert await say(socket, "REGISTER") == "SIP/2.0 200 OK to REGISTER"
        assert heard == ["REGISTER"]


async def test_signing_out_ends_the_socket(web: WebProcess, book: Book) -> None:
    session = await in_thread(lambda: signed_in(book.agent))
    async with asterisk(), phone(web, session) as socket:
        await say(socket, "REGISTER")
        await in_thread(lambda: sign_out(book.agent))
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_a_message_that_is_no_sip_message_for_its_size_ends_the_socket(
    web: WebProcess, book: Book
) -> None:
    session = await in_thread(lambda: signed_in(book.agent))
    async with asterisk() as heard, phone(web, session) as socket:
        with pytest.raises(ConnectionClosed):
            await say(socket, "x" * 70_000)
        assert heard == []


async def test_of_too_many_sockets_of_one_person_the_oldest_ends(
    web: WebProcess, book: Book
) -> None:
    mine, other = await in_thread(lambda: (signed_in(book.agent), signed_in(book.supervisor)))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asterisk())
        theirs = await stack.enter_async_context(phone(web, other))
        oldest, *rest = [
            await stack.enter_async_context(phone(web, mine)) for _ in range(MOST_SOCKETS + 1)
        ]
        with pytest.raises(ConnectionClosed):
            await oldest.recv()
        for socket in (theirs, *rest):
            assert await say(socket, "REGISTER") == "SIP/2.0 200 OK to REGISTER"


async def test_without_a_session_there_is_no_socket(web: WebProcess, book: Book) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with phone(web, "x" * 32):
            pass


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_another_sites_page_gets_no_socket(web: WebProcess, book: Book, origin: str) -> None:
    session = await in_thread(lambda: signed_in(book.agent))
    with pytest.raises(InvalidStatus, match="403"):
        async with phone(web, session, origin):
            pass
