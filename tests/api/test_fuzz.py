"""Requests that a generator makes up from the OpenAPI document: none fails, all answers are told.

The seed is fixed, so that a failure is found again; `make test-full` looks much further.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

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
DJANGO: Final = WSGIHandler()
SCHEMA: Final = schemathesis.openapi.from_dict(dict(DOCUMENT))
# Without the edges of each schema, which the other test has tried: finding them takes seconds.
FURTHER: Final = schemathesis.openapi.from_dict(
    dict(DOCUMENT),
    config=schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}}}),
)


def read_and_closed(environ: Any, start_response: Any) -> list[bytes]:
    """The whole of Django; a file that it sends is closed, which the generator leaves to chance."""
    with closing(DJANGO(environ, start_response)) as answer:
        return [b"".join(answer)]


@pytest.fixture
def app() -> Iterator[Any]:
    # The test's transaction is that of all requests: they must leave its connection alone.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    with override_settings(API_REQUESTS_PER_MINUTE=1_000_000):
        yield read_and_closed
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def key(module_db: None) -> str:
    return caller(make_world("Acme").book.account).key


def answered(case: Any, app: Any, key: str) -> None:
    case.call_and_validate(app=app, headers={"Authorization": f"Bearer {key}"}, checks=CHECKS)


@SCHEMA.parametrize()
@settings(max_examples=4, **ONCE)
def test_what_a_generator_makes_up_is_answered_as_documented(case: Any, app: Any, key: str) -> None:
    answered(case, app, key)


@pytest.mark.slow
@pytest.mark.timeout(600)
@FURTHER.parametrize()
@settings(max_examples=150, **ONCE)
def test_much_more_is_answered_as_documented(case: Any, app: Any, key: str) -> None:
    answered(case, app, key)
