"""Web addresses that people of an account give: checked, and as they are stored.

Whoever opens one checks again what it resolves to at that moment: a name may point anywhere.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import idna
from django.conf import settings

from autodialer.domain.errors import InvalidInputError
from autodialer.domain.web_address import LONGEST_URL, OutboundRules, read_url

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account

__all__ = ["LONGEST_URL", "check_url", "rules_of"]

_BEYOND_ASCII: Final = re.compile(
    r"(?P<before>[a-z]+://)(?P<host>[^/?#@:\[\]\\\s]+)(?P<after>.*)", re.IGNORECASE | re.DOTALL
)
_LONGEST_NAME: Final = 253


def rules_of(account: Account) -> OutboundRules:
    """Return where the addresses of this account may lead."""
    outbound: OutboundRules = settings.OUTBOUND
    return replace(outbound, allow_http=account.allows_http)


def check_url(raw: str, field: str, rules: OutboundRules) -> str:
    """Return an http or https address as it is stored, "" for none. Raises InvalidInputError.

    Refuses user names, addresses and names inside the network unless the operator opened them,
    and unusual ports. A host beyond ASCII is stored, and so shown, as punycode; all else stays
    as it was written.
    """
    url = raw.strip()
    if not url:
        return ""
    if len(url) <= LONGEST_URL:  # else refused below, before anybody works on it
        url = _in_ascii(url, field)
    read_url(url, rules, field)
    return url


def _in_ascii(url: str, field: str) -> str:
    found = _BEYOND_ASCII.fullmatch(url)
    if found is None or found["host"].isascii():
        return url
    try:
        if len(found["host"]) > _LONGEST_NAME:
            raise idna.IDNAError
        host = idna.encode(found["host"], uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:  # which idna's errors are
        raise InvalidInputError(
            field, "This address cannot be used: its host name is none.", "url_invalid"
        ) from None
    return f"{found['before']}{host}{found['after']}"
