"""Text that goes into a CSV file without becoming a formula, and comes back unchanged.

Source: OWASP ASVS 1.2.10. Spreadsheets also take the full-width signs for the plain ones.
"""

from __future__ import annotations

from typing import Final

FORMULA_STARTS: Final = tuple("=+-@\t\r\n\0＝＋－＠")  # noqa: RUF001  full-width on purpose


def shield(text: str) -> str:
    """Return the text with a leading "'" when a spreadsheet would calculate it.

    Texts that look shielded already get one more, so that `unshield` gives back any text.
    """
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_STARTS) else text


def unshield(text: str) -> str:
    """Undo `shield`: remove exactly one leading "'" that stands before a formula sign."""
    if text.startswith("'") and text.lstrip("'").startswith(FORMULA_STARTS):
        return text[1:]
    return text
