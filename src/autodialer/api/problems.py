"""Refusals as RFC 9457 problems: every answer of the API that is no success looks like this.

The codes of the API itself are the table below; those of services and queries are in
docs/reference/errors.md. Codes do not change, sentences may.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog
from django.db.utils import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from ninja.errors import HttpError, ValidationError

from autodialer.apps.keys.queries import KeyRefusedError
from autodialer.domain.errors import (
    AutodialerError,
    ConflictError,
    IllegalTransitionError,
    InvalidInputError,
    ManyInvalidError,
    NotAllowedError,
    NotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodialer.api.request import ApiRequest

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
ERRORS_PAGE: Final = "/api/v1/errors"
CHALLENGE: Final = 'Bearer realm="autodialer", Basic realm="autodialer", charset="UTF-8"'

TITLES: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "The request cannot be read",
        401: "Not signed in",
        402: "The balance does not suffice",
        403: "Not allowed",
        404: "Not found",
        405: "There is no such method here",
        406: "There is no such format here",
        409: "That is not possible now",
        412: "It has changed meanwhile",
        413: "That is too big",
        415: "That format is not read here",
        416: "There is no such part",
        422: "Some values cannot be used",
        428: "Say which version you change",
        429: "Too many requests",
        500: "Something went wrong here",
        503: "The database does not answer",
    }
)

# What the API refuses by itself: the status and what it means.
API_CODES: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        "malformed": (400, "The body is no JSON object; the sentence gives the offset."),
        "key_in_query": (400, "A key stands in the address, where logs and proxies keep it."),
        "cursor_invalid": (400, "The cursor is not one of this list with this order."),
        "idempotency_key_invalid": (400, "An Idempotency-Key has 1 to 255 visible characters."),
        "key_missing": (401, "The request has no API key, as Bearer or Basic."),
        "https_required": (403, "The key was sent without TLS: revoke it."),
        "missing_scope": (403, "None of the key's scopes allows it; the sentence names one."),
        "no_such_address": (404, "There is nothing at this address."),
        "method_not_allowed": (405, "`Allow` lists the methods of this address."),
        "not_acceptable": (406, "`Accept` leaves out the format of this answer."),
        "request_in_flight": (409, "A request with this Idempotency-Key is being answered."),
        "request_interrupted": (
            409,
            "The request with this Idempotency-Key was carried out, wholly or in part, by a process"
            " that was ended before it could answer.",
        ),
        "changed_meanwhile": (412, "It is not the version in `If-Match` any more: read it again."),
        "too_big": (413, "The body is bigger than 5 MB, or 20 MB where files are sent."),
        "media_type_unsupported": (415, "Send `Content-Type: application/json`."),
        "range_unsatisfiable": (416, "The file has no such range, or several were asked for."),
        "invalid_fields": (422, "`errors` names every field that cannot be used, and why."),
        "idempotency_key_reused": (422, "This Idempotency-Key was sent with another request."),
        "precondition_required": (428, "Send `If-Match` with the `ETag` that you have read."),
        "too_many_requests": (429, "`Retry-After` says when to go on."),
        "internal_error": (500, "A fault of the program; it is in the log with the request id."),
        "database_unavailable": (503, "Nothing was changed; try again."),
    }
)

# Codes of services whose status is not that of their kind.
_STATUS_OF_CODE: Final[Mapping[str, int]] = MappingProxyType(
    {"cursor_invalid": 400, "low_balance": 402, "changed_meanwhile": 412, "file_too_big": 413}
)
_STATUS_OF: Final[tuple[tuple[type[AutodialerError], int], ...]] = (
    (NotFoundError, 404),
    (NotAllowedError, 403),
    (ConflictError, 409),
    (IllegalTransitionError, 409),
)
# What pydantic calls it, in our words; its own name stays for the rest.
_FIELD_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "missing",
        "extra_forbidden": "unknown_field",
        "greater_than_equal": "out_of_range",
        "less_than_equal": "out_of_range",
        "string_too_long": "too_long",
        "string_too_short": "too_short",
        "too_long": "too_many",
        "too_short": "too_few",
        "literal_error": "unknown_value",
        "enum": "unknown_value",
        "int_parsing": "wrong_type",
        "bool_parsing": "wrong_type",
    }
)
_OUR_FAULT: Final = 500
_BODIES: Final = frozenset({"body", "form", "file"})
READ_ONLY: Final = frozenset({"id", "account_id", "status", "balance", "role", "created_at"})


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field.

    `pointer` is a JSON pointer into the body, or `?name` for a parameter of the address.
    """

    pointer: str
    code: str
    message: str


