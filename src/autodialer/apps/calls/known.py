"""What is known of a call's customer: what the list says, and what Get Contacts said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from autodialer.apps.calls.models import Attempt

_NAMES: Final = ("first_name", "last_name")
# The standard fields of a contact by their heading; free fields follow under their own names.
_FIELDS: Final = {"company": "Company", "email": "E-mail", "tag": "Tag"}


def known_contact(attempt: Attempt) -> dict[str, Any]:
    """Return the contact of a call whose target is loaded: the answer first, then the list.

    A name is taken whole from one of them, fields from both.
    """
    listed: dict[str, Any] = attempt.target.contact
    told: dict[str, Any] = attempt.contact or {}
    if any(name in told for name in _NAMES):
        listed = {name: value for name, value in listed.items() if name not in _NAMES}
    fields = {**listed.get("fields", {}), **told.get("fields", {})}
    return {**listed, **told, **({"fields": fields} if fields else {})}


def contact_name(contact: Mapping[str, Any]) -> str:
    """Return the name of a contact, empty when it has none."""
    return f"{contact.get('first_name', '')} {contact.get('last_name', '')}".strip()


def fields_of(contact: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is known of a contact besides number and name: heading and value, if any."""
    known = [(heading, str(contact.get(name, ""))) for name, heading in _FIELDS.items()]
    free = [(str(name), str(value)) for name, value in contact.get("fields", {}).items()]
    return [(heading, value) for heading, value in (*known, *free) if value]
