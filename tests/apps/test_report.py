from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account
from autodialer.apps.accounts.services import create_account
from autodialer.apps.billing.models import Hold
from autodialer.apps.billing.queries import charged
from autodialer.apps.billing.services import set_payment_mode
from autodialer.apps.calls import report
from autodialer.apps.calls.models import Attempt
from autodialer.apps.calls.reasons import WORDS, in_words
from autodialer.apps.calls.workbook import write_workbook
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.contacts.models import Contact
from autodialer.apps.imports.services import import_list
from autodialer.apps.sheets import Section, write_csv
from autodialer.apps.spreadsheet import FORMULA_STARTS, unshield
from autodialer.apps.texts import clean_text
from autodialer.domain.money import HoldStatus, PaymentMode
from autodialer.domain.outcome import Reason
from tests.apps.test_sessions import place, start
from tests.support.book import NOON, Book, make_book

ROWS: Final = 5_000
NASTY: Final = (
    *FORMULA_STARTS,
    *"'\"",
    *",;",
    " ",
    "\n",
    "a",
    "1",
    "É",
    "क",
    "€",
    "\x01",
    "\u2028",
)
SECOND: Final = timedelta(seconds=1)


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def nasty_texts(seed: int) -> list[str]:
    """Texts as the import stores them, most of which a spreadsheet would take for something."""
    random = Random(seed)  # noqa: S311  the same texts each time
    raw = ("".join(random.choices(NASTY, k=random.randint(0, 8))) for _ in range(ROWS))
    return [unshield(clean_text(text.replace("\0", ""))) for text in raw]


def fill(campaign: Campaign, texts: list[str]) -> None:
    """Give the campaign a target for each text, which stands in a field and in a name."""
    Target.objects.filter(campaign=campaign).delete()
    Target.objects.bulk_create(
        Target(
            account_id=campaign.account_id, campaign=campaign, seq=at, e164=number(at),
            contact={"first_name": text, "fields": {"note": text}}, max_tries=1, changed_at=NOON,
        )
        for at, text in enumerate(texts)
    )  # fmt: skip


def number(at: int) -> str:
    return f"+9198{at:08}"


def csv_of(section: Section) -> str:
    out = io.StringIO()
    write_csv(section, out)
    return out.getvalue()


def workbook_of(account: Account, campaign: Campaign) -> openpyxl.Workbook:
    out = io.BytesIO()
    write_workbook(account, campaign, out, NOON)
    return openpyxl.load_workbook(out)


def records(sheet: Any) -> list[dict[str, Any]]:
    head, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_a_list_holds_comes_back_from_report_and_import_unchanged(
    book: Book, seed: int
) -> None:
    campaign, texts = book.campaign(), nasty_texts(seed)
    assert sum(text.startswith(FORMULA_STARTS) for text in texts) > ROWS / 4
    fill(campaign, texts)
    exported = csv_of(report.targets(book.account, campaign))
    for row in csv.DictReader(io.StringIO(exported, newline="")):
        assert not row["note"].startswith(FORMULA_STARTS)
    other = create_account(name="Zenith", now=NOON)
    again = import_list(account=other, name="Back", data=exported.encode(), now=NOON)
    assert (again.imported, again.rejected) == (ROWS, ())
    stored = {row.e164: row for row in Contact.objects.filter(account=other)}
    for at, text in enumerate(texts):
        found = stored[number(at)]
        assert (found.first_name, found.fields.get("note", "")) == (text, text)


def test_a_workbook_holds_every_text_as_text_and_no_formula(book: Book) -> None:
    campaign = book.campaign()
    texts = [*nasty_texts(3)[:500], "=1+1", "+919876543210", "#N/A", "007", "1e5", "'=1"]
    fill(campaign, texts)
    sheet = workbook_of(book.account, campaign)["numbers"]
    columns = [cell.value for cell in sheet[1]]
    for at, text in enumerate(texts):
        cell = sheet.cell(at + 2, 1 + columns.index("note"))
        shown = text.replace("\x01", "\N{REPLACEMENT CHARACTER}")
        # XML knows one kind of line end.
        assert str(cell.value or "").splitlines() == shown.splitlines()
        assert cell.data_type == ("s" if text else "n")
        assert sheet.cell(at + 2, 1).data_type == "s"


