"""A delivery with all that sending it needs, and the request that it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from autodialer.domain import callbacks, notices, passthru
from autodialer.domain.callbacks import Links
from autodialer.domain.parameters import with_parameters
from autodialer.domain.signing import Keyring, signed_headers
from autodialer.domain.webhooks import CALLBACKS, Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from autodialer.domain.callbacks import CallbackFacts
    from autodialer.domain.notices import Notice


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery: `tries` went before. `url` is "" when its address is not there any more.

    `salts` are those of the secrets that sign at this moment, the newest first. `plain_http` is the
    account's leave to do without TLS.
    """

    id: int
    account_id: int
    lane: str
    purpose: Purpose
    url: str
    salts: Sequence[str]
    tries: int
    notice: Notice
    callback: CallbackFacts | None = None
    endpoint_id: int | None = None
    is_disabled: bool = False
    plain_http: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """The request of a try: to an endpoint or a callback a POST, to a URL of a campaign a GET."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Stationery:
    """What all letters of an installation share: its key, and where people reach its pages."""

    keyring: Keyring
    public_url: str

    def letter(self, parcel: Parcel, now: datetime) -> Letter:
        """Return the request of a try at `now`, signed."""
        if parcel.purpose is Purpose.WEBHOOK:
            body = notices.body(parcel.notice)
            headers = {"content-type": "application/json", **self._signed(parcel, now, body)}
            return Letter("POST", parcel.url, headers, body)
        if parcel.purpose in CALLBACKS and parcel.callback is not None:
            links = Links(self._recording(parcel.notice), self._report(parcel.notice))
            kind, body = callbacks.posted(parcel.notice, parcel.callback, links)
            headers = {"content-type": kind, **self._signed(parcel, now, body)}
            return Letter("POST", parcel.url, headers, body)
        url = with_parameters(parcel.url, self._pairs(parcel, now))
        # A GET has no body: its query is signed, as it is sent.
        signed = self._signed(parcel, now, urlsplit(url).query.encode())
        return Letter("GET", url, signed, b"")

    def _pairs(self, parcel: Parcel, now: datetime) -> passthru.Pairs:
        notice = parcel.notice
        if notice.call is None:
            return []
        if parcel.purpose is Purpose.POPUP:
            return passthru.popup(notice, notice.call, now)
        return passthru.ended_call(notice, notice.call, now, self._recording(notice))

    def _recording(self, notice: Notice) -> str:
        """Return where people listen to the call, "" where there is none."""
        if notice.call is None:
            return ""
        return f"{self.public_url.rstrip('/')}/recordings/{notice.call.id}/"

    def _report(self, notice: Notice) -> str:
        """Return where a program can fetch the report of the campaign with its key."""
        if notice.campaign is None:
            return ""
        campaign = f"{self.public_url.rstrip('/')}/api/v1/campaigns/{notice.campaign.id}"
        return f"{campaign}/reports/numbers.csv"

    def _signed(self, parcel: Parcel, now: datetime, payload: bytes) -> dict[str, str]:
        secrets = [self.keyring.secret(salt) for salt in parcel.salts]
        message_id = parcel.notice.message_id
        if parcel.purpose is not Purpose.WEBHOOK:
            # One event may go to two URLs of one receiver, who may look for repeated ids.
            message_id = f"{message_id}_{parcel.purpose}"
        return dict(signed_headers(message_id, now, payload, secrets))
