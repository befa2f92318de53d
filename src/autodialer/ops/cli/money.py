"""Commands for balances and tariffs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from autodialer.domain.money import Rate, format_amount, parse_amount
from autodialer.ops.cli.shell import (
    Commands,
    json_option,
    now,
    print_json,
    print_table,
    shown,
    tell,
    with_account,
)

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.billing.models import LedgerEntry


@click.group(cls=Commands)
def balance() -> None:
    """The money of an account; without a mode its calls are not metered."""


@balance.command("mode")
@click.argument("mode", type=click.Choice(("prepaid", "postpaid")))
@click.option("--currency", default="INR", show_default=True, help="Chosen once, for good.")
@json_option
@with_account
def balance_mode(owner: Account, *, mode: str, currency: str, as_json: bool) -> None:
    """Meter the calls of the account from now on; prepaid calls need money beforehand."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.billing.services import set_payment_mode
    from autodialer.domain.money import PaymentMode

    set_payment_mode(
        account=owner, mode=PaymentMode(mode), currency=currency, actor=OPERATOR, now=now()
    )
    tell({"mode": mode, "currency": currency}, f"{owner.name} is {mode}.", as_json=as_json)


@balance.command("show")
@json_option
@with_account
def balance_show(owner: Account, *, as_json: bool) -> None:
    """Show balance, what live calls hold of it, and what is available."""
    from autodialer.apps.billing.queries import balance as balance_of

    found = balance_of(owner)
    if as_json:
        print_json(found)
    elif found is None:
        click.echo("Not metered: calls are free. See `autodialer balance mode`.", err=True)
    else:
        amounts = {"balance": found.balance, "held": found.held, "available": found.available}
        rows = [
            [name, "no limit" if amount is None else format_amount(amount, found.currency)]
            for name, amount in amounts.items()
        ]
        print_table(("", ""), [["mode", found.mode], *rows])


@balance.command("top-up")
@click.argument("amount")
@click.option("--reference", required=True, help="The payment; the same one is booked once.")
@json_option
@with_account
def balance_top_up(owner: Account, *, amount: str, reference: str, as_json: bool) -> None:
    """Add AMOUNT (like 500 or 499.50) to the balance."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.billing.services import top_up

    entry = top_up(
        account=owner,
        amount=parse_amount(amount),
        reference=reference,
        actor=OPERATOR,
        now=now(),
    )
    _tell_booked(owner, entry, as_json=as_json)


@balance.command("adjust", context_settings={"ignore_unknown_options": True})
@click.argument("amount")
@click.option("--reference", required=True, help="Why; the same one is booked once.")
@json_option
@with_account
def balance_adjust(owner: Account, *, amount: str, reference: str, as_json: bool) -> None:
    """Correct the balance by AMOUNT (like 5 or -4.50)."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.billing.services import adjust

    entry = adjust(
        account=owner,
        amount=parse_amount(amount),
        reference=reference,
        actor=OPERATOR,
        now=now(),
    )
    _tell_booked(owner, entry, as_json=as_json)


@balance.command("ledger")
@click.option("--limit", default=100, show_default=True, help="How many movements.")
@json_option
@with_account
def balance_ledger(owner: Account, *, limit: int, as_json: bool) -> None:
    """List the movements of the balance, newest first."""
    from autodialer.apps.billing.queries import balance as balance_of
    from autodialer.apps.billing.queries import ledger_rows

    rows, purse = ledger_rows(owner, limit), balance_of(owner)
    if as_json:
        print_json(rows)
    elif purse is None or not rows:
        click.echo("There is no movement yet.", err=True)
    else:
        print_table(
            ("at", "kind", "amount", "for"),
            [
                [
                    shown(row.at, owner.zone),
                    row.kind,
                    format_amount(row.amount, purse.currency),
                    row.reference or str(row.leg),
                ]
                for row in rows
            ],
        )


@click.group(cls=Commands)
def tariff() -> None:
    """What answered calls cost, by the longest prefix of the number."""


@tariff.command("set")
@click.argument("prefix")
@click.argument("amount")
@click.option("--seconds", default=60, show_default=True, help="Length of the first increment.")
@click.option("--next-amount", help="Price of each further increment.  [default: AMOUNT]")
@click.option("--next-seconds", type=int, help="Their length.  [default: that of the first]")
@json_option
@with_account
def tariff_set(
    owner: Account,
    *,
    prefix: str,
    amount: str,
    seconds: int,
    next_amount: str | None,
    next_seconds: int | None,
    as_json: bool,
) -> None:
    """Let numbers that begin with PREFIX (like +91) cost AMOUNT for each increment begun."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.billing.services import set_tariffs

    first = parse_amount(amount)
    rate = Rate(
        first_s=seconds,
        first_amount=first,
        next_s=seconds if next_seconds is None else next_seconds,
        next_amount=first if next_amount is None else parse_amount(next_amount),
    )
    set_tariffs(account=owner, rates={prefix: rate}, actor=OPERATOR, now=now())
    tell(
        {"prefix": prefix, **asdict(rate)},
        f"{prefix}: set. Calls that are live keep their price.",
        as_json=as_json,
    )


@tariff.command("remove")
@click.argument("prefix")
@json_option
@with_account
def tariff_remove(owner: Account, *, prefix: str, as_json: bool) -> None:
    """Forget the price of PREFIX."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.billing.services import remove_tariff

    remove_tariff(account=owner, prefix=prefix, actor=OPERATOR, now=now())
    tell({"removed": prefix}, f"{prefix}: removed.", as_json=as_json)


@tariff.command("list")
@json_option
@with_account
def tariff_list(owner: Account, *, as_json: bool) -> None:
    """List the tariffs of the account; amounts are minor units (paise, cents)."""
    from autodialer.apps.billing.queries import tariff_rows

    rows = [{"prefix": row.prefix, **asdict(row.rate)} for row in tariff_rows(owner)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(tuple(rows[0]), [[str(value) for value in row.values()] for row in rows])
    else:
        click.echo("There is no tariff yet: `autodialer tariff set PREFIX AMOUNT`.", err=True)


def _tell_booked(owner: Account, entry: LedgerEntry, *, as_json: bool) -> None:
    from autodialer.apps.billing.queries import balance as balance_of

    purse = balance_of(owner)
    assert purse is not None  # noqa: S101  an entry has a purse
    if as_json:
        print_json({"id": entry.pk, "amount": entry.amount, "balance": purse.balance})
        return
    booked, left = (format_amount(a, purse.currency) for a in (entry.amount, purse.balance))
    click.echo(f"{booked} booked as {entry.reference!r}; the balance is {left}.", err=True)
