"""The switch against a real Asterisk and the lab carrier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.telephony import TelephonyContract

if TYPE_CHECKING:
    from autodialer.adapters.ari.switch import AriSwitch
    from tests.adapters.ari.world import AsteriskWorld

pytestmark = pytest.mark.asterisk


class TestAriSwitch(TelephonyContract):
    @pytest.fixture
    def switch(self, switch: AriSwitch) -> AriSwitch:
        return switch

    @pytest.fixture
    def world(self, world: AsteriskWorld) -> AsteriskWorld:
        return world
