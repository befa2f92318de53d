"""One person, and browsers in which they sign in as people do: through the pages."""

from __future__ import annotations

import base64
import hmac
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.test import Client

from autodialer.apps.accounts.models import Role, User
from autodialer.apps.accounts.services import create_user
from autodialer.apps.audit.queries import EntryRow, entries

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account

NOW: Final = datetime(2026, 11, 23, 10, tzinfo=UTC)
PASSWORD: Final = "correct horse battery"


def make_user(account: Account, name: str, role: Role) -> User:
    return create_user(
        account=account,
        email=f"{name.lower()}@acme.test",
        name=name,
        role=role,
        password=PASSWORD,
        now=NOW,
    )


def browser_at(address: str, **extra: Any) -> Client:
    """A browser on a machine with this address."""
    return Client(REMOTE_ADDR=address, **extra)


def sign_in(client: Client, user: User, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": user.email, "password": password})


def is_in(client: Client) -> bool:
    """Whether the browser may open a page that needs somebody."""
    return client.get("/profile/").status_code == 200


def noted(account: Account, verb: str) -> list[EntryRow]:
    """What the audit log holds of this act, newest first."""
    return [entry for entry in entries(account) if entry.action == f"user.{verb}"]


def code_of(secret: str, steps: int = 0) -> str:
    """What an authenticator app shows (RFC 6238), `steps` half minutes from now."""
    counter = int(time.time()) // 30 + steps
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    value = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{value % 1_000_000:06}"


def confirm_password(client: Client, page: str) -> None:
    """Open a page that asks for the password again, and give it."""
    asked = client.get(page)["Location"]
    assert asked.startswith("/accounts/reauthenticate/")
    assert client.post(asked, {"password": PASSWORD})["Location"] == page


def set_up_totp(client: Client) -> str:
    """Set an authenticator app up; return what is in it."""
    page = "/accounts/2fa/totp/activate/"
    confirm_password(client, page)
    secret: str = client.get(page).context["form"].secret
    assert client.post(page, {"code": code_of(secret)}).status_code == 302
    return secret
