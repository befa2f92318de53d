"""The operations of the API, from its own OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from autodialer.api.v1.api import api

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCUMENT: Final[Mapping[str, Any]] = api.get_openapi_schema(path_prefix="/api/v1/")


@dataclass(frozen=True, slots=True)
class Documented:
    """One operation as the document has it."""

    method: str
    path: str
    details: Mapping[str, Any]

    @property
    def scopes(self) -> list[str]:
        """The scopes of which each lets a key do it."""
        scopes: list[str] = self.details["x-scopes"]
        return scopes

    @property
    def names(self) -> list[str]:
        """What the address names."""
        return [each["name"] for each in self.details["parameters"] if each["in"] == "path"]

    @property
    def statuses(self) -> set[int]:
        """The answers that it may give."""
        return {int(status) for status in self.details["responses"]}

    def address(self, ids: Mapping[str, object]) -> str:
        """The address of these things."""
        return self.path.format(**{name: ids[name] for name in self.names})

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def operations() -> Iterator[Documented]:
    """Yield every operation of the document."""
    for path, methods in DOCUMENT["paths"].items():
        for method, details in methods.items():
            yield Documented(method.upper(), path, details)


OPERATIONS: Final = tuple(operations())
