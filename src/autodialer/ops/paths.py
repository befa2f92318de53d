"""Every folder that the program writes to, below one folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autodialer.ops.errors import FolderInUseError, UnsafeFolderError
from autodialer.ops.process import try_lock

# sun_path holds 108 bytes with the closing zero on Linux (unix(7)) and 104 elsewhere.
LONGEST_SOCKET_PATH: Final = 103
LONGEST_SOCKET_NAME: Final = len("/asterisk-node/asterisk.ctl")


@dataclass(frozen=True, slots=True)
class Paths:
    """The layout below `var`, an absolute folder. Nothing is created by asking for a path."""

    var: Path
    asterisk_prefix: Path
    recordings: Path

    @classmethod
    def below(
        cls, var: Path, *, asterisk_prefix: Path | None = None, recordings: Path | None = None
    ) -> Paths:
        """Lay everything out below `var`; what other machines or stacks share may be elsewhere."""
        absolute = var.expanduser().resolve()
        prefix = asterisk_prefix or absolute / "asterisk" / "prefix"
        return cls(
            var=absolute,
            asterisk_prefix=prefix.expanduser().resolve(),
            recordings=recordings or absolute / "recordings",
        )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Paths:
        """Read AUTODIALER_VAR (default ./var) and the two that may be elsewhere."""
        prefix = environ.get("AUTODIALER_ASTERISK_PREFIX")
        recordings = environ.get("AUTODIALER_RECORDINGS")
        return cls.below(
            Path(environ.get("AUTODIALER_VAR") or "var"),
            asterisk_prefix=Path(prefix) if prefix else None,
            recordings=Path(recordings).expanduser().resolve() if recordings else None,
        )

    @property
    def postgres(self) -> Path:
        return self.var / "postgres"

    @property
    def sockets(self) -> Path:
        """Where UNIX sockets are made: var/run, or a private temporary folder when that is long.

        Both names depend on `var` alone, so that every command finds the same sockets.
        """
        run = self.var / "run"
        if len(os.fsencode(run)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
            return run
        digest = hashlib.sha256(os.fsencode(self.var)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"autodialer-{digest}"

    @property
    def asterisk_node(self) -> Path:
        return self.var / "asterisk" / "node"

    @property
    def lab(self) -> Path:
        return self.var / "lab"

    @property
    def reports(self) -> Path:
        return self.var / "reports"

    @property
    def exports(self) -> Path:
        return self.var / "exports"

    @property
    def bench(self) -> Path:
        return self.var / "bench"

    @property
    def log(self) -> Path:
        return self.var / "log"


@contextmanager
def alone(paths: Paths) -> Iterator[None]:
    """Keep every other stack out of this folder while the block runs.

    Two at once would take each other's Asterisk away. Raises FolderInUseError at once.
    """
    paths.var.mkdir(parents=True, exist_ok=True)
    lock = try_lock(paths.var / "stack.lock")
    if lock is None:
        raise FolderInUseError(
            f"A stack runs in {paths.var} already: stop it first, or choose another folder "
            "by AUTODIALER_VAR."
        )
    try:
        yield
    finally:
        os.close(lock)


def private_folder(folder: Path) -> Path:
    """Create the folder for this user alone and return it; repeatable.

    Raises UnsafeFolderError when it exists but another user owns it or may enter it: below a
    shared temporary folder, somebody else could have made it first.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise UnsafeFolderError(
            f"{folder} must be a folder that only this user can enter. "
            f"Remove it, or run `chmod 700 {folder}` if it is yours."
        )
    return folder


def kept_secret(file: Path) -> str:
    """The secret of the file; generated the first time (43 characters, for this user alone).

    Of several processes that ask for it at the same moment, all get the same.
    """
    if not file.exists():
        private_folder(file.parent)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        write_private(draft, secrets.token_urlsafe(32))
        with suppress(FileExistsError):  # another process was first: its secret counts
            file.hardlink_to(draft)
        draft.unlink()
    return file.read_text()


def write_private(file: Path, text: str) -> None:
    """Replace the file with `text`, readable by this user alone; never half-written."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)
