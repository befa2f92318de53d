"""What v1 answers: a document with named parts, as JSON or as XML of the same names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodialer.api.exotel.problems import Problem

ROOT: Final = "TwilioResponse"
# What XML 1.0 cannot hold in any spelling.
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """An answer before it is written; lists stand under the plural of their element's name."""

    body: Mapping[str, Any]
    status: int = HTTPStatus.OK.value


def of_problem(problem: Problem) -> Document:
    """Return a refusal as a document."""
    return Document(problem.rest_exception(), problem.status)


def as_xml(body: Mapping[str, Any]) -> bytes:
    """Return the document as XML: None is an empty element, `Calls` holds elements `Call`."""
    root = Element(ROOT)
    _fill(root, body)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _fill(element: Element, value: object) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _fill(SubElement(element, name), part)
    elif isinstance(value, list):
        for part in value:
            _fill(SubElement(element, element.tag.removesuffix("s")), part)
    elif isinstance(value, bool):
        element.text = str(value).lower()
    elif value is not None:
        element.text = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))
