"""What can be wrong with a file or a row of an import: plain cause and remedy for each code."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from autodialer.domain.errors import AutodialerError, ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Problem:
    """`cause` says what is wrong, `remedy` what to do; both are whole sentences."""

    cause: str
    remedy: str


ROW_PROBLEMS: Final[Mapping[str, Problem]] = MappingProxyType(
    {
        "number_missing": Problem(
            "There is no number in this row.", "Fill in the number or delete the row."
        ),
        "number_scientific": Problem(
            "A spreadsheet has rounded this number, so digits may be lost.",
            "Format the column as Text, enter the number again and save the file again.",
        ),
        "number_wrong_length": Problem(
            "This number has too few or too many digits.",
            "Compare it with its source; a number of another country needs + and country code.",
        ),
        "number_multiple": Problem(
            "There is more than one number in this cell.", "Give each number a row of its own."
        ),
        "number_too_long": Problem(
            "This is far too long to be one telephone number.", "Put one number in the cell."
        ),
        "number_invalid": Problem(
            "No person can be reached under such a number.",
            "Compare it with its source; write digits only, or + and the country code.",
        ),
        "number_emergency": Problem("Emergency numbers are never dialled.", "Delete the row."),
        "number_premium": Problem(
            "This is a premium-rate number, which is never dialled.", "Delete the row."
        ),
        "number_toll_free": Problem(
            "This is a toll-free number of a company, which is never dialled.", "Delete the row."
        ),
        "number_is_ours": Problem(
            "This is a caller id or an agent's phone of this account: we would call ourselves.",
            "Delete the row.",
        ),
        "row_columns": Problem(
            "This row has more or fewer cells than the first row.",
            "Put cells that contain the separator in double quotes, or fill the missing cells.",
        ),
        "row_encoding": Problem(
            "This row holds bytes that are no text in the file's encoding.",
            "Save the file as CSV UTF-8 and check the marked characters.",
        ),
        "row_unreadable": Problem(
            "This row cannot be read; a double quote is probably not closed.",
            "Close the double quote, or write it twice inside a quoted cell.",
        ),
        "text_too_long": Problem(
            "A cell is longer than we keep (names 100, other cells 1,000 characters).",
            "Shorten the cell.",
        ),
        "text_unstorable": Problem("A cell holds a NUL character.", "Type the cell again."),
    }
)

FILE_PROBLEMS: Final[Mapping[str, Problem]] = MappingProxyType(
    {
        "file_empty": Problem("The file is empty.", "Choose the file that holds your list."),
        "file_no_rows": Problem(
            "The file has no rows below its header.", "Add a row for each number."
        ),
        "file_type": Problem(
            "This is neither a CSV file nor an Excel workbook.",
            "Open it in its program and save it as CSV UTF-8 or as .xlsx.",
        ),
        "file_too_big": Problem("The file is larger than 20 MB.", "Split it into smaller files."),
        "list_too_big": Problem(
            "The file has more than 100,000 rows.", "Split it into files of at most 100,000 rows."
        ),
        "too_many_columns": Problem(
            "The file has more than 100 columns.", "Delete the columns that agents do not need."
        ),
        "column_twice": Problem(
            "Two columns are said to mean the same.", "Give each meaning to one column."
        ),
        "unknown_column": Problem(
            "The file has no column of a name that you gave.", "Use a heading of the file."
        ),
        "no_number_column": Problem(
            "No column of this file looks like telephone numbers.",
            "Name the column with the numbers `number`, or say which one it is.",
        ),
        "no_valid_rows": Problem(
            "No row of this file can be dialled, so nothing was saved.",
            "Correct the rows that are listed and import the file again.",
        ),
    }
)


class FileError(InvalidInputError):
    """The file as a whole cannot be imported; nothing was saved. `code` is in FILE_PROBLEMS."""

    def __init__(self, code: str, detail: str = "", *, cause: str = "") -> None:
        """`detail` goes on from the cause of the table; `cause` takes its place."""
        problem = FILE_PROBLEMS[code]
        parts = (cause or problem.cause, detail, problem.remedy)
        super().__init__("file", " ".join(filter(None, parts)), code)


class SameFileError(ConflictError):
    """This file was imported before; the caller may insist with `again`."""

    code = "same_file"


class ImportInterruptedError(AutodialerError):
    """The workers that imported a file ended in the middle of it again and again."""

    code = "import_interrupted"
