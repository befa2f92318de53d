"""The file of a backup: what was changed in it is found before anything is read from it."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest

from autodialer.ops.backup.archive import MANIFEST, SIGNATURE, Seal, verified, written
from autodialer.ops.errors import (
    BackupDamagedError,
    BackupExistsError,
    BackupKeyError,
    BackupVersionError,
)

SEAL: Final = Seal(b"the key of this installation, long enough")
ROWS: Final = b"1\tAsha\n2\tBina\n" * 1_000
RECORDING: Final = f"recordings/{'0f' * 16}.wav"
Entries = dict[str, bytes]


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    file = tmp_path / "backup.zip"
    with written(file, SEAL) as writer:
        with writer.part("tables/accounts_user") as part:
            part.write(ROWS)
        with writer.part(RECORDING, compress=False) as part:
            part.write(b"RIFF")
        writer.seal({"version": "1.0"})
    return file


def entries_of(file: Path) -> Entries:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_entries(file: Path, entries: Entries) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def test_a_backup_gives_back_what_was_put_in(backup: Path) -> None:
    with verified(backup, SEAL) as reader:
        assert reader.manifest["version"] == "1.0"
        assert b"".join(reader.blocks("tables/accounts_user")) == ROWS
        assert reader.names("recordings") == [RECORDING.removeprefix("recordings/")]
        heard = BytesIO()
        reader.extract(RECORDING, heard)
        assert heard.getvalue() == b"RIFF"


def test_a_backup_is_for_this_user_alone_and_holds_no_key(backup: Path) -> None:
    assert backup.stat().st_mode & 0o077 == 0
    assert SEAL.key not in b"".join(entries_of(backup).values())


def test_a_backup_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), written(tmp_path / "backup.zip", SEAL):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_never_written_over_another(backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(BackupExistsError), written(backup, SEAL):
        pytest.fail("it must be told before the work")
    assert backup.read_bytes() == before


def change_a_row(entries: Entries) -> None:
    entries["tables/accounts_user"] = ROWS.replace(b"Asha", b"Eve!")


def lengthen_a_part(entries: Entries) -> None:
    entries["tables/accounts_user"] += b"3\tEve\n"


def drop_a_part(entries: Entries) -> None:
    del entries[RECORDING]


def add_a_part(entries: Entries) -> None:
    entries["tables/keys_apikey"] = b"1\tmine\n"


def drop_the_signature(entries: Entries) -> None:
    del entries[SIGNATURE]


def garble_the_signature(entries: Entries) -> None:
    entries[SIGNATURE] = b"trust me"


def list_the_changed_part(entries: Entries) -> None:
    """As one would who can count SHA-256 but has no key."""
    manifest = json.loads(entries[MANIFEST])
    manifest["version"] = "2.0"
    entries[MANIFEST] = json.dumps(manifest).encode()


def add(name: str) -> Callable[[Entries], None]:
    def change(entries: Entries) -> None:
        entries[name] = b"mine"

    change.__name__ = f"add {name}"
    return change


@pytest.mark.parametrize(
    "change",
    [
        change_a_row,
        lengthen_a_part,
        drop_a_part,
        add_a_part,
        drop_the_signature,
        garble_the_signature,
        list_the_changed_part,
        add("../../etc/cron.d/mine"),
        add("/etc/passwd"),
        add("recordings/../../mine.wav"),
        add("recordings/mine.wav"),
        add("recordings\\mine"),
        add("tables/"),
        add("code.py"),
    ],
)
def test_a_changed_backup_is_refused(backup: Path, change: Callable[[Entries], None]) -> None:
    entries = entries_of(backup)
    change(entries)
    write_entries(backup, entries)
    with pytest.raises(BackupDamagedError) as refused, verified(backup, SEAL):
        pytest.fail("nothing may be read from it")
    assert refused.value.code == "backup_damaged"


def test_a_link_in_a_backup_is_refused(backup: Path) -> None:
    entries = entries_of(backup)
    with zipfile.ZipFile(backup, "w") as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            if name == RECORDING:
                info.external_attr = 0o120777 << 16
            archive.writestr(info, content)
    with pytest.raises(BackupDamagedError, match="belongs in no backup"), verified(backup, SEAL):
        pytest.fail("nothing may be read from it")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_is_there_twice_is_refused(backup: Path) -> None:
    with zipfile.ZipFile(backup, "a") as archive:
        archive.writestr("tables/accounts_user", b"mine")
    with pytest.raises(BackupDamagedError, match="twice"), verified(backup, SEAL):
        pytest.fail("nothing may be read from it")


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_backup_is_refused(backup: Path, kept: float) -> None:
    whole = backup.read_bytes()
    backup.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(BackupDamagedError), verified(backup, SEAL):
        pytest.fail("nothing may be read from it")


def test_a_bit_that_has_rotted_is_found(backup: Path, tmp_path: Path) -> None:
    whole = bytearray(backup.read_bytes())
    for at in range(0, len(whole), 97):
        rotten = tmp_path / "rotten.zip"
        shutil.copy(backup, rotten)
        with rotten.open("r+b") as file:
            file.seek(at)
            file.write(bytes([whole[at] ^ 0x10]))
        try:
            with verified(rotten, SEAL) as reader:
                # Some bits, such as times of the zip, mean nothing here.
                assert b"".join(reader.blocks("tables/accounts_user")) == ROWS
        except (BackupDamagedError, BackupVersionError, BackupKeyError):
            continue


def test_a_backup_of_another_key_says_which_one_it_wants(backup: Path) -> None:
    other = Seal(b"another key")
    with pytest.raises(BackupKeyError, match="_SECRET_KEY"), verified(backup, other):
        pytest.fail("nothing may be read from it")


def test_a_backup_of_a_newer_format_says_so(backup: Path) -> None:
    entries = entries_of(backup)
    entries[SIGNATURE] = entries[SIGNATURE].replace(b"autodialer-backup 1", b"autodialer-backup 2")
    write_entries(backup, entries)
    with pytest.raises(BackupVersionError, match="format 2"), verified(backup, SEAL):
        pytest.fail("nothing may be read from it")
