"""`autodialer simulate`: the dialer against seeded faults, in virtual time."""

from __future__ import annotations

from dataclasses import asdict

import click
import orjson

from autodialer.ops.cli.shell import FAILED
from autodialer.ops.simulate import Verdict, simulate_all
from autodialer.ops.simulation.odds import MIXES
from autodialer.ops.simulation.world import WORLDS


@click.command()
@click.option("--seed", default=1, show_default=True, help="The first seed.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many seeds to run, from the first on.",
)
@click.option("--mix", type=click.Choice(list(MIXES)), help="Faults. Default: by the seed.")
@click.option(
    "--world",
    type=click.Choice(list(WORLDS)),
    default="small",
    show_default=True,
    help="3 agents and 52 numbers, or ten times as many.",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="How many run at the same time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs, a line a run.")
@click.pass_context
def simulate(
    ctx: click.Context,
    *,
    seed: int,
    seeds: int,
    mix: str | None,
    world: str,
    processes: int,
    as_json: bool,
) -> None:
    """Run simulated campaigns under faults; exit 1 if one broke a promise, naming its seed."""
    passed, calls, faults = 0, 0, 0
    for verdict in simulate_all(range(seed, seed + seeds), mix, processes, world):
        passed += not verdict.broken
        calls += verdict.calls
        faults += sum(count for _, count in verdict.faults)
        if as_json:
            click.echo(orjson.dumps(asdict(verdict)))
        elif verdict.broken or seeds == 1:
            _show(verdict)
    if not as_json and seeds > 1:
        click.echo(
            f"{passed} of {seeds} runs kept every promise: {calls:,} calls, {faults:,} faults."
        )
    ctx.exit(0 if passed == seeds else FAILED)


def _show(verdict: Verdict) -> None:
    for sentence in verdict.broken:
        click.echo(sentence)
    if verdict.broken:
        click.echo(f"Seed {verdict.seed}, mix {verdict.mix} broke a promise.")
        click.echo(f"Again: {verdict.replay}")
        return
    counts = ", ".join(f"{status} {number}" for status, number in verdict.counts)
    click.echo(
        f"Seed {verdict.seed}, mix {verdict.mix}: {verdict.calls} calls, {verdict.crashes} "
        f"crashes; {counts}; trace {verdict.trace}"
    )
