"""Commands for trunks, the ways to the telephone network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from autodialer.domain.pacing import MOST_CALLS_AT_ONCE, MOST_CALLS_PER_SECOND
from autodialer.ops.cli.shell import (
    Commands,
    json_option,
    needs_database,
    now,
    print_rows,
    tell,
)

if TYPE_CHECKING:
    from autodialer.domain.pacing import Limits

_NONE: Final = "none"


class _Limit(click.IntRange):
    """A number, or the word that takes a limit away: then None is set."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return _NONE if value == _NONE else super().convert(value, param, ctx)


@click.group(cls=Commands)
def trunk() -> None:
    """The ways to the telephone network, and how many calls each of them takes."""


@trunk.command("list")
@json_option
@needs_database
def trunk_list(*, as_json: bool) -> None:
    """List the trunks: the limits of each, its nodes, their calls and how many calls wait."""
    from autodialer.apps.calls.trunks import trunk_rows

    print_rows(
        trunk_rows(now()),
        ("name", "calls_per_second", "calls_at_once", "nodes", "calls", "waiting"),
        as_json=as_json,
        empty="There is no trunk yet: `autodialer up` makes the first node, which calls over one.",
    )


@trunk.command("set")
@click.argument("name")
@click.option(
    "--calls-per-second",
    type=_Limit(1, MOST_CALLS_PER_SECOND),
    metavar="N",
    help=f"New calls in any second, 1 to {MOST_CALLS_PER_SECOND:,}, or none for no limit.",
)
@click.option(
    "--calls-at-once",
    type=_Limit(1, MOST_CALLS_AT_ONCE),
    metavar="N",
    help="Calls at one time (lines), those to agents' telephones too, 1 to "
    f"{MOST_CALLS_AT_ONCE:,}, or none for no limit.",
)
@json_option
@needs_database
def trunk_set(*, name: str, as_json: bool, **limits: int | str | None) -> None:
    """Set what the trunk NAME takes, all its nodes together; what is not named stays as it is."""
    from dataclasses import asdict, replace

    from autodialer.apps.calls.trunks import set_trunk

    wanted: dict[str, Any] = {
        field: None if value == _NONE else value
        for field, value in limits.items()
        if value is not None
    }
    if not wanted:
        raise click.UsageError("Say --calls-per-second, --calls-at-once, or both.")

    def change(before: Limits) -> Limits:
        return replace(before, **wanted)

    after = asdict(set_trunk(name=name, change=change, now=now()))
    said = ", ".join(
        f"{field.replace('_', ' ')}: {value or _NONE}" for field, value in after.items()
    )
    tell({"name": name, **after}, f"{name}: {said}.", as_json=as_json)
