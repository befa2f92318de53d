"""The data of the part `pages`: one account as it is after years, made by the database itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import connection, transaction

from bench.office import Office

if TYPE_CHECKING:
    from collections.abc import Sequence

AGENTS: Final = 200
CALLER_ID: Final = "+918030000000"
FIRST_AGENT: Final = 918_040_000_000
FIRST_CUSTOMER: Final = 919_000_000_000
APART: Final = 1_000_000  # numbers between the first ones of two campaigns


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is: so many campaigns, the first `large` of them with so many numbers.

    Each number of a campaign was called `large_tries` or `small_tries` times.
    """

    campaigns: int
    large: int
    large_targets: int
    large_tries: int
    small_targets: int
    small_tries: int
    contacts: int
    audited: int

    @property
    def calls(self) -> int:
        """How many calls there are."""
        small = (self.campaigns - self.large) * self.small_targets * self.small_tries
        return self.large * self.large_targets * self.large_tries + small


FULL: Final = Size(2_000, 10, 100_000, 4, 252, 2, 100_000, 200_000)
QUICK: Final = Size(200, 2, 20_000, 2, 51, 2, 10_000, 10_000)

# Campaigns whose numbers came from nowhere: the last ones made run, of the others one in ten was
# archived, and the largest are among those that run.
_CAMPAIGNS: Final = """
INSERT INTO campaigns_campaign
    (account_id, name, caller_id_id, starts_at, ends_at, retries, retry_statuses,
     retry_interval_min, retry_mechanism, ring_timeout_s, idle_limit_s, max_talk_s, call_type,
     status, reason, target_count, created_at)
SELECT c.account_id, 'Renewals ' || n, c.id, day.at, day.at + interval '20 days', 3,
       '{busy,no-answer}', 30, 'linear', 30, 120, 3600, 'transactional',
       CASE WHEN n <= %(large)s THEN 'in-progress'
            WHEN n %% 10 = 0 THEN 'archived' ELSE 'completed' END, '',
       CASE WHEN n <= %(large)s THEN %(large_targets)s ELSE %(small_targets)s END, day.at
  FROM campaigns_callerid AS c, generate_series(1, %(campaigns)s) AS n
 CROSS JOIN LATERAL (SELECT c.created_at - make_interval(hours => n) AS at) AS day
 ORDER BY n"""
_PICKED: Final = """
INSERT INTO campaigns_campaignagent (campaign_id, user_id)
SELECT c.id, u.id
  FROM campaigns_campaign AS c
  JOIN accounts_user AS u ON u.role = 'agent' AND u.id %% 20 = c.id %% 20"""
_TARGETS: Final = """
INSERT INTO campaigns_target
    (account_id, campaign_id, seq, e164, contact, status, reason, tries, max_tries, changed_at)
SELECT c.account_id, c.id, n, '+' || %(first)s::bigint + c.id * %(apart)s::bigint + n,
       jsonb_build_object('first_name', 'Person', 'last_name', n::text),
       (ARRAY['completed', 'failed', 'completed', 'failed', 'failed-dnd'])[1 + n %% 5], 'busy',
       tries.made, 4, c.created_at
  FROM campaigns_campaign AS c
 CROSS JOIN LATERAL (
     SELECT CASE WHEN c.target_count = %(large_targets)s THEN %(large_tries)s
                 ELSE %(small_tries)s END AS made
 ) AS tries, generate_series(0, c.target_count - 1) AS n
 ORDER BY c.id, n"""
_NODE: Final = """
INSERT INTO calls_node (name, epoch, holder, switch_instance, created_at)
SELECT 'bench', 1, '', '', created_at FROM accounts_account"""
_SESSIONS: Final = """
INSERT INTO calls_session (id, account_id, campaign_id, user_id, status, stop_reason, stop_at_once,
                           created_at, ended_at, end_reason)
SELECT gen_random_uuid(), c.account_id, c.id, p.user_id, 'ended', '', FALSE, c.created_at,
       c.created_at + interval '2 hours', 'stopped'
  FROM campaigns_campaign AS c JOIN campaigns_campaignagent AS p ON p.campaign_id = c.id"""
