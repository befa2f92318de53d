"""Opening a web address that a user gave, in our words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Protocol

from autodialer.domain.errors import AutodialerError
from autodialer.domain.ids import AccountId


class HttpFailure(StrEnum):
    """Why there is no answer: a kind, because details would turn us into a port scanner."""

    URL_REFUSED = "url_refused"
    DNS_FAILED = "dns_failed"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    CONNECT_FAILED = "connect_failed"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    BUSY = "busy"
    REDIRECT_REFUSED = "redirect_refused"
    TOO_LARGE = "too_large"
    BAD_ANSWER = "bad_answer"


WORDS: Final = {
    HttpFailure.URL_REFUSED: "It is no address that may be opened.",
    HttpFailure.DNS_FAILED: "The name of its host could not be found.",
    HttpFailure.ADDRESS_NOT_ALLOWED: "It is not on the public internet.",
    HttpFailure.CONNECT_FAILED: "It could not be reached, or broke the connection off.",
    HttpFailure.TLS_FAILED: "Its TLS certificate or protocol cannot be trusted.",
    HttpFailure.TIMEOUT: "It did not answer in time.",
    HttpFailure.BUSY: "It still works on earlier requests; this one was not sent.",
    HttpFailure.REDIRECT_REFUSED: "It answered with another address, which is not followed.",
    HttpFailure.TOO_LARGE: "Its answer is too long.",
    HttpFailure.BAD_ANSWER: "Its answer cannot be read.",
}


class HttpFailedError(AutodialerError):
    """A web address gave no answer; `kind` says why, the text says it in words.

    Of the kinds, only `url_refused`, `dns_failed`, `address_not_allowed` and `busy` promise that
    nothing was sent.
    """

    code = "http_failed"

    def __init__(self, kind: HttpFailure) -> None:
        self.kind = kind
        super().__init__(WORDS[kind])


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One exchange. `deadline` is for all of it, waiting for a place and for DNS included.

    `url` is ready to be sent, parameters included; `plain_http` is the account's leave to do
    without TLS. Headers are ASCII, without Host and Content-Length. The answer's body may have
    `longest_body` bytes.
    """

    account_id: AccountId
    method: str
    url: str
    deadline: timedelta
    longest_body: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    plain_http: bool = False


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer, of whatever status but a redirect's; names of headers are in lower case."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first header of this name (in lower case), "" for none."""
        return next((value for given, value in self.headers if given == name), "")


class Http(Protocol):
    """A client that opens no address it should not."""

    async def fetch(self, request: HttpRequest) -> HttpReply:
        """Send once, never again. Raises HttpFailedError; the caller may cancel."""
        ...
