from __future__ import annotations

import psycopg
from django.db import close_old_connections, connection
from django.test.utils import CaptureQueriesContext

from autodialer.apps.accounts.models import Account


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
