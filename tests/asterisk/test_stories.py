"""Whole stories of a day at the screens: browsers, pages, worker, dialer and Asterisk are real."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.services import change_account, set_password
from autodialer.apps.agents.models import DeviceKind
from autodialer.apps.agents.services import add_device, add_group_members
from autodialer.apps.calls.models import Session
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.campaigns.services import add_caller_id
from autodialer.ops.process import free_port
from autodialer.ops.web import WebProcess
from autodialer.ops.worker import WorkerProcess
from tests.browser.site import EXECUTABLE, FLAGS, Pages, Visitor, chromium
from tests.support.screens import (
    PASSWORD,
    AgentScreen,
    CampaignScreen,
    csv_rows,
    import_file,
    process_of,
    sheet_rows,
    sign_in,
    tile_values,
)
from tests.support.site import CALLER_ID, Agent, Site, now

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Response

    from autodialer.apps.accounts.models import User

pytestmark = pytest.mark.timeout(180)

# What is heard of a phone that is gone: nothing, and the call is ended for it.
SILENCE_S: Final = 10
# The two that talk until the test lets them hang up come first: each agent gets one of them.
ENDINGS: Final = ("01", "01", "10", "30", "20", "02", "18", "04", "05", "06", "19", "00")
# Busy, rejected and not there: tried once more.
RETRIED: Final = {"02", "18", "04", "19"}
COMPLETED: Final = {"01", "10", "30", "20", "18", "00"}
CITIES: Final = ("Pune", "Delhi")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def pages(site: Site, live_database: str) -> Iterator[Pages]:
    """A web process and a worker of the site; phones in pages reach its Asterisk."""
    web = WebProcess(site.paths, live_database, port=free_port())
    worker = WorkerProcess(site.paths, live_database)
    web.start()
    worker.start()
    yield Pages(web)
    worker.stop()
    web.stop()


@pytest.fixture
def enter(site: Site, browser: Browser, pages: Pages) -> Iterator[Callable[[User], Visitor]]:
    """Sign somebody in at a browser of their own, through the page: `enter(user)`."""
    visitors: list[Visitor] = []

    def signed_in(user: User) -> Visitor:
        visitors.append(Visitor.open(browser, pages, accept_downloads=True))
        sign_in(visitors[-1].page, pages, user)
        return visitors[-1]

    yield signed_in
    for visitor in visitors:
        visitor.close()


def with_password(site: Site, user: User) -> User:
    set_password(account=site.account, user_id=user.pk, password=PASSWORD, now=now())
    return user


def hire(site: Site) -> Agent:
    """Add an agent with a phone of the lab, who can sign in."""
    agent = site.hire()
    with_password(site, agent.user)
    return agent


def hire_at_the_browser(site: Site) -> Agent:
    """Add an agent whose phone is the page, who can sign in."""
    user = with_password(site, site.user("kavi"))
    device = add_device(account=site.account, user_id=user.pk, kind=DeviceKind.BROWSER, now=now())
    add_group_members(account=site.account, group_id=site.group.pk, user_ids=[user.pk], now=now())
    return Agent(user, device.address)


def people_of(numbers: list[str]) -> bytes:
    """A file of people with these numbers; the first stands in it twice, and one is no number."""
    people = enumerate(zip(numbers, cycle(CITIES), strict=False), 1)
    rows = [f"{number},Person{at},{city}" for at, (number, city) in people]
    lines = ["phone,first name,city", *rows, f"{numbers[0]},Again,Agra", "12,Bad,Row"]
    return "\n".join(lines).encode()


def create_campaign(page: Page, name: str, list_name: str) -> None:
    """Fill the pop-up in and send it."""
    page.get_by_role("link", name="Campaigns", exact=True).first.click()
    page.get_by_role("link", name="Create Dialer Campaign").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Campaign name").fill(name)
    dialog.get_by_label("List", exact=True).select_option(label=list_name)
    expect(dialog.locator("#copy")).to_contain_text("12")
    dialog.locator("[name=group]").select_option(label="Sales (2 agents)")
    dialog.locator("[name=retries]").select_option("1")
    dialog.get_by_label("Minutes between tries").fill("1")
    dialog.get_by_role("button", name="Create Dialer Campaign").click()
    expect(page.get_by_role("alert").or_(page.get_by_role("status"))).to_contain_text(
        [f"{name} was created. It has a copy of 12 numbers."]
    )


def test_a_campaign_from_the_file_to_the_report(
    site: Site, enter: Callable[[User], Visitor]
) -> None:
    desk, headset = hire(site), hire_at_the_browser(site)
    add_caller_id(account=site.account, actor=OPERATOR, number=CALLER_ID, verified=True, now=now())
    # The shortest time between two calls to somebody is hours; the day of this test is shorter.
    change_account(account=site.account, redial_gap=timedelta(), now=now())
    numbers = [site.number(ending) for ending in ENDINGS]

    supervisor = enter(with_password(site, site.supervisor)).page
    import_file(supervisor, "Leads", people_of(numbers))
    create_campaign(supervisor, "Diwali", "Leads")
    campaign = Campaign.objects.get(name="Diwali")
    site.campaigns.append(campaign)
    supervisor.get_by_role("link", name="Diwali").click()
    screen = CampaignScreen(supervisor)
    screen.watch()

    agents = [AgentScreen(enter(agent.user).page) for agent in (desk, headset)]
    for agent, number, at in zip(agents, numbers, (1, 2), strict=False):
        agent.open("Diwali")
        agent.start()
        agent.shows(f"Talking with Person{at}")
        agent.shows_callee(f"Person{at}", number, "city", CITIES[at - 1])
    expect(supervisor.locator("#campaign-agents")).to_contain_text("Person2")
    for talker in numbers[:2]:
        site.hang_up(talker)
    _let_the_retries_be_due(site, [number for number in numbers if number[-2:] in RETRIED])
    site.wait(site.is_through, 40)

    for agent in agents:
        agent.shows("Not connected")
    expect(supervisor.locator("#campaign-status")).to_contain_text("Completed")
    _counts_moved(screen)
    _each_ended_as_planned(site, numbers)
    _a_recording_plays(screen, numbers[3])
    _the_report_tells_it(screen, numbers)


def _let_the_retries_be_due(site: Site, numbers: list[str]) -> None:
    """The shortest interval is a minute: move the due times instead of waiting for them."""
    for number in numbers:
        site.wait(partial(_waits_for_a_retry, site, number), 30)
        Target.objects.filter(e164=number, status="retry").update(due_at=now())


def _waits_for_a_retry(site: Site, number: str) -> bool:
    return site.target(number).status == "retry"


def _counts_moved(screen: CampaignScreen) -> None:
    """The tiles went from all scheduled to all done, on a page that was never loaded again."""
    completed = sum(ending in COMPLETED for ending in ENDINGS)
    tile = screen.page.locator("#campaign-counts div").filter(has_text="Completed").first
    expect(tile).to_contain_text(str(completed))
    tiles = screen.seen()
    assert all(sum(seen.values()) == len(ENDINGS) for seen in tiles)
    assert len(tiles[0]) == 10
    assert tiles[0]["Scheduled"] == len(ENDINGS)
    assert tiles[-1] == dict.fromkeys(tiles[0], 0) | {
        "Completed": completed,
        "Failed": len(ENDINGS) - completed,
    }
    assert max(tile_values(tiles, "In progress")) == 2
    assert len(tile_values(tiles, "Completed")) > 3
    assert max(tile_values(tiles, "Retry")) > 0


def _each_ended_as_planned(site: Site, numbers: list[str]) -> None:
    for number, ending in zip(numbers, ENDINGS, strict=True):
        expected = "completed" if ending in COMPLETED else "failed"
        assert site.target(number).status == expected, number
        assert len(site.invites(number)) == 1 + (ending in RETRIED), number


def _a_recording_plays(screen: CampaignScreen, number: str) -> None:
    answers: list[Response] = []
    screen.page.on("response", lambda response: answers.append(response))  # noqa: PLW0108
    length, place = screen.play(number, seek_to=2)
    assert length == pytest.approx(3, abs=1)
    assert place == pytest.approx(2, abs=0.5)
    parts = [answer for answer in answers if "/recordings/" in answer.url]
    assert {answer.status for answer in parts} == {206}


def _the_report_tells_it(screen: CampaignScreen, numbers: list[str]) -> None:
    wanted = [
        (number, f"Person{at}", "completed" if number[-2:] in COMPLETED else "failed")
        for at, number in enumerate(numbers, 1)
    ]
    told = csv_rows(screen.report("Numbers (CSV)"))
    assert [(row["number"], row["first_name"], row["status"]) for row in told] == wanted
    assert [row["city"] for row in told][:2] == list(CITIES)
    calls = csv_rows(screen.report("Calls (CSV)"))
    assert len(calls) == len(numbers) + len(RETRIED)
    assert {row["agent"] for row in calls} == {"agent1", "kavi"}
    book = screen.report("Everything (Excel)")
    in_sheet = [
        (row["number"], row["first_name"], row["status"]) for row in sheet_rows(book, "numbers")
    ]
    assert in_sheet == wanted
    assert len(sheet_rows(book, "calls")) == len(calls)


def test_a_page_that_is_closed_in_talk_ends_nothing_and_a_new_one_shows_the_talk(
    site: Site, enter: Callable[[User], Visitor]
) -> None:
    agent = hire(site)
    talker, later = site.number("01"), site.number("10")
    campaign = site.campaign([talker, later])
    window = enter(agent.user)
    screen = AgentScreen(window.page)
    screen.open(campaign.name)
    screen.start()
    screen.shows(f"Talking with {talker}")
    window.context.close()
    again = AgentScreen(enter(agent.user).page)
    assert talker in site.lab.live_numbers()
    again.open(campaign.name)
    again.shows(f"Talking with {talker}", 2)
    again.shows_callee(talker)
    assert (site.talks(talker), talker in site.lab.live_numbers()) == (True, True)
    site.hang_up(talker)
    again.shows("Not connected")
    site.wait(site.is_through)
    assert [len(site.invites(number)) for number in (talker, later)] == [1, 1]


def test_a_browser_that_dies_in_talk_leaves_no_customer_alone_and_its_agent_goes_on(
    site: Site, browser: Browser, pages: Pages, enter: Callable[[User], Visitor]
) -> None:
    agent = hire_at_the_browser(site)
    talker, later = site.number("01"), site.number("10")
    campaign = site.campaign([talker, later])
    doomed = browser.browser_type.launch(executable_path=EXECUTABLE, args=FLAGS)
    screen = AgentScreen(doomed.new_page())
    sign_in(screen.page, pages, agent.user)
    screen.open(campaign.name)
    screen.start()
    screen.shows(f"Talking with {talker}")
    assert _is_called(site, agent)
    os.kill(process_of(doomed), signal.SIGKILL)
    site.wait(lambda: not _is_called(site, agent), SILENCE_S + 3)
    gone_at = time.monotonic()
    site.wait(lambda: talker not in site.lab.live_numbers(), 5)
    assert time.monotonic() - gone_at < 1
    site.wait(site.is_quiet)
    assert site.invites(later) == []

    again = AgentScreen(enter(agent.user).page)
    again.open(campaign.name)
    again.start()
    again.shows("Not connected")
    site.wait(site.is_through)
    assert [site.target(number).status for number in (talker, later)] == ["completed"] * 2
    assert [len(site.invites(number)) for number in (talker, later)] == [1, 1]


def test_a_phone_in_a_page_that_is_loaded_again_in_talk_hangs_up_at_once(
    site: Site, enter: Callable[[User], Visitor]
) -> None:
    agent = hire_at_the_browser(site)
    talker = site.number("01")
    campaign = site.campaign([talker])
    screen = AgentScreen(enter(agent.user).page)
    screen.open(campaign.name)
    screen.start()
    screen.shows(f"Talking with {talker}")
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    screen.page.on("dialog", leave)
    screen.page.reload()
    assert asked == ["beforeunload"]
    site.wait(lambda: talker not in site.lab.live_numbers(), 3)
    screen.shows("Not connected")


def _is_called(site: Site, agent: Agent) -> bool:
    """Whether Asterisk has a call to the agent's own phone."""
    return any(agent.phone in str(channel["name"]) for channel in site.asterisk("channels"))


def test_start_pressed_twice_in_two_tabs_is_one_session_that_both_show(
    site: Site, enter: Callable[[User], Visitor]
) -> None:
    agent = hire(site)
    talker = site.number("01")
    campaign = site.campaign([talker])
    window = enter(agent.user)
    tabs = [AgentScreen(window.page), AgentScreen(window.context.new_page())]
    tabs[1].page.goto(window.page.url)
    for tab in tabs:
        tab.open(campaign.name)
        expect(tab.start_button).to_be_enabled()
    for tab in tabs:  # without waiting for the answer
        tab.start_button.evaluate("button => { button.click(); button.click(); }")
    for tab in tabs:
        tab.shows(f"Talking with {talker}")
    assert Session.objects.filter(user=agent.user).count() == 1
    assert len(site.invites(agent.phone)) == 1
    tabs[1].page.get_by_role("button", name="Hang up and stop").click()
    for tab in tabs:
        tab.shows("Not connected")
    assert len(site.invites(talker)) == 1
