from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from autodialer.ops import env
from autodialer.ops.env import SettingError
from autodialer.ports.failpoints import Failpoint


def test_a_missing_setting_without_default_is_named() -> None:
    with pytest.raises(SettingError, match="Set PORT"):
        env.text("PORT", environ={"PORT": "  "})


@pytest.mark.parametrize("value", ["", "eight", "8.5", "-1", "70000"])
def test_a_number_outside_its_limits_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match="PORT"):
        env.integer("PORT", at_most=65535, environ={"PORT": value})


def test_numbers_and_defaults_are_read() -> None:
    assert env.integer("PORT", 80, environ={"PORT": " 8080 "}) == 8080
    assert env.integer("PORT", 80, environ={}) == 80
    assert env.seconds("WAIT", timedelta(seconds=3), environ={}) == timedelta(seconds=3)
    assert env.seconds("WAIT", environ={"WAIT": "1.5"}) == timedelta(seconds=1.5)


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e300", "2 min"])
def test_a_duration_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(SettingError, match="number of seconds"):
        env.seconds("WAIT", environ={"WAIT": value})


@pytest.mark.parametrize(("value", "meaning"), [("yes", True), ("ON", True), ("0", False)])
def test_yes_and_no_have_several_spellings(value: str, meaning: bool) -> None:
    assert env.flag("SAFE", default=not meaning, environ={"SAFE": value}) is meaning


def test_a_misspelt_flag_is_not_taken_for_no() -> None:
    with pytest.raises(SettingError, match="yes or no"):
        env.flag("SAFE", default=True, environ={"SAFE": "treu"})


def test_a_secret_is_read_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-file\n")
    assert env.secret("KEY", environ={"KEY_FILE": str(file)}) == "from-file"
    assert env.secret("KEY", environ={"KEY": "direct"}) == "direct"


def test_an_unclear_or_empty_secret_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for environ in (
        {},
        {"KEY_FILE": str(empty)},
        {"KEY_FILE": str(tmp_path / "none")},
        {"KEY_FILE": str(empty), "KEY": "also"},
    ):
        with pytest.raises(SettingError, match="KEY"):
            env.secret("KEY", environ=environ)


def test_a_child_reads_the_secret_that_it_was_given_whatever_it_inherits(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-file\n")
    for inherited in ({}, {"KEY": "old"}, {"KEY_FILE": str(file)}):
        for given in ("from-file", "other"):
            child = {**inherited, **env.handed_on("KEY", given, inherited)}
            assert env.secret("KEY", environ=child) == given
    assert env.handed_on("KEY", "from-file", {"KEY_FILE": str(file)}) == {}


def test_a_misspelt_failpoint_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(SettingError, match="before-claim"):
        env.failpoint({"AUTODIALER_KILL_AT": "befor-claim"})
    assert env.failpoint({"AUTODIALER_KILL_AT": "placed"}) is Failpoint.PLACED
    assert env.failpoint({}) is None
