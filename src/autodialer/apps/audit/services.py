"""The only writer of the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodialer.apps.audit.models import AuditEntry
from autodialer.apps.events import tell_screens
from autodialer.ports.screens import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account


@dataclass(frozen=True, slots=True)
class Subject:
    """The thing that something was done to, such as campaign 12."""

    kind: str
    id: object


def record(
    *,
    account: Account,
    actor: Actor,
    action: str,
    subject: Subject,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Note a privileged act in the caller's transaction: both are committed, or neither.

    `before` and `after` hold what JSON can; of what both hold only the differences are kept.
    Never pass a secret. The account's screens are told: what is noted here is what they show.
    """
    old, new = dict(before or {}), dict(after or {})
    same = {key for key in old.keys() & new.keys() if old[key] == new[key]}
    AuditEntry.objects.create(
        account=account,
        at=now,
        who=actor.name,
        user=actor.user,
        action=action,
        subject_kind=subject.kind,
        subject_id=str(subject.id),
        before={key: value for key, value in old.items() if key not in same},
        after={key: value for key, value in new.items() if key not in same},
        request_id=actor.request_id,
        from_address=actor.from_address,
    )
    tell_screens(account.pk, Shown.ACCOUNT)
