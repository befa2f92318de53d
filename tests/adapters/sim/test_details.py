from __future__ import annotations

from collections.abc import Mapping

from autodialer.adapters.sim.details import ScriptedDetails
from autodialer.ports.details import GetContacts
from tests.contract.details import GetContactsContract


class TestScriptedDetails(GetContactsContract):
    def source(self, texts: Mapping[str, str]) -> GetContacts:
        return ScriptedDetails(texts)
