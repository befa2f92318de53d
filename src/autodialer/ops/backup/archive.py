"""The file of a backup: a zip of parts, their list, and the list's signature.

Nothing in it is code or a pickled object, and no name in it is used as a path: what a part is
follows from a short table of allowed names. A reader gives parts out only after the signature,
every name, every size and every SHA-256 were found right.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shutil
import struct
import zipfile
import zlib
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from autodialer.ops.errors import (
    BackupDamagedError,
    BackupExistsError,
    BackupKeyError,
    BackupVersionError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature"
# The only parts there are: rows of a table, and a recording by the name that the dialer gave it.
PART: Final = re.compile(r"tables/[a-z][a-z0-9_]{0,62}|recordings/[0-9a-f]{32}\.wav")
_SIGNED: Final = re.compile(rb"autodialer-backup (\d{1,4}) ([0-9a-f]{16}) ([0-9a-f]{64})\n")
_PURPOSE: Final = b"autodialer backup\0"
_LONGEST_SIGNATURE: Final = 200
_LONGEST_MANIFEST: Final = 1 << 30
_BLOCK: Final = 1 << 20
# What zipfile raises for bytes that are no zip (any more).
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
# Rows shrink to a fifth; more effort makes them little smaller and takes twice as long.
_EFFORT: Final = 3


@dataclass(frozen=True, slots=True)
class Seal:
    """Signs with what is derived from the key of the installation (AUTODIALER_SECRET_KEY)."""

    key: bytes

    @property
    def name(self) -> str:
        """Tells one key from another and says nothing about either."""
        return self._digest(b"name")[:16]

    def line(self, manifest: bytes) -> bytes:
        """Return the signature of a list of parts."""
        return f"autodialer-backup {FORMAT} {self.name} {self._digest(manifest)}\n".encode()

    def check(self, line: bytes, manifest: bytes) -> None:
        """Raise BackupVersionError, BackupKeyError or BackupDamagedError unless it is signed."""
        found = _SIGNED.fullmatch(line)
        if found is None:
            raise BackupDamagedError("This backup has no signature that can be read.")
        if int(found[1]) != FORMAT:
            raise BackupVersionError(
                f"This backup has format {int(found[1])}, and this version reads format {FORMAT}: "
                "restore it with the version that made it."
            )
        if found[2].decode() != self.name:
            raise BackupKeyError(
                "This backup was signed with another key: set AUTODIALER_SECRET_KEY to the one "
                "of the installation that made it."
            )
        if not hmac.compare_digest(line, self.line(manifest)):
            raise BackupDamagedError("The signature is wrong: this backup was changed.")

    def _digest(self, content: bytes) -> str:
        return hmac.new(self.key, _PURPOSE + content, hashlib.sha256).hexdigest()


class Writer:
    """Collects the parts of one backup."""

    def __init__(self, archive: zipfile.ZipFile, seal: Seal) -> None:
        self._archive, self._seal = archive, seal
        self._parts: dict[str, dict[str, Any]] = {}

    @contextmanager
    def part(self, name: str, *, compress: bool = True) -> Iterator[_Measured]:
        """Open a part to be written once, from its beginning to its end."""
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        entry._compresslevel = _EFFORT  # type: ignore[attr-defined]  # ZipInfo's only way to it
        with self._archive.open(entry, "w", force_zip64=True) as stream:
            measured = _Measured(stream)
            yield measured
        self._parts[name] = {"size": measured.size, "sha256": measured.sha256}

    def seal(self, facts: Mapping[str, Any]) -> None:
        """Write the list of all parts, with `facts` about them, and sign it."""
        manifest = json.dumps({**facts, "parts": self._parts}, indent=1).encode()
        self._archive.writestr(MANIFEST, manifest, zipfile.ZIP_DEFLATED)
        self._archive.writestr(SIGNATURE, self._seal.line(manifest))


class _Measured:
    """Passes bytes on, and knows how many there were and their SHA-256."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._hash = stream, hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._stream.write(data)
        self._hash.update(data)
        self.size += memoryview(data).nbytes

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def written(file: Path, seal: Seal) -> Iterator[Writer]:
    """Make the backup `file`, for this user alone: whole when the block ends, else not at all.

    Raises BackupExistsError when there is a file of that name.
    """
    if file.exists():  # told before the work, and once more when the file is there
        raise _exists(file)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as raw:
            with zipfile.ZipFile(raw, "w", allowZip64=True) as archive:
                yield Writer(archive, seal)
            raw.flush()
            os.fsync(raw.fileno())
        try:
            file.hardlink_to(draft)  # unlike a rename it never replaces an older backup
        except FileExistsError:
            raise _exists(file) from None
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _exists(file: Path) -> BackupExistsError:
    return BackupExistsError(f"{file} exists: choose another name, or remove it.")


