"""Opening pages as somebody, and reading what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.test import Client

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import User

HTMX: Final = {"HX-Request": "true"}


def signed_in(user: User) -> Client:
    """A browser in which this person is signed in."""
    client = Client()
    client.force_login(user)
    return client


def text(answer: Any) -> str:
    """What a page says."""
    return bytes(answer.content).decode()


def streamed(answer: Any) -> bytes:
    """What a download holds."""
    return b"".join(answer.streaming_content)
