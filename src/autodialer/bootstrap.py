"""Composition root: builds a dialer or a web process and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from autodialer.adapters.ari.client import AriConfig
from autodialer.adapters.ari.switch import AriSwitch
from autodialer.adapters.monitor.app import Monitor
from autodialer.adapters.monitor.dialer import CallMeters, meter_figures, meter_pool
from autodialer.adapters.monitor.logs import log_as_json
from autodialer.adapters.monitor.metrics import Exposition, meter_disk, process_registry
from autodialer.adapters.monitor.worker import BacklogMeter, PostMeters
from autodialer.adapters.pg.health import PgHealth
from autodialer.adapters.pg.outbox import PgOutbox
from autodialer.adapters.pg.store import PgStore
from autodialer.adapters.safehttp.client import SafeHttp
from autodialer.adapters.safehttp.dial_whom import HttpDialWhom
from autodialer.adapters.safehttp.get_contacts import HttpGetContacts
from autodialer.adapters.sim.switch import SimSwitch
from autodialer.domain.nodes import DEFAULT_CAPACITY, FIRST_NODE
from autodialer.domain.parcels import Stationery
from autodialer.domain.signing import Keyring
from autodialer.domain.web_address import OutboundRules
from autodialer.engine.asker import MOST_AT_ONCE
from autodialer.engine.config import EngineConfig
from autodialer.engine.courier import ACCOUNT_AT_ONCE, HOST_AT_ONCE, Courier
from autodialer.engine.dialer import Dialer
from autodialer.ports.failpoints import Failpoint, never
from autodialer.ports.store import LeaseLostError, NodeUnknownError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from ipaddress import IPv4Network, IPv6Network

    from autodialer.api.events import CampaignEvents
    from autodialer.ports.failpoints import Killer
    from autodialer.web.live import Hub
    from autodialer.web.live_topics import Topics

log = structlog.get_logger()

NODE_UNKNOWN_EXIT: Final = 2
LEASE_LOST_EXIT: Final = 3


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """Where a process can be watched; a dialer or worker nowhere without a `port`.

    `watchers` may see more than whether it works, as this machine may.
    """

    host: str = "127.0.0.1"
    port: int = 0
    watchers: tuple[IPv4Network | IPv6Network, ...] = ()


@dataclass(frozen=True, slots=True)
class DialerSettings:
    """What one dialer process needs. Without `ari` the node calls simulated customers.

    `outbound` says where the addresses of campaigns may lead.
    `kill_at` is for tests of recovery: the process kills itself there.
    """

    node: str
    database_url: str
    ari: AriConfig | None
    outbound: OutboundRules = field(default_factory=OutboundRules)
    capacity: int = DEFAULT_CAPACITY
    lease_ttl: timedelta = timedelta(seconds=10)
    node_lost: timedelta = timedelta(seconds=30)
    kill_at: Failpoint | None = None
    monitor: MonitorSettings = field(default_factory=MonitorSettings)


def run_dialer(settings: DialerSettings) -> int:
    """Run a dialer until SIGTERM or SIGINT; return the exit code.

    2: there is no such node; 3: the node was taken over.
    """
    log_as_json("dialer", settings.node)
    exit_code = 0
    try:
        asyncio.run(_run(settings))
    except* LeaseLostError:
        log.warning("lease_lost")
        exit_code = LEASE_LOST_EXIT
    except* NodeUnknownError as unknown:
        log.warning("node_unknown", todo=str(unknown.exceptions[0]))
        exit_code = NODE_UNKNOWN_EXIT
    return exit_code


async def _run(settings: DialerSettings) -> None:
    kill, registry = killer(settings.kill_at), process_registry("dialer", settings.node)
    store, switch = PgStore(settings.database_url, kill), _switch(settings)
    # As many to one host as the asker has under way for one campaign.
    numbers = SafeHttp(settings.outbound, per_host=MOST_AT_ONCE)
    # Places of its own: no agent waits for a number behind what is only shown.
    contacts = SafeHttp(settings.outbound)
    dialer = Dialer(
        _engine_config(settings),
        store,
        switch,
        clock=lambda: datetime.now(UTC),
        kill=kill,
        numbers=HttpDialWhom(numbers),
        contacts=HttpGetContacts(contacts),
        phones=switch if isinstance(switch, AriSwitch) else None,
        meters=CallMeters(registry),
    )
    meter_figures(registry, dialer.figures, settings.capacity)
    meter_pool(registry, lambda: store.pool_use)
    if settings.ari is not None:
        meter_disk(registry, Path(settings.ari.recordings))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, dialer.stop)
    monitor = Monitor(dialer.health, Exposition(registry), settings.monitor.watchers)
    async with store, numbers, contacts, _watched(settings.monitor, monitor):
        await dialer.run()
    log.info("dialer_stopped")


@asynccontextmanager
async def _watched(settings: MonitorSettings, monitor: Monitor) -> AsyncIterator[None]:
    """Let others watch this process during the block, if they may."""
    if not settings.port:
        yield
        return
    # Here, because most dialers and workers of a demo or a test are watched by nobody.
    from autodialer.adapters.monitor.server import watched

    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watched(monitor, settings.host, settings.port, over), name="monitor")
        yield
        over.set()


def _pg_health(url: str) -> PgHealth:
    """Return the health of a process that needs the database. Django must be set up."""
    from django.db.migrations.loader import MigrationLoader

    return PgHealth(url, MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def _engine_config(settings: DialerSettings) -> EngineConfig:
    return EngineConfig(
        node=settings.node,
        # Unique for each start: a new process must never continue an old one's epoch.
        holder=f"{os.uname().nodename}:{os.getpid()}:{random.SystemRandom().getrandbits(32):08x}",
        capacity=settings.capacity,
        # Of any other name it is more likely that it is misspelled than that it is new.
        makes_node=settings.node == FIRST_NODE,
        lease_ttl=settings.lease_ttl,
        node_lost=settings.node_lost,
        lease_margin=settings.lease_ttl * 0.3,
    )


def _switch(settings: DialerSettings) -> AriSwitch | SimSwitch:
    if settings.ari is None:
        return SimSwitch(
            seed=random.SystemRandom().getrandbits(32), clock=lambda: datetime.now(UTC)
        )
    # Spreads reconnects; nothing secret hangs on it.
    return AriSwitch(settings.ari, random.Random())  # noqa: S311


def killer(kill_at: Failpoint | None) -> Killer:
    """Return what ends this process, with SIGKILL, when it comes by `kill_at`."""
    if kill_at is None:
        return never
    return lambda point: os.kill(os.getpid(), signal.SIGKILL) if point is kill_at else None


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What one web process needs, besides Django's settings."""

    host: str
    port: int
    database_url: str
    finish: timedelta = timedelta(seconds=5)
    monitor: MonitorSettings = field(default_factory=MonitorSettings)


