"""Opening pages as somebody, and reading what they say."""

from __future__ import annotations

from typing import Any, Final

from tests.support.visit import signed_in

__all__ = ["HTMX", "signed_in", "streamed", "text"]

HTMX: Final = {"HX-Request": "true"}


def text(answer: Any) -> str:
    """What a page says."""
    return bytes(answer.content).decode()


def streamed(answer: Any) -> bytes:
    """What a download holds."""
    return b"".join(answer.streaming_content)
