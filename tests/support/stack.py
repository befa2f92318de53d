"""The real parts that tests run against, each as a context manager."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autodialer.ops.paths import Paths
from autodialer.ops.postgres import EmbeddedPostgres


@contextmanager
def postgres(var: Path) -> Iterator[EmbeddedPostgres]:
    """An embedded PostgreSQL below `var`, stopped at the end."""
    server = EmbeddedPostgres(Paths.below(var))
    server.start()
    try:
        yield server
    finally:
        server.stop()
