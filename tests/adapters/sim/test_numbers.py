from __future__ import annotations

from collections.abc import Sequence

from autodialer.adapters.sim.numbers import ScriptedNumbers
from autodialer.ports.numbers import DialWhom
from tests.contract.numbers import DialWhomContract


class TestScriptedNumbers(DialWhomContract):
    def source(self, texts: Sequence[str | None]) -> DialWhom:
        return ScriptedNumbers(texts)
