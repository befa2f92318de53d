from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import stack
from tests.support.ari import AriSession, session
from tests.support.stack import AsteriskPair


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskPair]:
    with stack.asterisk_pair(tmp_path_factory.mktemp("pair")) as running:
        yield running


@pytest.fixture
def ari(pair: AsteriskPair) -> Iterator[AriSession]:
    with session(pair.ari) as connected:
        yield connected
        leftover = connected.request("GET", "channels")
        for channel in leftover:
            # One that has just ended by itself is not there any more.
            ended = connected.reply_to("DELETE", f"channels/{channel['id']}")
            assert ended["status_code"] in (204, 404), ended
            connected.wait_for("ChannelDestroyed", channel["id"])
        for bridge in connected.request("GET", "bridges"):
            connected.request("DELETE", f"bridges/{bridge['id']}")
