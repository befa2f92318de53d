from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from autodialer.adapters.ari.client import AriConfig
from autodialer.adapters.ari.switch import AriSwitch
from tests.adapters.ari.world import AsteriskWorld
from tests.support import stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import AsteriskPair


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskPair]:
    with stack.asterisk_pair(tmp_path_factory.mktemp("pair")) as running:
        running.paths.recordings.mkdir()
        yield running


@pytest.fixture
def switch(pair: AsteriskPair) -> AriSwitch:
    return AriSwitch(ari_config(pair), Random(7))  # noqa: S311  jitter


@pytest.fixture
def world(pair: AsteriskPair) -> AsteriskWorld:
    return AsteriskWorld(pair)


def ari_config(pair: AsteriskPair) -> AriConfig:
    return AriConfig(
        host=pair.ari.host,
        port=pair.ari.port,
        user=pair.ari.user,
        password=pair.ari.password,
        recordings=str(pair.paths.recordings),
    )
