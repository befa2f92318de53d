"""Web addresses that users give: which may be opened, and which machines may be connected to.

A name may point anywhere and change at any time, so both questions are asked: of the text when it
is saved and used, and of every address that the name stands for when a connection is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import quote

from autodialer.domain.errors import InvalidInputError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_URL: Final = 2_048
# Stored addresses are shorter; parameters come on top when they are opened.
LONGEST_REQUEST: Final = 8_192
USUAL_PORTS: Final = frozenset({80, 443, 8080, 8443})
# PostgreSQL, and Asterisk's HTTP and manager interfaces.
OWN_PORTS: Final = frozenset({5432, 8088, 5038})

_HIGHEST_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
# Spaces and control characters end a request line; browsers read a backslash as a slash. Half a
# surrogate pair is no text at all.
_UNWRITABLE: Final = re.compile(r"[\s\x00-\x20\x7f\\\ud800-\udfff]")
# Read by our own words: urlsplit drops line ends, and takes a backslash for a part of the name.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?:#.*)?", re.IGNORECASE
)
_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>\d{0,5}))?",
    re.IGNORECASE | re.ASCII,
)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LONGEST_NAME: Final = 253
# inet_aton takes 2130706433, 0x7f000001 and 127.1 for addresses.
_DISGUISED: Final = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))

# Names that mean a machine of this network wherever they are looked up.
_NEVER_NAMES: Final = ("localhost", "metadata.google.internal")
_INSIDE_NAMES: Final = ("internal", "local", "localdomain", "lan", "intranet", "home.arpa")

# What an operator may open: the ranges of inner networks.
PRIVATE: Final[tuple[Network, ...]] = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),
    IPv6Network("fc00::/7"),
)
# Where clouds answer for secrets of the machine; the other ones are link-local.
_METADATA: Final = frozenset(
    {
        IPv4Address("100.100.100.200"),
        IPv4Address("168.63.129.16"),
        IPv6Address("fd00:ec2::254"),
        IPv6Address("fd00:ec2::23"),
        IPv6Address("fd20:ce::254"),
    }
)
_UNICAST_V6: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")
# `is_global` says yes to these: protocol assignments and Teredo, 6to4, documentation.
_NOT_PUBLIC: Final[tuple[Network, ...]] = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
)


@dataclass(frozen=True, slots=True)
class OutboundRules:
    """What may be connected to beside the public internet's usual ports; all by the operator.

    `services` are single addresses with a port, the only way to this machine itself.
    `own_hosts` and `own_ports` are ours: the latter are refused on every address that is not
    public. `allow_http` is the account's: addresses without TLS.
    """

    networks: frozenset[Network] = frozenset()
    services: frozenset[tuple[Address, int]] = frozenset()
    ports: frozenset[int] = USUAL_PORTS
    allow_http: bool = False
    own_hosts: frozenset[str] = frozenset()
    own_ports: frozenset[int] = OWN_PORTS


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An address in its parts: `host` in lower case without brackets, `target` path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def literal(self) -> Address | None:
        """The IP address that stands in the place of a name, if one does."""
        return _literal(self.host)

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(
    url: str, rules: OutboundRules, field: str, *, longest: int = LONGEST_URL
) -> WebAddress:
    """Take an http or https address apart. Raises InvalidInputError, naming `field`.

    Refuses whatever can be known to be wrong without asking what its name stands for. The host
    must be in ASCII: IDNA is done when an address is saved.
    """
    if len(url) > longest:
        raise _refused(field, f"it is longer than {longest:,} characters", "url_too_long")
    if _UNWRITABLE.search(url):
        raise _refused(field, "it holds a space, backslash or control character", "url_invalid")
    found = _URL.fullmatch(url)
    if found is None:
        raise _refused(field, "it must begin with https:// or http://", "url_scheme")
    scheme = found["scheme"].lower()
    host, port = _host_and_port(found["authority"], scheme, field)
    address = WebAddress(scheme, host, port, _target(found["target"]))
    _check(address, rules, field)
    return address


def may_connect(address: Address, port: int, rules: OutboundRules) -> bool:
    """Return whether a connection to this address and port may be made.

    IPv4 inside IPv6 (mapped, compatible, NAT64) counts as the IPv4 address; other ways of
    wrapping one are refused.
    """
    real = _unwrapped(address)
    if real in _METADATA:
        return False
    if _is_public(real):
        return port in rules.ports or (real, port) in rules.services
    if port in rules.own_ports:
        return False
    if (real, port) in rules.services:
        return real.is_loopback or is_private(real)
    return is_private(real) and port in rules.ports and _is_in(real, rules.networks)


def is_private(address: Address) -> bool:
    """Return whether it lies in an inner network's range, which an operator may open."""
    return _is_in(address, PRIVATE)


