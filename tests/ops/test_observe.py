"""The alerts and the board name what the code tells, and each alert says what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tools.metrics import by_process

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy/observe"
RUNBOOK: Final = ROOT / "docs/howto/alerts.md"
METRIC: Final = re.compile(r"\bautodialer_\w+")
# What Prometheus itself and every process tell.
OTHERS: Final = {"up", "process_start_time_seconds"}
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="install Debian's package prometheus"
)


def alerts() -> Iterator[dict[str, Any]]:
    read = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))
    for group in read["groups"]:
        yield from group["rules"]


def queries_of_the_board() -> Iterator[str]:
    board = json.loads((FOLDER / "grafana.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def series() -> set[str]:
    return {name for known in by_process().values() for each in known for name in each.series}


def test_alerts_ask_for_what_is_told() -> None:
    for alert in alerts():
        named = set(METRIC.findall(alert["expr"]))
        assert named - series() == set(), alert["alert"]
        assert named or any(other in alert["expr"] for other in OTHERS), alert["alert"]


def test_the_board_asks_for_what_is_told() -> None:
    named = {name for query in queries_of_the_board() for name in METRIC.findall(query)}
    assert named - series() == set()


def test_everything_that_is_told_stands_on_the_board_or_in_an_alert() -> None:
    asked = [*queries_of_the_board(), *(alert["expr"] for alert in alerts())]
    named = {name for query in asked for name in METRIC.findall(query)}
    untold = {
        each.name for known in by_process().values() for each in known if not each.series & named
    }
    # Implied by what became of the calls.
    assert untold == {"autodialer_calls_answered_total"}


def test_each_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n\n(.+?)(?=\n## |\Z)", text, re.DOTALL | re.MULTILINE))
    names = [alert["alert"] for alert in alerts()]
    assert list(sections) == names
    for alert in alerts():
        name, notes = alert["alert"], alert["annotations"]
        assert notes["runbook"] == f"docs/howto/alerts.md#{name.lower()}"
        assert notes["summary"].endswith(".")
        assert sections[name].startswith(f"*{alert['labels']['severity']}.*"), name


def test_each_alert_is_shown_to_fire() -> None:
    text = (FOLDER / "alerts.test.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r'alertname="(\w+)"\}', text)) == {rule["alert"] for rule in alerts()}


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yaml"),
        ("check", "config", "prometheus.yaml"),
        ("test", "rules", "alerts.test.yaml"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_prometheus_reads_the_files_and_each_alert_fires(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_every_query_of_the_board_can_be_read(tmp_path: Path) -> None:
    rules = [
        {"record": f"board:query:{at}", "expr": query}
        for at, query in enumerate(queries_of_the_board())
    ]
    file = tmp_path / "board.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
