from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autodialer.ops.paths import Paths
from tests.support import stack
from tests.support.oracle import check
from tests.support.site import Site
from tests.support.stack import AsteriskPair


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder runs on the real Asterisk."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.asterisk)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskPair]:
    with stack.asterisk_pair(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def site(pair: AsteriskPair, live_database: str, tmp_path: Path) -> Iterator[Site]:
    """A site with a running dialer; after the test everybody leaves and the oracle judges."""
    made = Site(pair, live_database, Paths.below(tmp_path))
    made.start_dialer()
    yield made
    made.close()
    check(made)
