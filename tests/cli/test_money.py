from __future__ import annotations

import pytest

from tests.cli.test_cli import run, run_json


@pytest.fixture
def prepaid(live_database: str) -> None:
    for line in (
        ["account", "create", "Acme"],
        ["balance", "mode", "prepaid"],
        ["balance", "top-up", "499.50", "--reference", "INV-1"],
    ):
        assert run(*line).exit_code == 0


def test_a_balance_from_the_first_payment_to_the_ledger(prepaid: None) -> None:
    shown = run_json("balance", "show")
    assert (shown["balance"], shown["available"], shown["currency"]) == (49_950, 49_950, "INR")
    assert "499.50 INR" in run("balance", "show").stdout
    booked = run_json("balance", "adjust", "-0.50", "--reference", "rounding")
    assert (booked["amount"], booked["balance"]) == (-50, 49_900)
    rows = run_json("balance", "ledger")
    assert [(row["kind"], row["amount"]) for row in rows] == [
        ("adjustment", -50),
        ("top-up", 49_950),
    ]
    assert "rounding" in run("balance", "ledger").stdout


def test_an_account_without_mode_is_not_metered(live_database: str) -> None:
    run("account", "create", "Acme")
    assert run_json("balance", "show") is None
    assert run("balance", "top-up", "5", "--reference", "INV-1").exit_code == 2


@pytest.mark.parametrize("amount", ["1e309", "0.1", "१००", "-5", "0", "99999999999"])
def test_what_is_no_amount_is_wrong_usage(prepaid: None, amount: str) -> None:
    wrong = run("balance", "top-up", "--reference", "INV-2", "--", amount)
    assert wrong.exit_code == 2
    assert run_json("balance", "show")["balance"] == 49_950


def test_tariffs_are_set_listed_and_removed(prepaid: None) -> None:
    assert run("tariff", "set", "+91", "0.60").exit_code == 0
    finer = ("--seconds", "30", "--next-amount", "0.06", "--next-seconds", "6")
    assert run("tariff", "set", "+9198", "0.30", *finer).exit_code == 0
    assert run_json("tariff", "list") == [
        {"prefix": "+91", "first_s": 60, "first_amount": 60, "next_s": 60, "next_amount": 60},
        {"prefix": "+9198", "first_s": 30, "first_amount": 30, "next_s": 6, "next_amount": 6},
    ]
    assert run("tariff", "remove", "+91").exit_code == 0
    assert run("tariff", "remove", "+91").exit_code == 2
    assert run("tariff", "set", "91", "0.60").exit_code == 2
