"""Which addresses of users may be connected to: the operator's leave, from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from autodialer.domain.web_address import (
    OWN_PORTS,
    USUAL_PORTS,
    Address,
    Network,
    OutboundRules,
    is_private,
    is_private_network,
)
from autodialer.ops import env

HIGHEST_PORT: Final = 65_535


def outbound_rules(environ: Mapping[str, str] = os.environ) -> OutboundRules:
    """Read AUTODIALER_OUTBOUND_ALLOW and AUTODIALER_OUTBOUND_PORTS. Raises SettingError.

    Our own host name and ports are taken from the settings that name them.
    """
    allowed = [*_items("AUTODIALER_OUTBOUND_ALLOW", environ)]
    own_ports = OWN_PORTS | frozenset(_own_ports(environ))
    services = frozenset(_service(item) for item in allowed if _is_service(item))
    if own := sorted({port for _, port in services} & own_ports):
        raise env.SettingError(
            f"AUTODIALER_OUTBOUND_ALLOW must not open port {own[0]}, which is one of our own."
        )
    return OutboundRules(
        networks=frozenset(_network(item) for item in allowed if not _is_service(item)),
        services=services,
        ports=USUAL_PORTS
        | {
            _port(item, "AUTODIALER_OUTBOUND_PORTS")
            for item in _items("AUTODIALER_OUTBOUND_PORTS", environ)
        },
        own_hosts=frozenset(_own_hosts(environ)),
        own_ports=own_ports,
    )


def _items(name: str, environ: Mapping[str, str]) -> Iterator[str]:
    yield from filter(None, (item.strip() for item in env.text(name, "", environ).split(",")))


def _is_service(item: str) -> bool:
    return "/" not in item


def _service(item: str) -> tuple[Address, int]:
    host, _, port = item.rpartition(":")
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise _unusable(item) from None
    if not address.is_loopback and not is_private(address):
        raise _unusable(item)
    return address, _port(port, "AUTODIALER_OUTBOUND_ALLOW")


def _network(item: str) -> Network:
    try:
        network = ip_network(item)
    except ValueError:
        raise _unusable(item) from None
    if not is_private_network(network):
        raise _unusable(item)
    return network


def _unusable(item: str) -> env.SettingError:
    return env.SettingError(
        "AUTODIALER_OUTBOUND_ALLOW must hold private networks such as 10.1.0.0/16 and services"
        f" such as 127.0.0.1:9000, with commas between them, not {item!r}."
    )


def _port(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) <= HIGHEST_PORT:
        raise env.SettingError(f"{name} must hold ports from 1 to {HIGHEST_PORT}, not {text!r}.")
    return int(text)


def _own_ports(environ: Mapping[str, str]) -> Iterator[int]:
    for name, default in (
        ("AUTODIALER_WEB_PORT", 8000),
        ("AUTODIALER_ARI_PORT", 0),
        ("AUTODIALER_METRICS_PORT", 0),
    ):
        yield env.integer(name, default, at_most=HIGHEST_PORT, environ=environ)
    # One that cannot be read is refused by whoever connects to it.
    database = env.secret("AUTODIALER_DATABASE_URL", "", environ)
    port = urlsplit(database).netloc.rpartition(":")[2]
    if port.isascii() and port.isdigit():
        yield int(port)


def _own_hosts(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the name under which people open the pages; an address is no name."""
    host = urlsplit(env.text("AUTODIALER_PUBLIC_URL", "http://127.0.0.1:8000", environ)).hostname
    if host and not host.replace(".", "").isdigit() and ":" not in host:
        yield host