def run_web(settings: WebSettings, topics: Topics | None = None) -> int:
    """Answer browsers until SIGTERM or SIGINT; return the exit code. Django must be set up.

    `topics` are what pages can watch, if not those of the pages.
    """
    log_as_json("web")
    asyncio.run(_run_web(settings, topics))
    return 0


async def _run_web(settings: WebSettings, topics: Topics | None) -> None:
    # Here, because a dialer has no use for Django.
    from django.core.wsgi import get_wsgi_application

    from autodialer.adapters.pg.screens import PgNewsroom
    from autodialer.api.events import CampaignEvents
    from autodialer.web.asgi import WebApp, serve
    from autodialer.web.live import Hub
    from autodialer.web.sip_bridge import SipBridge
    from autodialer.web.topics import TOPICS

    newsroom = PgNewsroom(settings.database_url)
    hub = Hub(topics or TOPICS, newsroom, clock=lambda: datetime.now(UTC))
    events = CampaignEvents(PgNewsroom(settings.database_url), clock=lambda: datetime.now(UTC))
    pages = get_wsgi_application()
    monitor = _web_monitor(settings, hub, events)
    app = WebApp(pages, hub, SipBridge(hub), events, monitor)
    # All that is loaded stays: to look through it for garbage again and again would stop pages and
    # streams for a tenth of a second each time.
    gc.freeze()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with asyncio.TaskGroup() as tasks:
        streams = [
            tasks.create_task(hub.run(), name="live"),
            tasks.create_task(events.run(), name="events"),
        ]
        await serve(app, settings.host, settings.port, settings.finish, stop)
        for each in streams:
            each.cancel()
    log.info("web_stopped")


def _web_monitor(settings: WebSettings, hub: Hub, events: CampaignEvents) -> Monitor:
    from django.conf import settings as of_django

    from autodialer.web.meters import REGISTRY, follow_streams

    follow_streams("live", lambda: hub.open_streams)
    follow_streams("events", lambda: events.open_streams)
    registry = process_registry("web")
    meter_disk(registry, of_django.RECORDINGS)
    health = _pg_health(settings.database_url)
    return Monitor(health, Exposition(registry, REGISTRY), settings.monitor.watchers)


@dataclass(frozen=True, slots=True)
class CourierSettings:
    """What delivering webhooks needs. `key` is what the secrets of all endpoints derive from."""

    database_url: str
    key: bytes
    public_url: str
    rules: OutboundRules
    kill_at: Failpoint | None = None
    monitor: MonitorSettings = field(default_factory=MonitorSettings)


async def run_courier(settings: CourierSettings, stop: asyncio.Event) -> None:
    """Deliver what waits in the outbox until `stop` is set, across outages of the database.

    Django must be set up.
    """
    registry = process_registry("worker")
    outbox, http = PgOutbox(settings.database_url), courier_http(settings.rules)
    backlog = BacklogMeter(registry, lambda: outbox.backlog(datetime.now(UTC)))
    exposition = Exposition(registry, reads=[backlog.look])
    health = _pg_health(settings.database_url)
    monitor = Monitor(health, exposition, settings.monitor.watchers)
    async with outbox, http, _watched(settings.monitor, monitor):
        courier = Courier(
            outbox,
            http,
            Stationery(Keyring(settings.key), settings.public_url),
            clock=lambda: datetime.now(UTC),
            spread=random.SystemRandom().random,
            meter=PostMeters(registry).tried,
            kill=killer(settings.kill_at),
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(courier.run(), name="courier")
            await stop.wait()
            courier.stop()


def courier_http(rules: OutboundRules) -> SafeHttp:
    """Return a client for a courier, which itself takes care that no address gets too much."""
    return SafeHttp(rules, per_host=HOST_AT_ONCE, per_account=ACCOUNT_AT_ONCE)
