"""Version 1 as one object: a resource is a module here, and a line below."""

from __future__ import annotations

from typing import Final

from autodialer.api.document import Api
from autodialer.api.v1 import (
    calls,
    campaigns,
    contacts,
    dnd,
    downloads,
    exports,
    imports,
    lists,
    office,
    people,
    sessions,
    staff,
    webhooks,
)

api: Final = Api(
    title="Autodialer",
    version="1",
    urls_namespace="api",
    description=(
        "Campaigns, contacts, calls and agents of one account. Ids are opaque strings, times are"
        " RFC 3339 with an offset, money is whole minor units with its currency. Every refusal is"
        " a problem (RFC 9457) with a stable `code`."
    ),
)
# What is asked for most stands first: addresses are looked up from the top.
api.add_router("", campaigns.router, tags=["Campaigns"])
api.add_router("", calls.router, tags=["Calls"])
api.add_router("", contacts.router, tags=["Contacts"])
api.add_router("", lists.router, tags=["Lists"])
api.add_router("", imports.router, tags=["Imports"])
api.add_router("", dnd.router, tags=["Do not call"])
api.add_router("", staff.router, tags=["People"])
api.add_router("", people.groups, tags=["Groups"])
api.add_router("", sessions.router, tags=["Agents at work"])
api.add_router("", office.account, tags=["Account"])
api.add_router("", office.caller_ids, tags=["Caller ids"])
api.add_router("", downloads.router, tags=["Downloads"])
api.add_router("", exports.router, tags=["Exports"])
api.add_router("", webhooks.router, tags=["Webhooks"])
