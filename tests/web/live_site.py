"""A web process with the topics of `live_things`: run as a module."""

from __future__ import annotations

import sys

from autodialer.bootstrap import run_web
from autodialer.ops.cli.shell import set_up_django
from autodialer.ops.web import web_settings


def main() -> int:
    """Run it until SIGTERM."""
    set_up_django()
    from tests.web.live_things import TOPICS

    return run_web(web_settings(), TOPICS)


if __name__ == "__main__":
    sys.exit(main())
