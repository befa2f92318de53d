"""The API object: django-ninja with our JSON, our refusals and a complete OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from autodialer.api.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest
    from ninja.openapi.schema import OpenAPISchema

SECURITY: Final = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of the account: `Authorization: Bearer dlr_live_...`.",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The key as the password, or its id and the rest of it.",
    },
}
PROBLEM: Final = {
    "title": "Problem",
    "description": "A refusal (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "errors"],
    "properties": {
        "type": {"type": "string", "description": "Where the code is explained."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence for people."},
        "instance": {"type": "string", "description": "The id of the request, as in the log."},
        "code": {"type": "string", "description": "For programs; it does not change."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "A JSON pointer into the body, or `?name`.",
                    },
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
        "current_state": {"type": "string", "description": "With status 409."},
        "allowed_actions": {
            "type": "array",
            "items": {"type": "string"},
            "description": "With status 409: what is possible now.",
        },
    },
}


class _Renderer(BaseRenderer):
    """JSON with times in RFC 3339, fast."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data)


class _Parser(Parser):
    """The body was read by the operation's guard."""

    def parse_body(self, request: HttpRequest) -> Mapping[str, Any]:  # type: ignore[override]
        sent: Mapping[str, Any] = request.sent  # type: ignore[attr-defined]  # an ApiRequest
        return sent


class Api(NinjaAPI):
    """A version of the API. Its refusals are problems, in the answers and in the document."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            renderer=_Renderer(),
            parser=_Parser(),
            docs_url=None,
            openapi_extra={"security": [{name: []} for name in SECURITY]},
            **kwargs,
        )
        refuse: Any = problem_of  # of an ApiRequest, which is all that comes here
        for kind in (Exception, HttpError, ValidationError):
            self.add_exception_handler(kind, refuse)

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Return the OpenAPI 3.1 document."""
        document = super().get_openapi_schema(**kwargs)
        document["components"]["securitySchemes"] = SECURITY
        document["components"]["schemas"]["Problem"] = PROBLEM
        return document
