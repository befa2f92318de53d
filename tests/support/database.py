"""Databases for tests: one server, one migrated template, a copy for each test that commits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
from asgiref.sync import SyncToAsync
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from autodialer.config.database import parse_url

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

TEMPLATE = "template_migrated"


@dataclass(frozen=True, slots=True)
class Databases:
    """Makes databases on the server of `server_url`; each starts as a copy of the template."""

    server_url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)  # names of the copies

    def make_template(self, blocker: DjangoDbBlocker) -> None:
        """Run the migrations once, in a database that is only copied afterwards."""
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        with django_on(self.url_of(TEMPLATE)), blocker.unblock():
            call_command("migrate", verbosity=0)

    @contextmanager
    def copy(self) -> Iterator[str]:
        """Yield the URL of a fresh, migrated and empty database; drop it at the end."""
        name = f"test_{next(self._numbers)}"
        copy, template = sql.Identifier(name), sql.Identifier(TEMPLATE)
        # Copies files; by default each page is written to the log, which takes longer.
        make = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
        self._run(sql.SQL(make).format(copy, template))
        try:
            yield self.url_of(name)
        finally:
            self._end_connections(name)
            self._run(sql.SQL("DROP DATABASE {}").format(copy))

    def url_of(self, database: str) -> str:
        """Return the URL of another database of the server."""
        return urlsplit(self.server_url)._replace(path=f"/{database}").geturl()

    def _end_connections(self, database: str) -> None:
        """End what tests left open. WITH (FORCE) would fail when an autovacuum worker is there,
        which only a superuser may end; a plain DROP ends that one by itself."""
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND usename = current_user",
                [database],
            )

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def django_on(url: str) -> Iterator[None]:
    """Point Django, in all threads, at the database of `url`."""
    shared = connections["default"].settings_dict  # one dict for all threads
    before = dict(shared)
    _close_connections()  # of an earlier test: they would stay on that one's database
    shared.update(parse_url(url))
    try:
        yield
    finally:
        _close_connections()
        shared.update(before)


def _close_connections() -> None:
    """Close this thread's connection, and that of the thread where async code asks Django."""
    connections["default"].close()
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
