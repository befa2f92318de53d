"""The lab carrier as a program of its own, at an address that nodes on other hosts reach.

`python -m tests.support.carrier_host FOLDER PREFIX ADDRESS`, until SIGTERM.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from autodialer.ops.asterisk.config import Instance
from autodialer.ops.lab.carrier import LabCarrier
from autodialer.ops.paths import Paths


def lab_in(folder: Path, prefix: Path, address: str) -> LabCarrier:
    """Return the carrier of the folder; who did not start it can read its lists and tell it."""
    paths = Paths.below(folder, asterisk_prefix=prefix)
    instance = Instance(
        prefix=paths.asterisk_prefix,
        folder=paths.lab,
        sockets=paths.sockets / "lab",
        sip_port=5060,
        address=address,
    )
    return LabCarrier(instance, paths.log)


def main(folder: str, prefix: str, address: str) -> None:
    """Answer every number until told to stop."""
    carrier = lab_in(Path(folder), Path(prefix), address)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    carrier.start()
    signal.sigwait({signal.SIGTERM})
    carrier.asterisk.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
