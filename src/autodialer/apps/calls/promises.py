"""Looking for broken promises in what is stored: for operators, tests and soak runs.

Ids are those of docs/reference/invariants.md, which also says what is not checked here and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import connection, transaction

from autodialer.apps.statements import statement
from autodialer.domain import campaign, target
from autodialer.domain.window import LEGAL_CLOSES, LEGAL_OPENS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from enum import StrEnum


_Status = TypeVar("_Status", bound="StrEnum")


@dataclass(frozen=True, slots=True)
class Promise:
    """One check: `kept` when all is well, `broken` follows the number of rows when not."""

    id: str
    statement: str
    kept: str
    broken: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: how many rows break the promise, and the ids of the first of them."""

    promise: Promise
    broken: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        if not self.broken:
            return self.promise.kept
        shown = ", ".join(self.examples)
        more = ", ..." if self.broken > len(self.examples) else ""
        return f"{self.broken:,} {self.promise.broken} ({shown}{more}). {self.promise.remedy}"


_CALLED_WRONGLY: Final = "Pause the campaigns of these calls and report it: this cannot happen."
_WRITTEN_WRONGLY: Final = "Find out who changed these rows by hand; report it if nobody did."
_FOREIGN: Final = "Pause the campaigns of both accounts and report it: data may have been shown."

PROMISES: Final = (
    Promise(
        "I1", "promise_tries", "no number was called more often than allowed",
        "targets with more or fewer calls than tries", _CALLED_WRONGLY,
    ),
    Promise(
        "I2", "promise_one_call_a_number", "no number had two calls at a time",
        "calls to a number that was in another call", _CALLED_WRONGLY,
    ),
    Promise(
        "I3", "promise_one_customer_a_session", "no session had two customers at a time",
        "calls in a session that had another call", _CALLED_WRONGLY,
    ),
    Promise(
        "I3", "promise_one_session_an_agent", "no agent was connected twice at a time",
        "sessions of an agent who was connected already", _CALLED_WRONGLY,
    ),
    Promise(
        "I4", "promise_calls_end", "no call lasts longer than a call can",
        "calls that last longer than a call can",
        "See that a dialer runs on their node: it ends them by itself.",
    ),
    Promise(
        "I4", "promise_live_targets_have_calls", "what is in progress has a call",
        "targets in progress without a live call, or the other way round", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I5", "promise_counts_add_up", "the ten counts of each campaign add up",
        "campaigns whose counts do not add up", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I6", "promise_ledger", "balances are the sums of their ledgers",
        "accounts whose balance or holds are not the sum of what is booked", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I6", "promise_holds", "each hold ends with its leg",
        "holds that ended without their call, or outlived it", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I6", "promise_charges", "each answered leg is charged once, by its price",
        "charges without an answer, without a hold, or of another amount", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I7", "promise_calling_window", "no call was placed outside hours and dates",
        "calls outside the calling window or the dates of their campaign", _CALLED_WRONGLY,
    ),
    Promise(
        "I8", "promise_do_not_call", "no number on the do-not-call registry was called",
        "calls to numbers on the do-not-call registry", _CALLED_WRONGLY,
    ),
    Promise(
        "I9", "promise_caller_id", "every call came from its campaign's caller id",
        "calls from another caller id than their campaign's", _CALLED_WRONGLY,
    ),
    Promise(
        "I9", "promise_caller_id_is_verified", "every call came from a verified caller id",
        "calls from a caller id that was not verified at that time",
        "Verify it, or pause its campaigns.",
    ),
    Promise(
        "I13", "promise_target_history", "the history of every target is legal",
        "targets with a move that is not legal", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I13", "promise_campaign_history", "the history of every campaign is legal",
        "campaigns with a move that is not legal", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I15", "promise_told", "every end of a call is told to the URLs of its campaign",
        "calls whose end no URL of their campaign is told",
        "Find out who disabled a trigger or deleted these rows; report it if nobody did.",
    ),
    Promise(
        "I15", "promise_delivered", "no webhook waits longer than it may",
        "deliveries that should have been tried a day ago",
        "See that a worker runs: `autodialer worker run`.",
    ),
    Promise(
        "I16", "promise_no_call_while_stopped", "nothing was called while a campaign stood still",
        "calls later than a second after their campaign had stopped", _CALLED_WRONGLY,
    ),
    Promise(
        "I17", "promise_completed_once", "no campaign was completed twice",
        "campaigns that were completed more than once", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I17", "promise_nothing_waits_after_the_end", "nothing waits in a campaign that is over",
        "targets that wait in a campaign that is over", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I17", "promise_agents_are_released", "no agent is held by a campaign that is over",
        "sessions of campaigns that are long over",
        "See that a dialer runs on their node: it ends them by itself.",
    ),
    Promise(
        "I18", "promise_durations", "nothing ended before it began",
        "calls or sessions that ended before they began", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I19", "promise_audit", "what people did with campaigns is audited once",
        "campaigns with a step of a person that is not audited exactly once", _WRITTEN_WRONGLY,
    ),
    Promise(
        "I20", "promise_account_of_calls", "calls are of one account",
        "calls whose session or target is another's", _FOREIGN,
    ),
    Promise(
        "I20", "promise_account_of_sessions", "sessions are of one account",
        "sessions whose campaign, agent or device is another's", _FOREIGN,
    ),
    Promise(
        "I20", "promise_account_of_targets", "targets are of one account",
        "targets of another account than their campaign", _FOREIGN,
    ),
    Promise(
        "I20", "promise_account_of_campaigns", "campaigns are of one account",
        "campaigns with a list, group, agent or caller id of another account", _FOREIGN,
    ),
    Promise(
        "I20", "promise_account_of_groups", "groups are of one account",
        "groups with a member of another account", _FOREIGN,
    ),
    Promise(
        "I20", "promise_account_of_lists", "lists are of one account",
        "lists with a contact of another account", _FOREIGN,
    ),
    Promise(
        "I20", "promise_account_of_webhooks", "webhooks are of one account",
        "deliveries of another account's event, or to its endpoint", _FOREIGN,
    ),
)  # fmt: skip


def verdicts(now: datetime) -> list[Verdict]:
    """Check every promise at `now`, in the order of PROMISES; changes nothing.

    Each check is one statement, so what it compares is of one instant.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        values = _values(now)
        found = []
        for promise in PROMISES:
            cursor.execute(statement("calls", promise.statement), values)
            broken, examples = cursor.fetchone()
            found.append(Verdict(promise, broken, tuple(examples or ())))
        return found


def broken_promises(now: datetime) -> list[str]:
    """Return one sentence for each promise that does not hold at `now`; none: all is well."""
    return [f"{found.promise.id}: {found}" for found in verdicts(now) if found.broken]


def _values(now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "law_opens": LEGAL_OPENS,
        "law_closes": LEGAL_CLOSES,
        "longest": campaign.MAX_DURATION,
        "target_moves": _moves(target.TRANSITIONS),
        "campaign_moves": _moves(campaign.TRANSITIONS),
    }


def _moves(table: Mapping[_Status, Iterable[_Status]]) -> list[str]:
    """Return the legal moves as the statements compare them: `old>new`."""
    return [f"{old}>{new}" for old, legal in table.items() for new in sorted(legal)]
