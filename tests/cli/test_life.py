"""The commands around the life of a campaign."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.campaigns.services import add_caller_id
from autodialer.apps.imports.services import import_list
from autodialer.ops.cli import cli
from autodialer.ops.cli.campaigns import FIGURES
from tests.cli.test_cli import zone_where_it_is_noon
from tests.cli.test_docs import commands_of
from tests.support.book import NOON, Book, csv_of, make_book


@pytest.fixture
def book(db: None) -> Book:
    made = make_book()
    made.campaign()
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def rows(*words: str) -> list[dict[str, object]]:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, list)
    return found


def test_a_campaign_is_cloned_edited_and_explained(book: Book) -> None:
    cloned = run("campaign", "clone", "Diwali", "--as", "Holi", "--start", "2099-11-23T10:00")
    assert cloned.exit_code == 0, cloned.output
    edited = run("campaign", "edit", "Holi", "--name", "Pongal", "--ring-timeout", "45")
    assert edited.exit_code == 0, edited.output
    assert {row["action"] for row in rows("campaign", "actions", "Pongal") if row["allowed"]} == {
        "edit",
        "archive",
        "clone",
    }
    said = run("campaign", "why", "Diwali", "9000000000")
    assert said.stdout.startswith("+919000000000 is ")
    assert run("agent", "why", "Bina").stdout == "Bina has never pressed Start.\n"
    acts = [row["action"] for row in rows("audit", "list", "--kind", "campaign")]
    assert acts == ["campaign.edit", "campaign.clone", "campaign.create"]
    assert [row["new"] for row in rows("campaign", "history", "Pongal")] == ["created"]


def test_what_may_not_be_sets_the_exit_code(book: Book) -> None:
    started = run("campaign", "edit", "Diwali", "--name", "Holi")
    assert (started.exit_code, "possible now" in started.stderr) == (1, True)
    assert run("campaign", "why", "Diwali", "9111111111").exit_code == 2


def test_withdrawing_a_caller_id_says_how_many_campaigns_it_paused(book: Book) -> None:
    withdrawn = run("caller-id", "unverify", book.caller_id.e164)
    assert withdrawn.exit_code == 0
    assert "campaigns paused: 1." in withdrawn.stderr


# The option that changes each field of a campaign, and what it makes of it.
EDITS: dict[str, tuple[tuple[str, ...], object]] = {
    "name": (("--name", "Pongal"), "Pongal"),
    "list_name": (("--list", "More"), "More"),
    "dial_whom_url": (("--dial-whom-url", "https://crm.example/next"), "https://crm.example/next"),
    "participants": (("--agent", "Bina", "--agent", "Asha"), "2 agents"),
    "caller_id": (("--caller-id", "08045678902"), "+918045678902"),
    "starts_at": (("--start", "2099-11-24T10:00"), "2099-11-24T04:30:00Z"),
    "ends_at": (("--end", "2099-11-25T10:00"), "2099-11-25T04:30:00Z"),
    "window_opens": (("--opens", "10:30", "--closes", "19:00"), "10:30:00"),
    "window_closes": (("--opens", "10:30", "--closes", "19:30"), "19:30:00"),
    "retries": (("--retries", "2", "--retry-on", "busy"), 2),
    "retry_statuses": (("--retries", "1", "--retry-on", "failed"), ["failed"]),
    "retry_interval_min": (("--retry-interval", "5"), 5),
    "retry_mechanism": (("--retry-mechanism", "exponential"), "exponential"),
    "ring_timeout_s": (("--ring-timeout", "45"), 45),
    "idle_limit_s": (("--idle-limit", "60"), 60),
    "max_talk_s": (("--max-talk", "600"), 600),
    "call_type": (("--call-type", "transactional"), "transactional"),
    "popup_url": (("--popup-url", "https://crm.example/p"), "https://crm.example/p"),
    "call_completed_url": (("--call-completed-url", "https://a.example/c"), "https://a.example/c"),
    "call_no_answer_url": (("--call-no-answer-url", "https://a.example/n"), "https://a.example/n"),
    "get_contacts_url": (("--get-contacts-url", "https://a.example/g"), "https://a.example/g"),
}
# What nobody edits: it follows, or stands still.
GIVEN = {
    *("id", "status", "reason", "source_trouble", "zone"),
    *("target_count", "counts", "created_at"),
}


@pytest.fixture
def later(book: Book) -> Book:
    """Holi, which has not started, another list called More and another caller id."""
    cloned = run("campaign", "clone", "Diwali", "--as", "Holi", "--start", "2099-11-23T10:00")
    assert cloned.exit_code == 0, cloned.output
    import_list(account=book.account, name="More", data=csv_of(2), now=NOON)
    add_caller_id(
        account=book.account, actor=OPERATOR, number="08045678902", verified=True, now=NOON
    )
    return book


@pytest.mark.parametrize("field", EDITS)
def test_each_field_of_a_campaign_can_be_changed(later: Book, field: str) -> None:
    options, wanted = EDITS[field]
    edited = run("campaign", "edit", "Holi", *options, "--json")
    assert edited.exit_code == 0, edited.output
    changed = shown(json.loads(edited.stdout)["id"])
    assert changed[field] == wanted


def test_no_field_of_a_campaign_lacks_an_option_that_changes_it(later: Book) -> None:
    assert set(shown("Holi")) == {*EDITS, *GIVEN}


def test_what_is_not_given_stays_and_what_is_given_empty_goes(later: Book) -> None:
    run("campaign", "edit", "Holi", "--popup-url", "https://crm.example/p", "--retries", "1",
        "--retry-on", "busy", "--opens", "10:00", "--closes", "11:00")  # fmt: skip
    before = shown("Holi")
    assert before["window_closes"] == "11:00:00"
    run("campaign", "edit", "Holi", "--popup-url", "", "--account-hours")
    after = shown("Holi")
    assert {name for name in after if after[name] != before[name]} == {
        "popup_url",
        "window_opens",
        "window_closes",
    }
    assert (after["popup_url"], after["window_closes"]) == ("", "21:00:00")


def shown(name: object) -> dict[str, object]:
    result = run("campaign", "show", str(name), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_the_list_shows_the_size_and_figures_that_add_up_to_it(book: Book) -> None:
    targets = Target.objects.order_by("seq")
    targets.filter(pk=targets[0].pk).update(status="retry", due_at=NOON)
    targets.filter(pk=targets[1].pk).update(status="retrying")
    head, _, row = run("campaign", "list").stdout.strip().splitlines()
    names = re.split(r" {2,}", head.strip())
    figures = dict(zip(names, re.split(r" {2,}", row.strip()), strict=True))
    assert {name: figures[name] for name in ("total", *FIGURES)} == {
        "total": "3",
        "scheduled": "1",
        "in-progress": "1",
        "retry": "1",
        "completed": "0",
        "failed": "0",
    }


# Runs until it is stopped, writes a file or fetches something: no result for programs.
NO_RESULT = {
    "autodialer asterisk install",
    "autodialer asterisk run",
    "autodialer campaign report",
    "autodialer db migrate",
    "autodialer demo",
    "autodialer dialer run",
    "autodialer import rejected",
    "autodialer node run",
    "autodialer up",
    "autodialer web",
    "autodialer worker run",
}


def test_every_command_with_a_result_gives_it_as_json() -> None:
    without = {
        name
        for name, command in commands_of(cli, "autodialer")
        if all(option.name != "as_json" for option in command.params)
    }
    assert without <= NO_RESULT, sorted(without - NO_RESULT)


def test_what_was_done_is_told_to_programs_as_json(book: Book) -> None:
    for words, wanted in (
        (("campaign", "pause", "Diwali"), {"name": "Diwali", "status": "paused"}),
        (("user", "role", "Bina", "supervisor"), {"name": "Bina", "role": "supervisor"}),
        (("user", "disable", "Bina"), {"name": "Bina", "is_active": False}),
        (("group", "rename", "Sales", "North"), {"name": "North"}),
        (("dnd", "add", "9876543210"), {"added": 1}),
        (("tariff", "set", "+91", "1.50"), {"prefix": "+91", "first_amount": 150}),
        (("list", "delete", "Leads"), {"deleted": "Leads"}),
    ):
        done = run(*words, "--json")
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert {name: found[name] for name in wanted} == wanted


def test_the_hint_after_start_can_be_pasted_into_a_shell(book: Book) -> None:
    Account.objects.update(zone=zone_where_it_is_noon())
    began = datetime.now(UTC) - timedelta(hours=1)  # noqa: TID251  the clock that commands read
    Campaign.objects.update(
        name="Diwali; rm -rf *", starts_at=began, ends_at=began + timedelta(days=1)
    )
    started = run("agent", "start", "--campaign", "Diwali; rm -rf *", "--agent", "Bina")
    assert started.exit_code == 0, started.output
    assert "`autodialer campaign watch 'Diwali; rm -rf *'`" in started.stderr
