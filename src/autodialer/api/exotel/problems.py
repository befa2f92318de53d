"""Our errors in Exotel's codes: one table for all of its addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from autodialer.api.problems import refusal_of
from autodialer.apps.contacts.numbers import NumberError
from autodialer.domain.errors import InvalidInputError, ManyInvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Exotel's own numbers, as far as they are known; for the rest the HTTP status stands in.
MISSING: Final = 1001
NOT_AUTHENTICATED: Final = 1010
_DEVICE_OFF: Final = 1012
INTERNAL: Final = 1100
BAD_PHONE: Final = 1401
DEVICE_BUSY: Final = 10706
NO_CALLER_ID: Final = 10716
DEVICE_OFF: Final = "device_off"

# Codes of ours that say more than their kind: HTTP status and Exotel's number.
_BY_CODE: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "low_balance": (HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.PAYMENT_REQUIRED),
        "no_tariff": (HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.PAYMENT_REQUIRED),
        "do_not_call": (HTTPStatus.FORBIDDEN, HTTPStatus.FORBIDDEN),
        DEVICE_OFF: (HTTPStatus.CONFLICT, _DEVICE_OFF),
        "already_connected": (HTTPStatus.CONFLICT, DEVICE_BUSY),
        "caller_id_unknown": (HTTPStatus.BAD_REQUEST, NO_CALLER_ID),
        "caller_id_unverified": (HTTPStatus.BAD_REQUEST, NO_CALLER_ID),
        "number_missing": (HTTPStatus.BAD_REQUEST, MISSING),
    }
)
_MESSAGES: Final[Mapping[int, str]] = MappingProxyType(
    {
        MISSING: "Mandatory parameter missing",
        NOT_AUTHENTICATED: "Authentication failed",
        _DEVICE_OFF: "Device off",
        INTERNAL: "Internal error",
        BAD_PHONE: "Invalid phone number",
        NO_CALLER_ID: "Virtual number not found",
        DEVICE_BUSY: "Device busy",
    }
)
# Fields by the names that clients know.
_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "participants": "group_id",
        "dial_numbers": "lists",
        "list": "lists",
        "starts_at": "schedule.send_at",
        "ends_at": "schedule.end_at",
        "retries": "retries.number_of_retries",
        "retry_statuses": "retries.on_status",
        "retry_interval_min": "retries.interval_mins",
        "interval_mins": "retries.interval_mins",
        "call_completed_url": "call_completed_passthru_url",
        "call_no_answer_url": "call_no_answer_passthru_url",
        "call_url": "call_status_callback",
        "number_url": "call_schedule_callback",
        "campaign_url": "status_callback",
        "company": "company_name",
        "fields": "custom",
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal: the HTTP status, Exotel's number, a sentence, and our own code for it."""

    status: int
    code: int
    description: str
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def error_data(self) -> dict[str, Any]:
        """Return it as v2 has it; `reason` is ours (docs/reference/errors.md)."""
        return {
            "code": self.code,
            "message": _MESSAGES.get(self.code) or HTTPStatus(self.status).phrase,
            "description": self.description,
            "reason": self.reason,
        }

    def rest_exception(self) -> dict[str, Any]:
        """Return it as v1 and v2_beta have it."""
        return {"RestException": {"Status": self.status, "Message": self.description}}


def problem_of(error: Exception) -> Problem:
    """Return what is said of an error; of one that nobody expected nothing is told."""
    refusal = refusal_of(error)
    status, code = _numbers_of(error, refusal.code, refusal.status)
    said = _sentence(error) if isinstance(error, InvalidInputError) else refusal.detail
    return Problem(int(status), int(code), said, refusal.code, refusal.headers)


def missing(name: str) -> InvalidInputError:
    """Return the error for a field without which nothing can be done."""
    return InvalidInputError(name, f"{name} is missing: it is mandatory.", f"{name}_missing")


def _numbers_of(error: Exception, reason: str, status: int) -> tuple[int, int]:
    """Return the HTTP status and Exotel's number. Exotel's clients know no 422."""
    if reason in _BY_CODE:
        return _BY_CODE[reason]
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        status = HTTPStatus.BAD_REQUEST
    if status == HTTPStatus.UNAUTHORIZED:
        return status, NOT_AUTHENTICATED
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return status, INTERNAL
    if _is_number(error):
        return status, BAD_PHONE
    if isinstance(error, InvalidInputError) and reason.endswith("_missing"):
        return status, MISSING
    return status, status


def _is_number(error: Exception) -> bool:
    if isinstance(error, InvalidInputError) and error.field.endswith("/number"):
        return True
    return isinstance(error, NumberError)


def _sentence(error: InvalidInputError) -> str:
    """Return the sentence of the first thing that is wrong, with the field by its own name."""
    first = error.errors[0] if isinstance(error, ManyInvalidError) else error
    name = _place(first.field)
    return first.sentence if name in first.sentence else f"{name}: {first.sentence}"


def _place(name: str) -> str:
    """Return `from[3]` for `from/3/number`, which the numbers of a campaign are called."""
    where, _, rest = name.partition("/")
    place, _, inner = rest.partition("/")
    if not place.isdecimal():
        return _FIELDS.get(name, name)
    return f"{where}[{place}]" if inner == "number" else f"{where}[{place}].{inner}"
