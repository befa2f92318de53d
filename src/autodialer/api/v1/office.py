"""What belongs to the account as a whole: money, prices, and the numbers it calls from."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from ninja import Query, Router
from pydantic import Field

from autodialer.api.fields import WORD, Id, ListAsked, Page, Reply
from autodialer.api.operations import operation
from autodialer.api.request import ApiRequest
from autodialer.api.v1.parts import answer_part, number_asked
from autodialer.apps.accounts.permissions import Permission
from autodialer.apps.billing import queries as billing
from autodialer.apps.campaigns import queries as campaigns
from autodialer.apps.keyset import NEWEST_FIRST, OLDEST_FIRST
from autodialer.domain.money import EntryKind, PaymentMode

if TYPE_CHECKING:
    from autodialer.apps.billing.queries import LedgerRow, TariffRow
    from autodialer.apps.campaigns.queries import CallerIdRow

account: Final = Router()
caller_ids: Final = Router()
_P = Permission


class AccountReply(Reply):
    """The account that a key belongs to: by which clock it calls, and where its numbers are."""

    id: str
    name: str
    zone: str
    region: str


class BalanceReply(Reply):
    """The money of the account in minor units (paise, cents).

    All are null when the account is not metered; `available` also when it has no limit.
    """

    is_metered: bool
    mode: PaymentMode | None
    currency: str | None
    balance: int | None
    held: int | None = Field(description="Reserved for calls that live.")
    available: int | None


class LedgerAsked(ListAsked):
    """Which movements."""

    kind: Annotated[EntryKind, WORD] | None = None


class LedgerReply(Reply):
    """One movement of the balance in minor units."""

    id: str
    at: datetime
    kind: EntryKind
    amount: int
    leg_id: str | None = Field(description="The call or agent session of a charge.")
    reference: str
    actor: str


class TariffReply(Reply):
    """What numbers that begin with `prefix` cost once answered; the longest prefix counts."""

    prefix: str
    first_s: int
    first_amount: int
    next_s: int
    next_amount: int


class CallerIdsAsked(ListAsked):
    """Which numbers."""

    number: str = Field("", max_length=64, description="The whole number, however it is written.")
    is_verified: bool | None = None


class CallerIdReply(Reply):
    """A number that the account calls from."""

    id: str
    number: str = Field(description="E.164")
    verified_at: datetime | None = Field(description="Campaigns call from verified numbers only.")
    campaigns: int = Field(description="Campaigns in progress, or to come, that call from it.")


@operation(account, "GET", "/account", _P.VIEW_BALANCE, replies={200: AccountReply})
def get_account(request: ApiRequest) -> AccountReply:
    """Read which account the key belongs to."""
    found = request.account
    return AccountReply(id=str(found.pk), name=found.name, zone=found.zone, region=found.region)


@operation(account, "GET", "/balance", _P.VIEW_BALANCE, replies={200: BalanceReply})
def get_balance(request: ApiRequest) -> BalanceReply:
    """Read the balance."""
    found = billing.balance(request.account)
    return BalanceReply(
        is_metered=found is not None,
        mode=found.mode if found else None,
        currency=found.currency if found else None,
        balance=found.balance if found else None,
        held=found.held if found else None,
        available=found.available if found else None,
    )


@operation(account, "GET", "/ledger", _P.VIEW_BALANCE, replies={200: Page[LedgerReply]})
def list_ledger(request: ApiRequest, asked: Query[LedgerAsked]) -> Page[LedgerReply]:
    """List what moved the balance, newest first."""
    return answer_part(
        Page[LedgerReply],
        request,
        asked,
        order=NEWEST_FIRST,
        fetch=lambda after, limit: billing.ledger_part(
            request.account, kind=asked.kind, after=after, limit=limit
        ),
        show=_entry,
    )


@operation(account, "GET", "/tariffs", _P.VIEW_BALANCE, replies={200: Page[TariffReply]})
def list_tariffs(request: ApiRequest, asked: Query[ListAsked]) -> Page[TariffReply]:
    """List what calls cost, by prefix."""
    return answer_part(
        Page[TariffReply],
        request,
        asked,
        order=billing.TARIFF_ORDER,
        fetch=lambda after, limit: billing.tariffs_part(request.account, after=after, limit=limit),
        show=_tariff,
    )


@operation(caller_ids, "GET", "/caller-ids", _P.VIEW_CALLER_IDS, replies={200: Page[CallerIdReply]})
def list_caller_ids(request: ApiRequest, asked: Query[CallerIdsAsked]) -> Page[CallerIdReply]:
    """List the numbers that the account calls from."""
    number = number_asked(request, asked.number)
    return answer_part(
        Page[CallerIdReply],
        request,
        asked,
        order=OLDEST_FIRST,
        fetch=lambda after, limit: campaigns.caller_ids_part(
            request.account,
            e164=number,
            is_verified=asked.is_verified,
            after=after,
            limit=limit,
        ),
        show=_caller_id,
    )


@operation(
    caller_ids,
    "GET",
    "/caller-ids/{caller_id}",
    _P.VIEW_CALLER_IDS,
    replies={200: CallerIdReply},
    refuses=(404,),
)
def get_caller_id(request: ApiRequest, caller_id: Id) -> CallerIdReply:
    """Read a number that the account calls from."""
    return _caller_id(campaigns.caller_id_row(request.account, caller_id))


def _entry(row: LedgerRow) -> LedgerReply:
    return LedgerReply(
        id=str(row.id),
        at=row.at,
        kind=row.kind,
        amount=row.amount,
        leg_id=None if row.leg is None else str(row.leg),
        reference=row.reference,
        actor=row.actor,
    )


def _tariff(row: TariffRow) -> TariffReply:
    rate = row.rate
    return TariffReply(
        prefix=row.prefix,
        first_s=rate.first_s,
        first_amount=rate.first_amount,
        next_s=rate.next_s,
        next_amount=rate.next_amount,
    )


def _caller_id(row: CallerIdRow) -> CallerIdReply:
    return CallerIdReply(
        id=str(row.id), number=row.e164, verified_at=row.verified_at, campaigns=row.campaigns
    )
