"""A program with a key of an account, that asks at the addresses of v2."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from autodialer.api.exotel.sids import sid_of
from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.keys.services import create_key
from tests.api.exotel.conftest import basic, real_now
from tests.support.book import Book


@dataclass(frozen=True, slots=True)
class Program:
    """A program with a key of the account, that asks at its addresses."""

    book: Book
    headers: dict[str, str]
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    @property
    def sid(self) -> str:
        """The account's."""
        return sid_of(self.book.account.pk)

    @property
    def base(self) -> str:
        return f"/v2/accounts/{self.sid}"

    def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """Send a request; return what the envelope holds."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
        answer = self.client.generic(
            method, f"{self.base}/{path}", raw, "application/json", headers=self.headers
        )
        assert answer.status_code == status, answer.content
        found = answer.json()
        assert found["http_code"] == status
        assert found["method"] == method
        return found

    def one(self, method: str, path: str, body: object = None) -> Any:
        """Send a request that concerns one thing; return it."""
        (item,) = self.ask(method, path, body)["response"]
        assert (item["code"], item["status"], item["error_data"]) == (200, "success", None)
        return item["data"]

    def refused(self, method: str, path: str, body: object = None, *, status: int) -> Any:
        """Send a request that is refused as a whole; return what is said."""
        (item,) = self.ask(method, path, body, status)["response"]
        assert (item["code"], item["status"], item["data"]) == (status, "failure", None)
        return item["error_data"]


def program(book: Book, *scopes: KeyScope) -> Program:
    made = create_key(
        account=book.account,
        actor=OPERATOR,
        name="CRM",
        scopes=list(scopes or KeyScope),
        now=real_now(),
    )
    return Program(book, basic(str(made.token)))
