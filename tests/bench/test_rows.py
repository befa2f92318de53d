from __future__ import annotations

import json
from pathlib import Path

from bench.rows import Row, save


def test_a_part_replaces_its_rows_and_keeps_those_of_others(tmp_path: Path) -> None:
    file = tmp_path / "bench/latest.json"
    save([Row("import_s", 2.0, "s"), Row("handoff_p50_ms_50_agents", 6.0, "ms", 3.0)], file)
    save([Row("handoff_p50_ms_50_agents", 4.5, "ms", 3.0)], file)
    assert json.loads(file.read_text()) == [
        {"name": "import_s", "value": 2.0, "unit": "s", "floor": None, "ratio": None},
        {
            "name": "handoff_p50_ms_50_agents",
            "value": 4.5,
            "unit": "ms",
            "floor": 3.0,
            "ratio": 1.5,
        },
    ]
