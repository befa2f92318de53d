from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autodialer.ops.paths import Paths
from tests.support import stack
from tests.support.oracle import check
from tests.support.sip_link import SipLink, sip_link
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


@pytest.fixture(scope="session")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AsteriskPair, SipLink]]:
    """Another pair, with a link in between."""
    folder = tmp_path_factory.mktemp("linked")
    paths = Paths.below(folder, asterisk_prefix=stack.asterisk_prefix())
    with (
        stack.lab_on(paths) as lab,
        sip_link(lab.asterisk.instance.sip_port) as link,
        stack.node_on(paths, link.port) as node,
    ):
        yield AsteriskPair(node=node, lab=lab, paths=paths), link


@pytest.fixture
def link(site: Site, linked: tuple[AsteriskPair, SipLink]) -> Iterator[SipLink]:
    """The link of a `site` on the linked pair; mended before anybody leaves."""
    yield linked[1]
    linked[1].mend()
