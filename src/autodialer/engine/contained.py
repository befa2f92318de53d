"""Where the engine catches a fault of an unknown kind: around one piece of work of many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from autodialer.ports.store import LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Coroutine

log = structlog.get_logger()


async def contained(work: Coroutine[None, None, None], event: str, **facts: object) -> bool:
    """Do the work; return whether it went well. A fault is logged as `event`, with the facts.

    One session, or the answer of one customer's URL, must not end the dialer with all the others.
    LeaseLostError is no fault of the work: it ends the dialer.
    """
    try:
        await work
    except LeaseLostError:
        raise
    except Exception:
        log.exception(event, **facts)
        return False
    return True
