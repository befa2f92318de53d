"""How India writes numbers: lakhs and crores, 1,00,000."""

from __future__ import annotations

THOUSAND_SEPARATOR = ","
DECIMAL_SEPARATOR = "."
NUMBER_GROUPING = (3, 2, 0)
