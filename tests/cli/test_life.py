"""The commands around the life of a campaign."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from autodialer.ops.cli import cli
from tests.support.book import Book, make_book


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
