"""The do-not-call registry."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autodialer.apps.contacts.models import DndEntry
from autodialer.apps.contacts.services import add_dnd_numbers
from autodialer.apps.imports.table import MAX_BYTES
from tests.support.book import NOON, Book, csv_of, make_book
from tests.web.visit import HTMX, signed_in, text


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


@pytest.fixture
def asha(book: Book) -> Client:
    return signed_in(book.supervisor)


def numbers() -> list[str]:
    return list(DndEntry.objects.order_by("e164").values_list("e164", flat=True))


def upload(client: Client, data: bytes, name: str = "dnd.csv") -> object:
    return client.post("/dnd/upload/", {"file-file": SimpleUploadedFile(name, data)})


def test_numbers_are_added_one_a_line_with_a_reason(asha: Client, book: Book) -> None:
    page = {"numbers": "98765 43210\r\n\r\n+442079460000\r\n9876543210", "reason": " asked us "}
    done = asha.post("/dnd/", page, follow=True)
    assert "2 numbers were added. 1 was there already." in text(done)
    assert numbers() == ["+442079460000", "+919876543210"]
    row = done.context["page"].rows[0]
    assert (row.reason, row.added_by) == ("asked us", "Asha")


def test_bad_numbers_are_told_each_with_its_cause_and_left_to_be_corrected(
    asha: Client, book: Book
) -> None:
    page = text(asha.post("/dnd/", {"numbers": "9876543210\n12\n<i>\n112", "reason": "r"}))
    assert numbers() == ["+919876543210"]
    assert "too few or too many digits" in page
    assert "Emergency numbers are never dialled" in page
    assert "&lt;i&gt;" in page
    assert "12\n&lt;i&gt;\n112</textarea>" in page
    assert 'value="r"' in page


def test_a_reason_that_is_too_long_keeps_what_was_typed(asha: Client) -> None:
    refused = asha.post("/dnd/", {"numbers": "9876543210", "reason": "x" * 201})
    assert refused.status_code == 422
    assert "9876543210</textarea>" in text(refused)
    assert numbers() == []


def test_a_file_of_numbers_is_added_and_its_bad_rows_are_told(asha: Client) -> None:
    answer = text(upload(asha, b"number\n9876543210\n12\n"))
    assert "1 number was added." in answer
    assert "too few or too many digits" in answer
    assert numbers() == ["+919876543210"]


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"", 422, "The file is empty."),
        (b"%PDF-1.4", 422, "It is a PDF document."),
        (b"number\n12\n13\n", 422, "No row of this file can be dialled"),
        (b"x" * (MAX_BYTES + 1), 413, "The file is larger than 20 MB."),
        (b"x" * (MAX_BYTES + 2**21), 413, "The file is larger than 20 MB."),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_sentence(
    asha: Client, data: bytes, status: int, sentence: str
) -> None:
    answer = upload(asha, data, "../../etc/passwd")
    assert answer.status_code == status  # type: ignore[attr-defined]  # a response
    assert sentence in text(answer)
    assert numbers() == []


def test_an_admin_removes_a_number_after_a_question_and_a_supervisor_does_not(
    asha: Client, book: Book
) -> None:
    add_dnd_numbers(account=book.account, numbers=["9876543210"], now=NOON, reason="asked")
    url = f"/dnd/{DndEntry.objects.get().pk}/remove/"
    assert asha.get(url).status_code == asha.post(url).status_code == 403
    assert "/remove/" not in text(asha.get("/dnd/"))
    devi = signed_in(book.admin)
    question = text(devi.get(url, headers=HTMX))
    assert "+919876543210" in question
    assert "asked" in question
    assert numbers() != []
    assert devi.post(url)["Location"] == "/dnd/"
    assert numbers() == []
    assert devi.post(url).status_code == 404


def test_an_agent_does_not_see_the_registry(book: Book) -> None:
    assert signed_in(book.agent).get("/dnd/").status_code == 403


def test_the_registry_is_searched_and_leafed_through(asha: Client, book: Book) -> None:
    many = [f"98765{at:05}" for at in range(60)]
    add_dnd_numbers(account=book.account, numbers=many, now=NOON)
    page = asha.get("/dnd/").context["page"]
    assert (page.total, page.last, page.next) == (60, 50, 2)
    found = asha.get("/dnd/", {"q": "098765 00007"}, headers=HTMX)
    assert [row.e164 for row in found.context["page"].rows] == ["+919876500007"]
    assert "Nothing found for" in text(asha.get("/dnd/", {"q": "1234567"}))
    with CaptureQueriesContext(connection) as few:
        asha.get("/dnd/?q=9876500007")
    with CaptureQueriesContext(connection) as more:
        asha.get("/dnd/?q=98765")
    assert len(few) == len(more)


def test_a_large_file_is_added_whole(asha: Client) -> None:
    upload(asha, csv_of(3_000))
    assert DndEntry.objects.count() == 3_000
