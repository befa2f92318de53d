"""The results: one list of rows in var/bench/latest.json, replaced part by part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the product; `floor` is the same figure of the least possible work."""

    name: str
    value: float
    unit: str
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of the floor; None without a floor."""
        return self.value / self.floor if self.floor else None


def save(rows: Sequence[Row], file: Path) -> None:
    """Put the rows into the file: in place of rows of the same name, else at the end."""
    kept: dict[str, dict[str, object]] = {}
    if file.exists():
        kept = {row["name"]: row for row in json.loads(file.read_text())}
    kept |= {row.name: _as_json(row) for row in rows}
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    draft.write_text(json.dumps(list(kept.values()), indent=1) + "\n")
    draft.replace(file)


def _as_json(row: Row) -> dict[str, object]:
    rounded = {name: _short(value) for name, value in asdict(row).items()}
    return rounded | {"ratio": _short(row.ratio)}


def _short(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first column left and the others right aligned."""
    rule = [":--"] + ["--:"] * (len(header) - 1)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *lines))
