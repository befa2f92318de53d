"""Typed readers of environment settings: a wrong value stops the program with one sentence."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from autodialer.domain.errors import AutodialerError
from autodialer.ports.failpoints import Failpoint

YES: Final = frozenset({"1", "true", "yes", "on"})
NO: Final = frozenset({"0", "false", "no", "off"})


class SettingError(AutodialerError):
    """A setting of the environment is missing or has a value that cannot be used."""

    code = "bad_setting"


def text(name: str, default: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """The setting as given, without surrounding blanks; empty counts as not set.

    Raises SettingError when it is not set and there is no default.
    """
    value = environ.get(name, "").strip() or default
    if value is None:
        raise SettingError(f"Set {name}: it has no default.")
    return value


def integer(
    name: str,
    default: int | None = None,
    *,
    at_least: int = 0,
    at_most: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """A whole number within its limits. Raises SettingError."""
    value = text(name, None if default is None else str(default), environ)
    try:
        number = int(value)
    except ValueError:
        raise SettingError(f"{name} must be a whole number, not {value!r}.") from None
    if number < at_least or (at_most is not None and number > at_most):
        limits = f"at least {at_least}" + ("" if at_most is None else f" and at most {at_most}")
        raise SettingError(f"{name} must be {limits}, not {number}.")
    return number


def flag(name: str, *, default: bool, environ: Mapping[str, str] = os.environ) -> bool:
    """Yes or no, in any of the usual spellings. Raises SettingError."""
    value = text(name, "yes" if default else "no", environ).lower()
    if value not in YES | NO:
        raise SettingError(f"{name} must be yes or no, not {value!r}.")
    return value in YES


def seconds(
    name: str, default: timedelta | None = None, environ: Mapping[str, str] = os.environ
) -> timedelta:
    """A duration given in seconds, fractions allowed; never negative. Raises SettingError."""
    value = text(name, None if default is None else str(default.total_seconds()), environ)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number <= timedelta.max.total_seconds() / 2:
        raise SettingError(f"{name} must be a number of seconds, not {value!r}.")
    return timedelta(seconds=number)


def secret(name: str, default: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """The content of the file that NAME_FILE names, or NAME itself. Raises SettingError.

    A file keeps the secret out of process lists and of the environment of children.
    """
    file = environ.get(f"{name}_FILE", "").strip()
    if not file:
        return text(name, default, environ)
    if environ.get(name, "").strip():
        raise SettingError(f"Set {name} or {name}_FILE, not both.")
    try:
        value = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{name}_FILE cannot be read: {error}.") from error
    if not value:
        raise SettingError(f"{name}_FILE names an empty file: {file}.")
    return value


def handed_on(name: str, value: str, environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """What to add to the environment of a child for it to read this secret.

    Nothing where it inherits the name of a file that holds it.
    """
    if environ.get(f"{name}_FILE", "").strip() and secret(name, environ=environ) == value:
        return {}
    return {name: value, f"{name}_FILE": ""}


def failpoint(environ: Mapping[str, str] = os.environ) -> Failpoint | None:
    """Where this process shall kill itself, for tests of recovery. Raises SettingError."""
    value = environ.get("AUTODIALER_KILL_AT", "").strip()
    if not value:
        return None
    try:
        return Failpoint(value)
    except ValueError:
        known = ", ".join(Failpoint)
        raise SettingError(f"AUTODIALER_KILL_AT must be one of {known}, not {value!r}.") from None
