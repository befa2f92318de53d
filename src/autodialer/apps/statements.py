"""Hand-written SQL: one statement a file, `apps/<app>/sql/<name>.sql`, the same for all readers."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(app: str, name: str) -> str:
    """Return the statement `name` of an app, without its comments; values are `%(name)s`."""
    text = files("autodialer.apps").joinpath(app, "sql", f"{name}.sql").read_text("utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))