def is_private_network(network: Network) -> bool:
    """Return whether all of it lies in an inner network's range."""
    ends = (network.network_address, network.broadcast_address)
    return any(all(_is_in(end, [private]) for end in ends) for private in PRIVATE)


def _host_and_port(authority: str, scheme: str, field: str) -> tuple[str, int]:
    if "@" in authority:
        raise _refused(field, "it holds a user name: use a key in the query", "url_credentials")
    found = _AUTHORITY.fullmatch(authority)
    port = int((found and found["port"]) or _DEFAULT_PORTS[scheme])
    if found is None or not 0 < port <= _HIGHEST_PORT:
        raise _refused(field, "its host or port is none", "url_invalid")
    host: str = found["v6"] or found["name"]
    return host.lower().removesuffix("."), port


def _target(raw: str) -> str:
    """Return path and query as given; only what no request line can hold is encoded."""
    target = raw if raw.startswith("/") else f"/{raw}"
    return quote(target, safe=_VISIBLE)


def _check(address: WebAddress, rules: OutboundRules, field: str) -> None:
    literal = address.literal
    if literal is None:
        _check_name(address.host, rules, field)
        is_usual = address.port in rules.ports | {port for _, port in rules.services}
    else:
        is_usual = address.port in rules.ports or (literal, address.port) in rules.services
    if not is_usual:
        ports = ", ".join(map(str, sorted(rules.ports)))
        raise _refused(field, f"its port is none of {ports}", "url_port")
    if literal is not None and not may_connect(literal, address.port, rules):
        raise _not_public(field)
    if address.scheme == "http" and not rules.allow_http:
        raise _refused(
            field, "this account uses https:// only; an admin can allow http://", "url_needs_tls"
        )


def _check_name(host: str, rules: OutboundRules, field: str) -> None:
    labels = host.split(".")
    if ":" in host or _DISGUISED.fullmatch(labels[-1]):
        raise _not_public(field)  # meant as an IP address, but not written as one
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused(field, "its host name is none", "url_invalid")
    if len(labels) == 1 or _is_below(host, _NEVER_NAMES) or host in rules.own_hosts:
        raise _not_public(field)
    if not rules.networks and _is_below(host, _INSIDE_NAMES):
        raise _not_public(field)


def _is_below(host: str, names: Iterable[str]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)


def _literal(host: str) -> Address | None:
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return None


def _unwrapped(address: Address) -> Address:
    if not isinstance(address, IPv6Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    is_wrapped = address in _NAT64 or (address in _COMPATIBLE and not address.is_loopback)
    return IPv4Address(int(address) & 0xFFFFFFFF) if is_wrapped else address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST_V6:
        return False
    return address.is_global and not address.is_multicast and not _is_in(address, _NOT_PUBLIC)


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _not_public(field: str) -> InvalidInputError:
    return _refused(field, "it is not on the public internet", "url_not_public")


def _refused(field: str, why: str, code: str) -> InvalidInputError:
    return InvalidInputError(field, f"This address cannot be used: {why}.", code)
