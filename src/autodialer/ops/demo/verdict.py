"""Did every number end as its digits say? Judged by the database and by the carrier's count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autodialer.ops.demo.plan import Customer, customers


@dataclass(frozen=True, slots=True)
class Ended:
    """What the database says of one target."""

    status: str
    reason: str
    tries: int


def differences(targets: Mapping[str, Ended], invited: Iterable[str] | None) -> list[str]:
    """Return one sentence for each number that did not end as planned; none is a pass.

    `invited` has the called number of each INVITE that the carrier saw, agents included; None
    when no carrier counted.
    """
    counted = None if invited is None else Counter(invited)
    planned = {customer.e164: customer for customer in customers()}
    strange = sorted(targets.keys() - planned.keys())
    return [
        *(f"{number} is in the campaign but not in the plan." for number in strange),
        *(text for customer in planned.values() for text in _of(customer, targets, counted)),
    ]


def _of(
    customer: Customer, targets: Mapping[str, Ended], counted: Mapping[str, int] | None
) -> Iterable[str]:
    target = targets.get(customer.e164)
    if target is None:
        yield f"{customer.e164} is missing from the campaign."
        return
    if (target.status, target.reason) != (customer.status, customer.reason):
        yield (
            f"{customer.e164} ended {target.status} ({target.reason}), "
            f"planned {customer.status} ({customer.reason})."
        )
    seen = target.tries if counted is None else counted.get(customer.e164, 0)
    if not seen == target.tries == customer.invites:
        yield (
            f"{customer.e164}: the carrier saw {seen} calls, the database counts {target.tries}, "
            f"planned {customer.invites}."
        )
