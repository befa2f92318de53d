"""Starts the stack, runs a campaign on it with three agents, and says how it went."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import structlog

from autodialer.ops.asterisk.install import install, is_installed
from autodialer.ops.cli.shell import set_up_django
from autodialer.ops.demo import plan
from autodialer.ops.demo.verdict import Ended, differences
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.errors import AsteriskUnavailableError, OperationError
from autodialer.ops.node import make_asterisk, make_lab
from autodialer.ops.paths import Paths, alone
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.web import WebProcess, web_address
from autodialer.ops.worker import WorkerProcess

if TYPE_CHECKING:
    from autodialer.ops.asterisk.run import Ari
    from autodialer.ops.demo.data import Made
    from autodialer.ops.lab.carrier import LabCarrier
    from autodialer.ops.supervisor import Service

_WHAT: Final = (
    "admin: people, caller ids, settings, audit log",
    "supervisor: campaigns, lists, reports, recordings",
    "agent: presses Start and talks, in the browser",
)
# Three agents need about 100 s: one minute of it is the wait for the retries.
ENOUGH_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class _Switch:
    """How the demo calls: over Asterisk to the lab carrier, or simulated."""

    ari: Ari | None
    lab: LabCarrier | None


def run_demo(*, once: bool) -> int:
    """Run the demo; return 0 when every number ended as its digits say and all promises hold.

    Without `once` there is no such run: the pages are open, with people to sign in as and a
    campaign in progress, until Ctrl-C.
    """
    base = Paths.from_environment()
    paths = Paths.below(base.var / "demo", asterisk_prefix=base.asterisk_prefix)
    os.environ |= {
        "AUTODIALER_VAR": str(paths.var),
        "AUTODIALER_RECORDINGS": str(paths.recordings),
    }
    # The processes keep logs of their own; here a person reads what to do.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with ExitStack() as running:
        running.enter_context(alone(paths))
        for stop in (signal.SIGTERM, signal.SIGINT):  # a shell starts `demo &` deaf to the latter
            signal.signal(stop, _interrupt)
        try:
            switch = _start_stack(paths, running)
            if not once:
                _open_pages(paths, running)
                return 0
            return 1 if _run_campaign(paths, switch) else 0
        except KeyboardInterrupt:
            say("Stopped.")
            return 1


def say(text: str) -> None:
    """Tell the person at the terminal what happens."""
    click.echo(text)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _start_stack(paths: Paths, running: ExitStack) -> _Switch:
    database = EmbeddedPostgres(paths)
    with _told("PostgreSQL"):
        _start(database, running)
        os.environ["AUTODIALER_DATABASE_URL"] = database.url
        os.environ.pop("AUTODIALER_DATABASE_URL_FILE", None)
        set_up_django()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
    switch = _start_switch(paths, running)
    with _told("dialer"):
        _start(DialerProcess(paths, database.url, switch.ari), running)
    return switch


def _start_switch(paths: Paths, running: ExitStack) -> _Switch:
    try:
        with _told("Asterisk and the lab carrier"):
            if not is_installed(paths.asterisk_prefix):
                say("  fetching Asterisk, this once (about 5 s) ...")
                install(paths.asterisk_prefix)
            _show_prefix(paths)
            lab = make_lab(paths)
            node = make_asterisk(paths, ("127.0.0.1", lab.asterisk.instance.sip_port))
            _start(lab, running)
            _start(node, running)
    except AsteriskUnavailableError as error:
        say(f"  Asterisk is not available: {error}\n  NO REAL CALLS: this demo simulates them.")
        return _Switch(None, None)
    return _Switch(node.ari, lab)


def _show_prefix(paths: Paths) -> None:
    """Let commands that are given the demo's folder find the Asterisk that it shares."""
    link = paths.var / "asterisk" / "prefix"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(paths.asterisk_prefix)


def _start(service: Service, running: ExitStack) -> None:
    service.start()
    running.callback(service.stop)


@contextmanager
def _told(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"  {what}: ready in {time.monotonic() - started:.1f} s")


def _run_campaign(paths: Paths, switch: _Switch) -> list[str]:
    """Let three agents work a campaign to its end; return what went wrong."""
    from autodialer.ops.cli.watch import watch
    from autodialer.ops.demo import data

    started = datetime.now(UTC)
    made = data.make(started)
    _tell_import(made)
    data.start_agents(made, started)
    _limit_time()
    watch(made.account, made.campaign_id, as_json=False)
    signal.alarm(0)
    faults = _judge(switch, made, started)
    _tell_result(paths, switch, made, faults)
    return faults


