"""Recordings are played in parts, by those who may, and never anything else of the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from autodialer.apps.audit.queries import entries
from autodialer.apps.calls.models import Attempt, Node
from tests.apps.test_sessions import place, start
from tests.support.book import NOON, Book, make_book
from tests.support.visit import signed_in
from tests.web.test_campaign_page import SECOND

pytestmark = pytest.mark.django_db
SOUND = b"RIFF" + bytes(range(256)) * 1_000


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "recordings"
    made.mkdir()
    with override_settings(RECORDINGS=made):
        yield made


@pytest.fixture
def call(book: Book, folder: Path) -> Attempt:
    """A call that was talked in, with its recording."""
    (folder / "one.wav").write_bytes(SOUND)
    return place(
        start(book, book.campaign()), 0, state="ended", status="completed", reason="answered",
        answered_at=NOON + SECOND, ended_at=NOON + 9 * SECOND, recording="one.wav",
    )  # fmt: skip


def url(call: Attempt) -> str:
    return f"/recordings/{call.pk}/"


def ask(client: Client, call: Attempt, query: str = "", **headers: str) -> Any:
    """The answer, read to its end (which closes the file) into `body`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer: Any = client.get(url(call) + query, headers=named)
    answer.body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer


def test_a_recording_is_played_whole_and_kept_by_nobody(book: Book, call: Attempt) -> None:
    answer = ask(signed_in(book.supervisor), call, Accept_Encoding="gzip")
    assert answer.body == SOUND
    assert answer.status_code == 200
    assert answer["Content-Length"] == str(len(SOUND))
    assert answer["Content-Type"] == "audio/wav"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == (
        'inline; filename="call-2026-11-23-103000-919000000000.wav"'
    )
    assert "Content-Encoding" not in answer


def test_a_download_is_an_attachment(book: Book, call: Attempt) -> None:
    answer = ask(signed_in(book.supervisor), call, "?download=1")
    assert answer["Content-Disposition"].startswith("attachment; filename=")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, len(SOUND) - 1),
        ("bytes=10-19", 10, 19),
        ("bytes=-5", len(SOUND) - 5, len(SOUND) - 1),
        ("bytes=-99999999", 0, len(SOUND) - 1),
        (f"bytes=5-{10**17}", 5, len(SOUND) - 1),
    ],
)
def test_a_player_gets_the_part_it_asks_for(
    book: Book, call: Attempt, asked: str, first: int, last: int
) -> None:
    answer = ask(signed_in(book.supervisor), call, Range=asked, Accept_Encoding="gzip")
    assert answer.status_code == 206
    assert answer.body == SOUND[first : last + 1]
    assert answer["Content-Range"] == f"bytes {first}-{last}/{len(SOUND)}"
    assert answer["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=9-1", "bytes=-0", "bytes=-", "bytes=", "bytes=a-b", f"bytes={len(SOUND)}-",
        "bytes=0-1,3-4", "bytes=" + ",".join(f"{at}-{at}" for at in range(1_000)), "bytes=²-",
        f"bytes={'9' * 5_000}-",
    ],
)  # fmt: skip
def test_a_part_that_is_not_there_and_many_parts_are_refused(
    book: Book, call: Attempt, asked: str
) -> None:
    answer = ask(signed_in(book.supervisor), call, Range=asked.encode().decode("latin-1"))
    assert answer.status_code == 416
    assert answer.body == b""
    assert answer["Content-Range"] == f"bytes */{len(SOUND)}"


def test_the_whole_is_sent_when_the_file_is_not_the_one_that_the_player_knows(
    book: Book, call: Attempt
) -> None:
    asha = signed_in(book.supervisor)
    tag = ask(asha, call)["ETag"]
    assert ask(asha, call, Range="bytes=1-2", If_Range=tag).status_code == 206
    for other in ('"other"', "junk", "Mon, 23 Nov 2026 05:00:00 GMT"):
        answer = ask(asha, call, Range="bytes=1-2", If_Range=other)
        assert (answer.status_code, answer.body) == (200, SOUND)
    assert ask(asha, call, Range="items=1-2").status_code == 200


def test_head_tells_the_size_and_sends_nothing(book: Book, call: Attempt) -> None:
    answer = signed_in(book.supervisor).head(url(call))
    assert (answer.status_code, answer["Content-Length"]) == (200, str(len(SOUND)))
    assert answer.content == b""
    assert not entries(book.account, subject_kind="call")


def test_each_play_is_noted_once_however_many_parts_it_has(book: Book, call: Attempt) -> None:
    asha = signed_in(book.supervisor)
    # From the second byte on too: nobody hears anything unnoticed.
    for start_at in (1, 0, 500, 1_000):
        ask(asha, call, Range=f"bytes={start_at}-")
    ask(asha, call, "?download=1")
    noted = [(entry.action, entry.who) for entry in entries(book.account, subject_kind="call")]
    assert noted == [("recording.download", "Asha"), ("recording.play", "Asha")]


def test_an_agent_and_another_account_hear_nothing(book: Book, call: Attempt) -> None:
    assert ask(signed_in(book.agent), call, Range="bytes=0-").status_code == 403
    other = make_book("Bharat")
    assert ask(signed_in(other.supervisor), call, Range="bytes=0-").status_code == 404
    assert ask(Client(), call).status_code == 302


def test_a_live_call_and_one_that_nobody_answered_say_why_there_is_nothing(
    book: Book, folder: Path
) -> None:
    session = start(book, book.campaign())
    live = place(session, 0, state="talking", answered_at=NOON, recording="live.wav")
    (folder / "live.wav").write_bytes(b"RIFF")
    asha = signed_in(book.supervisor)
    answer = ask(asha, live)
    assert answer.status_code == 409
    assert "when it has ended" in answer.content.decode()
    silent = place(session, 1, state="ended", status="busy", ended_at=NOON, recording="silent.wav")
    answer = ask(asha, silent)
    assert answer.status_code == 404
    assert "Nobody answered" in answer.content.decode()


def test_a_recording_that_was_deleted_is_not_found_with_a_sentence(
    book: Book, call: Attempt, folder: Path
) -> None:
    (folder / "one.wav").unlink()
    answer = ask(signed_in(book.supervisor), call)
    assert answer.status_code == 404
    assert "This recording was deleted." in answer.content.decode()
    assert not entries(book.account, subject_kind="call")


def test_a_recording_that_another_node_may_have_is_not_called_deleted(
    book: Book, call: Attempt, folder: Path
) -> None:
    asha, page = signed_in(book.supervisor), f"/campaigns/{call.campaign_id}/calls/{call.pk}/"
    assert "<audio" in asha.get(page).content.decode()
    (folder / "one.wav").unlink()
    Node.objects.create(name="elsewhere", created_at=NOON)
    answers = [ask(asha, call), asha.get(page)]
    assert [answer.status_code for answer in answers] == [404, 200]
    for answer in answers:
        assert f"or the node {call.node.name}, which made it" in answer.content.decode()
    assert "<audio" not in answers[1].content.decode()


def test_nothing_but_plain_files_of_the_folder_is_opened(
    book: Book, call: Attempt, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    (folder / "link.wav").symlink_to(tmp_path / "secret")
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    asha = signed_in(book.supervisor)
    for name in ("link.wav", "folder.wav", "pipe.wav", "../secret", "..", "."):
        Attempt.objects.filter(pk=call.pk).update(recording=name)
        assert ask(asha, call).status_code == 404, name
