"""What can be taken away as a workbook that a worker writes."""

from __future__ import annotations

from enum import StrEnum


class Takeaway(StrEnum):
    """The report of a campaign, or the contacts of a list."""

    REPORT = "report"
    LIST = "list"