# The calls of a campaign as its agents made them, one after the other: all first tries, then all
# second ones.
_CALLS: Final = """
INSERT INTO calls_attempt (id, account_id, campaign_id, target_id, session_id, user_id, node_id,
                           e164, caller_id, try_no, state, placed_at, answered_at, ended_at, status,
                           reason, abandoned, estimated, recording)
SELECT (lpad(to_hex(t.id), 16, '0') || lpad(to_hex(try), 16, '0'))::uuid, t.account_id,
       t.campaign_id, t.id, s.ids[1 + t.seq %% s.many], s.users[1 + t.seq %% s.many], node.id,
       t.e164, %(caller_id)s, try, 'ended', clock.at,
       CASE WHEN is_talk THEN clock.at + interval '7 s' END,
       clock.at + interval '40 s', CASE WHEN is_talk THEN 'completed' ELSE 'failed' END,
       CASE WHEN is_talk THEN 'answered' ELSE 'busy' END, FALSE, FALSE, t.id || '.wav'
  FROM calls_node AS node, generate_series(1, 4) AS try
  JOIN campaigns_target AS t ON try <= t.tries
  JOIN (SELECT campaign_id, array_agg(id) AS ids, array_agg(user_id) AS users, count(*) AS many
          FROM calls_session GROUP BY campaign_id) AS s ON s.campaign_id = t.campaign_id
 CROSS JOIN LATERAL (
     SELECT t.changed_at + make_interval(secs => (try * 100000 + t.seq) * 0.5) AS at,
            try = t.tries AND t.seq %% 5 IN (0, 2) AS is_talk
 ) AS clock
 ORDER BY t.campaign_id, try, t.seq"""
_FINAL: Final = """
UPDATE campaigns_campaign AS c
   SET final_counts = (SELECT jsonb_object_agg(status, many)
                         FROM (SELECT status, count(*) AS many FROM campaigns_target
                                WHERE campaign_id = c.id GROUP BY status) AS counted)
 WHERE status IN ('completed', 'archived')"""
_HISTORY: Final = """
INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)
SELECT id, '', status, '', 'bench', starts_at FROM campaigns_campaign"""
_CONTACTS: Final = """
INSERT INTO contacts_contact
    (account_id, e164, first_name, last_name, company, email, tag, fields, created_at)
SELECT id, '+' || %(first)s::bigint + n, 'Person', n::text, '', '', '', '{}', created_at
  FROM accounts_account, generate_series(1, %(contacts)s) AS n"""
_LISTS: Final = """
INSERT INTO contacts_contactlist (account_id, name, created_at)
SELECT id, 'List ' || n, created_at FROM accounts_account, generate_series(1, 200) AS n"""
# The first list has everybody, the others a hundred each.
_MEMBERS: Final = """
INSERT INTO contacts_listmember (contact_list_id, contact_id, seq)
SELECT l.id, c.id, c.id
  FROM contacts_contactlist AS l JOIN contacts_contact AS c ON l.name = 'List 1' OR c.id <= 100"""
_AUDITED: Final = """
INSERT INTO audit_auditentry (account_id, at, who, action, subject_kind, subject_id, before, after)
SELECT id, created_at, 'bench', 'campaign.edit', 'campaign', n::text, '{}', '{"name": "Renewals"}'
  FROM accounts_account, generate_series(1, %(audited)s) AS n"""
_STEPS: Final = (
    *(_CAMPAIGNS, _PICKED, _TARGETS, _NODE, _SESSIONS, _CALLS, _FINAL, _HISTORY),
    *(_CONTACTS, _LISTS, _MEMBERS, _AUDITED),
)
# The two large tables' indexes and keys to other tables, each with how it is dropped and made:
# made anew and checked at once, they cost a fraction of what they cost row by row.
_ASIDE: Final = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
              pg_get_constraintdef(oid))
  FROM pg_constraint
 WHERE conrelid IN ('calls_attempt'::regclass, 'campaigns_target'::regclass) AND contype = 'f'
 UNION ALL
SELECT format('DROP INDEX %I', i.indexname), i.indexdef
  FROM pg_indexes AS i
 WHERE i.tablename IN ('calls_attempt', 'campaigns_target')
   AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conname = i.indexname)"""


def fill(office: Office, size: Size) -> None:
    """Make all of it in the account of the office."""
    _caller_id(office)
    values: dict[str, int | str] = {
        **{name: getattr(size, name) for name in Size.__slots__},
        "first": FIRST_CUSTOMER,
        "apart": APART,
        "caller_id": CALLER_ID,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        cursor.execute(_ASIDE)
        aside: Sequence[tuple[str, str]] = cursor.fetchall()
        for drop, _ in aside:
            cursor.execute(drop)
        for step in _STEPS:
            cursor.execute(step, values)
        for _, make in aside:
            cursor.execute(make)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _caller_id(office: Office) -> None:
    from autodialer.apps.campaigns.models import CallerId

    at = office.created_at
    CallerId.objects.create(account=office.account, e164=CALLER_ID, verified_at=at, created_at=at)
