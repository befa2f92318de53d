"""A store of plain dicts: what PostgreSQL does, for the simulator and for tests."""
