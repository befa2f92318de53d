"""All configuration files of an Asterisk instance, as pure functions of a few facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from autodialer.domain.outcome import SILENCE
from autodialer.ops.asterisk.install import LIBRARIES
from autodialer.ops.errors import AsteriskUnavailableError

ARI_USER: Final = "autodialer"
LOOPBACK: Final = "127.0.0.1"
REALM: Final = "autodialer"
# No character that ends a value, starts a comment or separates arguments in Asterisk's files.
_PLAIN_PATH: Final = re.compile(r"[\w/.+@~ -]+", re.ASCII)
_PLAIN_HOST: Final = re.compile(r"[A-Za-z0-9.-]+")
# Asterisk logs an error for each of these that is missing, even when nothing uses it.
_EMPTY: Final = (
    *("features.conf", "udptl.conf", "codecs.conf", "ccss.conf"),
    *("cli_aliases.conf", "dnsmgr.conf", "pjproject.conf", "websocket_client.conf"),
    "musiconhold.conf",
)


@dataclass(frozen=True, slots=True)
class Instance:
    """Where one Asterisk lives and which ports it has; SIP and RTP are bound to `address`."""

    prefix: Path
    folder: Path
    sockets: Path
    sip_port: int
    address: str = LOOPBACK
    rtp_start: int = 10_000
    rtp_end: int = 20_000

    def __post_init__(self) -> None:
        for path in (self.prefix, self.folder, self.sockets):
            if not _PLAIN_PATH.fullmatch(str(path)):
                raise AsteriskUnavailableError(
                    f"{path}: Asterisk needs folders of letters, digits, spaces and ./+@~_- only."
                )
        require_host(self.address)

    @property
    def etc(self) -> Path:
        return self.folder / "etc"


@dataclass(frozen=True, slots=True)
class Node:
    """The Asterisk that a dialer drives: its ARI and the trunk that it calls over.

    ARI and browsers' phones share one HTTP server, at `http_address`.
    """

    instance: Instance
    http_port: int
    ari_password: str
    trunk_host: str
    trunk_port: int
    http_address: str = LOOPBACK

    def __post_init__(self) -> None:
        require_host(self.trunk_host)
        require_host(self.http_address)
        if not re.fullmatch(r"[\w-]{32,}", self.ari_password, re.ASCII):
            raise AsteriskUnavailableError("The ARI password must have 32 or more of A-Z a-z 0-9.")


def node_files(node: Node) -> dict[str, str]:
    """The files of a node by name, for its `etc` folder."""
    return {
        **base_files(node.instance),
        "http.conf": _http(node),
        "ari.conf": _ari(node),
        "pjsip.conf": _pjsip(node),
        "extensions.conf": packaged("extensions.conf"),
        "sorcery.conf": packaged("sorcery.conf"),
        "rtp.conf": rtp(node.instance, ice=True),
    }


def base_files(instance: Instance) -> dict[str, str]:
    """What every instance needs; no HTTP, no ARI, no manager interface."""
    return {
        **dict.fromkeys(_EMPTY, "[general]\n"),
        "sorcery.conf": "; none\n",
        "asterisk.conf": _asterisk(instance),
        "modules.conf": packaged("modules.conf"),
        "indications.conf": packaged("indications.conf"),
        "logger.conf": _LOGGER,
        "http.conf": "[general]\nenabled=no\n",
        "ari.conf": "[general]\nenabled=no\n",
        "acl.conf": "; none\n",
        # AMI would format every event a second time, and is one more door.
        "manager.conf": "[general]\nenabled=no\n",
        "cdr.conf": "[general]\nenable=no\n",
        "cel.conf": "[general]\nenable=no\n",
        "stasis.conf": "[threadpool]\ninitial_size=5\nidle_timeout_sec=20\nmax_size=50\n",
        "rtp.conf": rtp(instance, ice=False),
    }


def rtp(instance: Instance, *, ice: bool) -> str:
    """rtp.conf. Browsers need ICE; it costs every channel of the instance some memory."""
    return section(
        "general",
        rtpstart=instance.rtp_start,
        rtpend=instance.rtp_end,
        icesupport="yes" if ice else "no",
        strictrtp="yes",
    )


def section(name: str, /, **values: object) -> str:
    """One section of a configuration file; `name(!)` makes a template that others inherit from."""
    header, _, marks = name.partition("(")
    lines = [f"{key}={value}" for key, value in values.items()]
    return "\n".join([f"[{header}]" + (f"({marks}" if marks else ""), *lines, "", ""])


def packaged(name: str, package: str = "autodialer.ops.asterisk") -> str:
    """A file that needs no values, from the package's `etc` folder."""
    return (files(package) / "etc" / name).read_text()


