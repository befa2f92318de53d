"""The options that say how a file is read, where the guess is wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., Any])

SEPARATORS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def reading_options(command: _F) -> _F:
    """Add the options, given to the command as one `reading`."""

    @click.option("--number-column", help="Heading of the column with the numbers, if not found.")
    @click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="HEADING=MEANING",
        help="number, first_name, last_name, company, email, tag, a name of yours, or - for none.",
    )
    @click.option("--encoding", help="Such as utf-8 or cp1252, if not found.")
    @click.option("--separator", type=click.Choice([*SEPARATORS]), help="Between cells.")
    @click.option("--header/--no-header", default=None, help="Whether the first row has headings.")
    @functools.wraps(command)
    def run(
        *args: Any,
        number_column: str | None,
        columns: Sequence[str],
        encoding: str | None,
        separator: str | None,
        header: bool | None,
        **kwargs: Any,
    ) -> Any:
        from autodialer.apps.imports.table import Reading

        meanings = dict(map(_meaning, columns))
        if number_column is not None:
            meanings[number_column] = "number"
        reading = Reading(
            encoding=encoding or "",
            separator=SEPARATORS[separator] if separator else "",
            has_header=header,
            columns=meanings,
        )
        return command(*args, reading=reading, **kwargs)

    return run  # type: ignore[return-value]  # with five options more


def _meaning(text: str) -> tuple[str, str]:
    heading, equals, meaning = text.rpartition("=")
    if not equals:
        raise click.UsageError(f"Write --column as HEADING=MEANING, not {text!r}.")
    return heading, meaning
