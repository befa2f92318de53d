"""The part `report`: reading a big campaign, at rest and while a writer changes its rows.

A campaign of 100,000 targets with three ended calls each. The exports and the check of all
promises run as the commands that people type, so their time has the start of the program in it.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from django.db import connection

from autodialer.domain.errors import InvariantError
from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres
from bench.office import TARGETS, Office
from bench.part import Outcome
from bench.rows import Row, markdown

if TYPE_CHECKING:
    from autodialer.apps.campaigns.models import Campaign
    from bench.part import Options

TRIES: Final = 3
FULL: Final = 100_000
QUICK: Final = TARGETS
ROUNDS: Final = 60
_LOOK_EACH_S: Final = 0.02
CALLER_ID: Final = "+918030000000"
FIRST_CUSTOMER: Final = 919_800_000_000
FIRST_AGENT: Final = 918_040_000_000

# More targets than the other parts need, all of them done, as after the last day of a campaign.
_MORE: Final = """
INSERT INTO campaigns_target
    (account_id, campaign_id, seq, e164, contact, status, reason, tries, max_tries, changed_at)
SELECT c.account_id, c.id, n, '+' || %(first)s::bigint + n, '{}', 'scheduled', '', 0, 1,
       c.created_at
  FROM campaigns_campaign AS c, generate_series(%(from)s, %(size)s - 1) AS n"""
_DONE: Final = """
UPDATE campaigns_target
   SET tries = %(tries)s, max_tries = %(tries)s,
       status = CASE seq %% 3 WHEN 0 THEN 'failed' ELSE 'completed' END, reason = 'busy',
       contact = jsonb_build_object('first_name', 'Person', 'last_name', seq::text,
                                    'fields', jsonb_build_object('city', 'Pune'))"""
_CAMPAIGN: Final = """
UPDATE campaigns_campaign SET target_count = %(size)s, retries = %(tries)s - 1,
       retry_statuses = '{busy}'"""
_STARTED: Final = """
INSERT INTO campaigns_campaignchange (campaign_id, old, new, reason, actor, at)
SELECT id, '', 'in-progress', '', 'bench', starts_at FROM campaigns_campaign"""
_AUDITED: Final = """
INSERT INTO audit_auditentry (account_id, at, who, action, subject_kind, subject_id, before, after)
SELECT account_id, starts_at, 'bench', 'campaign.create', 'campaign', id, '{}', '{}'
  FROM campaigns_campaign"""
_HISTORY: Final = """
INSERT INTO campaigns_targetchange (target_id, old, new, reason, at)
SELECT t.id, step.old, coalesce(step.new, t.status), '', t.changed_at
  FROM campaigns_target AS t,
       (VALUES (1, 'scheduled', 'in-progress'), (2, 'in-progress', 'retry'),
               (3, 'retry', 'retrying'), (4, 'retrying', 'retry'),
               (5, 'retry', 'retrying'), (6, 'retrying', NULL)) AS step(n, old, new)
 ORDER BY t.id, step.n"""
_NODE: Final = """
INSERT INTO calls_node (name, epoch, holder, switch_instance, created_at)
SELECT 'bench', 1, '', '', created_at FROM accounts_account"""
_SESSION: Final = """
INSERT INTO calls_session (id, account_id, campaign_id, user_id, status, stop_reason, stop_at_once,
                           created_at, ended_at, end_reason)
SELECT gen_random_uuid(), c.account_id, c.id, u.id, 'ended', '', FALSE, c.created_at,
       c.created_at + interval '2 hours', 'stopped'
  FROM campaigns_campaign AS c, accounts_user AS u"""
# One after the other, 10 ms apart.
_CALLS: Final = """
INSERT INTO calls_attempt (id, account_id, campaign_id, target_id, session_id, user_id, node_id,
                           e164, caller_id, try_no, state, placed_at, answered_at, ended_at, status,
                           reason, abandoned, estimated, recording)