class Reader:
    """A backup that was found whole and genuine."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Mapping[str, Any]) -> None:
        self._archive, self.manifest = archive, manifest

    def names(self, folder: str) -> list[str]:
        """Return the names of the parts below `folder`, without it."""
        prefix = f"{folder}/"
        return [n.removeprefix(prefix) for n in self.manifest["parts"] if n.startswith(prefix)]

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield what a part holds."""
        with self._archive.open(name) as stream:
            while block := stream.read(_BLOCK):
                yield block

    def extract(self, name: str, to: IO[bytes]) -> None:
        """Copy a part into an open file."""
        with self._archive.open(name) as stream:
            shutil.copyfileobj(stream, to, _BLOCK)


@contextmanager
def verified(file: Path, seal: Seal) -> Iterator[Reader]:
    """Give the backup `file`, once all of it was checked.

    Raises BackupDamagedError, BackupKeyError or BackupVersionError.
    """
    # What is checked is what is read: the file stays open meanwhile.
    with file.open("rb") as raw, ExitStack() as opened:
        try:
            archive = opened.enter_context(zipfile.ZipFile(raw))
            manifest = _checked(archive, seal)
        except _UNREADABLE as error:
            raise BackupDamagedError(f"{file} is no whole backup: {error}.") from error
        yield Reader(archive, manifest)


def _checked(archive: zipfile.ZipFile, seal: Seal) -> Mapping[str, Any]:
    _check_names(archive)
    text = _small(archive, MANIFEST, _LONGEST_MANIFEST)
    seal.check(_small(archive, SIGNATURE, _LONGEST_SIGNATURE), text)
    manifest: Mapping[str, Any] = json.loads(text)
    parts = manifest["parts"]
    found = set(archive.namelist()) - {MANIFEST, SIGNATURE}
    if found != parts.keys():
        differing = ", ".join(sorted(found ^ parts.keys())[:5])
        raise BackupDamagedError(f"Parts are missing or were added: {differing}.")
    for name, expected in parts.items():
        _check_part(archive, name, expected)
    return manifest


def _check_names(archive: zipfile.ZipFile) -> None:
    """Refuse what no backup of ours holds: links, folders, paths, the same name twice."""
    for entry in archive.infolist():
        is_plain = entry.external_attr >> 16 & 0o170000 in {
            0,
            0o100000,
        } and entry.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        is_known = entry.filename in {MANIFEST, SIGNATURE} or PART.fullmatch(entry.filename)
        if not (is_plain and is_known) or entry.orig_filename != entry.filename:
            raise BackupDamagedError(
                f"The entry {entry.orig_filename!r} belongs in no backup: this file was changed."
            )
    twice = [name for name, times in Counter(archive.namelist()).items() if times > 1]
    if twice:
        raise BackupDamagedError(f"The entry {twice[0]!r} is there twice: this file was changed.")


def _small(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise BackupDamagedError(f"The entry {name!r} is missing: this is no backup.") from None
    with archive.open(entry) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise BackupDamagedError(f"The entry {name!r} is too long: this file was changed.")
    return content


def _check_part(archive: zipfile.ZipFile, name: str, expected: Mapping[str, Any]) -> None:
    """Read a part to its end, or to the first byte more than it may have."""
    digest, size = hashlib.sha256(), 0
    with archive.open(name) as stream:
        while size <= expected["size"] and (block := stream.read(_BLOCK)):
            digest.update(block)
            size += len(block)
    if (size, digest.hexdigest()) != (expected["size"], expected["sha256"]):
        raise BackupDamagedError(f"The part {name!r} is not what was saved: this file was changed.")
