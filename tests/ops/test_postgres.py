"""The embedded server is started, killed and attached to as a machine would do it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from autodialer.ops.errors import DatabaseUnavailableError
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import wait_until
from tests.support import stack

START = """
    import sys
    from pathlib import Path
    from autodialer.ops.paths import Paths
    from autodialer.ops.postgres import EmbeddedPostgres
    server = EmbeddedPostgres(Paths.below(Path(sys.argv[1])))
    server.start()
    print(server.pid, flush=True)
    sys.stdin.read()
    server.stop()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with stack.postgres(tmp_path / "var") as running:
        yield running


def beside(server: EmbeddedPostgres, tmp_path: Path) -> EmbeddedPostgres:
    """What a second command on the same folder uses."""
    other = EmbeddedPostgres(Paths.below(tmp_path / "var"))
    assert other.url == server.url
    return other


def scalar(server: EmbeddedPostgres, statement: str) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


@contextmanager
def bystander(cwd: Path | None = None) -> Iterator[int]:
    """A process of ours that has nothing to do with PostgreSQL; yields its id."""
    with subprocess.Popen(["sleep", "60"], cwd=cwd) as process:
        try:
            yield process.pid
            assert process.poll() is None, "somebody ended the bystander"
        finally:
            process.kill()


def postmaster_pid(tmp_path: Path) -> int:
    return int((tmp_path / "var/postgres/data/postmaster.pid").read_text().split("\n", 1)[0])


def test_a_committed_row_survives_kill_9(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE proof (word text)")
        connection.execute("INSERT INTO proof VALUES ('kept')")
    server.kill()
    assert not server.is_running()
    server.start()
    assert scalar(server, "SELECT word FROM proof") == "kept"


def test_a_clean_stop_needs_no_recovery(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.stop()
    assert not server.is_running()
    server.start()
    log = (tmp_path / "var/log/postgres.log").read_text()
    assert "database system is shut down" in log
    assert "not properly shut down" not in log


def test_it_starts_when_the_old_pid_belongs_to_another_process(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    dead = str(postmaster_pid(tmp_path))
    server.kill()
    pid_file = tmp_path / "var/postgres/data/postmaster.pid"
    socket_lock = Paths.below(tmp_path / "var").sockets / ".s.PGSQL.5432.lock"
    with bystander() as pid:
        for file in (pid_file, socket_lock):
            file.write_text(file.read_text().replace(dead, str(pid)))
        server.start()
        assert server.is_running()


def test_a_second_command_attaches_and_leaves_the_server_running(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    before = postmaster_pid(tmp_path)
    second = beside(server, tmp_path)
    second.start()
    second.stop()
    assert postmaster_pid(tmp_path) == before
    assert server.is_running()


def test_a_server_that_other_hands_started_is_not_doubled(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    server.kill()
    data = tmp_path / "var/postgres/data"
    with bystander(cwd=data) as pid:
        (data / "postmaster.pid").write_text(f"{pid}\n")
        with pytest.raises(DatabaseUnavailableError, match=f"Process {pid}"):
            server.start()


def test_nobody_enters_without_the_password(server: EmbeddedPostgres) -> None:
    for role in ("postgres", "autodialer"):
        wrong = psycopg.conninfo.make_conninfo(server.url, user=role, password="guess")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)


def test_our_role_cannot_run_programs_on_the_server(server: EmbeddedPostgres) -> None:
    with (
        psycopg.connect(server.url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("COPY (SELECT 1) TO PROGRAM 'true'")


def test_it_does_not_listen_on_tcp(server: EmbeddedPostgres) -> None:
    assert scalar(server, "SHOW listen_addresses") == ""
    inodes = {
        os.readlink(entry)
        for entry in Path(f"/proc/{server.pid}/fd").iterdir()
        if os.readlink(entry).startswith("socket:")
    }
    tcp = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    assert not [inode for inode in inodes if inode[8:-1] in tcp.split()]


def test_secrets_and_folders_are_for_this_user_alone(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    assert server.is_running()
    private = tmp_path / "var" / "postgres"
    sockets = Paths.below(tmp_path / "var").sockets
    for path in (private, sockets, *private.glob("*.secret")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_commits_are_durable_and_pages_are_checked(server: EmbeddedPostgres) -> None:
    for name in ("synchronous_commit", "fsync", "full_page_writes", "data_checksums"):
        assert scalar(server, f"SHOW {name}") == "on"
    assert scalar(server, "SHOW server_encoding") == "UTF8"
    assert scalar(server, "SELECT upper('ä')") == "Ä"


def test_a_half_made_data_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "var" / "postgres").mkdir(parents=True, mode=0o700)
    half = tmp_path / "var" / "postgres" / "new-interrupted"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with stack.postgres(tmp_path / "var") as server:
        assert server.is_running()
    assert not half.exists()


def test_data_of_another_version_is_refused_with_what_to_do(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    server.stop()
    (tmp_path / "var/postgres/data/PG_VERSION").write_text("12\n")
    with pytest.raises(DatabaseUnavailableError, match="dump the data"):
        server.start()


def test_a_deep_folder_still_gets_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with stack.postgres(deep) as server:
        assert server.is_running()
        assert str(deep) not in server.url


def test_a_server_whose_postmaster_died_is_started_again(server: EmbeddedPostgres) -> None:
    assert server.exit_code is None
    with psycopg.connect(server.url):  # its backend outlives the postmaster for a moment
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: server.exit_code == -signal.SIGKILL, 20, "the death is seen")
        server.start()
    assert server.is_running()


def test_commands_that_start_at_once_share_one_server(tmp_path: Path) -> None:
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(START), str(tmp_path / "var")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        pids = [command.stdout.readline().strip() for command in commands if command.stdout]
        assert sorted(pids)[1:] == ["None", "None"]
        assert int(sorted(pids)[0]) == postmaster_pid(tmp_path)
    finally:
        for command in commands:
            command.communicate()
    assert not EmbeddedPostgres(Paths.below(tmp_path / "var")).is_running()


def test_the_server_goes_down_with_the_command_that_started_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(START), str(tmp_path / "var")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        pid = int(command.stdout.readline())
        command.send_signal(signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), 20, "the server is gone")
