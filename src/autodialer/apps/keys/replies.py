"""Replies that are kept so that a request which is sent again is not carried out again.

These are writes of single statements, each a commit: a request is in flight for all processes
before anything of it is done. Only `acting` writes in the transactions of what is done, so that
after a crash it is known whether anything was: what was not is carried out when it is sent again.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from django.db import connection, transaction

from autodialer.apps.keys.models import KeptReply
from autodialer.apps.statements import statement
from autodialer.domain.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from django.db.models import QuerySet

KEPT_FOR: Final = timedelta(hours=24)
# Longer than any request takes. One that takes longer all the same, and has not committed, cannot
# any more once another process has it.
HELD_FOR: Final = timedelta(minutes=1)
_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with an Idempotency-Key (`once`), which is the API key's and the address's."""

    key_id: int
    route: str
    once: str
    fingerprint: bytes
    holder: UUID = field(default_factory=uuid4)


class TakenOverError(ConflictError):
    """Another process answers this request by now: this one took too long."""

    code = "request_in_flight"


@dataclass(frozen=True, slots=True)
class InFlight:
    """The request is being answered."""

    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Something of the request was done, and nobody knows how it was to be answered."""

    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What was answered."""

    fingerprint: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


def begin(*, asked: Asked, now: datetime) -> InFlight | Interrupted | Kept | None:
    """Mark the request as being answered; return what is known of it when that was done before.

    A reply that is older than a day is forgotten. A request whose process was killed is as good as
    new, unless something of it was committed.
    """
    # Read before anything is written: who writes would wait for a request that is being committed.
    found = _same(asked).first()
    if found is not None and found.created_at <= now - KEPT_FOR:
        found.delete()
        found = None
    if found is None:
        if _is_marked("begin_reply", asked, now):
            return None
        found = _same(asked).first()
    elif _is_marked("take_over_reply", asked, now):
        return None
    return _known(asked, found, now)


def _is_marked(name: str, asked: Asked, now: datetime) -> bool:
    """Mark the request as being answered by us; return whether it was to be had."""
    values: dict[str, int | str | bytes | datetime | UUID] = {
        "key_id": asked.key_id,
        "route": asked.route,
        "once": asked.once,
        "fingerprint": asked.fingerprint,
        "holder": asked.holder,
        "held_until": now + HELD_FOR,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("keys", name), values)
        return cursor.fetchone() is not None


def _known(asked: Asked, found: KeptReply | None, now: datetime) -> InFlight | Interrupted | Kept:
    if found is None:  # it was refused at this very moment
        return InFlight(asked.fingerprint)
    fingerprint = bytes(found.fingerprint)
    if found.http_status is not None:
        return Kept(fingerprint, found.http_status, found.headers, bytes(found.body))
    is_over = found.has_acted and found.held_until <= now
    return Interrupted(fingerprint) if is_over else InFlight(fingerprint)


@contextmanager
def acting(asked: Asked) -> Iterator[None]:
    """Let each transaction in the block note, with what it does, that this request has acted.

    Raises TakenOverError inside a transaction, which is undone by it, when the request is not ours.
    """
    with connection.execute_wrapper(_Notes(asked)):
        yield


class _Notes:
    """Goes before the first statement of each transaction."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if connection.in_atomic_block and not self._is_noted():
            # Django forgets it with the transaction, or with the savepoint that is undone.
            transaction.on_commit(self._committed)
            if not _mine(self._asked).update(has_acted=True):
                raise TakenOverError("Another process answers this request: ask again.")
        return execute(sql, params, many, context)

    def _is_noted(self) -> bool:
        return any(hook == self._committed for _, hook, *_ in connection.run_on_commit)

    def _committed(self) -> None:
        """Nothing is left to do: that it waits for the commit is what counts."""


def keep(*, asked: Asked, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Keep what the request was answered."""
    _mine(asked).update(http_status=status, headers=dict(headers), body=body)


def forget(*, asked: Asked, now: datetime) -> None:
    """Forget a refused request, which changed nothing.

    One that did something before its answer failed is interrupted: as if its process had died.
    """
    forgotten, _ = _mine(asked).filter(has_acted=False).delete()
    if not forgotten:
        _mine(asked).update(held_until=now)


def expire_replies(*, now: datetime) -> int:
    """Forget replies that are older than a day; return how many at this time. Repeatable."""
    old = KeptReply.objects.filter(created_at__lte=now - KEPT_FOR).order_by("created_at")
    deleted, _ = KeptReply.objects.filter(pk__in=old.values("pk")[:_AT_ONCE]).delete()
    return deleted


def _mine(asked: Asked) -> QuerySet[KeptReply]:
    return _same(asked).filter(holder=asked.holder)


def _same(asked: Asked) -> QuerySet[KeptReply]:
    return KeptReply.objects.filter(key=asked.key_id, route=asked.route, once=asked.once)