SELECT gen_random_uuid(), t.account_id, t.campaign_id, t.id, s.id, s.user_id, node.id, t.e164,
       %(caller_id)s, n, 'ended', clock.at, clock.at, clock.at + interval '7 ms', 'completed',
       'answered', FALSE, FALSE, t.id || '.wav'
  FROM calls_session AS s, calls_node AS node, generate_series(1, %(tries)s) AS n,
       campaigns_target AS t
 CROSS JOIN LATERAL (
     SELECT s.created_at + make_interval(secs => (t.seq * %(tries)s + n) * 0.01) AS at
 ) AS clock
 ORDER BY clock.at"""
# What claims and ends of calls do to the rows that are counted, and nothing else.
_CHURN: Final = """
UPDATE campaigns_target SET changed_at = changed_at + interval '1 ms' WHERE id = %s"""
_STEPS: Final = (_MORE, _DONE, _CAMPAIGN, _STARTED, _AUDITED, _HISTORY, _NODE, _SESSION, _CALLS)


@dataclass(frozen=True, slots=True)
class Scene:
    """A database with one campaign, and how its commands reach it."""

    office: Office
    campaign: Campaign
    url: str
    folder: Path

    def command(self, *words: str) -> tuple[float, float]:
        """Run `autodialer WORDS`; return its seconds and the most memory it had, in MB."""
        argv = [sys.executable, "-m", "autodialer", *words]
        began = time.perf_counter()
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
            most = 0.0
            while process.poll() is None:
                most = max(most, _peak_mb(process.pid))
                time.sleep(_LOOK_EACH_S)
        if process.returncode:
            raise InvariantError(f"`{' '.join(words)}` ended with {process.returncode}.")
        return time.perf_counter() - began, most


def _peak_mb(pid: int) -> float:
    """The most memory the process has had; 0 when it is gone. What wait4 tells is its parent's."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def run(options: Options) -> Outcome:
    """Measure the exports, the check of the promises, and the ten counts."""
    targets = QUICK if options.quick else FULL
    with scene(options.paths, targets) as made:
        options.tell(f"report: {targets * TRIES:,} calls are there")
        rows = [*_exports(made, options.tell), *_counts(made)]
    lines = [(row.name, f"{row.value:,.1f}", row.unit) for row in rows]
    return Outcome(rows, markdown(("Row", "Value", "Unit"), lines))


@contextmanager
def scene(paths: Paths, targets: int) -> Iterator[Scene]:
    """A database of its own with one campaign whose calls are over."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=_made(paths.bench)))
    server = EmbeddedPostgres(Paths.below(folder))
    server.start()
    try:
        office = Office.open(server.url, FIRST_AGENT, 1)
        campaign = office.campaign(1, FIRST_CUSTOMER, CALLER_ID)
        _fill(targets)
        yield Scene(office, campaign, server.url, folder)
    finally:
        connection.close()
        server.stop()
        shutil.rmtree(folder)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _fill(targets: int) -> None:
    values: dict[str, int | str] = {
        "first": FIRST_CUSTOMER,
        "from": TARGETS,
        "size": targets,
        "tries": TRIES,
        "caller_id": CALLER_ID,
    }
    with connection.cursor() as cursor:
        for step in _STEPS:
            cursor.execute(step, values)
        cursor.execute("VACUUM ANALYZE")


def _exports(made: Scene, tell: Callable[[str], None]) -> Iterator[Row]:
    report = ("campaign", "report", str(made.campaign.pk), "--out")
    commands = {
        "report_300k_calls": (*report, str(made.folder / "calls.csv")),
        "report_100k_targets": (*report, str(made.folder / "numbers.csv"), "--targets"),
        "report_300k_workbook": (*report, str(made.folder / "all.xlsx")),
        "check_invariants_300k": ("doctor", "--check-invariants"),
    }
    for name, words in commands.items():
        seconds, megabytes = made.command(*words)
        tell(f"{name}: {seconds:.1f} s, {megabytes:.0f} MB")
        yield Row(f"{name}_s", seconds, "s")
        yield Row(f"{name.removesuffix('_calls')}_mb", megabytes, "MB")


def _counts(made: Scene) -> Iterator[Row]:
    yield Row("stats_100k_ms", _count_ms(made), "ms")
    with _writer(made):
        yield Row("stats_100k_while_written_ms", _count_ms(made), "ms")


def _count_ms(made: Scene) -> float:
    """The median time of the ten counts, from the query of the screens."""
    from autodialer.apps.campaigns.queries import campaign_counts

    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        campaign_counts(made.office.account, made.campaign.pk)
        found.append(time.perf_counter() - began)
    return 1000 * statistics.median(found)


@contextmanager
def _writer(made: Scene) -> Iterator[None]:
    """Change one target after the other, each in a transaction, as fast as it goes."""
    over = threading.Event()

    def write() -> None:
        with psycopg.connect(made.url, autocommit=True) as writing:
            at = 0
            while not over.is_set():
                writing.execute(_CHURN, [1 + at % TARGETS])
                at += 1

    thread = threading.Thread(target=write, name="writer")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
