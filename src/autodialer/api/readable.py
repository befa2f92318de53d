"""The API's documentation as plain pages, from the OpenAPI document and the table of codes.

Nothing is loaded but the style sheet of the pages: no script, nothing from another host.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import mark_safe

from autodialer.api.problems import API_CODES
from autodialer.api.v1.api import api

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; font-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
_REFERENCE: Final = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a body or an answer, or one parameter."""

    name: str
    kind: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation as the page shows it."""

    name: str
    method: str
    path: str
    summary: str
    paragraphs: Sequence[str]
    parameters: Sequence[Member]
    sent: Sequence[Member]
    answered: Sequence[Member]
    success: str
    refusals: str


def docs(request: HttpRequest) -> HttpResponse:
    """Show every operation, by subject."""
    return HttpResponse(_docs(), headers=_HEADERS)


def errors(request: HttpRequest) -> HttpResponse:
    """Explain every code that the API itself gives; problems link here."""
    rows = [(code, status, meaning) for code, (status, meaning) in API_CODES.items()]
    return HttpResponse(render_to_string("api/errors.html", {"rows": rows}), headers=_HEADERS)


@cache
def _docs() -> str:
    document = api.get_openapi_schema(path_prefix="/api/v1/")
    subjects: dict[str, list[Entry]] = {}
    for subject, entry in _entries(document):
        subjects.setdefault(subject, []).append(entry)
    about = _marked(document["info"]["description"])
    shown = {"subjects": list(subjects.items()), "about": about}
    return render_to_string("api/docs.html", shown)


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            answers = found["responses"]
            success = min(int(status) for status in answers)
            yield (
                found["tags"][0],
                Entry(
                    name=found["operationId"],
                    method=method.upper(),
                    path=path,
                    summary=found["summary"],
                    paragraphs=[_marked(each) for each in found["description"].split("\n\n")],
                    parameters=[_parameter(each) for each in found["parameters"]],
                    sent=_members(found.get("requestBody", {}), schemas),
                    answered=_members(answers[success], schemas),
                    success=str(success),
                    refusals=", ".join(str(each) for each in sorted(answers) if each != success),
                ),
            )


def _parameter(found: Mapping[str, Any]) -> Member:
    where = "" if found["in"] == "path" else f" ({found['in']})"
    described = found.get("description", "")
    return Member(
        found["name"] + where, _kind(found["schema"]), found["required"], _marked(described)
    )


def _members(found: Mapping[str, Any], schemas: Mapping[str, Any]) -> Sequence[Member]:
    """Return the fields of a body or an answer, of the items when it is a page of a list."""
    (schema,) = [each["schema"] for each in found.get("content", {}).values()] or ({},)
    fields = _resolved(schema, schemas)
    if "items" in fields.get("properties", {}):
        fields = _resolved(fields["properties"]["items"].get("items", {}), schemas)
    required = fields.get("required", [])
    return [
        Member(name, _kind(each), name in required, _marked(each.get("description", "")))
        for name, each in fields.get("properties", {}).items()
    ]


def _marked(text: str) -> SafeString:
    """Return a description with what stands between backticks as code."""
    parts = escape(text).split("`")
    marked = (f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    return mark_safe("".join(marked))  # noqa: S308  escaped above


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    found: Mapping[str, Any] = schemas.get(reference.removeprefix(_REFERENCE), schema)
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    """Return a type in a few words."""
    match schema:
        case {"$ref": reference}:
            return str(reference).removeprefix(_REFERENCE)
        case {"enum": words}:
            return " | ".join(str(word) for word in words)
        case {"anyOf": kinds}:
            return " | ".join(_kind(each) for each in kinds)
        case {"type": "array", "items": item}:
            return f"[{_kind(item)}]"
        case {"format": form}:
            return str(form)
        case _:
            return str(schema.get("type", "any"))
