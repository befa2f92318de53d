"""Watching a process from outside, as a probe or a scraper does."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOON_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: object = None,
) -> Told:
    """Ask a port of this machine; a body is sent as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON_S)
    try:
        told_as = {"Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, json.dumps(body) if body else None, told_as)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Told(answer.status, told, answer.read())
    finally:
        connection.close()


def until(port: int, path: str, is_so: Callable[[Told], bool], deadline_s: float = SOON_S) -> Told:
    """Ask again and again until the answer is so; a port that is not there yet is asked again."""
    give_up = time.monotonic() + deadline_s
    while True:
        try:
            told = ask(port, path)
        except ConnectionError:
            told = Told(0, {}, b"")
        if is_so(told):
            return told
        assert time.monotonic() < give_up, f"{path} answers {told.status} {told.body!r}"
        time.sleep(0.05)
