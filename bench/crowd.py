"""A database in the middle of a day with many nodes: all their agents talk, and nothing moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import connection

from bench.office import now

if TYPE_CHECKING:
    from datetime import datetime

    from bench.office import Office

_CAMPAIGNS: Final = 10
_APART: Final = 1_000_000
FIRST_NODE: Final = "crowd-0"

_NODES: Final = """
INSERT INTO calls_node (name, epoch, holder, switch_instance, capacity, lease_until, created_at)
SELECT 'crowd-' || n, 0, '', '', 200, NULL, %(now)s FROM generate_series(0, %(nodes)s - 1) AS n"""
_USERS: Final = """
INSERT INTO accounts_user (account_id, email, name, role, is_active, password, created_at)
SELECT %(account)s, 'crowd' || n || '@bench.example', 'Agent ' || n, 'agent', TRUE, '!', %(now)s
  FROM generate_series(0, %(agents)s - 1) AS n"""
# Each has a phone in the browser, registered at one of the nodes.
_DEVICES: Final = """
INSERT INTO agents_agentdevice (user_id, kind, address, is_default, digest, registered_at,
                                registered_node, created_at)
SELECT u.id, 'browser', 'a' || left(md5(u.email), 20), TRUE, md5(u.email), %(now)s, n.id, %(now)s
  FROM accounts_user AS u
  JOIN calls_node AS n ON n.name = 'crowd-' || u.id %% %(nodes)s
 WHERE u.email LIKE 'crowd%%'"""
_MEMBERS: Final = """
INSERT INTO campaigns_campaignagent (campaign_id, user_id)
SELECT campaign.id, u.id
  FROM accounts_user AS u
  JOIN unnest(%(campaigns)s::bigint[]) WITH ORDINALITY AS campaign (id, place)
    ON campaign.place - 1 = u.id %% cardinality(%(campaigns)s::bigint[])
 WHERE u.email LIKE 'crowd%%'"""
_SESSIONS: Final = """
INSERT INTO calls_session (id, account_id, campaign_id, user_id, device_id, node_id, status,
                           stop_reason, stop_at_once, created_at, ready_at, end_reason)
SELECT gen_random_uuid(), %(account)s, member.campaign_id, member.user_id, device.id,
       device.registered_node, 'ready', '', FALSE, %(now)s, %(now)s, ''
  FROM campaigns_campaignagent AS member
  JOIN agents_agentdevice AS device ON device.user_id = member.user_id
 WHERE member.campaign_id = ANY (%(campaigns)s)"""
# The n-th agent of a campaign talks with its n-th number.
_CALLS: Final = """
WITH talks AS (
    SELECT s.*, row_number() OVER (PARTITION BY s.campaign_id ORDER BY s.id) - 1 AS place
      FROM calls_session AS s WHERE s.campaign_id = ANY (%(campaigns)s)
), called AS (
    UPDATE campaigns_target AS t SET status = 'in-progress', tries = 1
      FROM talks WHERE t.campaign_id = talks.campaign_id AND t.seq = talks.place
    RETURNING t.id, t.e164, talks.id AS session_id
)
INSERT INTO calls_attempt (id, account_id, campaign_id, target_id, session_id, user_id, node_id,
                           e164, caller_id, try_no, state, placed_at, answered_at, status, reason,
                           abandoned, estimated, recording)
SELECT gen_random_uuid(), talks.account_id, talks.campaign_id, called.id, talks.id, talks.user_id,
       talks.node_id, called.e164, %(caller_id)s, 1, 'talking', %(now)s, %(now)s, '', '', FALSE,
       FALSE, ''
  FROM called JOIN talks ON talks.id = called.session_id"""
_STEPS: Final = (_NODES, _USERS, _DEVICES, _MEMBERS, _SESSIONS, _CALLS)


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many nodes, and agents in all."""

    nodes: int
    agents: int

    def fill(self, office: Office, first_customer: int, caller_id: str) -> None:
        """Make it, in campaigns of the office whose lists are longer than the day."""
        campaigns = [
            office.campaign(0, first_customer + at * _APART, caller_id).pk
            for at in range(_CAMPAIGNS)
        ]
        values: dict[str, int | str | datetime | list[int]] = {
            "now": now(),
            "account": office.account.pk,
            "nodes": self.nodes,
            "agents": self.agents,
            "campaigns": campaigns,
            "caller_id": caller_id,
        }
        with connection.cursor() as cursor:
            for statement in _STEPS:
                cursor.execute(statement, values)
            cursor.execute("ANALYZE")
