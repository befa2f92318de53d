from __future__ import annotations

from tests.contract.store import StoreContract


class TestPgStore(StoreContract):
    """Everything that a store promises, on PostgreSQL."""