class ApiError(AutodialerError):
    """A request that the API refuses before any service is asked."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code, self.errors, self.headers = code, errors, headers or {}
        super().__init__(message)


def invalid(errors: Sequence[FieldProblem]) -> ApiError:
    """Return the refusal of these fields, all of them."""
    names = ", ".join(error.pointer for error in errors[:10])
    return ApiError("invalid_fields", f"These cannot be used: {names}.", errors=errors)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a problem says; `more` are members that only some kinds have."""

    status: int
    code: str
    detail: str
    errors: Sequence[FieldProblem] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


def problem_of(request: ApiRequest, error: Exception) -> HttpResponse:
    """Return the reply for an error; one that nobody expected is logged and told to nobody."""
    refusal = refusal_of(error)
    if refusal.status > _OUR_FAULT:
        log.warning("database_unavailable", path=request.path_info)
    elif refusal.status == _OUR_FAULT:
        log.error("api_failed", path=request.path_info, code=refusal.code, exc_info=error)
    body = {
        "type": f"{ERRORS_PAGE}#{refusal.code}",
        "title": TITLES[refusal.status],
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": request.request_id,
        "code": refusal.code,
        "errors": [asdict(each) for each in refusal.errors],
        **refusal.more,
    }
    return HttpResponse(
        orjson.dumps(body),
        status=refusal.status,
        content_type=MEDIA_TYPE,
        headers=dict(refusal.headers),
    )


def refusal_of(error: Exception) -> Refusal:  # noqa: PLR0911  a table of errors
    """Return what is said of an error."""
    match error:
        case ApiError(code=code):
            return Refusal(API_CODES[code][0], code, str(error), error.errors, error.headers)
        case IllegalTransitionError(code=code):
            more = {"current_state": error.current, "allowed_actions": list(error.legal)}
            return Refusal(409, code, error.sentence, more=more)
        case InvalidInputError():
            return _of_fields(_each(error))
        case KeyRefusedError(code=code):
            return Refusal(401, code, error.sentence, headers={"WWW-Authenticate": CHALLENGE})
        case AutodialerError(code=code):
            return Refusal(status_of(error), code, error.sentence)
        case ValidationError():
            return refusal_of(_of_validation(error))
        case HttpError(__cause__=AutodialerError() as cause):
            return refusal_of(cause)
        case Http404():
            return Refusal(404, "no_such_address", "There is nothing at this address.")
        case OperationalError() | InterfaceError():
            sentence = "Nothing was changed: try again in a moment."
            return Refusal(503, "database_unavailable", sentence, headers={"Retry-After": "5"})
        case _:
            sentence = "It is our fault, and is in the log with the id of this request."
            return Refusal(500, "internal_error", sentence)


def _each(error: InvalidInputError) -> Sequence[InvalidInputError]:
    return error.errors if isinstance(error, ManyInvalidError) else (error,)


def _of_fields(errors: Sequence[InvalidInputError]) -> Refusal:
    found = [FieldProblem(f"/{each.field}", each.code, each.sentence) for each in errors]
    status = _STATUS_OF_CODE.get(errors[0].code, 422)
    return Refusal(status, errors[0].code, errors[0].sentence, found)


@contextmanager
def fields_called(names: Mapping[str, str]) -> Iterator[None]:
    """Name the fields that a service refuses in the block as the body calls them."""
    try:
        yield
    except InvalidInputError as error:
        for each in _each(error):
            each.field = names.get(each.field, each.field)
        raise


def status_of(error: AutodialerError) -> int:
    """Return the HTTP status that says what kind of refusal this is."""
    kinds = (status for kind, status in _STATUS_OF if isinstance(error, kind))
    return _STATUS_OF_CODE.get(error.code) or next(kinds, 409)


def _of_validation(error: ValidationError) -> AutodialerError:
    """Return what the fields' errors come to; what can be no id in an address is not found."""
    if any(each["loc"][0] == "path" for each in error.errors):
        return NotFoundError("There is nothing like that.")
    return invalid([_of_field(each) for each in error.errors])


def _of_field(error: Mapping[str, Any]) -> FieldProblem:
    source, *place = error["loc"]
    # The first part of a place in the body is what the endpoint calls it; some of forms lack it.
    in_body = "".join(f"/{part}" for part in (place[1:] or place))
    pointer = in_body if source in _BODIES else f"?{place[-1]}"
    code = str(error["type"])
    code = _FIELD_CODES.get(code, "wrong_type" if code.endswith("_type") else code)
    if code == "unknown_field" and place[-1] in READ_ONLY:
        return FieldProblem(pointer, "read_only", "This cannot be set.")
    if code == "unknown_field":
        return FieldProblem(pointer, code, "There is no such field.")
    return FieldProblem(pointer, code, f"{error['msg']}.")
