"""Opening an uploaded file by what stands in it; its name decides nothing."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from autodialer.apps.imports.csv_file import open_csv
from autodialer.apps.imports.problems import FileError
from autodialer.apps.imports.table import GUESS, MAX_BYTES
from autodialer.apps.imports.xlsx_file import is_zip, open_xlsx

if TYPE_CHECKING:
    from autodialer.apps.imports.table import Reading, Table

FILE_NAME_LENGTH: Final = 100
_FOLDER: Final = re.compile(r".*[/\\]", re.DOTALL)


def open_file(data: bytes, reading: Reading = GUESS) -> Table:
    """Find out the form of the file. Raises FileError when it is neither CSV nor XLSX."""
    if len(data) > MAX_BYTES:
        raise FileError("file_too_big")
    return open_xlsx(data) if is_zip(data) else open_csv(data, reading)


def clean_file_name(raw: str) -> str:
    """Return a file's name to show: no folder, nothing that cannot be seen, at most 100 letters.

    It is only shown and never opened.
    """
    name = _FOLDER.sub("", unicodedata.normalize("NFC", raw.encode(errors="replace").decode()))
    seen = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    stem, dot, ending = seen.strip(" .").rpartition(".")
    if len(seen) > FILE_NAME_LENGTH and stem and len(ending) < 10:  # noqa: PLR2004  as .csv, .xlsx
        return stem[: FILE_NAME_LENGTH - len(ending) - 1] + dot + ending
    return seen.strip(" .")[:FILE_NAME_LENGTH] or "file"
