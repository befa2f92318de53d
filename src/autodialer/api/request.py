"""A request with an API key, as the endpoints see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from autodialer.apps.accounts.actor import Actor
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.keys.queries import Bearer


class ApiRequest(HttpRequest):
    """Who asks (`bearer`, `actor`), for which account, when, and what the JSON body holds.

    `request_id`, `from_address` and `now` come from the middleware that stamps every request,
    `bearer` to `actor` from the door (`door.py`), `sent` from the operation's guard.
    """

    request_id: str
    from_address: str | None
    now: datetime
    bearer: Bearer
    account: Account
    actor: Actor
    sent: Mapping[str, Any]
