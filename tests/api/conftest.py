"""A call centre and a program that asks its API."""

from __future__ import annotations

import pytest

from tests.api.client import Caller, caller
from tests.support.book import Book, make_book


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def crm(book: Book) -> Caller:
    """The program of the call centre, with all scopes."""
    return caller(book.account)
