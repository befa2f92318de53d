"""Imports that a worker does: progress, results, and workers that die in the middle."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.contacts.models import Contact, ContactList
from autodialer.apps.contacts.services import create_list
from autodialer.apps.imports import queries, steps
from autodialer.apps.imports.models import ImportFile, ListImport
from autodialer.apps.imports.problems import SameFileError
from autodialer.apps.imports.services import confirm_import, queue_import, run_import
from autodialer.apps.imports.table import Reading
from autodialer.domain.errors import ConflictError, NotFoundError
from autodialer.ops.paths import Paths
from autodialer.ops.process import wait_until
from autodialer.ops.worker import WorkerProcess, run_worker
from tests.support.book import NOON, Book, csv_of, make_book


@pytest.fixture
def book(live_database: str) -> Book:
    return make_book()


def queue(
    book: Book,
    data: bytes,
    name: str = "New",
    *,
    reading: Reading | None = None,
    again: bool = True,
) -> int:
    return queue_import(
        account=book.account,
        actor=Actor.of(book.supervisor),
        name=name,
        file_name="leads.csv",
        data=data,
        now=NOON,
        reading=reading or Reading(),
        again=again,
    )


def noon() -> datetime:
    return NOON


def row(book: Book, import_id: int) -> queries.ImportRow:
    return queries.import_row(book.account, OPERATOR, import_id)


def test_a_queued_file_joins_a_list_once_somebody_has_confirmed(book: Book) -> None:
    import_id = queue_import(
        account=book.account,
        actor=Actor.of(book.supervisor),
        file_name="more.csv",
        data=b"number\n9876543210\n9000000000\n",
        list_id=book.list_id,
        confirmed=False,
        now=NOON,
    )
    run_worker(until_idle=True)
    checked = row(book, import_id)
    assert (checked.status, checked.joins, checked.outlook.members) == ("checked", True, 1)
    assert ContactList.objects.get(pk=book.list_id).size == 3
    confirm_import(account=book.account, actor=Actor.of(book.supervisor), import_id=import_id)
    run_worker(until_idle=True)
    assert row(book, import_id).list_id == book.list_id
    assert ContactList.objects.get(pk=book.list_id).size == 4


def test_a_worker_makes_the_list_and_keeps_the_result(book: Book) -> None:
    data = b"tel;n\n9876543210;Asha\n9876543210;again\n12;short\n13;short\n"
    import_id = queue(book, data, reading=Reading(columns={"n": "first_name"}))
    assert row(book, import_id).status == "queued"
    run_worker(until_idle=True)
    done = row(book, import_id)
    assert (done.status, done.error) == ("done", "")
    assert (done.rows_total, done.ready, done.duplicates, done.rejected) == (4, 2, 1, 2)
    assert [(p.code, p.rows) for p in done.problems] == [("number_wrong_length", 2)]
    assert (done.who, done.file_name) == ("Asha", "leads.csv")
    assert Contact.objects.get(e164="+919876543210").first_name == "Asha"
    assert ContactList.objects.get(name="New").pk == done.list_id
    text = queries.rejected_file(book.account, OPERATOR, import_id).decode("utf-8-sig")
    assert [found["error_code"] for found in csv.DictReader(text.splitlines(), delimiter=",")] == [
        "number_wrong_length"
    ] * 2
    assert not ImportFile.objects.filter(kind="uploaded").exists()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"number\n12\n", "no_valid_rows"),
        (b"%PDF", "file_type"),
        (b"number\n" + b"9876543210\n" * 100_001, "list_too_big"),
    ],
)
def test_a_file_that_is_no_list_fails_with_a_sentence(book: Book, data: bytes, code: str) -> None:
    import_id = queue(book, data)
    run_import(import_id=import_id, clock=noon)
    failed = row(book, import_id)
    assert (failed.status, failed.error_code, failed.list_id) == ("failed", code, None)
    assert failed.error.endswith(".")
    assert failed.finished_at == NOON
    assert not ContactList.objects.filter(name="New").exists()
    assert not ImportFile.objects.filter(kind="uploaded").exists()


def test_the_reasons_are_kept_when_no_row_is_good(book: Book) -> None:
    import_id = queue(book, b"number\n12\n13\n")
    run_import(import_id=import_id, clock=noon)
    assert row(book, import_id).problems[0].rows == 2
    assert b"number_wrong_length" in queries.rejected_file(book.account, OPERATOR, import_id)


def test_a_name_taken_while_the_file_waited_fails_the_import(book: Book) -> None:
    import_id = queue(book, csv_of(3))
    create_list(account=book.account, name="New", now=NOON)
    run_import(import_id=import_id, clock=noon)
    assert row(book, import_id).error_code == "conflict"
    with pytest.raises(ConflictError):
        queue(book, csv_of(3))


def test_the_same_file_is_told_before_it_is_queued(book: Book) -> None:
    queue(book, csv_of(4), again=False)
    queue(book, csv_of(4), "Not done yet", again=False)
    run_worker(until_idle=True)
    with pytest.raises(SameFileError):
        queue(book, csv_of(4), "Third", again=False)
    assert not ListImport.objects.filter(name="Third").exists()


def test_an_import_that_is_over_is_not_done_again(book: Book) -> None:
    import_id = queue(book, csv_of(3))
    run_import(import_id=import_id, clock=noon)
    before = row(book, import_id)
    run_import(import_id=import_id, clock=noon)
    assert row(book, import_id) == before


class _KilledError(BaseException):
    """As a kill: nothing in the program may catch it."""


class DyingClock:
    """Tells the beginning of an import and dies when asked for the time of saving."""

    def __init__(self) -> None:
        self._asked = 0

    def __call__(self) -> datetime:
        self._asked += 1
        if self._asked > 1:
            raise _KilledError
        return NOON


def test_an_import_killed_at_its_last_step_begins_anew(book: Book) -> None:
    import_id = queue(book, b"number\n9876543210\n12\n")
    with pytest.raises(_KilledError):
        run_import(import_id=import_id, clock=DyingClock())
    assert row(book, import_id).status == "saving"
    assert not ContactList.objects.filter(name="New").exists()
    run_import(import_id=import_id, clock=noon)
    done = row(book, import_id)
    assert (done.status, done.ready, done.rejected) == ("done", 1, 1)


def test_a_file_that_kills_its_worker_each_time_is_given_up(book: Book) -> None:
    import_id = queue(book, csv_of(3))
    for _ in range(3):
        with pytest.raises(_KilledError):
            run_import(import_id=import_id, clock=DyingClock())
    run_import(import_id=import_id, clock=noon)
    failed = row(book, import_id)
    assert (failed.status, failed.error_code) == ("failed", "import_interrupted")
    assert not ContactList.objects.filter(name="New").exists()


def test_a_worker_that_was_taken_for_dead_saves_nothing(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = queue(book, csv_of(3))
    monkeypatch.setattr(steps, "BATCH", 1)
    times = iter([NOON])

    def clock() -> datetime:
        try:
            return next(times)
        except StopIteration:  # before saving: another worker does it all
            run_import(import_id=import_id, clock=noon)
            return NOON

    run_import(import_id=import_id, clock=clock)
    assert row(book, import_id).status == "done"
    assert ListImport.objects.get(pk=import_id).tries == 2
    assert ContactList.objects.filter(name="New").count() == 1


def test_an_agent_sees_only_the_imports_of_their_own(book: Book) -> None:
    theirs = queue(book, b"number\n12\n")
    run_worker(until_idle=True)
    agent = Actor.of(book.agent)
    assert queries.import_rows(book.account, agent) == []
    with pytest.raises(NotFoundError):
        queries.rejected_file(book.account, agent, theirs)
    other = make_book("Zenith")
    with pytest.raises(NotFoundError):
        queries.import_row(other.account, OPERATOR, theirs)


def soon(condition: Callable[[], bool], what: str, deadline_s: float = 60) -> None:
    wait_until(condition, deadline_s, what)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_an_import_whose_worker_is_killed_is_finished_by_the_next_one(
    live_database: str, tmp_path: Path
) -> None:
    book = make_book()
    import_id = queue(book, csv_of(100_000))
    worker = WorkerProcess(Paths.below(tmp_path), live_database)
    worker.start()
    soon(lambda: row(book, import_id).rows_seen > 0, "the import is under way")
    worker.kill()
    half = row(book, import_id)
    assert half.status in {"checking", "saving"}
    assert not ContactList.objects.filter(name="New").exists()
    worker.start()
    began = time.monotonic()
    try:
        soon(lambda: row(book, import_id).is_over, "the import is over", 90)
    finally:
        worker.stop()
    assert time.monotonic() - began < 75
    done = row(book, import_id)
    assert (done.status, done.ready, done.duplicates) == ("done", 100_000, 0)
    assert ListImport.objects.get(pk=import_id).tries == 2
    assert not ProcrastinateJob.objects.filter(task_name="imports.run").exists()
