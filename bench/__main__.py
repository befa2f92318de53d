"""`python -m bench [PART ...]`: run parts of the benchmark, print and keep what they find."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from autodialer.domain.errors import AutodialerError
from autodialer.ops.paths import Paths
from bench import (
    api,
    claims,
    dialwhom,
    handoff,
    hooks,
    imports,
    live,
    nodes,
    pages,
    pairs,
    recovery,
    report,
    webhooks,
)
from bench.carrier import MissingToolError
from bench.machine import describe
from bench.part import Options, Outcome, Part
from bench.rows import save

# A new part is a module with a `run`, and a line here.
PARTS: Final[Mapping[str, Part]] = {
    "import": imports.run,
    "handoff": handoff.run,
    "dialwhom": dialwhom.run,
    "report": report.run,
    "claims": claims.run,
    "live": live.run,
    "pages": pages.run,
    "webhooks": webhooks.run,
    "hooks": hooks.run,
    "api": api.run,
    "recovery": recovery.run,
    "nodes": nodes.run,
    "pairs": pairs.run,
}
_DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
PAGE: Final = _DOCS / "benchmarks.md"
SCALING: Final = _DOCS / "scaling.md"


def main() -> int:
    arguments = _arguments()
    paths = Paths.from_environment()
    options = Options(
        paths=paths,
        quick=arguments.quick,
        tell=lambda text: print(text, flush=True),
        targets=arguments.targets,
    )
    for name in arguments.parts or PARTS:
        try:
            outcome = PARTS[name](options)
        except (AutodialerError, MissingToolError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        report = f"{_caption(paths)}\n\n{outcome.table}\n"
        print(f"\n{report}")
        _keep(name, outcome, report, paths.bench)
        if arguments.record:
            PAGE.write_text(replaced(PAGE.read_text(), name, report))
            for mark, table in outcome.elsewhere.items():
                told = f"{_caption(paths)}\n\n{table}\n"
                SCALING.write_text(replaced(SCALING.read_text(), mark, told))
    return 0


def _keep(name: str, outcome: Outcome, report: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save(outcome.rows, folder / "latest.json")
    (folder / f"{name}.md").write_text(report)


def _caption(paths: Paths) -> str:
    return f"{datetime.now(UTC):%d %b %Y}, {describe(paths)}."  # noqa: TID251 - the outermost shell


def replaced(page: str, name: str, report: str) -> str:
    """The page with `report` between the part's two marks. Raises ValueError without them."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    start = page.index(begin) + len(begin)
    return page[:start] + report + page[page.index(end, start) :]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all")
    parser.add_argument("--quick", action="store_true", help="one short round of each row")
    parser.add_argument("--targets", type=int, help="size of the longest list of `claims`")
    parser.add_argument("--record", action="store_true", help=f"also write to {PAGE.name}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
