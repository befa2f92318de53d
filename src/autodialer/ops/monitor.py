"""Where a process can be watched from outside, from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from autodialer.bootstrap import MonitorSettings
from autodialer.ops import env
from autodialer.ops.process import free_port

DEFAULT_HOST: Final = "127.0.0.1"
HIGHEST_PORT: Final = 65_535


def monitor_settings(environ: Mapping[str, str] = os.environ) -> MonitorSettings:
    """Read who may watch this process, and on which port. Raises SettingError.

    Without AUTODIALER_METRICS_PORT a dialer or a worker has no port at all.
    """
    return MonitorSettings(
        host=env.text("AUTODIALER_METRICS_HOST", DEFAULT_HOST, environ),
        port=env.integer("AUTODIALER_METRICS_PORT", 0, at_most=HIGHEST_PORT, environ=environ),
        watchers=tuple(_networks(environ)),
    )


def _networks(environ: Mapping[str, str]) -> Iterator[IPv4Network | IPv6Network]:
    for item in env.text("AUTODIALER_METRICS_FROM", "", environ).split(","):
        if not (network := item.strip()):
            continue
        try:
            yield ip_network(network)
        except ValueError:
            raise env.SettingError(
                "AUTODIALER_METRICS_FROM must hold networks such as 10.1.0.0/16, with commas"
                f" between them, not {network!r}."
            ) from None


def ports_of_children(environ: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return on which ports the dialer and the worker of one machine can be watched.

    The one of AUTODIALER_METRICS_PORT and the next; free ones when it is not set.
    """
    first = env.integer("AUTODIALER_METRICS_PORT", 0, at_most=HIGHEST_PORT - 1, environ=environ)
    return (first, first + 1) if first else (free_port(), free_port())


def at_port(port: int) -> Mapping[str, str]:
    """Return what a child needs to know to be watched on this port."""
    return {"AUTODIALER_METRICS_PORT": str(port)}
