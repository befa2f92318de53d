"""The lab carrier as a program of its own, at an address that nodes on other hosts reach.

`python -m tests.support.carrier_host PREFIX FOLDER ADDRESS`, until SIGTERM.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from autodialer.ops.asterisk.config import Instance
from autodialer.ops.lab.carrier import LabCarrier
from autodialer.ops.paths import Paths


def main(prefix: str, folder: str, address: str) -> None:
    """Answer every number until told to stop."""
    paths = Paths.below(Path(folder), asterisk_prefix=Path(prefix))
    instance = Instance(
        prefix=paths.asterisk_prefix,
        folder=paths.lab,
        sockets=paths.sockets / "lab",
        sip_port=5060,
        address=address,
    )
    carrier = LabCarrier(instance, paths.log)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    carrier.start()
    print("ready", flush=True)  # noqa: T201  a program that says when it can be called
    signal.sigwait({signal.SIGTERM})
    carrier.asterisk.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
