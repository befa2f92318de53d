"""`autodialer demo`: the whole product in two minutes."""

from __future__ import annotations

import click

from autodialer.ops.demo.run import run_demo


@click.command()
@click.option("--once", is_flag=True, help="End by itself; exit 0 only if all went as planned.")
@click.pass_context
def demo(ctx: click.Context, once: bool) -> None:
    """Call 40 lab customers of every behaviour with three agents, on the real stack."""
    ctx.exit(run_demo(once=once))
