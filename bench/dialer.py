"""Run the product's dialer as a process of its own, with the settings of the environment."""

from __future__ import annotations

import os
import sys

from autodialer.adapters.ari.client import AriConfig
from autodialer.bootstrap import DialerSettings, run_dialer
from autodialer.ops.asterisk.config import ARI_USER, LOOPBACK

NODE = "bench"


def settings() -> DialerSettings:
    """Read BENCH_DATABASE_URL, BENCH_ARI_PORT, BENCH_ARI_PASSWORD and BENCH_RECORDINGS."""
    return DialerSettings(
        node=NODE,
        database_url=os.environ["BENCH_DATABASE_URL"],
        ari=AriConfig(
            host=LOOPBACK,
            port=int(os.environ["BENCH_ARI_PORT"]),
            user=ARI_USER,
            password=os.environ["BENCH_ARI_PASSWORD"],
            recordings=os.environ["BENCH_RECORDINGS"],
        ),
    )


if __name__ == "__main__":
    sys.exit(run_dialer(settings()))
