"""Refusals as Exotel's clients read them, whoever refused: the door, a service or this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from autodialer.api.exotel.documents import of_problem
from autodialer.api.exotel.envelope import refusal
from autodialer.api.exotel.problems import problem_of
from autodialer.api.exotel.routes import Dialect, written

if TYPE_CHECKING:
    from django.http import HttpResponse

    from autodialer.api.request import ApiRequest

log = structlog.get_logger(__name__)

V2: Final = "/v2/"
PREFIXES: Final = ("/v1/", V2, "/v2_beta/")
_OUR_FAULT: Final = 500


def refused(request: ApiRequest, error: Exception) -> HttpResponse:
    """Return the reply for an error; one that nobody expected is logged and told to nobody."""
    problem = problem_of(error)
    if problem.status >= _OUR_FAULT:
        log.error("api_failed", path=request.path_info, code=problem.reason, exc_info=error)
    if request.path_info.startswith(V2):
        as_dict = "/users" in request.path_info
        response = written(request, refusal(problem, as_dict=as_dict), Dialect.ENVELOPE)
    else:
        response = written(request, of_problem(problem), _dialect(request.path_info))
    for name, value in problem.headers.items():
        response[name] = value
    return response


def _dialect(path: str) -> Dialect:
    is_xml = path.startswith("/v1/") and not path.endswith(".json")
    return Dialect.XML if is_xml else Dialect.PLAIN
