"""Every page has one row in a table, which says who may open it; there is no other way in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from django.urls import path
from django.views.decorators.http import require_http_methods

from autodialer.web.access import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponseBase
    from django.urls import URLPattern

    from autodialer.apps.accounts.permissions import Permission

    View = Callable[..., HttpResponseBase]

READ: Final = ("GET", "HEAD")
# What leaves an entry in the audit log: a HEAD would leave one too, and hand nothing out.
ONCE: Final = ("GET",)
WRITE: Final = ("POST",)
FORM: Final = ("GET", "HEAD", "POST")


class Open(Enum):
    """Who may open a page that no permission protects."""

    ANYBODY = auto()  # signed in or not
    SIGNED_IN = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """One address: what it is called in templates, who may use it, and how.

    `who` is checked before the view runs, and for POST also `to_change`, for pages that more people
    may read than change. What the table of permissions wants confirmed is asked to be: forms may
    be looked at without, everything else may not. Whether the thing that the address names is the
    account's, or the agent's own, is asked by the view's query, which finds nothing else.
    """

    path: str
    name: str
    view: View
    who: Permission | Open
    methods: Sequence[str] = READ
    to_change: Permission | None = None

    def needs(self, method: str) -> Permission | Open:
        """Return who may send a request of this method."""
        return self.to_change if self.to_change and method in WRITE else self.who

    def is_form(self, method: str) -> bool:
        """Return whether a request of this method only shows what another would do."""
        return method not in WRITE and set(WRITE) <= set(self.methods)

    def url(self) -> URLPattern:
        """Return the address with its guard in front."""
        view: View = require_http_methods(list(self.methods))(guarded(self))
        return path(self.path, view, name=self.name)
