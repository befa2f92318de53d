"""What the API says of itself, to programs and to people, without a key."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from autodialer.api.problems import API_CODES
from tests.api.document import DOCUMENT, OPERATIONS

pytestmark = pytest.mark.django_db


def test_the_document_is_openapi_3_1_and_has_both_ways_to_sign_in() -> None:
    answer = Client().get("/api/v1/openapi.json").json()
    assert answer["openapi"].startswith("3.1")
    assert {scheme["scheme"] for scheme in answer["components"]["securitySchemes"].values()} == {
        "bearer",
        "basic",
    }
    assert answer["paths"].keys() == DOCUMENT["paths"].keys()


def test_the_page_shows_every_operation_and_loads_nothing_from_elsewhere() -> None:
    answer = Client().get("/api/v1/docs")
    page = answer.content.decode()
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "`" not in page
    assert "<code>campaigns:read</code>" in page
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    for operation in OPERATIONS:
        assert f'id="{operation.details["operationId"]}"' in page


def test_every_code_has_the_place_that_problems_name() -> None:
    page = Client().get("/api/v1/errors").content.decode()
    assert all(f'id="{code}"' in page for code in API_CODES)
    problem = Client().get("/api/v1/campaigns").json()
    assert problem["type"] == "/api/v1/errors#key_missing"
