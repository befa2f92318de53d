"""The numbers of a campaign as programs read them, in the order in which they are dialled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from autodialer.apps import keyset
from autodialer.apps.campaigns.models import Target
from autodialer.domain.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from autodialer.apps.accounts.models import Account
    from autodialer.apps.keyset import Place
    from autodialer.domain.target import TargetStatus

LIST_ORDER: Final = ("seq",)


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One number of a campaign. `contact` is the contact as it was when it was copied."""

    seq: int
    number: str
    contact: Mapping[str, Any]
    status: str
    reason: str
    tries: int
    due_at: datetime | None
    changed_at: datetime


def targets_part(
    account: Account,
    campaign_id: int,
    *,
    status: TargetStatus | None = None,
    after: Place | None = None,
    limit: int,
) -> list[TargetRow]:
    """Return the numbers of a campaign after a place, in the order of the list."""
    found = Target.objects.filter(account=account, campaign=campaign_id)
    if status is not None:
        found = found.filter(status=status.value)
    return [_row(target) for target in keyset.part(found, LIST_ORDER, after, limit)]


def target_row(account: Account, campaign_id: int, e164: str) -> TargetRow:
    """Return one number of a campaign. Raises NotFoundError."""
    found = Target.objects.filter(account=account, campaign=campaign_id, e164=e164).first()
    if found is None:
        raise NotFoundError("This is not a number of the campaign.")
    return _row(found)


def _row(target: Target) -> TargetRow:
    return TargetRow(
        seq=target.seq,
        number=target.e164,
        contact=target.contact,
        status=target.status,
        reason=target.reason,
        tries=target.tries,
        due_at=target.due_at,
        changed_at=target.changed_at,
    )