def test_a_workbook_has_numbers_calls_and_summary_with_a_fixed_header(book: Book) -> None:
    session = start(book, book.campaign())
    place(
        session, 1, state="ended", status="completed", reason="answered",
        answered_at=NOON + 4 * SECOND, ended_at=NOON + 64.26 * SECOND, recording="a.wav",
    )  # fmt: skip
    made = workbook_of(book.account, session.campaign)
    assert made.sheetnames == ["numbers", "calls", "summary"]
    assert {sheet.freeze_panes for sheet in made} == {"A2"}
    facts = {row["what"]: row["value"] for row in records(made["summary"])}
    assert (facts["campaign"], facts["numbers"], facts["numbers scheduled"]) == ("Diwali", 3, 3)
    assert (facts["calls"], facts["calls completed"], facts["talk seconds"]) == (1, 1, 60)
    assert facts["report of"] == datetime(2026, 11, 23, 10, 30)  # noqa: DTZ001  a clock on a wall
    (call,) = records(made["calls"])
    assert call["placed_at"] == datetime(2026, 11, 23, 10, 30)  # noqa: DTZ001
    assert (call["talk_seconds"], call["try"], call["time_zone"]) == (60.3, 1, "Asia/Kolkata")
    assert len(records(made["numbers"])) == 3


def test_a_workbook_can_be_imported_as_a_list_again(book: Book) -> None:
    campaign = book.campaign()
    texts = ["=1+1", "+919876543210", "007", "'quoted", "1e5", "नमस्ते"]
    fill(campaign, texts)
    file = io.BytesIO()
    write_workbook(book.account, campaign, file, NOON)
    other = create_account(name="Zenith", now=NOON)
    again = import_list(account=other, name="Back", data=file.getvalue(), now=NOON)
    assert again.rejected == ()
    stored = {row.e164: row.fields.get("note") for row in Contact.objects.filter(account=other)}
    assert [stored[number(at)] for at in range(len(texts))] == texts


def test_a_call_is_told_in_words_and_with_its_code(book: Book) -> None:
    session = start(book, book.campaign())
    place(
        session, 0, state="ended", status="completed", reason="abandoned", abandoned=True,
        estimated=True, answered_at=NOON, ended_at=NOON + SECOND, recording="kept.wav",
    )  # fmt: skip
    place(
        session, 1, state="ended", status="no-answer", reason="ring_timeout",
        placed_at=NOON + 2 * SECOND, ended_at=NOON + 30 * SECOND, recording="never.wav",
    )  # fmt: skip
    place(session, 2, placed_at=NOON + 40 * SECOND)
    text = csv_of(report.calls(book.account, session.campaign))
    abandoned, unanswered, live = csv.DictReader(io.StringIO(text))
    assert abandoned["what_happened"] == "Answered, but no agent was there any more"
    assert (abandoned["abandoned"], abandoned["estimated"]) == ("yes", "yes")
    assert (abandoned["contact"], abandoned["recording"]) == ("Person 0", "kept.wav")
    assert (unanswered["reason"], unanswered["what_happened"]) == (
        "ring_timeout",
        "Rang, nobody answered",
    )
    assert (unanswered["talk_seconds"], unanswered["recording"]) == ("", "")
    assert (live["status"], live["ended_at"]) == ("dialing", "")
    assert datetime.fromisoformat(live["placed_at"]) == NOON + 40 * SECOND


def test_a_number_is_told_with_its_last_agent_and_all_its_talk(book: Book) -> None:
    session = start(book, book.campaign())
    for at in (0, 10):
        place(
            session, 0, try_no=1 + at // 10, state="ended", status="completed",
            placed_at=NOON + at * SECOND, answered_at=NOON + at * SECOND,
            ended_at=NOON + (at + 5) * SECOND,
        )  # fmt: skip
    text = csv_of(report.targets(book.account, session.campaign))
    first, second, _ = csv.DictReader(io.StringIO(text))
    assert (first["last_agent"], first["talk_seconds"]) == ("Bina", "10.0")
    local = (NOON + 10 * SECOND).astimezone(ZoneInfo("Asia/Kolkata"))
    assert first["last_called_at"] == local.isoformat()
    assert (second["last_agent"], second["talk_seconds"]) == ("", "")


