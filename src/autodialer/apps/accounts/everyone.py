"""What the operator does to what all accounts share, such as a node: each account's log tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account
from autodialer.apps.audit.services import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from autodialer.apps.audit.services import Subject


def record_for_all(
    *,
    action: str,
    subject: Subject,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Note an act of the operator in every account's audit log, as `record` does in one."""
    for account in Account.objects.order_by("pk"):
        record(
            account=account,
            actor=OPERATOR,
            action=action,
            subject=subject,
            now=now,
            before=before,
            after=after,
        )
