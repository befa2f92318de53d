"""What v2 answers: each thing with its own code, in one envelope."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from autodialer.api.exotel.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autodialer.api.exotel.problems import Problem
    from autodialer.domain.errors import AutodialerError

# Some of several things may have failed: each says so itself.
MULTI_STATUS: Final = HTTPStatus.MULTI_STATUS.value


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was asked for or done, or the problem with it."""

    data: Mapping[str, Any] | None = None
    problem: Problem | None = None

    @classmethod
    def of_error(cls, error: AutodialerError) -> Item:
        """Return what is said of a thing that was refused."""
        return cls(problem=problem_of(error))

    def as_json(self) -> dict[str, Any]:
        """Return the item as it stands in `response`."""
        problem = self.problem
        return {
            "code": problem.status if problem else HTTPStatus.OK.value,
            "error_data": problem.error_data() if problem else None,
            "status": "failure" if problem else "success",
            "data": self.data,
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before its envelope: one item as a dict, or several as a list."""

    response: Item | Sequence[Item]
    status: int = HTTPStatus.OK.value
    metadata: Mapping[str, int] | None = field(default=None)

    def as_json(self, method: str, request_id: str) -> dict[str, Any]:
        """Return the whole envelope."""
        one = isinstance(self.response, Item)
        items = [self.response] if isinstance(self.response, Item) else self.response
        found = [item.as_json() for item in items]
        return {
            "request_id": request_id,
            "method": method,
            "http_code": self.status,
            "metadata": dict(self.metadata) if self.metadata is not None else None,
            "response": found[0] if one else found,
        }


def several(items: Sequence[Item]) -> Reply:
    """Answer a request that changed several things, of which some may have failed."""
    failed = sum(1 for item in items if item.problem is not None)
    metadata = {"total": len(items), "success": len(items) - failed, "failed": failed}
    return Reply(items, MULTI_STATUS, metadata)


def page(found: Iterable[Mapping[str, Any]], *, total: int, offset: int, limit: int) -> Reply:
    """Answer with a part of a list."""
    items = [Item(data) for data in found]
    metadata = {"total": total, "count": len(items), "offset": offset, "limit": limit}
    return Reply(items, metadata=metadata)


def refusal(problem: Problem, *, as_dict: bool) -> Reply:
    """Answer a request that was refused as a whole."""
    item = Item(problem=problem)
    return Reply(item if as_dict else [item], problem.status)
