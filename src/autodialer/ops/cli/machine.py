"""Commands for the parts of this machine: database, Asterisk, dialer, and all of them at once."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from autodialer.ops import env
from autodialer.ops.asterisk.install import install, is_installed
from autodialer.ops.cli.shell import Commands, needs_database, now, set_up_django
from autodialer.ops.dialer import DialerProcess, database_url
from autodialer.ops.dialer import main as run_dialer
from autodialer.ops.errors import AsteriskUnavailableError
from autodialer.ops.monitor import at_port, ports_of_children
from autodialer.ops.node import make_asterisk, make_lab, trunk_from_environment
from autodialer.ops.paths import Paths, alone
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.supervisor import Supervisor
from autodialer.ops.web import WebProcess, web_address
from autodialer.ops.web import main as run_web
from autodialer.ops.worker import WorkerProcess, serve

if TYPE_CHECKING:
    from autodialer.ops.asterisk.run import Ari, Asterisk
    from autodialer.ops.lab.carrier import LabCarrier
    from autodialer.ops.supervisor import Service


@click.command()
@click.option("--lab", is_flag=True, help="Call the lab carrier instead of a real trunk.")
def up(lab: bool) -> None:
    """Run everything on this machine until Ctrl-C: database, Asterisk, dialer, worker, pages."""
    paths = Paths.from_environment()
    _report(f"Files and logs are below {paths.var}.")
    with ExitStack() as running:
        running.enter_context(alone(paths))
        switches, ari = _switches_or_none(paths, lab=lab)
        services: dict[str, Service] = {}
        url = env.secret("AUTODIALER_DATABASE_URL", "")
        if not url:
            server = EmbeddedPostgres(paths)
            server.start()
            running.callback(server.stop)
            services["postgres"], url = server, server.url
            os.environ["AUTODIALER_DATABASE_URL"] = url  # for our own Django, before it is set up
        _migrate()
        services.update(switches)
        dialer_port, worker_port = ports_of_children()
        services["dialer"] = DialerProcess(paths, url, ari, extra=at_port(dialer_port))
        services["worker"] = WorkerProcess(paths, url, at_port(worker_port))
        host, port = web_address()
        services["web"] = WebProcess(paths, url, host=host, port=port)
        _report(f"The pages will be at http://{host}:{port}.")
        watched = f"{port} (pages), {dialer_port} (dialer) and {worker_port} (worker)"
        _report(f"/livez, /readyz and /metrics answer on the ports {watched}.")
        tell_setup_link(port)
        Supervisor(services, _report).run()


def run_node(name: str, *, lab: bool) -> None:
    """Run the Asterisk and the dialer of a node of this name on this machine until SIGTERM."""
    paths = Paths.from_environment()
    _report(f"Node {name}: files and logs are below {paths.var}.")
    with alone(paths):
        node, carrier = _switches(paths, lab=lab)
        _require_asterisk(paths)
        services: dict[str, Service] = {} if carrier is None else {"lab": carrier}
        services["asterisk"] = node
        services["dialer"] = DialerProcess(paths, database_url(), node.ari, node=name)
        Supervisor(services, _report).run()


@click.group(cls=Commands)
def asterisk() -> None:
    """The private Asterisk of this machine."""


@asterisk.command("install")
def asterisk_install() -> None:
    """Fetch Asterisk into the private folder, without root; at once when it is there."""
    prefix = Paths.from_environment().asterisk_prefix
    install(prefix)
    _report(f"Asterisk is in {prefix}.")


@asterisk.command("run")
@click.option("--lab", is_flag=True, help="Call the lab carrier instead of a real trunk.")
def asterisk_run(lab: bool) -> None:
    """Run only the Asterisk of this machine until Ctrl-C."""
    paths = Paths.from_environment()
    with alone(paths):
        node, carrier = _switches(paths, lab=lab)
        _require_asterisk(paths)
        services: dict[str, Service] = {} if carrier is None else {"lab": carrier}
        Supervisor({**services, "asterisk": node}, _report).run()


@click.group(cls=Commands)
def db() -> None:
    """The database."""


@db.command("migrate")
@needs_database
def db_migrate() -> None:
    """Bring the tables to this version; safe to repeat."""
    _migrate()


@click.group(cls=Commands)
def dialer() -> None:
    """The process that calls agents and numbers."""


@dialer.command("run")
@click.pass_context
def dialer_run(ctx: click.Context) -> None:
    """Run one dialer until SIGTERM, with its settings from the environment."""
    ctx.exit(run_dialer())


@click.command()
@needs_database
def web() -> None:
    """Serve the pages until SIGTERM, at AUTODIALER_WEB_HOST and AUTODIALER_WEB_PORT."""
    click.get_current_context().exit(run_web())


@click.group(cls=Commands)
def worker() -> None:
    """The process that does queued jobs, such as imports."""


@worker.command("run")
@needs_database
def worker_run() -> None:
    """Run one worker until SIGTERM."""
    serve()


def _switches_or_none(paths: Paths, *, lab: bool) -> tuple[dict[str, Service], Ari | None]:
    """Return the switches and how to reach the node's; none where Asterisk cannot be had.

    Then the dialer calls simulated customers, which is of use for trying the product out only.
    """
    node, carrier = _switches(paths, lab=lab)
    try:
        _require_asterisk(paths)
    except AsteriskUnavailableError as error:
        _report(f"Asterisk is not available: {error}")
        _report("NO REAL CALLS: the dialer simulates the telephone network.")
        return {}, None
    lab_services: dict[str, Service] = {} if carrier is None else {"lab": carrier}
    return {**lab_services, "asterisk": node}, node.ari


def _switches(paths: Paths, *, lab: bool) -> tuple[Asterisk, LabCarrier | None]:
    if not lab:
        return make_asterisk(paths, trunk_from_environment()), None
    carrier = make_lab(paths)
    trunk = ("127.0.0.1", carrier.asterisk.instance.sip_port)
    return make_asterisk(paths, trunk), carrier


def _require_asterisk(paths: Paths) -> None:
    if not is_installed(paths.asterisk_prefix):
        _report("Fetching Asterisk; this happens once ...")
        install(paths.asterisk_prefix)


def _migrate() -> None:
    set_up_django()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    _report("database: the tables are of this version")


def tell_setup_link(port: int) -> None:
    """Print where the first admin comes in; no file of ours keeps it."""
    from autodialer.apps.accounts.first_admin import make_setup_link

    token = make_setup_link(now())
    if token is not None:
        pages = env.text("AUTODIALER_PUBLIC_URL", f"http://127.0.0.1:{port}").rstrip("/")
        _report("Nobody can sign in yet. Make the first admin here; the link works once:")
        _report(f"  {pages}/setup/{token}/")


def _report(line: str) -> None:
    click.echo(line, err=True)
