"""The commands that let people log in; a password is typed on a terminal or made, never a flag."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autodialer.apps.accounts.models import User
from autodialer.apps.accounts.services import set_password
from autodialer.apps.audit.models import AuditEntry
from autodialer.ops.cli import cli
from tests.support.book import NOON, Book, make_book

SOURCE = str(Path(__file__).parents[2] / "src")
GOOD = "correct horse battery"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def typed(database_url: str, answers: list[str], *words: str) -> tuple[int, str]:
    """Run the command on a terminal on which somebody types; return exit code and screen."""
    terminal, line = pty.openpty()
    environ = os.environ | {"PYTHONPATH": SOURCE, "AUTODIALER_DATABASE_URL": database_url}
    argv = [sys.executable, "-m", "autodialer", *words]
    with subprocess.Popen(argv, stdin=line, stdout=line, stderr=line, env=environ) as process:
        os.close(line)
        screen = ""
        try:
            while chunk := os.read(terminal, 4096):
                screen += chunk.decode()
                if screen.rstrip(" ").endswith(":") and answers:
                    os.write(terminal, answers.pop(0).encode() + b"\n")
        except OSError:  # Linux ends the reading so when the last writer is gone
            pass
    os.close(terminal)
    return process.returncode, screen


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def test_without_a_terminal_an_admin_gets_a_password_that_is_printed_once(book: Book) -> None:
    made = run("user", "create-admin", "Esha", "--email", "esha@acme.example")
    assert made.exit_code == 0, made.output
    esha = User.objects.get(email="esha@acme.example")
    password = made.stdout.strip()
    assert (esha.role, esha.check_password(password), len(password)) == ("admin", True, 20)
    assert "not shown again" in made.stderr
    entry = AuditEntry.objects.latest("pk")
    assert entry.action == "user.create"
    assert password not in str(entry.after)


def test_programs_get_the_password_as_json(book: Book) -> None:
    made = run("user", "create-admin", "Esha", "--email", "esha@acme.example", "--json")
    found = json.loads(made.stdout)
    assert User.objects.get(pk=found["id"]).check_password(found["password"])


def test_no_command_takes_a_password_as_an_option(book: Book) -> None:
    for words in (
        ("user", "create-admin", "Esha", "--email", "e@acme.example", "--password", GOOD),
        ("user", "set-password", "Bina", "--password", GOOD),
    ):
        assert run(*words).exit_code == 2


def test_another_password_is_set_and_noted_without_it(book: Book) -> None:
    done = run("user", "set-password", "Bina", "--generate")
    assert done.exit_code == 0, done.output
    book.agent.refresh_from_db()
    assert book.agent.check_password(done.stdout.strip())
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.subject_id) == ("user.set_password", str(book.agent.pk))
    assert (entry.before, entry.after) == ({}, {})


def test_on_a_terminal_the_password_is_asked_twice_and_not_shown(live_database: str) -> None:
    make_book()
    words = ("user", "create-admin", "Esha", "--email", "esha@acme.example")
    code, screen = typed(live_database, [GOOD, GOOD], *words)
    assert code == 0, screen
    assert User.objects.get(email="esha@acme.example").check_password(GOOD)
    assert GOOD not in screen


def test_a_password_that_is_easily_guessed_is_refused(live_database: str) -> None:
    book = make_book()
    for weak in ("short", "qwertyuiop123", "bina@acme.example"):
        code, screen = typed(live_database, [weak, weak], "user", "set-password", "Bina")
        assert code == 2, screen
        assert "This password is" in screen or "too similar" in screen, screen
    book.agent.refresh_from_db()
    assert not book.agent.has_usable_password()


def test_a_new_password_ends_the_sessions_of_the_old_one(book: Book) -> None:
    set_password(account=book.account, user_id=book.agent.pk, password=GOOD, now=NOON)
    before = User.objects.get(pk=book.agent.pk).get_session_auth_hash()
    set_password(account=book.account, user_id=book.agent.pk, password=GOOD + "!", now=NOON)
    assert User.objects.get(pk=book.agent.pk).get_session_auth_hash() != before
