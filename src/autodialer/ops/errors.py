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


class BackupDamagedError(OperationError):
    """A file is no whole backup of ours, or was changed since; nothing was restored."""

    code = "backup_damaged"


class BackupKeyError(OperationError):
    """A backup was signed with another key than that of this installation; nothing was restored."""

    code = "backup_other_key"


class BackupVersionError(OperationError):
    """A backup was made by another version, whose tables are not these; nothing was restored."""

    code = "backup_other_version"


class BackupExistsError(OperationError):
    """A backup is never written over another file."""

    code = "backup_exists"


class RestoreRefusedError(OperationError):
    """This is no moment or no database to restore into; nothing was restored."""

    code = "restore_refused"
