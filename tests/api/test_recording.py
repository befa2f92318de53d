"""The recording of a call over the API: whole, in ranges, and noted when it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from autodialer.apps.audit.queries import entries
from tests.api.client import Caller
from tests.support.acts import answered_call
from tests.support.book import Book

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

pytestmark = pytest.mark.django_db
SOUND = b"RIFF" + bytes(range(256)) * 8


@pytest.fixture
def address(book: Book, settings: Settings, tmp_path: Path) -> str:
    settings.RECORDINGS = tmp_path
    call = answered_call(book)
    (tmp_path / call.recording).write_bytes(SOUND)
    return f"/calls/{call.pk}/recording"


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_it_is_sent_whole_or_in_one_range_and_noted(book: Book, crm: Caller, address: str) -> None:
    answer = crm.get(address, Accept="audio/wav")
    assert (answer.status_code, answer["Content-Type"]) == (200, "audio/wav")
    assert content(answer) == SOUND
    part = crm.get(address, Range="bytes=4-9")
    assert (part.status_code, content(part)) == (206, SOUND[4:10])
    assert part["Content-Range"] == f"bytes 4-9/{len(SOUND)}"
    newest = entries(book.account)[0]
    assert (newest.action, newest.who) == ("recording.download", "API key CRM")


@pytest.mark.parametrize("asked", [f"bytes={len(SOUND)}-", "bytes=0-1,4-5"])
def test_a_range_that_it_does_not_have_is_refused_with_its_length(
    crm: Caller, address: str, asked: str
) -> None:
    answer = crm.get(address, Range=asked)
    assert (answer.status_code, answer.json()["code"]) == (416, "range_unsatisfiable")
    assert answer["Content-Range"] == f"bytes */{len(SOUND)}"


def test_one_that_was_deleted_is_not_found(crm: Caller, address: str, tmp_path: Path) -> None:
    for file in tmp_path.iterdir():
        file.unlink()
    answer = crm.get(address)
    assert (answer.status_code, answer.json()["code"]) == (404, "recording_missing")
