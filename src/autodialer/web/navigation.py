"""The main menu: what this person may open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from autodialer.apps.accounts.permissions import Permission
from autodialer.web.access import may

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodialer.web.access import PageRequest

_P = Permission
# Address name, label, icon, whom it is shown to.
ITEMS: Final = (
    ("campaigns", _("Campaigns"), "phone-outgoing", _P.LIST_CAMPAIGNS),
    ("lists", _("Contacts & Lists"), "address-book", _P.VIEW_LIST),
    ("people", _("Co-workers & Groups"), "users", _P.VIEW_PEOPLE),
    ("dnd", _("DND"), "phone-off", _P.VIEW_DND),
    ("caller_ids", _("Caller ids"), "phone-check", _P.VIEW_CALLER_IDS),
    ("balance", _("Balance"), "wallet", _P.VIEW_BALANCE),
    ("webhooks", _("Webhooks"), "webhook", _P.VIEW_WEBHOOKS),
    ("audit", _("Audit log"), "history", _P.VIEW_AUDIT_LOG),
    ("keys", _("API keys"), "key", _P.MANAGE_API_KEYS),
    ("settings", _("Settings"), "settings", _P.VIEW_SETTINGS),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the menu."""

    url: str
    label: str
    icon: str
    is_here: bool


def navigation(request: PageRequest) -> dict[str, Any]:
    """Give every template the menu (a context processor), made when one shows it."""
    return {"navigation": SimpleLazyObject(lambda: list(_items(request)))}


def _items(request: PageRequest) -> Iterator[Item]:
    for name, label, icon, permission in ITEMS:
        if not hasattr(request, "account") or not may(request, permission):
            continue
        url = reverse(name)
        yield Item(url, str(label), icon, _is_here(request.path, url))


def _is_here(path: str, url: str) -> bool:
    """Return whether a page is below a menu entry; campaigns are at the root and have folders."""
    if url == "/":
        return path == url or path.startswith("/campaigns/")
    return path.startswith(url) or (url == "/people/" and path.startswith("/groups/"))
