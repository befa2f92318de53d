"""Telephone numbers: from what people write to E.164, or one reason why it cannot be dialled."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import (
    SUPPORTED_REGIONS,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    shortnumberinfo,
)

from autodialer.apps.texts import E164
from autodialer.domain.errors import InvalidInputError

# The longest honest way to write 15 digits ("tel:", "(0)", separators) is far below this.
LONGEST: Final = 64
MOST_DIGITS: Final = 20
FEWEST_DIGITS: Final = 7  # of a number in a row of several; shorter parts are extensions or dates

NOTHING: Final = frozenset({"", "-", "--", "null", "none", "nil", "na", "n/a", "nan", "#n/a"})
# 3GPP TS 22.101, 10.1.1: a phone treats these as emergency calls in any country.
EMERGENCY_EVERYWHERE: Final = frozenset({"000", "08", "110", "112", "118", "119", "911", "999"})
LONGEST_EMERGENCY: Final = 6

_SCIENTIFIC: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?e[+-]?\d+", re.IGNORECASE)
_EXCEL_FLOAT: Final = re.compile(r"\d{7,}\.0+")
_WRITTEN: Final = re.compile(r"(?:tel:)?\+?[\d\s()./\-]+", re.IGNORECASE)
_BETWEEN_NUMBERS: Final = re.compile(r"[,;|&\n]|/|\bor\b", re.IGNORECASE)
_DASHES: Final = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")
_E164: Final = re.compile(E164)
_INDIAN: Final = re.compile(r"(?:\+?91|0)?([6-9][0-9]{9})")

_PREMIUM: Final = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
_NOT_A_PERSON: Final = frozenset(
    {
        PhoneNumberType.UAN,
        PhoneNumberType.PAGER,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.VOICEMAIL,
    }
)


class NumberError(InvalidInputError):
    """This text is not a number that may be dialled; `code` is in the table of import errors."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__("number", message, code)


def parse_number(raw: str, region: str) -> str:
    """Return the E.164 form of a number that may be dialled; `region` is its home country.

    Raises NumberError. Digits are never guessed: what a spreadsheet has rounded is refused.
    """
    if quick := _plain_indian_mobile(raw, region):
        return quick
    number = _valid_number(raw, region)
    kind = phonenumbers.number_type(number)
    if kind in _PREMIUM:
        raise NumberError("number_premium", "This is a premium-rate number.")
    if kind is PhoneNumberType.TOLL_FREE:
        raise NumberError("number_toll_free", "This is a toll-free number of a company.")
    if kind in _NOT_A_PERSON:
        raise NumberError("number_invalid", "This is a service number, not a person's phone.")
    return _e164(number)


def parse_caller_id(raw: str, region: str) -> str:
    """Return the E.164 form of a number to call from: also toll-free and service numbers.

    Indian telemarketers must call from such a series (140, 1600). Raises NumberError.
    """
    if quick := _plain_indian_mobile(raw, region):
        return quick
    return _e164(_valid_number(raw, region))


def kind_of(e164: str) -> str:
    """Return "mobile", "landline" or "other" for an E.164 number."""
    kind = phonenumbers.number_type(phonenumbers.parse(e164))
    if kind in {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}:
        return "mobile"
    return "landline" if kind == PhoneNumberType.FIXED_LINE else "other"


@lru_cache(maxsize=1)
def regions() -> tuple[tuple[str, int], ...]:
    """Return each country (two letters, ISO 3166) with its calling code, in alphabetical order."""
    codes = ((region, phonenumbers.country_code_for_region(region)) for region in SUPPORTED_REGIONS)
    return tuple(sorted(codes))


@lru_cache(maxsize=1)
def _mobile_pattern() -> re.Pattern[str]:
    """The library's own pattern of Indian mobiles: the fast path cannot disagree with it."""
    metadata = PhoneMetadata.metadata_for_region("IN")
    pattern = metadata.mobile.national_number_pattern if metadata and metadata.mobile else None
    return re.compile(pattern or r"(?!)")  # matches nothing: the library decides


def _plain_indian_mobile(raw: str, region: str) -> str:
    """Return such a number at once, as most of most files are; empty for all others."""
    plain = _INDIAN.fullmatch(raw) if region == "IN" else None
    return f"+91{plain[1]}" if plain and _mobile_pattern().fullmatch(plain[1]) else ""


def _valid_number(raw: str, region: str) -> PhoneNumber:
    text = _written(raw)
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        _check_emergency(text, region)
        too_short = error.error_type == NumberParseException.TOO_SHORT_NSN
        too_long = error.error_type == NumberParseException.TOO_LONG
        if too_short or too_long:
            raise _wrong_length() from error
        raise _invalid() from error
    _check_emergency(text, region)
    _check_emergency(str(number.national_number), region)
    if not phonenumbers.is_valid_number(number):
        raise _why_invalid(number)
    return number


def _e164(number: PhoneNumber) -> str:
    """Return the number as it is stored and dialled.

    Plans such as Germany's have valid numbers of 17 digits; nobody can be called under more than
    E.164's 15.
    """
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if not _E164.fullmatch(written):
        raise _wrong_length()
    return written


def _written(raw: str) -> str:
    """Return the text in ASCII digits once it looks like one number. Cuts before it looks."""
    if len(raw) > LONGEST:
        raise NumberError("number_too_long", "This is far too long to be one telephone number.")
    text = unicodedata.normalize("NFKC", raw.translate(_DASHES)).strip().removeprefix("'")
    if text.casefold() in NOTHING:
        raise NumberError("number_missing", "There is no number in this row.")
    if _SCIENTIFIC.fullmatch(text):
        raise NumberError("number_scientific", "A spreadsheet has rounded this number.")
    parts = _BETWEEN_NUMBERS.split(text)
    if sum(sum(map(str.isdigit, part)) >= FEWEST_DIGITS for part in parts) > 1:
        raise NumberError("number_multiple", "There is more than one number in this cell.")
    if _EXCEL_FLOAT.fullmatch(text):
        text = text.partition(".")[0]
    if not _WRITTEN.fullmatch(text):
        raise _invalid()
    if sum(map(str.isdigit, text)) > MOST_DIGITS:
        raise NumberError("number_too_long", "This is far too long to be one telephone number.")
    return text


def _check_emergency(text: str, region: str) -> None:
    digits = "".join(filter(str.isdigit, text))
    if len(digits) > LONGEST_EMERGENCY:
        return
    if digits in EMERGENCY_EVERYWHERE or shortnumberinfo.is_emergency_number(digits, region):
        raise NumberError("number_emergency", "Emergency numbers are never dialled.")


def _why_invalid(number: PhoneNumber) -> NumberError:
    national = phonenumbers.national_significant_number(number)
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or len(set(national)) == 1:
        return _invalid()
    kinds = (metadata.fixed_line, metadata.mobile)
    usual = {length for kind in kinds if kind for length in kind.possible_length}
    return _invalid() if len(national) in usual else _wrong_length()


def _invalid() -> NumberError:
    return NumberError("number_invalid", "No such telephone number can exist.")


def _wrong_length() -> NumberError:
    return NumberError("number_wrong_length", "This number has too few or too many digits.")
