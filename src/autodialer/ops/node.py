"""The Asterisk of this machine's dialer: its ports and secrets, chosen once for each start."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from typing import Final

from autodialer.ops import env
from autodialer.ops.asterisk.config import LOOPBACK, Instance, Node
from autodialer.ops.asterisk.run import Ari, Asterisk
from autodialer.ops.errors import AsteriskUnavailableError
from autodialer.ops.lab.carrier import LabCarrier
from autodialer.ops.paths import Paths, private_folder, write_private
from autodialer.ops.process import free_port

HIGHEST_PORT: Final = 65_535


def make_asterisk(
    paths: Paths, trunk: tuple[str, int], environ: Mapping[str, str] = os.environ
) -> Asterisk:
    """Return the node's Asterisk, not yet started, calling over `trunk` (host and port).

    AUTODIALER_SIP_PORT fixes its SIP port; otherwise a free one is taken. SIP and audio are bound
    to AUTODIALER_SIP_ADDRESS, by default to 127.0.0.1: a trunk elsewhere needs an address of
    this machine that it can reach. Pages on other machines reach browsers' phones at
    AUTODIALER_NODE_ADDRESS and AUTODIALER_NODE_PORT, by default at 127.0.0.1 and a free one.
    """
    http_port = env.integer("AUTODIALER_NODE_PORT", 0, at_most=HIGHEST_PORT, environ=environ)
    sip_port = env.integer("AUTODIALER_SIP_PORT", 0, at_most=HIGHEST_PORT, environ=environ)
    node = Node(
        instance=Instance(
            prefix=paths.asterisk_prefix,
            folder=paths.asterisk_node,
            sockets=paths.sockets / "asterisk-node",
            sip_port=sip_port or free_port(socket.SOCK_DGRAM),
            address=env.text("AUTODIALER_SIP_ADDRESS", LOOPBACK, environ),
        ),
        http_port=http_port or free_port(),
        http_address=env.text("AUTODIALER_NODE_ADDRESS", LOOPBACK, environ),
        ari_password=secrets.token_urlsafe(32),
        trunk_host=trunk[0],
        trunk_port=trunk[1],
    )
    private_folder(paths.asterisk_node)
    access = {
        "host": node.http_address,
        "port": node.http_port,
        "password": node.ari_password,
    }
    write_private(paths.asterisk_node / "ari.json", json.dumps(access))
    return Asterisk.for_node(node, paths.log)


def make_lab(paths: Paths) -> LabCarrier:
    """Return the lab carrier, not yet started, on a free port."""
    instance = Instance(
        prefix=paths.asterisk_prefix,
        folder=paths.lab,
        sockets=paths.sockets / "asterisk-lab",
        sip_port=free_port(socket.SOCK_DGRAM),
    )
    return LabCarrier(instance, paths.log)


def trunk_from_environment(environ: Mapping[str, str] = os.environ) -> tuple[str, int]:
    """Return host and port of the SIP trunk. Raises AsteriskUnavailableError when it is not set."""
    host = environ.get("AUTODIALER_TRUNK_HOST", "").strip()
    if not host:
        raise AsteriskUnavailableError(
            "Set AUTODIALER_TRUNK_HOST to your SIP trunk, or use --lab to call the lab carrier."
        )
    port = env.integer(
        "AUTODIALER_TRUNK_PORT", 5060, at_least=1, at_most=HIGHEST_PORT, environ=environ
    )
    return host, port


def known_ari(paths: Paths) -> Ari | None:
    """Return how to reach the ARI of the node that was started last; None if none ever was."""
    file = paths.asterisk_node / "ari.json"
    if not file.exists():
        return None
    access = json.loads(file.read_text())
    return Ari(int(access["port"]), str(access["password"]), str(access["host"]))
