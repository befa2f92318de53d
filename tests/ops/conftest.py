from __future__ import annotations

from collections.abc import Iterator

import pytest

from autodialer.ops.postgres import EmbeddedPostgres
from tests.support import stack


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with stack.postgres(tmp_path_factory.mktemp("database")) as server:
        yield server
