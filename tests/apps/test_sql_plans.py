"""Each hot statement finds its rows by the index that was made for it, at any size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from autodialer.adapters.pg.database import CONNECTION
from autodialer.adapters.pg.store import FUNCTIONS
from autodialer.apps.statements import statement
from autodialer.domain.dial_whom import LATEST_ANSWER
from tests.contract.store_world import NOW
from tests.support.database import Databases

TARGETS = 20_000
FEW = 40
SEQUENTIAL = "SELECT sum(seq_scan) FROM pg_stat_xact_user_tables"
NO_ROW_LOOKUP = {"Seq Scan", "Bitmap Heap Scan", "Hash Join", "Merge Join", "Materialize"}
# Whether an agent takes part may be read from either side: both are a handful of rows.
MEMBERSHIP = {
    "group_member_is_once",
    "campaign_agent_is_once",
    "agents_groupmember_user_id_945b8164",
    "campaigns_campaignagent_user_id_fbe4f3cb",
}
# Parameters that PREPARE cannot infer the type of.
TYPES = {"now": "timestamptz", "at": "timestamptz", "target_id": "bigint", "after_seq": "integer"}

INDEXES = {
    ("calls", "mark_answered"): {"calls_node_pkey", "calls_attempt_pkey"},
    ("calls", "note_ringing"): {"calls_node_pkey", "calls_attempt_pkey"},
    ("calls", "renew_lease"): {"calls_node_pkey"},
    ("calls", "present_call"): {
        "calls_attempt_pkey",
        "attempt_one_live_per_session",
        "campaigns_campaign_pkey",
    },
    ("calls", "end_session"): {
        "calls_node_pkey",
        "calls_session_pkey",
        "attempt_one_live_per_session",
    },
    ("campaigns", "start_campaigns"): {"campaign_unfinished"},
}
# Statements that look at several rows, and the indexes that they must be using among others.
AMONG = {
    ("calls", "nothing_to_claim"): {
        "target_scheduled",
        "target_retry",
        "target_counts",
        "attempt_of_number",
    },
    ("calls", "numbers_to_ask"): {
        "session_live_of_node",
        "target_scheduled",
        "target_retry",
        "attempt_of_number",
    },
    ("calls", "phones_named"): {"device_account_is_once"},
    ("calls", "note_phones"): {"device_account_is_once", "calls_node_pkey"},
    ("calls", "lost_calls"): {"attempt_lost"},
    ("calls", "live_sessions"): {"session_live_of_node", "attempt_one_live_per_session"},
    ("calls", "stop_orders"): {"session_live_of_node"},
    ("calls", "forbidden_calls"): {
        "session_live_of_node",
        "attempt_one_live_per_session",
        "dnd_number_is_once",
    },
    ("calls", "new_sessions"): {"session_live_of_node"},
    ("campaigns", "refuse_do_not_call"): {"target_scheduled", "dnd_number_is_once"},
    ("campaigns", "complete_one"): {"target_scheduled", "target_retry", "target_counts"},
    ("campaigns", "close_leftovers"): {"target_counts"},
    ("campaigns", "keep_final_counts"): {"campaign_to_count", "target_counts"},
    ("campaigns", "pause_for_money"): {"campaigns_target_pkey", "tariff_prefix_is_once"},
}

# What finishing a call and claiming the next one reads, whatever its account and campaign are like.
HAND_OVER = {
    # Whether anybody is to be told: nobody is, here.
    "endpoint_enabled",
    "callbacks_of_numbers",
    "campaigns_callbacks_pkey",
    "calls_node_pkey",
    "calls_attempt_pkey",
    "campaigns_target_pkey",
    "billing_hold_pkey",
    "calls_session_pkey",
    "accounts_user_pkey",
    "campaigns_campaign_pkey",
    "campaigns_callerid_pkey",
    "accounts_account_pkey",
    "attempt_one_live_per_session",
    "attempt_one_live_per_number",
    "attempt_of_number",
    "target_scheduled",
    "dnd_number_is_once",
    "billing_purse_pkey",
}
METERED = """
INSERT INTO billing_purse (account_id, mode, currency, balance, held, created_at)
SELECT id, 'prepaid', 'INR', 0, 0, now() FROM accounts_account;
INSERT INTO billing_ledgerentry (account_id, kind, amount, reference, actor, at)
SELECT id, 'top-up', 1000000, 'r', 'test', now() FROM accounts_account;
INSERT INTO billing_tariff (account_id, prefix, first_s, first_amount, next_s, next_amount,
                            changed_at)
