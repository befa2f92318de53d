"""Answers that wait in files for slow browsers, within what all of them may take together."""

from __future__ import annotations

import asyncio
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Shelf:
    """How many bytes may still be put aside, by all threads together."""

    def __init__(self, room: int) -> None:
        self._room, self._lock = room, Lock()

    def take(self, size: int) -> bool:
        """Take room, if there is so much; a negative size gives it back."""
        with self._lock:
            if size > self._room:
                return False
            self._room -= size
            return True


class Aside:
    """What of one answer waits for its browser, in a file without name; a context manager."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._file: IO[bytes] | None = None
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        self._shelf.take(-self._size)

    def put(self, piece: bytes) -> bool:
        """Put a piece behind the others; return whether there was room for it."""
        if not self._shelf.take(len(piece)):
            return False
        self._size += len(piece)
        try:
            if self._file is None:
                self._file = TemporaryFile()  # noqa: SIM115  closed with the answer
            self._file.write(piece)
        except OSError:  # the disk has less room than we have given ourselves
            return False
        return True

    async def pieces(self, size: int) -> AsyncIterator[bytes]:
        """Yield all of it, in order and in pieces of this size."""
        if self._file is None:
            return
        await asyncio.to_thread(self._file.seek, 0)
        while piece := await asyncio.to_thread(self._file.read, size):
            yield piece
