"""Replies that are kept so that a request which is sent again is not carried out again.

These are writes of single statements, each a commit: a request is in flight for all processes
before anything of it is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import connection

from autodialer.apps.keys.models import KeptReply
from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.db.models import QuerySet

KEPT_FOR: Final = timedelta(hours=24)
_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with an Idempotency-Key (`once`), which is the API key's and the address's."""

    key_id: int
    route: str
    once: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class InFlight:
    """The request is being answered, or the process that did so was killed."""

    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What was answered."""

    fingerprint: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


def begin(*, asked: Asked, now: datetime) -> InFlight | Kept | None:
    """Mark the request as being answered; return what is known of it when that was done before.

    A reply that is older than a day is forgotten.
    """
    _same(asked).filter(created_at__lte=now - KEPT_FOR).delete()
    values: dict[str, int | str | bytes | datetime] = {
        "key_id": asked.key_id,
        "route": asked.route,
        "once": asked.once,
        "fingerprint": asked.fingerprint,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("keys", "begin_reply"), values)
        if cursor.fetchone() is not None:
            return None
    found = _same(asked).first()
    if found is None or found.http_status is None:  # or it was refused at this very moment
        return InFlight(asked.fingerprint if found is None else bytes(found.fingerprint))
    return Kept(bytes(found.fingerprint), found.http_status, found.headers, bytes(found.body))


def keep(*, asked: Asked, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Keep what the request was answered."""
    _same(asked).update(http_status=status, headers=dict(headers), body=body)


def forget(*, asked: Asked) -> None:
    """Forget a request that changed nothing."""
    _same(asked).delete()


def expire_replies(*, now: datetime) -> int:
    """Forget replies that are older than a day; return how many at this time. Repeatable."""
    old = KeptReply.objects.filter(created_at__lte=now - KEPT_FOR).order_by("created_at")
    deleted, _ = KeptReply.objects.filter(pk__in=old.values("pk")[:_AT_ONCE]).delete()
    return deleted


def _same(asked: Asked) -> QuerySet[KeptReply]:
    return KeptReply.objects.filter(key=asked.key_id, route=asked.route, once=asked.once)
