"""Requests that a generator makes up from the OpenAPI document: none fails, all answers are told.

The seed is fixed, so that a failure is found again; `make test-full` looks much further.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test.utils import override_settings
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.client import caller
from tests.api.document import DOCUMENT
from tests.web.world import make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ONCE: Final[dict[str, Any]] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}
SCHEMA: Final = schemathesis.openapi.from_dict(dict(DOCUMENT))
# Without the edges of each schema, which the other test has tried: finding them takes seconds.
FURTHER: Final = schemathesis.openapi.from_dict(
    dict(DOCUMENT),
    config=schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}}}),
)


# So that nobody is refused for asking too often, which would be all that is ever seen.
UNLIMITED: Final = 10**9


@pytest.fixture
def app() -> Iterator[Any]:
    # The test's transaction is that of all requests: they must leave its connection alone.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    with override_settings(API_REQUESTS_PER_MINUTE=UNLIMITED):
        django = WSGIHandler()  # it reads the limit when it is made

    def read_and_closed(environ: Any, start_response: Any) -> list[bytes]:
        """Answer; a file that is sent is closed, which the generator leaves to chance."""
        with closing(django(environ, start_response)) as answer:
            return [b"".join(answer)]

    yield read_and_closed
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


# Values that work, for fields of which hardly any text that is made up does.
WORKS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("starts_at", "ends_at", "window_opens", "window_closes")),
    **dict.fromkeys(("dial_whom_url", "popup_url", "call_completed_url"), ""),
    **dict.fromkeys(("call_no_answer_url", "get_contacts_url", "phone"), ""),
    "agent_ids": [],
    "email": "new@acme.example",
    "name": "Made up",
    "numbers": ["+919876543210"],
    "retry_statuses": ["busy"],
    "url": "https://crm.example.com/in",
}


@dataclass(frozen=True)
class Known:
    """A key, and the id of one thing of each kind in its account."""

    key: str
    values: Mapping[str, Any]

    def aim(self, case: Any) -> None:
        """Let every second case name what exists: ids that are made up hit nothing by chance."""
        if crc32(repr((case.path_parameters, case.body)).encode()) % 2:
            case.path_parameters = self._with_known(case.path_parameters)
            case.body = self._with_known(case.body)
            if case.method == "PATCH":
                case.headers = {**(case.headers or {}), "If-Match": "*"}

    def _with_known(self, made_up: Any) -> Any:
        if not isinstance(made_up, dict):
            return made_up
        return {name: self.values.get(name, value) for name, value in made_up.items()}


@pytest.fixture(scope="module")
def known(module_db: None) -> Known:
    world = make_world("Acme")
    ids = {name: str(found) for name, found in world.ids.items()}
    values = {**WORKS, **ids, "call_id": ids["attempt_id"], "number": "+919000000000"}
    return Known(caller(world.book.account).key, values)


def answered(case: Any, app: Any, known: Known) -> None:
    known.aim(case)
    headers = {**(case.headers or {}), "Authorization": f"Bearer {known.key}"}
    answer = case.call_and_validate(app=app, headers=headers, checks=CHECKS)
    assert answer.status_code != HTTPStatus.TOO_MANY_REQUESTS


@SCHEMA.parametrize()
@settings(max_examples=4, **ONCE)
def test_what_a_generator_makes_up_is_answered_as_documented(
    case: Any, app: Any, known: Known
) -> None:
    answered(case, app, known)


@pytest.mark.slow
@pytest.mark.timeout(600)
@FURTHER.parametrize()
@settings(max_examples=150, **ONCE)
def test_much_more_is_answered_as_documented(case: Any, app: Any, known: Known) -> None:
    answered(case, app, known)
