from __future__ import annotations

from pathlib import Path

import pytest

from autodialer.ops.errors import UnsafeFolderError
from autodialer.ops.paths import (
    LONGEST_SOCKET_PATH,
    Paths,
    kept_secret,
    private_folder,
    write_private,
)


def test_settings_choose_the_folders(tmp_path: Path) -> None:
    chosen = {"AUTODIALER_VAR": str(tmp_path), "AUTODIALER_ASTERISK_PREFIX": "/opt/pbx"}
    paths = Paths.from_environment(chosen)
    assert paths.var == tmp_path
    assert paths.asterisk_prefix == Path("/opt/pbx")
    assert paths.recordings == tmp_path / "recordings"
    shared = Paths.from_environment({**chosen, "AUTODIALER_RECORDINGS": "/srv/recordings"})
    assert shared.recordings == Path("/srv/recordings")
    assert Paths.from_environment({}).var == Path.cwd() / "var"


def test_a_long_folder_gets_short_sockets_that_every_command_finds(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    sockets = Paths.below(deep).sockets
    assert sockets == Paths.below(deep).sockets
    assert sockets != Paths.below(deep / "other").sockets
    assert len(str(sockets / "asterisk-node" / "asterisk.ctl")) <= LONGEST_SOCKET_PATH


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    with pytest.raises(UnsafeFolderError, match="chmod 700"):
        private_folder(shared)


def test_a_link_to_a_private_folder_is_refused(tmp_path: Path) -> None:
    private_folder(tmp_path / "mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(UnsafeFolderError):
        private_folder(tmp_path / "link")


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "private" / "ari.secret"
    made = kept_secret(file)
    assert len(made) >= 32
    assert kept_secret(file) == made
    assert kept_secret(tmp_path / "private" / "other.secret") != made
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_private_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    write_private(file, "old")
    write_private(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["secret"]
