"""The options that say what a campaign is: all with a default when it is made, none on a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import click

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.campaigns.terms import Terms

_F = TypeVar("_F", bound=Callable[..., Any])

RETRY_ON: Final = ("busy", "no-answer", "failed")
MECHANISMS: Final = ("linear", "exponential")
CALL_TYPES: Final = ("transactional",)


class Clock(click.ParamType[time]):
    """A time of the day such as 09:30."""

    name = "HH:MM"

    def convert(self, value: Any, param: Any, ctx: Any) -> time:
        """Return the time, or fail with how to write one."""
        if isinstance(value, time):
            return value
        try:
            return time.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time of the day: write it like 09:30.", param, ctx)


class Instant(click.ParamType[datetime]):
    """A date and time; without an offset it is in the zone of the account."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return the date and time, or fail with how to write one."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time: write it like 2026-11-23T09:30.", param, ctx)


def terms_options(*, is_new: bool) -> Callable[[_F], _F]:
    """Add the options of the terms, for `given_terms`; what is not given stays on a change."""

    def option(*names: str, default: object = None, **settings: Any) -> Callable[[_F], _F]:
        shown = default if is_new else None
        return click.option(*names, default=shown, show_default=shown is not None, **settings)

    def url(name: str, what: str) -> Callable[[_F], _F]:
        return click.option(name, help=what if is_new else f'{what} "" for none.')

    options = (
        option("--start", "starts_at", type=Instant(), help="Start." + _now(is_new)),
        option("--end", "ends_at", type=Instant(), help="End." + _later(is_new)),
        option("--opens", "window_opens", type=Clock(), help="Earliest time of the day."),
        option("--closes", "window_closes", type=Clock(), help="Latest time of the day."),
        option("--retries", type=int, default=0, help="0 to 3."),
        option("--retry-on", "retry_statuses", type=click.Choice(RETRY_ON), multiple=True),
        option(
            "--retry-interval",
            "retry_interval_min",
            type=int,
            default=30,
            help="Minutes from a call to its retry, 1 to 1,440.",
        ),
        option("--retry-mechanism", type=click.Choice(MECHANISMS), default="linear"),
        option(
            "--ring-timeout",
            "ring_timeout_s",
            type=int,
            default=30,
            help="Seconds that a phone rings, 5 to 120.",
        ),
        option(
            "--idle-limit",
            "idle_limit_s",
            type=int,
            default=120,
            help="Seconds that an agent waits for a next number, 10 to 3,600.",
        ),
        option(
            "--max-talk",
            "max_talk_s",
            type=int,
            default=3600,
            help="Seconds after which a talk is ended, 30 to 14,400.",
        ),
        option("--call-type", type=click.Choice(CALL_TYPES), default="transactional"),
        url("--popup-url", "Shown to the agent with each call."),
        url("--call-completed-url", "Told of each call that was answered."),
        url("--call-no-answer-url", "Told of each call that was not."),
        url("--get-contacts-url", "Gives what is known of a number."),
    )

    def add(command: _F) -> _F:
        for each in reversed(options):
            command = each(command)
        return command

    return add


def given_terms(model: Terms, owner: Account, options: Mapping[str, Any]) -> Terms:
    """Return the terms of `model` with what the options give."""
    from autodialer.domain.retry import RetryMechanism

    given = {key: value for key, value in options.items() if value not in {None, ()}}
    for moment in {"starts_at", "ends_at"} & given.keys():
        given[moment] = in_zone(given[moment], owner)
    if "retry_mechanism" in given:
        given["retry_mechanism"] = RetryMechanism(given["retry_mechanism"])
    unknown = given.keys() - {field.name for field in fields(model)}
    assert not unknown, unknown  # noqa: S101  an option that would do nothing
    return replace(model, **given)


def in_zone(moment: datetime, owner: Account) -> datetime:
    """Return a time that was typed without an offset as one of the account's zone."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(owner.zone))


def _now(is_new: bool) -> str:
    return " Now if omitted." if is_new else ""


def _later(is_new: bool) -> str:
    return " 30 days later if omitted." if is_new else ""
