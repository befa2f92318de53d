from __future__ import annotations

import psycopg
from django.db import close_old_connections, connection
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.models import Account
from autodialer.apps.rows import rows
from autodialer.config.database import PREPARED_FROM


def test_a_connection_that_the_server_ended_is_made_anew_for_the_next_request(
    live_database: str,
) -> None:
    assert not Account.objects.exists()
    assert connection.is_usable()
    with psycopg.connect(live_database) as other:
        ended = "SELECT pg_terminate_backend(%s, 10000)"
        other.execute(ended, [connection.connection.info.backend_pid])
    assert not connection.is_usable()
    close_old_connections()  # as at the beginning of each request
    assert not Account.objects.exists()


def test_a_connection_that_works_is_looked_at_without_a_question(live_database: str) -> None:
    assert not Account.objects.exists()
    kept = connection.connection
    close_old_connections()
    with CaptureQueriesContext(connection) as asked:
        assert not Account.objects.exists()
    assert connection.connection is kept
    assert len(asked) == 1


def test_a_statement_that_comes_again_is_planned_once_for_a_connection(live_database: str) -> None:
    values = {"account_id": 1, "campaign_id": 1}
    for _ in range(PREPARED_FROM + 1):
        assert not rows("campaigns", "is_there", values)
    prepared = "SELECT statement FROM pg_prepared_statements"
    with connection.cursor() as cursor:
        cursor.execute(prepared)
        ((text,),) = cursor.fetchall()
    assert "FROM campaigns_campaign" in text


def test_a_statement_stands_in_the_log_of_queries_with_its_values(live_database: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert not rows("campaigns", "is_there", {"account_id": 12, "campaign_id": 34})
    assert "account_id = 12 AND id = 34" in asked[0]["sql"]


def test_what_models_ask_is_not_kept_by_the_server(live_database: str) -> None:
    for _ in range(PREPARED_FROM + 1):
        assert not Account.objects.filter(name="Nobody").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)


def test_a_statement_whose_plan_depends_on_the_values_is_planned_anew(live_database: str) -> None:
    values = {"account_id": 1, "id": None, "limit": 1}
    for _ in range(PREPARED_FROM + 1):
        assert not rows("contacts", "newest_contacts", values, is_planned_anew=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)


def test_a_statement_on_a_connection_that_the_server_ended_is_asked_on_a_new_one(
    live_database: str,
) -> None:
    values = {"account_id": 1, "campaign_id": 1}
    assert not rows("campaigns", "is_there", values)
    with psycopg.connect(live_database) as other:
        ended = "SELECT pg_terminate_backend(%s, 10000)"
        other.execute(ended, [connection.connection.info.backend_pid])
    close_old_connections()  # as at the beginning of each request
    assert not rows("campaigns", "is_there", values)
