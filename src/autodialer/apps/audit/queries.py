"""What pages and commands read of the audit log; the account comes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.statements import statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account


@dataclass(frozen=True, slots=True)
class Change:
    """A field that an act changed; None: it was not there."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One act. `before` and `after` hold only what differs."""

    id: int
    at: datetime
    who: str
    action: str
    subject_kind: str
    subject_id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    request_id: str | None
    from_address: str | None

    @property
    def changes(self) -> list[Change]:
        """What differs, by the name of the field."""
        names = sorted({*self.before, *self.after})
        return [Change(name, self.before.get(name), self.after.get(name)) for name in names]


def entries(
    account: Account,
    *,
    subject_kind: str = "",
    subject_id: str = "",
    before_id: int | None = None,
    limit: int = 100,
) -> list[EntryRow]:
    """Return acts of the account, newest first; `before_id` goes on where the last page ended."""
    found = AuditEntry.objects.filter(account=account)
    if subject_kind:
        found = found.filter(subject_kind=subject_kind)
    if subject_id:
        found = found.filter(subject_id=subject_id)
    if before_id is not None:
        found = found.filter(pk__lt=before_id)
    return [_row(entry) for entry in found.order_by("-pk")[:limit]]


def did(
    account: Account, actor: Actor, action: str, subject: tuple[str, str], *, since: datetime
) -> bool:
    """Return whether the actor has done this to the subject (kind, id) since then."""
    kind, subject_id = subject
    of_subject = AuditEntry.objects.filter(
        account=account, subject_kind=kind, subject_id=subject_id, at__gte=since
    )
    return of_subject.filter(action=action, user=actor.user, who=actor.name).exists()


def subject_kinds(account: Account) -> list[str]:
    """Return what the account's audit log is about, by name."""
    with connection.cursor() as cursor:
        cursor.execute(statement("audit", "subject_kinds"), {"account_id": account.pk})
        return [kind for (kind,) in cursor.fetchall()]


def _row(entry: AuditEntry) -> EntryRow:
    return EntryRow(
        id=entry.pk,
        at=entry.at,
        who=entry.who,
        action=entry.action,
        subject_kind=entry.subject_kind,
        subject_id=entry.subject_id,
        before=entry.before,
        after=entry.after,
        request_id=entry.request_id,
        from_address=entry.from_address,
    )