def transport(instance: Instance) -> str:
    """pjsip.conf's global part and the one UDP transport."""
    bind = f"{instance.address}:{instance.sip_port}"
    return (
        section(
            "global",
            type="global",
            user_agent="autodialer",
            endpoint_identifier_order="ip,username,anonymous",
            default_realm=REALM,
        )
        + section(
            "system",
            type="system",
            threadpool_initial_size=5,
            threadpool_max_size=50,
            disable_tcp_switch="yes",
        )
        + section("udp", type="transport", protocol="udp", bind=bind)
    )


def media(instance: Instance) -> Mapping[str, object]:
    """What every endpoint has in common: G.711 through us, on our address only."""
    return {
        "disallow": "all",
        "allow": "ulaw,alaw",
        "direct_media": "no",
        "media_address": instance.address,
        "bind_rtp_to_media_address": "yes",
    }


def require_host(host: str) -> None:
    """Raise unless `host` is a name or an IPv4 address: it is written into a file."""
    if not _PLAIN_HOST.fullmatch(host):
        raise AsteriskUnavailableError(f"{host!r} is not a host name or an IPv4 address.")


_LOGGER: Final = """\
[general]
dateformat=%F %T.%3q
[logfiles]
messages => notice,warning,error
"""


def _asterisk(instance: Instance) -> str:
    folder, data = instance.folder, instance.prefix / "usr/share/asterisk"
    directories = {
        "astetcdir": instance.etc,
        "astmoddir": instance.prefix / LIBRARIES / "asterisk/modules",
        "astvarlibdir": folder / "lib",
        "astdbdir": folder / "lib",
        "astkeydir": folder / "keys",
        "astdatadir": data,
        "astagidir": data / "agi-bin",
        "astspooldir": folder / "spool",
        "astrundir": instance.sockets,
        "astlogdir": folder / "log",
    }
    return (
        section("directories", **directories)
        + section("options", nocolor="yes", maxfiles=100_000, hideconnect="yes", lockconfdir="no")
        + section("files", astctlpermissions="0600")
    )


def _http(node: Node) -> str:
    return section(
        "general",
        enabled="yes",
        servername="autodialer",
        bindaddr=node.http_address,
        bindport=node.http_port,
        sessionlimit=1000,
        session_inactivity=30_000,
        session_keep_alive=15_000,
    )


def _ari(node: Node) -> str:
    # LEG tells the dialer after its own restart what each living channel is.
    return section(
        "general",
        enabled="yes",
        pretty="no",
        websocket_write_timeout=1000,
        channelvars="LEG",
    ) + section(
        ARI_USER,
        type="user",
        read_only="no",
        password=node.ari_password,
        password_format="plain",  # noqa: S106 - the name of a format
    )


def _pjsip(node: Node) -> str:
    trunk = f"{node.trunk_host}:{node.trunk_port}"
    return (
        transport(node.instance)
        + section(
            "trunk",
            type="endpoint",
            transport="udp",
            context="from-trunk",
            aors="trunk",
            **media(node.instance),
            **_DEAD_CALLS,
            # The caller id goes out as given, in From and in P-Asserted-Identity.
            send_pai="yes",
            # Else each bridging tells both far ends who is there now: three re-INVITEs a call.
            send_connected_line="no",
            trust_id_outbound="yes",
        )
        + section("trunk", type="aor", contact=f"sip:{trunk}", qualify_frequency=0)
        + section("trunk", type="identify", endpoint="trunk", match=trunk)
        # Browsers' SIP comes over the HTTP server; the address is that of their audio.
        + section("ws", type="transport", protocol="ws", bind=node.instance.address)
    )


# A far end that vanished must not keep an agent talking to nobody: no audio for 30 s ends the
# call, and so does a session that is not refreshed. An agent who waits alone hears silence, so
# comfort noise keeps the far end from doing the same to us.
_SILENCE_S: Final = int(SILENCE.total_seconds())
_DEAD_CALLS: Final[Mapping[str, object]] = {
    "timers": "always",
    "timers_min_se": 90,
    "timers_sess_expires": 300,
    "rtp_timeout": _SILENCE_S,
    "rtp_timeout_hold": _SILENCE_S,
    "rtp_keepalive": 10,
}