SELECT id, '+' || n, 60, 1, 60, 1, now() FROM accounts_account, generate_series(91, 99) AS n"""

_FILL = """
INSERT INTO accounts_account (name, zone, region, window_opens, window_closes,
                              require_second_factor, created_at)
VALUES ('one', 'UTC', 'IN', '09:00', '21:00', FALSE, now());
INSERT INTO accounts_user (password, account_id, email, name, role, is_active, created_at)
SELECT '!', a.id, n || '@example.org', n, 'agent', TRUE, now()
  FROM accounts_account AS a, generate_series(1, 200) AS n;
INSERT INTO agents_agentdevice (user_id, kind, address, is_default, digest, created_at)
SELECT id, 'sip', 'a' || left(md5(id::text), 20), TRUE, md5(id::text), now() FROM accounts_user;
INSERT INTO campaigns_callerid (account_id, e164, verified_at, created_at)
SELECT id, '+918047112233', now(), now() FROM accounts_account;
INSERT INTO agents_group (account_id, name, created_at)
SELECT id, 'all', now() FROM accounts_account;
INSERT INTO agents_groupmember (group_id, user_id)
SELECT g.id, u.id FROM agents_group AS g, accounts_user AS u;
INSERT INTO campaigns_campaign
    (account_id, name, group_id, caller_id_id, starts_at, ends_at, retries, retry_statuses,
     retry_interval_min, retry_mechanism, ring_timeout_s, idle_limit_s, max_talk_s, call_type,
     status, reason, target_count, created_at)
SELECT c.account_id, n, g.id, c.id, now(), now() + interval '20 days', 1, '{busy}', 30, 'linear',
       30, 120, 3600, 'transactional', 'in-progress', '', 20000, now()
  FROM campaigns_callerid AS c, agents_group AS g, generate_series(1, 20) AS n;
INSERT INTO campaigns_target (account_id, campaign_id, seq, e164, contact, status, reason, tries,
                              max_tries, due_at, changed_at)
SELECT c.account_id, c.id, n, '+9198' || lpad(n::text, 8, '0'), '{}',
       target.status, '', 1, 2, CASE target.status WHEN 'retry' THEN now() END, now()
  FROM generate_series(1, %(targets)s) AS n
 CROSS JOIN LATERAL (
     SELECT CASE WHEN n <= 200 THEN 'in-progress'
                 ELSE (ARRAY['completed', 'scheduled', 'retry'])[1 + n % 3] END AS status
 ) AS target
  JOIN campaigns_campaign AS c ON c.name = '1';
INSERT INTO calls_node (name, epoch, holder, switch_instance, created_at)
SELECT 'node ' || n, 1, 'one', '', now() FROM generate_series(1, 4) AS n;
INSERT INTO calls_session (id, account_id, campaign_id, user_id, node_id, status, stop_reason,
                           stop_at_once, created_at, ready_at, end_reason)
SELECT gen_random_uuid(), u.account_id, c.id, u.id, node.id, 'ready', '', FALSE, now(), now(), ''
  FROM accounts_user AS u, calls_node AS node, campaigns_campaign AS c
 WHERE c.name = '1' AND node.id % 4 = u.id % 4;
