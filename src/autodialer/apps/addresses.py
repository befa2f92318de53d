"""Web addresses that users give: what can be said about one without opening it.

Whoever opens one checks again what it resolves to at that moment: a name may point anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from autodialer.apps.texts import storable
from autodialer.domain.errors import InvalidInputError

LONGEST_URL: Final = 2_048
# Spaces and control characters end a request line; browsers read a backslash as a slash.
_UNWRITABLE: Final = re.compile(r"[\s\x00-\x1f\x7f\\]")
# inet_aton takes 2130706433, 0x7f000001 and 127.1 for addresses.
_DISGUISED: Final = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
# Global unicast, but for the two parts in which an IPv4 address is wrapped.
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_WRAPPED_V4: Final = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)


def check_url(raw: str, field: str) -> str:
    """Return an http or https address as it is stored, "" for none. Raises InvalidInputError.

    Refuses user names, addresses of the machine itself and of private networks in any spelling,
    and names without a dot, which only mean something inside a network.
    """
    url = raw.strip()
    if not url:
        return ""
    if len(url) > LONGEST_URL:
        raise _refused(field, f"it is longer than {LONGEST_URL:,} characters", "url_too_long")
    if _UNWRITABLE.search(url) or not storable(url):
        raise _refused(field, "it holds a space, backslash or control character", "url_invalid")
    parts = _split(url, field)
    if parts.scheme not in {"http", "https"}:
        raise _refused(field, "it must begin with https:// or http://", "url_scheme")
    if parts.username is not None or parts.password is not None:
        raise _refused(field, "it holds a user name: use a key in the query", "url_credentials")
    _check_host(parts.hostname or "", field)
    return url


def _split(url: str, field: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused(field, "it is no address", "url_invalid") from None
    if port == 0:
        raise _refused(field, "its port cannot be 0", "url_invalid")
    return parts


def _check_host(raw: str, field: str) -> None:
    host = unicodedata.normalize("NFKC", raw).rstrip(".").lower()
    if ":" in host:
        if not _is_public_v6(host):
            raise _not_public(field)
        return
    labels = _ascii(host, field).split(".")
    if _DISGUISED.fullmatch(labels[-1]):
        if not _is_public_v4(host):
            raise _not_public(field)
    elif len(labels) == 1:
        raise _not_public(field)
    elif not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused(field, "its host name is none", "url_invalid")


def _ascii(host: str, field: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise _refused(field, "its host name is none", "url_invalid") from None


def _is_public_v4(host: str) -> bool:
    try:
        address = IPv4Address(host)
    except AddressValueError:
        return False
    return address.is_global and not address.is_multicast


def _is_public_v6(host: str) -> bool:
    try:
        address = IPv6Address(host.partition("%")[0])
    except AddressValueError:
        return False
    wrapped = any(address in network for network in _WRAPPED_V4)
    return address in _PUBLIC_V6 and address.is_global and not wrapped


def _not_public(field: str) -> InvalidInputError:
    return _refused(field, "it is not on the public internet", "url_not_public")


def _refused(field: str, why: str, code: str) -> InvalidInputError:
    return InvalidInputError(field, f"This address cannot be used: {why}.", code)
