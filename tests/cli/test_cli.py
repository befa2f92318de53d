from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from django.db.models import F
from rich.console import Console

from autodialer.apps.accounts.models import Account
from autodialer.apps.calls.models import Session
from autodialer.apps.campaigns.models import Campaign, Target
from autodialer.apps.contacts.models import ContactList
from autodialer.domain.session import EndReason
from autodialer.ops.cli import cli
from autodialer.ops.cli.watch import page_of, read_view
from autodialer.ops.worker import run_worker
from tests.support.book import csv_of

SOURCE = str(Path(__file__).parents[2] / "src")


def zone_where_it_is_noon() -> str:
    """A zone in whose calling window this test runs, whenever it runs (signs as in POSIX)."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"  # noqa: TID251  the clock that commands read


@pytest.fixture
def office(live_database: str, tmp_path: Path) -> Path:
    """An account with Bina in the group Sales, a caller id and the list Leads; a folder."""
    (tmp_path / "leads.csv").write_bytes(csv_of(3))
    for line in (
        ["account", "create", "Acme", "--zone", zone_where_it_is_noon()],
        ["user", "create", "Bina", "--email", "bina@acme.example", "--phone", "09876501234"],
        ["group", "create", "Sales", "--agent", "Bina"],
        ["caller-id", "add", "08045678901", "--verified"],
        ["list", "import", str(tmp_path / "leads.csv"), "--name", "Leads"],
    ):
        assert run(*line).exit_code == 0
    return tmp_path


def run(*line: str) -> Result:
    result = CliRunner().invoke(cli, list(line))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def run_json(*line: str) -> Any:
    result = run(*line, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def diwali(*more: str) -> Result:
    words = ("--list", "Leads", "--group", "Sales", "--caller-id", "08045678901")
    return run("campaign", "create", "Diwali", *words, *more)


def test_a_campaign_from_first_command_to_report(office: Path) -> None:
    made = diwali("--retries", "1", "--retry-on", "busy", "--retry-on", "no-answer")
    assert made.stdout.strip() == str(Campaign.objects.get().pk)
    shown = run_json("campaign", "show", "diwali")
    assert (shown["status"], shown["counts"]["by_status"]["scheduled"]) == ("in-progress", 3)
    assert run("campaign", "pause", "Diwali").exit_code == 0
    assert run("campaign", "complete", "Diwali").exit_code == 0
    watched = run("campaign", "watch", "Diwali")
    assert watched.stdout == "completed: failed-no-attempt 3; nobody connected\n"
    out = office / "report.csv"
    assert run("campaign", "report", "Diwali", "--targets", "--out", str(out)).exit_code == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == [f"+91900000000{n}" for n in range(3)]
    assert [row["city"] for row in rows] == ["Pune"] * 3
    assert run("campaign", "archive", "Diwali").exit_code == 0
    assert run_json("campaign", "list") == []
    assert len(run_json("campaign", "list", "--status", "archived")) == 1


def test_a_report_is_a_workbook_or_csv_by_its_ending_or_as_told(office: Path) -> None:
    diwali()
    book = office / "report.XLSX"
    assert run("campaign", "report", "Diwali", "--out", str(book)).exit_code == 0
    assert openpyxl.load_workbook(book).sheetnames == ["numbers", "calls", "summary"]
    told = office / "report.bin"
    line = ("campaign", "report", "Diwali", "--targets", "--format", "csv")
    assert run(*line, "--out", str(told)).exit_code == 0
    assert run(*line).stdout_bytes == told.read_bytes()
    assert sorted(office.glob("*.part")) == []


@pytest.mark.parametrize(
    ("line", "exit_code", "sentence"),
    [
        ("campaign pause Holi", 2, "There is no campaign 'Holi': see `autodialer campaign list`."),
        ("campaign pause 999", 2, "There is no campaign '999'"),
        ("group add Sales Nobody", 2, "There is no user 'Nobody'"),
        ("account create Acme", 1, "There is an account called 'Acme' already."),
        ("user list --account Zenith", 2, "There is no account 'Zenith'"),
        ("user create X --email nowhere", 2, "'nowhere' is no e-mail address."),
        ("user create X --email x@y.example --phone 112", 2, "Emergency numbers"),
        ("dnd add 9876543210 12", 2, "'12': This number has too few or too many digits."),
        ("dnd remove 9876543210 x", 2, "'x': "),
        ("campaign report Diwali --out /nonexistent/x.csv", 1, "/nonexistent/x.csv: No such file"),
        ("agent stop --agent Bina", 1, "Bina is not connected."),
        ("list import missing.csv --name X", 2, "does not exist"),
        ("campaign list --search ab", 2, "at least three characters"),
        ("campaign list --status running", 2, "'running' is not one of"),
        ("nonsense", 2, "No such command 'nonsense'"),
    ],
)
def test_what_fails_says_why_in_one_sentence_and_sets_the_exit_code(
    office: Path, line: str, exit_code: int, sentence: str
) -> None:
    diwali()
    failed = run(*line.split())
    assert (failed.exit_code, failed.stdout) == (exit_code, "")
    assert sentence in failed.stderr
    assert "Traceback" not in failed.stderr


def test_an_illegal_move_says_what_is_possible_now(office: Path) -> None:
    diwali()
    failed = run("campaign", "resume", "Diwali")
    assert failed.exit_code == 1
    assert "This campaign is in-progress already." in failed.stderr
    assert run("campaign", "pause", "Diwali").exit_code == 0
    again = run("campaign", "pause", "Diwali")
    assert (again.exit_code, again.stderr) == (1, "Error: This campaign is paused already.\n")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--retries", "4", "--retries: choose 0 to 3 retries."),
        ("--ring-timeout", "4", "--ring-timeout: choose 5 to 120 seconds."),
        ("--idle-limit", "9", "--idle-limit: choose 10 to 3,600 seconds."),
        ("--retry-interval", "0", "--retry-interval: choose 1 to 1,440 minutes."),
        ("--end", "2020-01-01T10:00", "--end: the end must be at least 2 minutes"),
        ("--opens", "08:00", "Give both hours"),
        ("--start", "soon", "'soon' is no time"),
    ],
)
def test_terms_outside_their_limits_are_wrong_usage(
    office: Path, option: str, value: str, sentence: str
) -> None:
    failed = diwali(option, value)
    assert failed.exit_code == 2
    assert sentence in failed.stderr
    assert not Campaign.objects.exists()


def test_rejected_rows_are_written_even_when_no_row_is_good(office: Path) -> None:
    file, rejected = office / "bad.csv", office / "rejected.csv"
    file.write_text("number,name\n12,Asha\n")
    line = ("list", "import", str(file), "--name", "Bad", "--rejected", str(rejected))
    assert run(*line).exit_code == 1
    (row,) = csv.DictReader(rejected.read_text(encoding="utf-8-sig").splitlines())
    assert (row["name"], row["error_code"]) == ("Asha", "number_wrong_length")
    assert not ContactList.objects.filter(name="Bad").exists()
    file.write_text("number,name\n12,Asha\n9876543210,Bina\n")
    imported = run_json(*line)
    assert (imported["imported"], len(imported["rejected"])) == (1, 1)


def test_a_file_for_rejected_rows_is_opened_before_anything_is_imported(office: Path) -> None:
    rejected = office / "missing" / "rejected.csv"
    line = ("list", "import", str(office / "leads.csv"), "--name", "More", "--again")
    failed = run(*line, "--rejected", str(rejected))
    assert (failed.exit_code, str(rejected) in failed.stderr) == (1, True)
    assert not ContactList.objects.filter(name="More").exists()


def test_rejected_rows_that_cannot_be_written_do_not_hide_what_was_imported(office: Path) -> None:
    file = office / "mixed.csv"
    file.write_text("number\n9876543210\n9876543210\n12\n")
    failed = run("list", "import", str(file), "--name", "More", "--rejected", "/dev/full")
    made = ContactList.objects.get(name="More")
    assert (failed.exit_code, failed.stdout) == (1, f"{made.pk}\n")
    assert "has 1 number; left out: 1 duplicate, 1 row with errors." in failed.stderr
    assert "could not be written to /dev/full: No space left on device." in failed.stderr


def test_a_number_column_that_is_not_there_is_told_with_those_that_are(office: Path) -> None:
    line = ("list", "import", str(office / "leads.csv"), "--name", "More", "--again")
    failed = run(*line, "--number-column", "Foo")
    assert failed.stderr.startswith(
        "Error: There is no column 'Foo' in this file; its columns are number, name, city."
    )


def test_a_caller_id_that_is_not_verified_says_how_to_verify_it(office: Path) -> None:
    run("caller-id", "add", "08045678902")
    failed = diwali("--caller-id", "08045678902")
    assert failed.exit_code == 2
    assert "`autodialer caller-id add +918045678902 --verified`" in failed.stderr


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ((), "with 3 numbers; start agents with `autodialer agent start"),
        (("--start", "2099-11-23T10:00"), "; agents can start at 2099-11-23 10:00:00 "),
        (("--opens", "15:00", "--closes", "16:00"), "; agents can start at "),
    ],
)
def test_a_new_campaign_says_when_agents_can_start(
    office: Path, terms: tuple[str, ...], sentence: str
) -> None:
    assert sentence in diwali(*terms).stderr


def test_why_an_agent_is_gone_stays_in_view_for_ten_minutes(office: Path) -> None:
    diwali()
    run("agent", "start", "--campaign", "Diwali", "--agent", "Bina")
    run("agent", "stop", "--agent", "Bina")
    Session.objects.update(end_reason=EndReason.AGENT_BUSY.value)
    (row,) = run_json("session", "list")
    assert (row["state"], row["end_reason"]) == ("ended", "agent_busy")
    assert row["why"] == "Bina's phone was busy"
    assert "Bina's phone was busy" in run("session", "list").stdout
    account = Account.objects.get()
    page = Console(file=io.StringIO(), width=200, record=True)
    page.print(page_of(read_view(account, Campaign.objects.get().pk)))
    assert "Bina's phone was busy" in page.export_text()
    run("campaign", "pause", "Diwali")
    run("campaign", "complete", "Diwali")
    watched = run("campaign", "watch", "Diwali")
    assert watched.stdout.endswith("; nobody connected; Bina ended: Bina's phone was busy\n")
    Session.objects.update(ended_at=F("ended_at") - timedelta(minutes=11))
    assert run_json("session", "list") == []


def test_an_agent_is_started_and_stopped_by_name(office: Path) -> None:
    diwali()
    started = run("agent", "start", "--campaign", "Diwali", "--agent", "bina@acme.example")
    assert started.stdout.strip() == str(Session.objects.get().pk)
    (row,) = run_json("session", "list")
    assert (row["agent"], row["state"]) == ("Bina", "connecting")
    assert run("agent", "stop", "--agent", "Bina").exit_code == 0
    (ended,) = run_json("session", "list")
    assert (ended["state"], ended["why"]) == ("ended", "Stop was pressed")


def test_with_several_accounts_one_must_be_chosen(office: Path) -> None:
    run("account", "create", "Zenith")
    unclear = run("user", "list")
    assert unclear.exit_code == 2
    assert "Acme, Zenith" in unclear.stderr
    assert run_json("user", "list", "--account", "Zenith") == []
    assert [row["name"] for row in run_json("user", "list", "--account", "Acme")] == ["Bina"]


def test_a_name_that_two_campaigns_have_had_asks_for_the_id(office: Path) -> None:
    diwali()
    for verb in ("pause", "complete", "archive"):
        run("campaign", verb, "Diwali")
    diwali()
    unclear = run("campaign", "show", "Diwali")
    assert unclear.exit_code == 2
    assert "use an id" in unclear.stderr
    newest = Campaign.objects.latest("pk")
    assert run_json("campaign", "show", str(newest.pk))["status"] == "in-progress"


def test_a_name_is_never_taken_for_markup(office: Path) -> None:
    run("group", "create", "[red]Sales[/red]")
    assert "[red]Sales[/red]" in run("group", "list").stdout


def test_doctor_tells_a_broken_promise(office: Path) -> None:
    diwali()
    healthy = {row["check"]: row["result"] for row in json.loads(run("doctor", "--json").stdout)}
    assert (healthy["database"], healthy["promises"]) == ("ok", "ok")
    Target.objects.filter(e164="+919000000002").delete()
    sick = run("doctor")
    assert sick.exit_code == 1
    assert "1 campaigns whose counts do not add up" in sick.stdout


def test_doctor_checks_the_invariants_alone_and_names_each(office: Path) -> None:
    diwali()
    Target.objects.filter(e164="+919000000002").delete()
    checked = run("doctor", "--check-invariants", "--json")
    assert checked.exit_code == 1
    found = json.loads(checked.stdout)
    assert {row["check"] for row in found} == {
        *("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I13"),
        *("I15", "I16", "I17", "I18", "I19", "I20"),
    }
    (breach,) = (row for row in found if row["result"] == "problem")
    assert breach["check"] == "I5"
    assert (
        f"1 campaigns whose counts do not add up ({Campaign.objects.get().pk})."
        in (breach["detail"])
    )


def as_program(*line: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "autodialer", *line],
        env={**os.environ, "PYTHONPATH": SOURCE, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_program_ends_with_2_for_wrong_usage_and_never_with_a_traceback() -> None:
    wrong = as_program("campaign", "pause")
    assert wrong.returncode == 2
    assert "Missing argument 'NAME'" in wrong.stderr


def test_without_a_database_the_program_says_how_to_start_it(tmp_path: Path) -> None:
    url = f"postgresql:///autodialer?host={tmp_path}"
    failed = as_program("campaign", "list", AUTODIALER_DATABASE_URL=url)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("Error: The database is not reachable: start it with")


def test_a_database_setting_that_cannot_be_used_is_wrong_usage() -> None:
    failed = as_program("campaign", "list", AUTODIALER_DATABASE_URL="mysql://x")
    assert failed.returncode == 2
    assert "AUTODIALER_DATABASE_URL must look like" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_reader_that_has_seen_enough_ends_the_program_without_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "autodialer", "list", "--help"],
        env={**os.environ, "PYTHONPATH": SOURCE},
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert done.stderr == b""


def test_help_does_not_load_django() -> None:
    code = (
        "import sys; from autodialer.ops.cli import cli\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        "assert 'django.db' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_lists_contacts_and_imports_are_kept_from_the_command_line(office: Path) -> None:
    made = run_json("contact", "create", "9876543210", "--first-name", "Asha")["id"]
    assert run("list", "create", "Mine").exit_code == 0
    assert run("list", "add", "Mine", str(made)).exit_code == 0
    assert run("list", "rename", "Mine", "Ours").exit_code == 0
    (member,) = run_json("list", "show", "Ours")
    assert (member["contact"]["e164"], member["contact"]["first_name"]) == ("+919876543210", "Asha")
    assert run("contact", "edit", str(made), "--tag", "vip").exit_code == 0
    assert [row["tag"] for row in run_json("contact", "list", "--search", "vip")] == ["vip"]
    assert run("list", "remove", "Ours", str(made)).exit_code == 0
    assert run("contact", "delete", str(made)).exit_code == 0
    assert run("list", "delete", "Ours").exit_code == 0
    assert [row["name"] for row in run_json("list", "list")] == ["Leads"]


def test_an_import_in_the_background_waits_for_a_worker(office: Path) -> None:
    file = office / "more.csv"
    file.write_text("tel|who\n9876543210|Asha\n12|x\n")
    line = ("list", "import", str(file), "--name", "More", "--background")
    queued = run_json(*line, "--column", "who=first_name", "--separator", "bar")
    assert run_json("import", "show", str(queued["id"]))["status"] == "queued"
    run_worker(until_idle=True)
    shown = run_json("import", "show", str(queued["id"]))
    assert (shown["status"], shown["ready"], shown["rejected"]) == ("done", 1, 1)
    out = office / "rejected.csv"
    assert run("import", "rejected", str(queued["id"]), "--out", str(out)).exit_code == 0
    assert "number_wrong_length" in out.read_text(encoding="utf-8-sig")
    same = run("list", "import", str(file), "--name", "Again")
    assert same.exit_code == 1
    assert "This file was imported as 'More'" in same.stderr
    assert run("list", "import", str(file), "--name", "Again", "--again").exit_code == 0
    assert {row["name"] for row in run_json("import", "list")} == {"Leads", "More", "Again"}


def test_people_are_kept_from_the_command_line(office: Path) -> None:
    assert run("account", "set", "--opens", "10:00").exit_code == 0
    assert run("account", "set", "--opens", "08:00").exit_code == 2
    assert run_json("account", "set", "--http")["allows_http"] is True
    assert "over TLS only" in run("account", "set", "--no-http").stderr
    assert run("user", "role", "Bina", "admin").exit_code == 0
    last = run("user", "disable", "Bina")
    assert (last.exit_code, "the only admin" in last.stderr) == (1, True)
    assert run("device", "add", "Bina", "phone", "9876543210", "--extra").exit_code == 0
    assert run("device", "default", "Bina", "+919876543210").exit_code == 0
    first, second = run_json("device", "list", "--user", "Bina")
    assert first["address"] == "+919876543210"
    assert run("device", "remove", "Bina", second["address"]).exit_code == 0
    (device,) = run_json("device", "list", "--user", "Bina")
    assert (device["kind"], device["is_default"]) == ("phone", True)
    assert run("group", "remove", "Sales", "Bina").exit_code == 0
    assert run("group", "rename", "Sales", "Support").exit_code == 0
    assert [row["members"] for row in run_json("group", "list")] == [[]]
    assert run("group", "set", "Support", "Bina").exit_code == 0
    assert run("group", "delete", "Support").exit_code == 0


def test_a_file_of_numbers_fills_the_registry_from_the_command_line(office: Path) -> None:
    file = office / "dnd.csv"
    file.write_text("number\n9876543210\n12\n")
    result = run_json("dnd", "import", str(file))
    assert (result["added"], len(result["rejected"])) == (1, 1)
    assert [row["e164"] for row in run_json("dnd", "list")] == ["+919876543210"]
