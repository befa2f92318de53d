from __future__ import annotations

import pytest
from bench.__main__ import PAGE, PARTS, SCALING, replaced


@pytest.mark.parametrize("part", PARTS)
def test_what_is_recorded_has_its_place_on_the_page(part: str) -> None:
    told = replaced(PAGE.read_text(), part, "what was found\n")
    assert f"<!-- {part}: begin -->\nwhat was found\n<!-- {part}: end -->" in told


@pytest.mark.parametrize("mark", ["costs", "simulated"])
def test_what_nodes_cost_has_its_place_among_the_arithmetic(mark: str) -> None:
    assert "what was found" in replaced(SCALING.read_text(), mark, "what was found\n")