def _tell_import(made: Made) -> None:
    from autodialer.apps.imports.problems import ROW_PROBLEMS

    result = made.imported
    say(
        f"\nImported {result.imported} numbers; {result.duplicates} stood twice, "
        f"{len(result.rejected)} cannot be dialled:"
    )
    for row in result.rejected:
        problem = ROW_PROBLEMS[row.code]
        say(f"  line {row.line}: {problem.cause} {problem.remedy}")
    names = ", ".join(name for name, _ in plan.AGENTS)
    say(f"\n{names} press Start. Their phones ring first, then the list.\n")


def _limit_time() -> None:
    """End a campaign that hangs: it must not look as if it were still running."""

    def give_up(_number: int, _frame: object) -> None:
        raise OperationError(f"The campaign is not over after {ENOUGH_S:.0f} s: see the logs.")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int(ENOUGH_S))


def _judge(switch: _Switch, made: Made, started: datetime) -> list[str]:
    """Return a sentence for each number that ended otherwise, and each promise that is broken."""
    from autodialer.apps.calls.promises import broken_promises
    from autodialer.apps.campaigns.models import Target

    rows = Target.objects.filter(campaign_id=made.campaign_id)
    targets = {row.e164: Ended(row.status, row.reason, row.tries) for row in rows}
    invited = None
    if switch.lab is not None:
        since = started.timestamp()
        invited = [invite.called for invite in switch.lab.invites() if invite.at >= since]
    return [*differences(targets, invited), *broken_promises(datetime.now(UTC))]


def _tell_result(paths: Paths, switch: _Switch, made: Made, faults: Sequence[str]) -> None:
    calls, targets = _write_reports(paths, made)
    say(f"\nReports: {_short(calls)} (calls) and {_short(targets)} (numbers)")
    if switch.lab is not None:
        say(f"Recordings: {_short(paths.recordings)}, one WAV for each conversation")
    _tell_cost(made)
    for fault in faults:
        say(f"WRONG: {fault}")
    if not faults:
        say("Every number ended as its digits say, and every promise holds.")


def _tell_cost(made: Made) -> None:
    from autodialer.apps.billing.queries import balance
    from autodialer.domain.money import format_amount

    left = balance(made.account)
    if left is not None:
        cost, rest = plan.PAYMENT - left.balance, left.balance
        say(
            f"The campaign cost {format_amount(cost, left.currency)}, agents' calls so far "
            f"included; {format_amount(rest, left.currency)} are left."
        )


def _write_reports(paths: Paths, made: Made) -> tuple[Path, Path]:
    from autodialer.apps.calls import report
    from autodialer.apps.campaigns.queries import campaign as campaign_of

    campaign = campaign_of(made.account, made.campaign_id)
    paths.reports.mkdir(parents=True, exist_ok=True)
    calls = paths.reports / f"campaign-{campaign.pk}-calls.csv"
    targets = paths.reports / f"campaign-{campaign.pk}-numbers.csv"
    with calls.open("w", newline="") as file:
        report.write_calls(made.account, campaign, file)
    with targets.open("w", newline="") as file:
        report.write_targets(made.account, campaign, file)
    return calls, targets


def _short(path: Path) -> str:
    return os.path.relpath(path)


def _open_pages(paths: Paths, running: ExitStack) -> None:
    """Start the pages and the worker, make an office, and stay until Ctrl-C."""
    from autodialer.ops.demo.office import PASSWORD, open_office

    url = os.environ["AUTODIALER_DATABASE_URL"]
    host, port = web_address()
    web = WebProcess(paths, url, host=host, port=port)
    with _told("pages and worker"):
        _start(WorkerProcess(paths, url), running)
        _start(web, running)
    office = open_office(datetime.now(UTC))
    say(f"\nOpen http://{host}:{port} and sign in; the password of all three is {PASSWORD}\n")
    for sign_in, what in zip(office.sign_ins, _WHAT, strict=True):
        say(f"  {sign_in.email:26} {sign_in.who}, {what}")
    say(
        '\nTwo agents on lab phones work the campaign "Festival calls" already: watch it as the\n'
        'supervisor. As the agent open "Your first calls", allow the microphone and press Start:\n'
        "customers of the lab answer you. Nothing leaves this machine. Ctrl-C ends it."
    )
    with suppress(KeyboardInterrupt):
        signal.pause()
