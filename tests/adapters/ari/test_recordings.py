"""What a recording tells of its call, and how one that Asterisk left open is closed."""

from __future__ import annotations

import os
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autodialer.adapters.ari.recordings import close_recording
from autodialer.domain.session import Talk

ENDED = datetime(2026, 11, 23, 10, 0, 30, tzinfo=UTC)


def recorded(file: Path, seconds: int, *, closed: bool) -> Path:
    """A recording of this length whose last sound was at ENDED."""
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8_000)
        wav.writeframes(bytes(16_000 * seconds))
    if not closed:
        with file.open("r+b") as opened:
            for at in (4, 40):
                opened.seek(at)
                opened.write(bytes(4))
    os.utime(file, (ENDED.timestamp(), ENDED.timestamp()))
    return file


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "left-open"])
async def test_a_recording_tells_when_its_call_was_answered_and_ended(
    tmp_path: Path, *, closed: bool
) -> None:
    file = recorded(tmp_path / "a.wav", 12, closed=closed)
    for _ in range(2):
        assert await close_recording(file) == Talk(ENDED - timedelta(seconds=12), ENDED)
    with wave.open(str(file)) as wav:
        assert wav.getnframes() == 12 * 8_000


async def test_a_call_without_a_recording_was_not_answered(tmp_path: Path) -> None:
    assert await close_recording(tmp_path / "none.wav") is None


@pytest.mark.parametrize("size", [0, 30, 44])
async def test_a_recording_that_had_no_time_to_begin_is_left_as_it_is(
    tmp_path: Path, size: int
) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(bytes(size))
    os.utime(file, (ENDED.timestamp(), ENDED.timestamp()))
    assert await close_recording(file) == Talk(ENDED, ENDED)
    assert file.read_bytes() == bytes(size)


async def test_a_recording_that_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    assert await close_recording(tmp_path) is None
