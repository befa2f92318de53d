"""A real browser before a real web process on a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from autodialer.ops.paths import Paths
from autodialer.ops.process import free_port
from autodialer.ops.web import WebProcess
from tests.browser.site import Pages, Visitor, chromium
from tests.support.book import Book, make_book

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file: its loop must not run beside other tests' loops."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def pages(live_database: str, tmp_path: Path) -> Iterator[Pages]:
    """A web process on a fresh database."""
    web = WebProcess(
        Paths.below(tmp_path),
        live_database,
        port=free_port(),
        # That sessions which a test signs are good for it.
        extra={"AUTODIALER_SECRET_KEY": settings.SECRET_KEY},
    )
    web.start()
    yield Pages(web)
    web.stop()


@pytest.fixture
def book(pages: Pages) -> Book:
    """An account with people, a list and a group."""
    return make_book()


@pytest.fixture
def visit(browser: Browser, pages: Pages) -> Iterator[Callable[..., Visitor]]:
    """Open a browser window as somebody: `visit(book.supervisor)`; checked when the test ends."""
    visitors: list[Visitor] = []

    def open_as(*args: object, **options: object) -> Visitor:
        visitors.append(Visitor.open(browser, pages, *args, **options))  # type: ignore[arg-type]
        return visitors[-1]

    yield open_as
    for visitor in visitors:
        visitor.close()
