"""`autodialer doctor`: what works, what does not, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from autodialer.domain.errors import AutodialerError
from autodialer.ops.asterisk.install import is_installed
from autodialer.ops.asterisk.run import ping
from autodialer.ops.cli.shell import (
    FAILED,
    json_option,
    now,
    print_json,
    print_table,
    set_up_django,
)
from autodialer.ops.node import known_ari
from autodialer.ops.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable

OK: Final = "ok"
PROBLEM: Final = "problem"
SKIPPED: Final = "skipped"
_NEED_TABLES: Final = ("promises", "dialer")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `detail` says what to do when it is a problem."""

    check: str
    result: str
    detail: str = ""


class _ProblemError(AutodialerError):
    """The check failed; the text says what to do."""


@click.command()
@click.option("--check-invariants", is_flag=True, help="Only the promises, each with its id.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, *, check_invariants: bool, as_json: bool) -> None:
    """Check every part and every promise; exit code 1 when something is wrong."""
    set_up_django()
    findings = examine_promises() if check_invariants else examine()
    if as_json:
        print_json(findings)
    else:
        print_table(
            ("check", "result", "detail"), [[f.check, f.result, f.detail] for f in findings]
        )
    if any(finding.result == PROBLEM for finding in findings):
        ctx.exit(FAILED)


def examine() -> list[Finding]:
    """Check the parts in order, then the promises; what is kept of these is one finding."""
    tables = _tables()
    findings = [*tables, _run("asterisk", _asterisk), _run("ari", _ari)]
    if not _all_ok(tables):
        return [*findings, *(Finding(name, SKIPPED, "needs the tables") for name in _NEED_TABLES)]
    broken = [found for found in _promises() if found.result == PROBLEM]
    findings += broken or [Finding("promises", OK, "all that stored data can tell are kept")]
    return [*findings, _run("dialer", _dialer)]


def examine_promises() -> list[Finding]:
    """Check the promises alone, one finding each."""
    tables = _tables()
    return _promises() if _all_ok(tables) else tables


def _tables() -> list[Finding]:
    database = _run("database", _database)
    if database.result != OK:
        return [database, Finding("migrations", SKIPPED, "needs the database")]
    return [database, _run("migrations", _migrations)]


def _all_ok(findings: list[Finding]) -> bool:
    return all(finding.result == OK for finding in findings)


def _run(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, OK, check())
    except AutodialerError as error:
        return Finding(name, PROBLEM, str(error))


def _database() -> str:
    from django.db import connection
    from django.db.utils import OperationalError

    try:
        connection.ensure_connection()
    except OperationalError:
        raise _ProblemError(
            "Not reachable: start it with `autodialer up`, or correct AUTODIALER_DATABASE_URL."
        ) from None
    version = connection.cursor().connection.info.server_version
    return f"PostgreSQL {version // 10_000}.{version % 10_000}"


def _migrations() -> str:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise _ProblemError(f"{len(missing)} to apply: run `autodialer db migrate`.")
    return "the tables are of this version"


def _asterisk() -> str:
    prefix = Paths.from_environment().asterisk_prefix
    if not is_installed(prefix):
        raise _ProblemError("Not installed: run `autodialer asterisk install`.")
    return str(prefix)


def _ari() -> str:
    ari = known_ari(Paths.from_environment())
    if ari is None or not ping(ari):
        raise _ProblemError("Asterisk does not answer: start it with `autodialer up`.")
    return f"answers on {ari.host}:{ari.port}"


def _dialer() -> str:
    from autodialer.apps.calls.nodes import node_rows

    at = now()
    alive = [row.name for row in node_rows(at) if row.lease_until and row.lease_until > at]
    if not alive:
        raise _ProblemError("No dialer runs: start one with `autodialer up`.")
    return ", ".join(alive)


def _promises() -> list[Finding]:
    from autodialer.apps.calls.promises import verdicts

    return [
        Finding(verdict.promise.id, PROBLEM if verdict.broken else OK, str(verdict))
        for verdict in verdicts(now())
    ]
