"""An API key of an account, and requests with it through the whole of the web process's Django."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.test import Client

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.scopes import KeyScope
from autodialer.apps.keys.services import create_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodialer.apps.accounts.models import Account

EVERYTHING: Final = tuple(KeyScope)


def now() -> datetime:
    """The real time: requests run on it."""
    return datetime.now(UTC)  # noqa: TID251  the shell around everything


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a key, who asks."""

    key: str
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Send a request to an address below /api/v1; a body is sent as JSON."""
        sent = {"Authorization": f"Bearer {self.key}", **_named(headers)}
        data = b"" if body is None else json.dumps(body).encode()
        url = path if path.startswith("/api/") else f"/api/v1{path}"
        return self.client.generic(method, url, data, "application/json", headers=sent)

    def get(self, path: str, **headers: str) -> Any:
        """Read."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        """Make or do something."""
        return self.ask("POST", path, body, **headers)

    def patch(self, path: str, body: object, **headers: str) -> Any:
        """Change something."""
        return self.ask("PATCH", path, body, **headers)


def caller(account: Account, scopes: Sequence[str] = EVERYTHING, name: str = "CRM") -> Caller:
    """Return somebody with a new key of the account."""
    made = create_key(account=account, actor=OPERATOR, name=name, scopes=scopes, now=now())
    return Caller(str(made.token))


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
