"""All addresses that Exotel's clients ask, by their versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.urls import URLPattern, path

from autodialer.api.exotel import calls, campaigns, contacts, lists, numbers, uploads, users
from autodialer.api.exotel.routes import Address, Dialect, Way
from autodialer.apps.accounts.permissions import Permission

_P = Permission
_CAMPAIGN: Final = "campaigns/<str:sid>"
_LIST: Final = "lists/<str:sid>"
_CONTACT: Final = "contacts/<str:sid>"
_USER: Final = "users/<str:sid>"

V2: Final = (
    Address(
        "campaigns",
        {
            "GET": Way(campaigns.index, _P.LIST_CAMPAIGNS),
            "POST": Way(campaigns.create, _P.CREATE_CAMPAIGN),
        },
    ),
    Address(
        _CAMPAIGN,
        {
            "GET": Way(campaigns.show, _P.VIEW_CAMPAIGN),
            "PUT": Way(campaigns.change, _P.EDIT_CAMPAIGN),
            "DELETE": Way(campaigns.delete, _P.ARCHIVE_CAMPAIGN),
        },
    ),
    Address(f"{_CAMPAIGN}/call-details", {"GET": Way(campaigns.call_details, _P.VIEW_CALLS)}),
    Address(
        "lists",
        {
            "GET": Way(lists.index, _P.VIEW_LIST),
            "POST": Way(lists.create, _P.CREATE_LIST),
            "PUT": Way(lists.change_several, _P.EDIT_LIST),
        },
    ),
    Address(
        _LIST,
        {
            "GET": Way(lists.show, _P.VIEW_LIST),
            "PUT": Way(lists.change, _P.EDIT_LIST),
            "DELETE": Way(lists.delete, _P.DELETE_LIST),
        },
    ),
    Address(
        f"{_LIST}/contacts",
        {
            "GET": Way(lists.members, _P.VIEW_LIST),
            "POST": Way(lists.add_members, _P.EDIT_LIST),
        },
    ),
    Address(
        f"{_LIST}/contacts/<str:contact_sid>",
        {"DELETE": Way(lists.remove_member, _P.EDIT_LIST)},
    ),
    Address(
        "contacts",
        {
            "GET": Way(contacts.index, _P.VIEW_LIST),
            "POST": Way(contacts.create, _P.CREATE_LIST),
            "PUT": Way(contacts.change_several, _P.EDIT_LIST),
        },
    ),
    Address("contacts/csv-upload", {"POST": Way(uploads.create, _P.CREATE_LIST)}),
    Address("contacts/csv-status/<str:upload_id>", {"GET": Way(uploads.show, _P.VIEW_LIST)}),
    Address("csv-status/<str:upload_id>", {"GET": Way(uploads.show, _P.VIEW_LIST)}),
    Address(
        _CONTACT,
        {
            "GET": Way(contacts.show, _P.VIEW_LIST),
            "PUT": Way(contacts.change, _P.EDIT_LIST),
            "DELETE": Way(contacts.delete, _P.DELETE_LIST),
        },
    ),
    Address(
        "users",
        {"GET": Way(users.index, _P.VIEW_PEOPLE), "POST": Way(users.create, _P.MANAGE_AGENTS)},
    ),
    Address(
        _USER,
        {
            "GET": Way(users.show, _P.VIEW_PEOPLE),
            "PUT": Way(users.change, _P.MANAGE_AGENTS),
            "DELETE": Way(users.delete, _P.MANAGE_AGENTS),
        },
    ),
    Address(
        f"{_USER}/devices/<str:device_sid>", {"PUT": Way(users.change_device, _P.MANAGE_AGENTS)}
    ),
)

_CONNECT: Final = {"POST": Way(calls.connect, _P.START_OTHER_AGENT)}
_CALL: Final = {"GET": Way(calls.show, _P.VIEW_CALLS)}
_CALLS: Final = {"GET": Way(calls.index, _P.VIEW_CALLS)}
_NUMBER: Final = {"GET": Way(numbers.show, _P.VIEW_DND)}


def _both(name: str, ways: Mapping[str, Way]) -> tuple[Address, Address]:
    """Return an address that answers in XML, and in JSON when .json is appended."""
    return Address(f"{name}.json", ways, Dialect.PLAIN), Address(name, ways, Dialect.XML)


V1: Final = (
    *_both("Calls/connect", _CONNECT),
    *_both("Calls", _CALLS),
    *_both("Calls/<str:sid>", _CALL),
    *_both("Numbers/<str:number>", _NUMBER),
)

_OWN: Final = _P.VIEW_CALLER_IDS
V2_BETA: Final = (
    Address("IncomingPhoneNumbers", {"GET": Way(numbers.own_numbers, _OWN)}, Dialect.PLAIN),
    Address(
        "IncomingPhoneNumbers/<str:sid>", {"GET": Way(numbers.own_number, _OWN)}, Dialect.PLAIN
    ),
)


def _patterns(base: str, addresses: tuple[Address, ...]) -> list[URLPattern]:
    return [path(f"{base}/<str:account_sid>/{each.path}", each.view) for each in addresses]


urlpatterns = [
    *_patterns("v2/accounts", V2),
    *_patterns("v1/Accounts", V1),
    *_patterns("v2_beta/Accounts", V2_BETA),
]
