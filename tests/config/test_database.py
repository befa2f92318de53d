from __future__ import annotations

import pytest

from autodialer.config.database import parse_url
from autodialer.ops.env import SettingError


def test_a_url_over_tcp_names_everything() -> None:
    settings = parse_url("postgresql://asha:p%40ss@db.example:6432/dialer?sslmode=require")
    assert (settings["USER"], settings["PASSWORD"]) == ("asha", "p@ss")
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == (
        "db.example",
        "6432",
        "dialer",
    )
    assert settings["OPTIONS"]["sslmode"] == "require"


def test_a_url_of_a_socket_folder_is_understood() -> None:
    settings = parse_url("postgresql://autodialer:secret@/autodialer?host=%2Frun%2Fpg")
    assert (settings["HOST"], settings["NAME"]) == ("/run/pg", "autodialer")


@pytest.mark.parametrize(
    "url",
    [
        *("mysql://x/y", "postgresql://host", "autodialer", ""),
        *("postgresql://127.0.0.1:abc/x", "postgresql://h:70000/x", "postgresql://[::1/x"),
    ],
)
def test_what_is_no_url_of_postgresql_is_refused_with_the_setting(url: str) -> None:
    with pytest.raises(SettingError, match="AUTODIALER_DATABASE_URL"):
        parse_url(url)
