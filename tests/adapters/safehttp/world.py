"""A client that may reach one server of the test, and requests for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_address

from autodialer.adapters.safehttp.client import HttpRequest
from autodialer.domain.ids import AccountId
from autodialer.domain.web_address import Address, OutboundRules

LOOPBACK = ip_address("127.0.0.1")


def open_to(port: int) -> OutboundRules:
    """Return what an operator allows who runs a CRM on this machine at this port."""
    return OutboundRules(services=frozenset({(LOOPBACK, port)}))


def get(url: str, **changes: object) -> HttpRequest:
    """Return a request with short limits."""
    request = HttpRequest(
        account_id=AccountId(1),
        method="GET",
        url=url,
        deadline=timedelta(seconds=5),
        longest_body=100_000,
        plain_http=True,
    )
    return replace(request, **changes)  # type: ignore[arg-type]


@dataclass(slots=True)
class NameServer:
    """Gives these answers one after the other, the last one for ever; counts what it is asked."""

    answers: Sequence[Sequence[str]] = (("127.0.0.1",),)
    asked: list[str] = field(default_factory=list)

    async def addresses(self, host: str) -> Sequence[Address]:
        found = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(host)
        return [ip_address(address) for address in found]
