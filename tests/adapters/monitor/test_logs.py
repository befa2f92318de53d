"""What stands in a log: one JSON object a line, whoever wrote it, and no link that signs one in."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

SETUP = """
import logging
import structlog
from autodialer.adapters.monitor.logs import log_as_json
log_as_json("web", "north")
log = structlog.get_logger()
"""


def logged(code: str) -> list[dict[str, Any]]:
    """Run code in a process of its own, as the log is the whole process's."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_says_who_wrote_it_and_for_which_request() -> None:
    first, second, other = logged(
        """
        with structlog.contextvars.bound_contextvars(request="r-1"):
            log.info("call_ended", attempt="a-1")
            logging.getLogger("procrastinate").warning("Job %s failed", 7)
        log.bind(session="s-1").warning("agent_not_released")
        """
    )
    common = {"process": "web", "node": "north"}
    assert first.items() >= {"event": "call_ended", "attempt": "a-1", "request": "r-1"}.items()
    assert second.items() >= {"event": "Job 7 failed", "level": "warning", "request": "r-1"}.items()
    assert other["session"] == "s-1"
    assert all(line.items() >= common.items() and "timestamp" in line for line in (first, second))


def test_a_link_that_signs_one_in_stands_in_no_line_of_django() -> None:
    lines = logged(
        """
        django = logging.getLogger("django.request")
        django.warning("Not Found: %s", "/setup/s3cret/")
        try:
            {}["nothing"]
        except KeyError:
            django.error("Internal Server Error: %s", "/setup/s3cret/", exc_info=True)
        """
    )
    assert [(line["event"], line["logger"]) for line in lines] == [
        ("Internal Server Error", "django.request")
    ]
    assert "KeyError" in lines[0]["exception"]
    assert "s3cret" not in json.dumps(lines)