INSERT INTO calls_attempt (id, account_id, campaign_id, target_id, session_id, user_id, node_id,
                           e164, caller_id, try_no, state, placed_at, ended_at, status, reason,
                           abandoned, estimated, recording)
SELECT gen_random_uuid(), t.account_id, t.campaign_id, t.id, s.id, s.user_id, s.node_id, t.e164,
       '+918047112233', 1, CASE WHEN live THEN 'talking' ELSE 'ended' END, now(),
       CASE WHEN NOT live THEN now() END, CASE WHEN live THEN '' ELSE 'busy' END, '',
       FALSE, FALSE, ''
  FROM campaigns_target AS t
  JOIN (SELECT *, row_number() OVER () AS n FROM calls_session) AS s ON s.n = 1 + t.seq % 200
 CROSS JOIN LATERAL (SELECT t.seq <= 200 AS live) AS state;
"""


@pytest.fixture(scope="module", params=["never analysed", "analysed"])
def full_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A database with 20,000 targets and attempts. Many changes, also undone ones, spoil plans."""
    with filled(databases, is_analysed=request.param == "analysed") as url:
        yield url


@contextmanager
def filled(databases: Databases, *, is_analysed: bool) -> Iterator[str]:
    with databases.copy() as url, psycopg.connect(url, autocommit=True) as filling:
        for command in _FILL.replace("%(targets)s", str(TARGETS)).split(";\n"):
            filling.execute(command.encode())
        if is_analysed:
            filling.execute("ANALYZE")
        yield url


