"""What Asterisk's recording of a call tells: the witness of a call whose end nobody saw.

Asterisk writes the file from the answer on, into a folder that the dialer shares, and closes it at
the end of the call: so it outlives the dialer, and all but its last two seconds outlive Asterisk
(docs/adr/0014-recordings-are-the-second-witness.md).
"""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from autodialer.domain.session import Talk

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger()

# Asterisk closes a recording within milliseconds of the end of its call.
_LOOKS: Final = 10
_LOOK_AGAIN_S: Final = 0.1
# Asterisk's WAV header, in front of the samples: 8 kHz, 16 bit, mono.
_HEADER: Final = 44
_BYTES_PER_S: Final = 16_000
# Where the header keeps the size of what follows it: of the whole file, and of the samples.
_RIFF_SIZE_AT: Final = 4
_DATA_SIZE_AT: Final = 40


@dataclass(frozen=True, slots=True)
class _Found:
    """A recording as it is now; `is_closed` when its header tells its size."""

    size: int
    written_at_ns: int
    is_closed: bool


async def close_recording(file: Path) -> Talk | None:
    """Return when the call was answered and ended; None when it was never answered.

    A file that Asterisk had no time to close gets its header. Safe to repeat: the time of the last
    sound stays the time of the file.
    """
    try:
        found = await asyncio.to_thread(_look, file)
        for _ in range(_LOOKS):
            if found.is_closed:
                break
            await asyncio.sleep(_LOOK_AGAIN_S)
            found = await asyncio.to_thread(_look, file)
        if not found.is_closed:
            await asyncio.to_thread(_write_header, file, found)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("recording_not_closed", attempt=_attempt(file), error=type(error).__name__)
        return None
    return _talk_of(found)


def _look(file: Path) -> _Found:
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
        now = os.fstat(opened.fileno())
    size = int.from_bytes(header[_DATA_SIZE_AT:], "little")
    return _Found(now.st_size, now.st_mtime_ns, is_closed=size > 0)


def _write_header(file: Path, found: _Found) -> None:
    if found.size <= _HEADER:
        return  # Nothing was heard, so there is nothing to play.
    with file.open("r+b") as opened:
        for at, before in ((_RIFF_SIZE_AT, 8), (_DATA_SIZE_AT, _HEADER)):
            opened.seek(at)
            opened.write(struct.pack("<I", found.size - before))
    os.utime(file, ns=(found.written_at_ns, found.written_at_ns))
    log.info("recording_closed", attempt=_attempt(file), bytes=found.size)


def _talk_of(found: _Found) -> Talk:
    ended_at = datetime.fromtimestamp(found.written_at_ns / 1e9, UTC)
    length = timedelta(seconds=max(0, found.size - _HEADER) / _BYTES_PER_S)
    return Talk(ended_at - length, ended_at)


def _attempt(file: Path) -> str:
    """Return the call whose recording this is, as logs name it."""
    with suppress(ValueError):
        return str(UUID(file.stem))
    return file.name
