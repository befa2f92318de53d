"""What is known of a telephone number, and the account's own numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autodialer.api.exotel.clock import v1_time
from autodialer.api.exotel.documents import Document
from autodialer.api.exotel.sids import number_of, sid_of
from autodialer.apps.campaigns.queries import caller_id_row, caller_id_rows
from autodialer.apps.contacts.numbers import kind_of, parse_caller_id
from autodialer.apps.contacts.queries import is_forbidden

if TYPE_CHECKING:
    from autodialer.api.request import ApiRequest
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.queries import CallerIdRow

KIND: Final = "phone number"


def show(request: ApiRequest, number: str) -> Document:
    """Say whether a number is on the do-not-call registry; circles and operators are not known."""
    e164 = parse_caller_id(number, request.account.region)
    return Document(
        {
            "Numbers": {
                "PhoneNumber": e164,
                "Circle": "",
                "CircleName": "",
                "Type": kind_of(e164),
                "Operator": "",
                "OperatorName": "",
                "DND": "Yes" if is_forbidden(request.account, e164) else "No",
            }
        }
    )


def own_numbers(request: ApiRequest) -> Document:
    """Show the numbers that the account may call from."""
    rows = [row for row in caller_id_rows(request.account) if row.verified_at]
    return Document({"incoming_phone_numbers": [own_data(request.account, row) for row in rows]})


def own_number(request: ApiRequest, sid: str) -> Document:
    """Show one number of the account."""
    row = caller_id_row(request.account, number_of(sid, KIND))
    return Document(own_data(request.account, row))


def own_data(account: Account, row: CallerIdRow) -> dict[str, Any]:
    """Return a number of the account as clients read it."""
    return {
        "sid": sid_of(row.id),
        "account_sid": sid_of(account.pk),
        "phone_number": row.e164,
        "friendly_name": row.e164,
        "number_type": kind_of(row.e164),
        "capabilities": {"voice": row.verified_at is not None, "sms": False},
        "date_verified": v1_time(account, row.verified_at),
    }
