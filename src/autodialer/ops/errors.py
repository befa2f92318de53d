"""What can go wrong while the parts around the dialer are installed, started and stopped."""

from __future__ import annotations

from autodialer.domain.errors import AutodialerError


class OperationError(AutodialerError):
    """A part cannot be installed, started or reached; the text says what to do about it."""

    code = "operation_failed"


class UnsafeFolderError(OperationError):
    """A folder for sockets or secrets could be read or replaced by somebody else."""

    code = "unsafe_folder"


class FolderInUseError(OperationError):
    """Another process runs its stack in this folder."""

    code = "folder_in_use"


class ProcessError(OperationError):
    """A child process did not start, or did not do what it was started for in time."""

    code = "process_failed"


class DatabaseUnavailableError(OperationError):
    """The embedded PostgreSQL cannot be set up or started on this machine."""

    code = "database_unavailable"


class AsteriskUnavailableError(OperationError):
    """Asterisk cannot be installed or started here; the simulated switch still can be used."""

    code = "asterisk_unavailable"
