"""The dialer as a process: its settings from the environment, and as a supervised child."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from autodialer.adapters.ari.client import AriConfig
from autodialer.bootstrap import DialerSettings, run_dialer
from autodialer.domain.nodes import DEFAULT_CAPACITY, FIRST_NODE
from autodialer.ops import env
from autodialer.ops.asterisk.run import Ari
from autodialer.ops.monitor import monitor_settings
from autodialer.ops.outbound import outbound_rules
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import Child

DEFAULT_LEASE: Final = timedelta(seconds=10)
DEFAULT_LOST: Final = timedelta(seconds=30)
# Shorter ones would end by a request that takes its time.
SHORTEST_LEASE: Final = timedelta(seconds=1)
# A node that is alive may be seen without a renewal for most of a lease.
LOST_AFTER_LEASES: Final = 2
# Longer than the engine needs to finish the commands in its hands.
STOP_DEADLINE_S: Final = 10.0


def dialer_settings(environ: Mapping[str, str] = os.environ) -> DialerSettings:
    """Read the settings of one dialer process. Raises SettingError, naming the setting.

    Without AUTODIALER_ARI_PORT the node has no Asterisk and calls simulated customers.
    """
    lease_ttl, node_lost = _patience(environ)
    return DialerSettings(
        node=env.text("AUTODIALER_NODE", FIRST_NODE, environ),
        database_url=database_url(environ),
        ari=_ari_config(environ) if environ.get("AUTODIALER_ARI_PORT") else None,
        outbound=outbound_rules(environ),
        capacity=env.integer("AUTODIALER_CAPACITY", DEFAULT_CAPACITY, at_least=1, environ=environ),
        lease_ttl=lease_ttl,
        node_lost=node_lost,
        kill_at=env.failpoint(environ),
        monitor=monitor_settings(environ),
    )


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return where the database of this installation is. Raises SettingError."""
    given = env.secret("AUTODIALER_DATABASE_URL", "", environ)
    return given or EmbeddedPostgres(Paths.from_environment(environ)).url


def _patience(environ: Mapping[str, str]) -> tuple[timedelta, timedelta]:
    """Return how long a lease lasts, and after how long other nodes are given up."""
    lease = env.seconds("AUTODIALER_LEASE_SECONDS", DEFAULT_LEASE, environ=environ)
    lost = env.seconds("AUTODIALER_NODE_LOST_SECONDS", DEFAULT_LOST, environ=environ)
    if lease < SHORTEST_LEASE:
        raise env.SettingError("AUTODIALER_LEASE_SECONDS must be 1 or more.")
    if lost < LOST_AFTER_LEASES * lease:
        raise env.SettingError(
            "AUTODIALER_NODE_LOST_SECONDS must be at least twice AUTODIALER_LEASE_SECONDS, "
            f"{LOST_AFTER_LEASES * lease.total_seconds():g}: nodes that live would be given up."
        )
    return lease, lost


def _ari_config(environ: Mapping[str, str]) -> AriConfig:
    return AriConfig(
        host=env.text("AUTODIALER_ARI_HOST", "127.0.0.1", environ),
        port=env.integer("AUTODIALER_ARI_PORT", at_least=1, at_most=65_535, environ=environ),
        user=env.text("AUTODIALER_ARI_USER", "autodialer", environ),
        password=env.secret("AUTODIALER_ARI_PASSWORD", environ=environ),
        recordings=env.text("AUTODIALER_RECORDINGS", environ=environ),
    )


class DialerProcess(Child):
    """A dialer as a child process; its log holds one JSON object a line."""

    def __init__(
        self,
        paths: Paths,
        database_url: str,
        ari: Ari | None,
        *,
        node: str = FIRST_NODE,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._recordings = paths.recordings
        super().__init__(
            f"dialer-{node}",
            [sys.executable, "-m", "autodialer.ops.dialer"],
            log=paths.log / f"dialer-{node}.log",
            env={
                "AUTODIALER_NODE": node,
                **env.handed_on("AUTODIALER_DATABASE_URL", database_url),
                "AUTODIALER_RECORDINGS": str(paths.recordings),
                **_ari_environment(ari),
                **(extra or {}),
            },
        )

    def start(self, *, pass_fds: Sequence[int] = ()) -> None:
        """Start it; it looks for its lease, its database and its switch by itself."""
        self._recordings.mkdir(parents=True, exist_ok=True)
        super().start(pass_fds=pass_fds)

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> int | None:
        """End it without dropping a call."""
        return super().stop(deadline_s)


def _ari_environment(ari: Ari | None) -> Mapping[str, str]:
    if ari is None:
        return {}
    return {
        "AUTODIALER_ARI_HOST": ari.host,
        "AUTODIALER_ARI_PORT": str(ari.port),
        "AUTODIALER_ARI_USER": ari.user,
        "AUTODIALER_ARI_PASSWORD": ari.password,
    }


def main() -> int:
    """Run a dialer in this process until SIGTERM or SIGINT; return its exit code."""
    return run_dialer(dialer_settings())


if __name__ == "__main__":
    sys.exit(main())
