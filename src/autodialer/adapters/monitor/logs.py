"""One JSON object a line on stderr, whoever wrote it: our own code, Django, uvicorn, Procrastinate.

A line about a call carries `attempt`, its id, and where it is known `session` and `request`; every
line says which `process` wrote it and, of a dialer, on which `node`. So one id tells the story of a
call over all logs (docs/howto/follow-one-call.md). No line holds a telephone number, a secret, or
an address with what was asked in it.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger


def log_as_json(process: str, node: str = "") -> None:
    """Write the log of this process so from now on."""
    shared = _processors({"process": process} | ({"node": node} if node else {}))
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_without_address, *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Its own lines say what `store_unavailable` says already.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    # What a browser did wrong it is told, and what matters of it is a line of `request`.
    logging.getLogger("django.request").setLevel(logging.ERROR)


def _processors(every: dict[str, str]) -> list[Processor]:
    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**event, **every}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        stamp,
    ]


def _without_address(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out what Django writes behind a colon: the address may be a link that signs one in."""
    record: logging.LogRecord = event["_record"]
    if record.name.startswith("django"):
        event["event"] = str(record.msg).partition(":")[0]
    event["logger"] = record.name
    return event
