from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from autodialer.apps import hints
from autodialer.apps.statements import statement
from autodialer.domain.ids import CampaignId
from autodialer.ports.store import CampaignMoved, Hint, RegistryGrew, SessionsQueued

FILES = sorted(Path(str(files("autodialer.apps"))).glob("*/sql/*.sql"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_statement_says_what_it_is_for_and_each_part_why(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert re.match(r"-- [A-Z].*[.;:,\w]$", lines[0])
    for number, line in enumerate(lines):
        if re.search(r"\bAS (NOT )?(MATERIALIZED )?\($", line) and not line.startswith(" "):
            assert lines[number + 1].strip().startswith("--"), line


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_statement_reads_the_clock(file: Path) -> None:
    text = statement(file.parent.parent.name, file.stem)
    assert not re.search(r"\bnow\(\)|current_timestamp|current_date|clock_timestamp", text, re.I)


HINTS = [SessionsQueued(), CampaignMoved(CampaignId(7)), RegistryGrew()]


@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_a_hint_is_read_as_it_was_sent(hint: Hint) -> None:
    assert hints.decode(hints.encode(hint)) == hint


@pytest.mark.parametrize("payload", ["", "7", "[]", "{", '{"kind": "campaign", "id": "7"}'])
def test_what_is_no_hint_of_ours_is_ignored(payload: str) -> None:
    assert hints.decode(payload) is None
