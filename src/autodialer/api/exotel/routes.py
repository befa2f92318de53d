"""Every address has one row in a table: its methods, and what it needs to use each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson
from django.http import HttpResponse, HttpResponseNotAllowed

from autodialer.api.exotel.documents import Document, as_xml
from autodialer.api.exotel.envelope import Reply
from autodialer.api.exotel.sids import no_such, sid_of
from autodialer.apps.accounts.permissions import Permission, require

if TYPE_CHECKING:
    from autodialer.api.request import ApiRequest

Handler: TypeAlias = "Callable[..., Reply | Document]"
JSON: Final = "application/json"
XML: Final = "application/xml; charset=utf-8"


class Dialect(Enum):
    """How an answer is written."""

    ENVELOPE = auto()  # v2
    XML = auto()  # v1
    PLAIN = auto()  # v1 with .json, v2_beta


@dataclass(frozen=True, slots=True)
class Way:
    """What answers a method, and the permission that the key must give."""

    handler: Handler
    permission: Permission


@dataclass(frozen=True, slots=True)
class Address:
    """One address below the account, such as `lists/<str:sid>`."""

    path: str
    ways: Mapping[str, Way]
    dialect: Dialect = Dialect.ENVELOPE

    def view(self, request: ApiRequest, account_sid: str, **ids: str) -> HttpResponse:
        """Answer one request of the account that the key belongs to; no other one is there."""
        way = self.ways.get(request.method or "")
        if way is None:
            return HttpResponseNotAllowed(self.ways)
        if account_sid != sid_of(request.account.pk):
            raise no_such("account", account_sid)
        require(request.actor, way.permission)
        return written(request, way.handler(request, **ids), self.dialect)


def written(request: ApiRequest, answer: Reply | Document, dialect: Dialect) -> HttpResponse:
    """Return an answer as bytes."""
    if isinstance(answer, Reply):
        body = answer.as_json(request.method or "", request.request_id)
        return HttpResponse(orjson.dumps(body), JSON, answer.status)
    if dialect is Dialect.XML:
        return HttpResponse(as_xml(answer.body), XML, answer.status)
    return HttpResponse(orjson.dumps(answer.body), JSON, answer.status)
