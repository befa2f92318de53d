"""Everything that the pages do has an operation, or a reason why no key does it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from autodialer.api.v1.api import api
from autodialer.web.urls import ROUTES
from tests.api.counterparts import SERVICES, TABLE, as_markdown
from tests.support.acts import ACTS

DOCS: Final = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


def operations() -> set[str]:
    """The ids of all operations of the document."""
    paths = api.get_openapi_schema()["paths"]
    return {operation["operationId"] for path in paths.values() for operation in path.values()}


def test_every_page_has_its_place_in_the_table() -> None:
    named = [name for row in TABLE for name in row.pages]
    assert sorted(named) == sorted(route.name for route in ROUTES)


def test_each_line_names_operations_that_exist_or_says_why_there_is_none() -> None:
    assert all(bool(row.operations) is not bool(row.why_not) for row in TABLE)
    named = {name for row in TABLE for name in row.operations}
    assert named <= operations()


def test_every_act_of_a_service_has_an_operation_or_a_reason() -> None:
    assert set(SERVICES) == set(ACTS)
    named = {name for given in SERVICES.values() if isinstance(given, tuple) for name in given}
    assert named <= operations()


def test_the_reference_shows_the_table() -> None:
    assert "\n".join(as_markdown()) in DOCS.read_text(encoding="utf-8")
