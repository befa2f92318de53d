"""Which requests stand in the log: those about a call, those that change or fail, and slow ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.web.access import PageRequest

log = structlog.get_logger()

SLOW_S: Final = 1.0
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OUR_FAULT: Final = 500
# What addresses call a call and a session, and what every log does.
_NAMES: Final[Mapping[str, str]] = {
    "attempt_id": "attempt",
    "call_id": "attempt",
    "session_id": "session",
}


def tell(request: PageRequest, status: int, took_s: float) -> None:
    """Log an answered request by the pattern of its address, which may itself be a secret."""
    about = _about(request)
    is_dull = str(request.method) in _READS and status < _OUR_FAULT and took_s < SLOW_S
    if is_dull and not about:
        return
    account = getattr(request, "account", None)
    log.info(
        "request",
        method=request.method,
        route=request.resolver_match.route if request.resolver_match else None,
        status=status,
        took_ms=round(took_s * 1_000),
        account=account and account.pk,
        **about,
    )


def _about(request: PageRequest) -> dict[str, Any]:
    """Return the call and the session that the address names."""
    named = request.resolver_match.kwargs if request.resolver_match else {}
    return {_NAMES[name]: str(value) for name, value in named.items() if name in _NAMES}