@pytest.fixture
def dialer(full_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A fresh connection as the dialer has it."""
    with dialing(full_url) as connection:
        yield connection


@contextmanager
def dialing(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True, **CONNECTION) as connection:
        for each in FUNCTIONS:
            connection.execute(statement(*each).encode())
        yield connection


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes_of(part)


def plan_of(dialer: psycopg.Connection[Any], app: str, name: str) -> list[dict[str, Any]]:
    """Return the nodes of the plan that serves any values."""
    text = statement(app, name)
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    numbered = re.sub(r"%\((\w+)\)s", lambda m: f"${names.index(m[1]) + 1}", text).rstrip(";")
    types = ", ".join(TYPES.get(each, "unknown") for each in names)
    nulls = ", ".join("NULL" for _ in names)
    dialer.execute(f"PREPARE asked ({types}) AS {numbered}".encode())
    try:
        explained = dialer.execute(f"EXPLAIN (FORMAT JSON) EXECUTE asked ({nulls})".encode())
        row = explained.fetchone()
    finally:
        dialer.execute("DEALLOCATE asked")
    assert row is not None
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return list(nodes_of(plan[0]["Plan"]))


@pytest.mark.parametrize(("app", "name"), INDEXES)
def test_a_hot_statement_reads_single_rows_by_its_indexes(
    dialer: psycopg.Connection[Any], app: str, name: str
) -> None:
    nodes = plan_of(dialer, app, name)
    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    assert used - MEMBERSHIP == INDEXES[app, name]
    assert not NO_ROW_LOOKUP & {node["Node Type"] for node in nodes}


@pytest.mark.parametrize(("app", "name"), AMONG)
def test_a_sweep_uses_the_partial_indexes(
    dialer: psycopg.Connection[Any], app: str, name: str
) -> None:
    nodes = plan_of(dialer, app, name)
    assert AMONG[app, name] <= {node.get("Index Name") for node in nodes}
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}


def test_sessions_are_placed_by_the_indexes_of_the_queue_and_of_each_node(
    dialer: psycopg.Connection[Any],
) -> None:
    # The nodes themselves, a few rows, may be read one by one.
    used = {node.get("Index Name") for node in plan_of(dialer, "calls", "take_sessions")}
    assert {"session_queue", "session_live_of_node", "agents_agentdevice_pkey"} <= used


def hand_over(dialer: psycopg.Connection[Any], **changes: Any) -> Mapping[str, Any]:
    """End one of the live calls and claim the next target, at noon of tomorrow; return the row."""
    live = dialer.execute(
        "SELECT id, node_id, session_id, date_trunc('day', placed_at) + interval '36 hours'"
        "  FROM calls_attempt WHERE state = 'talking' LIMIT 1"
    )
    attempt_id, node_id, session_id, noon = live.fetchone() or ("no live call",) * 4
    values = {
        "node_id": node_id,
        "epoch": 1,
        "attempt_id": attempt_id,
        "status": "completed",
        "reason": "answered",
        "abandoned": False,
        "estimated": False,
        "at": noon,
        "answered_at": noon,
        "given_back": False,
        "move": "completed",
        "move_reason": "answered",
        "due_at": None,
        "session_id": session_id,
        "next_id": uuid4(),
        "now": noon,
        "after_seq": 300,
        "recording": "",
    } | changes
    cursor = dialer.cursor(row_factory=dict_row)
    query = statement("calls", "finish_and_claim").encode()
    row = cursor.execute(query, values).fetchone()
    assert row is not None
    return row


def indexes_read(dialer: psycopg.Connection[Any]) -> dict[str, int]:
    """Return the indexes that this transaction scanned, with how many entries it read in each."""
    rows = dialer.execute(
        "SELECT relname, pg_stat_get_xact_tuples_returned(oid) FROM pg_class"
        " WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace"
        "   AND pg_stat_get_xact_numscans(oid) > 0"
    )
    return dict(rows.fetchall())


@pytest.mark.parametrize(
    ("setting", "after_seq", "more"),
    [
        ("", 300, set()),
        ("", TARGETS, {"target_retry"}),
        (METERED, 300, {"tariff_prefix_is_once"}),
    ],
    ids=["the list", "retries", "prepaid"],
)
def test_a_hand_over_reads_a_few_entries_of_each_index(
    dialer: psycopg.Connection[Any], setting: str, after_seq: int, more: set[str]
) -> None:
    with dialer.transaction(force_rollback=True):
        dialer.execute(setting.encode())
        before = indexes_read(dialer)
        scans = dialer.execute(SEQUENTIAL).fetchone()
        assert hand_over(dialer, after_seq=after_seq)["placed"]
        assert dialer.execute(SEQUENTIAL).fetchone() == scans
        read = {name: n - before.get(name, 0) for name, n in indexes_read(dialer).items()}
    assert set(read) - MEMBERSHIP == HAND_OVER | more
    assert max(read.values()) < FEW


# A campaign by URL in which all but one agent have gone home.
BY_URL = """
INSERT INTO campaigns_numbersource (campaign_id, failures, repeats)
SELECT id, 0, 0 FROM campaigns_campaign WHERE name = '1';
UPDATE calls_session SET status = 'ended', ended_at = now()
 WHERE id <> (SELECT id FROM calls_session LIMIT 1)"""


def test_why_an_agent_waits_for_a_url_is_said_without_reading_the_sessions_of_before(
    databases: Databases,
) -> None:
    with filled(databases, is_analysed=True) as url, dialing(url) as dialer, dialer.transaction():
        dialer.execute(BY_URL.encode())
        live = dialer.execute("SELECT id, node_id FROM calls_session WHERE status <> 'ended'")
        session_id, node_id = live.fetchone() or ("no session",) * 2
        values = {"session_id": session_id, "node_id": node_id, "epoch": 1, "now": NOW}
        before = indexes_read(dialer)
        query = statement("calls", "nothing_to_claim").encode()
        cursor = dialer.cursor(row_factory=dict_row)
        row = cursor.execute(query, {**values, "latest_answer": LATEST_ANSWER}).fetchone()
        read = {name: n - before.get(name, 0) for name, n in indexes_read(dialer).items()}
    assert row is not None
    assert (row["source_is_open"], row["late_numbers_until"]) == (True, None)
    assert sum(n for name, n in read.items() if "session" in name) < FEW
