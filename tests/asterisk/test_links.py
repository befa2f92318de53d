"""The connections of the dialer, to Asterisk and to PostgreSQL, are cut, frozen and slowed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from autodialer.bootstrap import LEASE_LOST_EXIT
from autodialer.ops.paths import Paths
from tests.support import ari
from tests.support.day import SOON_S, Day
from tests.support.oracle import check
from tests.support.proxy import Proxy, link_to_port, link_to_socket
from tests.support.site import LEASE_S, Site
from tests.support.stack import AsteriskPair

EXIT_S: Final = 10.0
# A ping every 5 s, an answer within 9, a second to close.
FOUND_S: Final = 16.0
SLOW_S: Final = 0.1
POSTGRES_SOCKET: Final = ".s.PGSQL.5432"


@pytest.fixture
def switch_link(pair: AsteriskPair) -> Iterator[Proxy]:
    with link_to_port(pair.ari.port) as link:
        yield link


@pytest.fixture
def store_link(live_database: str) -> Iterator[Proxy]:
    (folder,) = parse_qs(urlsplit(live_database).query)["host"]
    with link_to_socket(Path(folder) / POSTGRES_SOCKET) as link:
        yield link


@pytest.fixture
def site(
    pair: AsteriskPair,
    live_database: str,
    tmp_path: Path,
    switch_link: Proxy,
    store_link: Proxy,
) -> Iterator[Site]:
    """A site whose dialer reaches Asterisk and PostgreSQL over links."""
    made = Site(pair, live_database, Paths.below(tmp_path))
    made.ari = replace(pair.ari, port=switch_link.port)
    account = urlsplit(live_database).netloc.partition("@")[0]
    parts = urlsplit(live_database)._replace(
        netloc=f"{account}@127.0.0.1:{store_link.port}", query=""
    )
    made.store_url = parts.geturl()
    made.start_dialer()
    yield made
    switch_link.mend()
    store_link.mend()
    made.close()
    check(made)


def test_connections_that_are_reset_are_made_anew_and_no_talk_is_cut(
    site: Site, switch_link: Proxy, store_link: Proxy
) -> None:
    day = Day(site)
    for link in (switch_link, store_link):
        made = link.accepted
        link.reset()
        site.wait(lambda link=link, made=made: link.accepted > made, SOON_S)  # type: ignore[misc]
        day.dials_on()
    day.ends_well()


@pytest.mark.slow
def test_half_open_connections_to_postgresql_are_given_up_and_dialing_goes_on(
    site: Site, store_link: Proxy
) -> None:
    day = Day(site)
    store_link.lose()
    lost = time.monotonic()
    day.dials_on()
    assert time.monotonic() - lost < SOON_S
    day.ends_well()


@pytest.mark.slow
def test_a_silent_postgresql_stops_new_calls_and_nothing_else(
    site: Site, store_link: Proxy
) -> None:
    day = Day(site)
    store_link.freeze()
    frozen = time.time()
    site.never(lambda: not day.still_talks(), LEASE_S + 4)
    day.is_blind_since(frozen)
    store_link.mend()
    day.dials_on()
    day.ends_well()


@pytest.mark.parametrize("frozen", ["switch", pytest.param("store", marks=pytest.mark.slow)])
def test_a_dialer_that_is_told_to_stop_while_a_connection_is_silent_ends_in_time(
    site: Site, switch_link: Proxy, store_link: Proxy, frozen: str
) -> None:
    day = Day(site)
    link = {"switch": switch_link, "store": store_link}[frozen]
    link.freeze()
    told = time.monotonic()
    assert site.stop_dialer() == 0
    assert time.monotonic() - told < EXIT_S
    link.mend()
    assert day.still_talks()
    site.start_dialer()
    site.wait_for_recovery()
    day.ends_well()


@pytest.mark.slow
def test_slow_connections_make_it_slower_and_not_wrong(
    site: Site, switch_link: Proxy, store_link: Proxy
) -> None:
    day = Day(site, calls=3)
    for link in (switch_link, store_link):
        link.slow(SLOW_S)
    site.wait(lambda: all(site.target(number).status == "completed" for number in day.rest), SOON_S)
    for link in (switch_link, store_link):
        link.mend()
    day.ends_well()


@pytest.mark.slow
def test_a_silent_asterisk_is_found_and_what_ended_meanwhile_has_its_length(
    site: Site, switch_link: Proxy
) -> None:
    """No packet is refused and none arrives: only the ping tells."""
    day = Day(site)
    frozen = time.time()
    switch_link.freeze()
    site.never(lambda: not day.still_talks(), 5)
    site.hang_up(day.talker)
    (call,) = site.attempts(day.talker)
    assert call.answered_at is not None
    talked_s = time.time() - call.answered_at.timestamp()
    site.wait(lambda: "ari_connection_lost" in site.dialer.log.read_text(), SOON_S)
    assert time.time() - frozen < FOUND_S
    day.is_blind_since(frozen)
    switch_link.mend()
    site.wait(lambda: site.target(day.talker).status == "completed", SOON_S)
    (call,) = site.attempts(day.talker)
    assert call.answered_at is not None
    assert call.ended_at is not None
    assert abs((call.ended_at - call.answered_at).total_seconds() - talked_s) < 2
    day.dials_on()


def test_who_takes_the_application_stops_the_dialer_at_once_and_it_takes_it_back(
    site: Site,
) -> None:
    day = Day(site)
    with ari.session(site.pair.ari):
        taken = time.time()
        site.wait(lambda: "ari_application_taken" in site.dialer.log.read_text())
        # It comes back after 2.5 to 5 s, which ends the other one.
        site.never(lambda: [call for call in site.invites() if call.at > taken + 1], 1.5)
    day.dials_on()
    day.ends_well()


END_CONNECTIONS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'autodialer dialer'"
)
REFUSALS: Final = {
    "read-only": (
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        "ALTER DATABASE {} SET default_transaction_read_only = off",
    ),
    "too-many-connections": (
        "ALTER DATABASE {} CONNECTION LIMIT 0",
        "ALTER DATABASE {} CONNECTION LIMIT -1",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", REFUSALS)
def test_a_postgresql_that_refuses_stops_new_calls_until_it_serves_again(
    site: Site, live_database: str, how: str
) -> None:
    day = Day(site)
    refuse, serve = REFUSALS[how]
    database = urlsplit(live_database).path.strip("/")
    with psycopg.connect(live_database, autocommit=True) as operator:
        operator.execute("SET default_transaction_read_only = off")
        operator.execute(refuse.format(database).encode())
        operator.execute(END_CONNECTIONS)
        refused = time.time()
        site.never(lambda: not day.still_talks(), LEASE_S + 2)
        day.is_blind_since(refused)
        operator.execute(serve.format(database).encode())
        # Those of that time would stay as they are.
        operator.execute(END_CONNECTIONS)
    day.dials_on()
    day.ends_well()


def test_a_dialer_that_is_frozen_and_woken_places_no_call_and_leaves(site: Site) -> None:
    day = Day(site)
    first, second = site.dialer, site.new_dialer()
    assert first.pid is not None
    second.start()
    try:
        site.wait(lambda: "lease_held_by_another" in second.log.read_text())
        os.kill(first.pid, signal.SIGSTOP)
        day.dials_on()
        seen = len(site.attempts())
        os.kill(first.pid, signal.SIGCONT)
        site.wait(lambda: first.exit_code is not None, SOON_S)
        assert first.exit_code == LEASE_LOST_EXIT
        site.wait(lambda: len(site.attempts()) > seen, SOON_S)
        day.dials_on()
        day.ends_well()
    finally:
        second.stop()
