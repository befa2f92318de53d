"""Sending files: in small pieces, whole or one range of them (RFC 9110, 14)."""

from __future__ import annotations

import os
import re
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final, cast

from django.http import HttpResponse, StreamingHttpResponse

from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from django.http import HttpRequest, HttpResponseBase

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PIECE: Final = 64 * 1024
LINES_AT_ONCE: Final = 1_000
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Part:
    """Some bytes of an open file as the content of a response, which closes the file."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file, self._start, self._length = file, start, length

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._start)
        left = self._length
        while left > 0 and (piece := self._file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece

    def close(self) -> None:
        """Close the file, also when the browser went away before the end."""
        self._file.close()


def pieces(lines: Iterator[str]) -> Iterator[str]:
    """Put lines together: sending or compressing each alone would take several times as long."""
    while piece := "".join(islice(lines, LINES_AT_ONCE)):
        yield piece


def written(write: Callable[[BinaryIO], object]) -> Part:
    """Return what `write` puts into a file without name, which is gone when it has been sent."""
    with ExitStack() as stack:
        file = cast("BinaryIO", stack.enter_context(TemporaryFile()))
        write(file)
        part = Part(file, 0, file.tell())
        stack.pop_all()  # from here on the response closes the file
        return part


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a file's bytes; `last` is included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes it holds."""
        return self.last - self.first + 1


class UnsatisfiableError(Exception):
    """No such range, or several of them: 416."""


def span(asked: str, size: int) -> Span | None:
    """Return the range that a Range header asks of a file; None: the whole file.

    Raises UnsatisfiableError. Several ranges are refused: nobody needs them, and a thousand
    small ones are an attack. Units that are not bytes are ignored, as the standard wants.
    """
    if not asked.startswith("bytes="):
        return None
    found = _RANGE.fullmatch(asked)
    if found is None or asked == "bytes=-":
        raise UnsatisfiableError
    first, last = found.groups()
    if not first:  # the last so many bytes
        wanted = Span(max(size - int(last), 0), size - 1)
    else:
        wanted = Span(int(first), min(int(last or size), size - 1))
    if wanted.length < 1:
        raise UnsatisfiableError
    return wanted


def open_in(folder: Path, name: str, gone: str = "There is no such file.") -> BinaryIO:
    """Open a plain file that stands in the folder itself. Raises NotFoundError, saying `gone`.

    Neither another folder nor a link leads out of it.
    """
    if "/" in name or name in {"", ".", ".."}:
        raise NotFoundError("There is no such file.")
    try:
        inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=inside)
        finally:
            os.close(inside)
    except OSError:
        raise NotFoundError(gone) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotFoundError("There is no such file.")
    return os.fdopen(descriptor, "rb")


def disposition(file_name: str, *, is_saved: bool = True) -> str:
    """Return the Content-Disposition of a file; the name is ours: ASCII without quotes."""
    return f'{"attachment" if is_saved else "inline"}; filename="{file_name}"'


def ranged(request: HttpRequest, file: BinaryIO, headers: Mapping[str, str]) -> HttpResponseBase:
    """Return the file or the range of it that is asked for, or 416; the response closes the file.

    All of a file is sent that has changed since the client read a part of it.
    """
    facts = os.fstat(file.fileno())
    size, tag = facts.st_size, f'"{facts.st_size:x}-{facts.st_mtime_ns:x}"'
    told = {**headers, "Accept-Ranges": "bytes", "ETag": tag}
    known = request.headers.get("If-Range", tag)
    try:
        wanted = span(request.headers.get("Range", ""), size) if known == tag else None
    except UnsatisfiableError:
        file.close()
        return HttpResponse(status=416, headers={**told, "Content-Range": f"bytes */{size}"})
    status, part = (206, wanted) if wanted else (200, Span(0, size - 1))
    told["Content-Length"] = str(part.length)
    if wanted:
        told["Content-Range"] = f"bytes {wanted.first}-{wanted.last}/{size}"
    if request.META["REQUEST_METHOD"] == "HEAD":
        file.close()
        return HttpResponse(status=status, headers=told)
    content = Part(file, part.first, part.length)
    return StreamingHttpResponse(content, status=status, headers=told)
