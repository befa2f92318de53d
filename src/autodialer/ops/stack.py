"""The parts of one machine, put together: PostgreSQL, Asterisk, the lab carrier, the dialer."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from autodialer.ops import env
from autodialer.ops.asterisk.config import LOOPBACK, Instance, Node
from autodialer.ops.asterisk.install import install
from autodialer.ops.asterisk.run import Ari, Asterisk
from autodialer.ops.dialer import DialerProcess
from autodialer.ops.errors import AsteriskUnavailableError
from autodialer.ops.lab.carrier import LabCarrier
from autodialer.ops.paths import Paths, private_folder, write_private
from autodialer.ops.postgres import EmbeddedPostgres
from autodialer.ops.process import free_port
from autodialer.ops.supervisor import Service

DEFAULT_SIP_PORT: Final = 15060
DEFAULT_ARI_PORT: Final = 18088
DEFAULT_LAB_PORT: Final = 25060


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen on 127.0.0.1, and the trunk that customers are called over."""

    sip: int
    ari: int
    lab: int
    trunk: tuple[str, int]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Ports:
        """Read AUTODIALER_SIP_PORT, _ARI_PORT, _LAB_PORT and _TRUNK (host:port; default: the lab).

        Raises SettingError, naming the setting.
        """
        lab = _port("AUTODIALER_LAB_PORT", DEFAULT_LAB_PORT, environ)
        return cls(
            sip=_port("AUTODIALER_SIP_PORT", DEFAULT_SIP_PORT, environ),
            ari=_port("AUTODIALER_ARI_PORT", DEFAULT_ARI_PORT, environ),
            lab=lab,
            trunk=_trunk(env.text("AUTODIALER_TRUNK", f"{LOOPBACK}:{lab}", environ)),
        )

    @classmethod
    def any_free(cls) -> Ports:
        """Ports that nobody uses now, with the lab carrier as the trunk."""
        sip, lab = (free_port(socket.SOCK_DGRAM) for _ in range(2))
        return cls(sip=sip, ari=free_port(), lab=lab, trunk=(LOOPBACK, lab))


class Stack:
    """What `autodialer up` and the demo run. Nothing is started by making it."""

    def __init__(self, paths: Paths, ports: Ports, database_url: str | None) -> None:
        """Use an external PostgreSQL when `database_url` is given, else our own."""
        self.paths = paths
        self.postgres = None if database_url else EmbeddedPostgres(paths)
        self._database_url = database_url
        self._ports = ports

    @property
    def database_url(self) -> str:
        """The libpq URL of the database; our own server must have been started once."""
        if self.postgres is not None:
            return self.postgres.url
        return self._database_url or ""

    def asterisk(self) -> Asterisk:
        """The node's Asterisk, installed when it is not there yet.

        Raises AsteriskUnavailableError where it cannot be had.
        """
        install(self.paths.asterisk_prefix)
        host, port = self._ports.trunk
        return Asterisk.for_node(
            Node(
                instance=self._instance("node", self._ports.sip),
                http_port=self._ports.ari,
                ari_password=self._ari_password(),
                trunk_host=host,
                trunk_port=port,
            ),
            self.paths.log,
        )

    def lab(self) -> LabCarrier:
        """The lab carrier; the same Asterisk with another dialplan."""
        return LabCarrier(self._instance("lab", self._ports.lab), self.paths.log)

    def dialer(self, ari: Ari | None) -> DialerProcess:
        """The dialer of this node; without `ari` it calls simulated customers."""
        return DialerProcess(self.paths, self.database_url, ari)

    def switch_services(self, *, with_lab: bool) -> tuple[Mapping[str, Service], Ari | None, str]:
        """Return the Asterisk parts, how to reach them, and why there are none, if so."""
        try:
            node = self.asterisk()
        except AsteriskUnavailableError as error:
            return {}, None, str(error)
        lab: Mapping[str, Service] = {"lab": self.lab()} if with_lab else {}
        return {**lab, "asterisk": node}, node.ari, ""

    def _instance(self, name: str, sip_port: int) -> Instance:
        return Instance(
            prefix=self.paths.asterisk_prefix,
            folder=self.paths.lab if name == "lab" else self.paths.asterisk_node,
            sockets=self.paths.sockets / f"asterisk-{name}",
            sip_port=sip_port,
        )

    def _ari_password(self) -> str:
        """Made at the first start and kept, so that a running node survives our restart."""
        file = private_folder(self.paths.asterisk_node) / "ari-password"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32))
        return file.read_text()


def _port(name: str, default: int, environ: Mapping[str, str]) -> int:
    return env.integer(name, default, at_least=1, at_most=65_535, environ=environ)


def _trunk(value: str) -> tuple[str, int]:
    host, separator, port = value.rpartition(":")
    if not separator or not host or not port.isdigit():
        raise env.SettingError("AUTODIALER_TRUNK must look like host:port, e.g. sip.example:5060.")
    return host, int(port)