def test_own_columns_called_like_ours_are_kept_apart(book: Book) -> None:
    campaign = book.campaign()
    Target.objects.filter(campaign=campaign).update(
        contact={"fields": {"status": "gold", "reason": "moved"}}
    )
    row = next(csv.DictReader(io.StringIO(csv_of(report.targets(book.account, campaign)))))
    assert (row["status"], row["status (2)"], row["reason (2)"]) == ("scheduled", "gold", "moved")


def test_a_report_shows_nothing_of_another_account(book: Book) -> None:
    session = start(book, book.campaign())
    place(session, 0)
    other = create_account(name="Zenith", now=NOON)
    assert report.write_calls(other, session.campaign, io.StringIO()) == 0
    assert report.write_targets(other, session.campaign, io.StringIO()) == 0


def test_a_report_asks_one_question_whatever_its_size(book: Book) -> None:
    campaign = book.campaign()
    fill(campaign, ["x"] * (2 * report.ROWS_AT_ONCE + 1))
    with CaptureQueriesContext(connection) as asked:
        assert report.write_calls(book.account, campaign, io.StringIO()) == 0
    assert len(asked) <= 2


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_words(reason: Reason) -> None:
    assert WORDS[reason] == in_words(reason) != reason


def test_a_sip_code_without_name_is_told_as_the_networks_answer() -> None:
    assert in_words("sip_499") == "The network refused the call (SIP 499)"
    assert in_words("") == ""


def settle(book: Book, call: Attempt, status: HoldStatus, charged: int) -> None:
    """The hold of a call as the dialer leaves it: open while the call lives."""
    is_open = status is HoldStatus.OPEN
    Hold.objects.create(
        leg=call.pk,
        kind="customer",
        account=book.account,
        first_s=60,
        first_amount=150,
        next_s=60,
        next_amount=150,
        status=status.value,
        charged=charged,
        opened_at=NOON,
        closed_at=None if is_open else NOON,
    )


def test_a_call_shows_what_it_was_charged_in_whole_and_two_decimals(book: Book) -> None:
    session = start(book, campaign := book.campaign())
    ended = {"state": "ended", "ended_at": NOON + SECOND}
    talked = place(session, 0, **ended, answered_at=NOON, status="completed")
    missed = place(session, 1, **ended, status="no-answer", placed_at=NOON + SECOND)
    lives = place(session, 2, placed_at=NOON + 2 * SECOND)
    set_payment_mode(account=book.account, mode=PaymentMode.POSTPAID, actor=OPERATOR, now=NOON)
    settle(book, talked, HoldStatus.SETTLED, 12_345_650)
    settle(book, missed, HoldStatus.VOIDED, 0)
    settle(book, lives, HoldStatus.OPEN, 0)
    rows = csv.DictReader(io.StringIO(csv_of(report.calls(book.account, campaign))))
    shown = [("123456.50", "INR"), ("0.00", "INR"), ("", "")]
    assert [(row["charged"], row["currency"]) for row in rows] == shown
    sheet = workbook_of(book.account, campaign)["calls"]
    cells = list(sheet.columns)[report.CALL_COLUMNS.index("charged")][1:]
    assert [cell.value for cell in cells] == [123456.5, 0, None]
    assert cells[0].number_format == "0.00"
    assert charged(book.account, [talked.pk, missed.pk, lives.pk]) == {
        talked.pk: 12_345_650,
        missed.pk: 0,
    }


def test_a_call_that_was_not_metered_shows_no_charge(book: Book) -> None:
    session = start(book, campaign := book.campaign())
    place(session, 0, state="ended", ended_at=NOON, answered_at=NOON, status="completed")
    (row,) = csv.DictReader(io.StringIO(csv_of(report.calls(book.account, campaign))))
    assert (row["charged"], row["currency"]) == ("", "")
