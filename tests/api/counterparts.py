"""What the pages do and its counterpart in the API, or the reason why no key does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PEOPLE_ANSWER: Final = "people answer for people: no scope gives it"
SECRET: Final = "secrets are told to people alone"
OPERATOR: Final = "the operator's alone, also not on the pages"
ACCOUNT: Final = "the account is in its admins' hands: no scope gives it"
ONESELF: Final = "a person signs in and dials for oneself; a program starts agents by `start_agent`"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what it is, which pages do it, which operations, or why none."""

    what: str
    pages: tuple[str, ...]
    operations: tuple[str, ...] = ()
    why_not: str = ""


def _row(what: str, pages: str, operations: str = "", why_not: str = "") -> Row:
    return Row(what, tuple(pages.split()), tuple(operations.split()), why_not)


TABLE: Final = (
    _row("find campaigns", "campaigns", "list_campaigns"),
    _row(
        "see a campaign and its counts",
        "campaign campaign_counts campaign_performance",
        "get_campaign get_counts watch_campaign",
    ),
    _row("make a campaign", "campaign_new campaign_preview", "create_campaign"),
    _row("clone a campaign", "campaign_clone", "clone_campaign"),
    _row("edit a campaign before its start", "campaign_edit", "edit_campaign"),
    _row(
        "steer a campaign",
        "campaign_pause campaign_resume campaign_complete campaign_archive",
        "pause_campaign resume_campaign complete_campaign archive_campaign",
    ),
    _row("see calls", "campaign_call", "list_calls get_call"),
    _row("ask why a number was not called", "campaign_why", "list_targets get_target"),
    _row(
        "download a report",
        "campaign_report campaign_report_file campaign_report_prepare export export_file",
        "download_calls download_numbers "
        "ask_report_workbook get_report_workbook download_report_workbook",
    ),
    _row("play or download a recording", "recording", "get_recording"),
    _row(
        "find and read contacts",
        "contacts",
        "list_contacts get_contact list_lists_of_contact",
    ),
    _row("make contacts", "contact_new", "create_contact save_contacts"),
    _row("change a contact", "contact", "change_contact"),
    _row("delete contacts", "contacts_delete", "delete_contact delete_contacts"),
    _row("find and read lists", "lists list", "list_lists get_list list_contacts_of_list"),
    _row(
        "make, rename and delete lists",
        "list_new list_rename list_delete",
        "create_list rename_list delete_list",
    ),
    _row(
        "put contacts into a list and take them out",
        "list_add list_remove",
        "add_to_list remove_from_list remove_contact_from_list",
    ),
    _row(
        "download a list",
        "list_export list_export_prepare",
        "download_list ask_list_workbook get_list_workbook download_list_workbook",
    ),
    _row(
        "import a file",
        "import_new import_columns import_confirm import_cancel import_undo",
        "import_file preview_import plan_import confirm_import cancel_import undo_import",
    ),
    _row(
        "follow imports, correct what was left out",
        "imports import import_rejected",
        "list_imports get_import download_rejected_rows",
    ),
    _row("a sample of a file", "import_sample", why_not="this page has one"),
    _row(
        "see the do-not-call registry and add to it",
        "dnd dnd_upload",
        "list_forbidden_numbers get_forbidden_number forbid_numbers forbid_numbers_of_file",
    ),
    _row(
        "take a number off the registry",
        "dnd_remove",
        why_not="an admin does: whoever asked not to be called must not be forgotten by a program",
    ),
    _row("see people", "people person", "list_users get_user list_devices get_device"),
    _row("invite an agent", "invite", "create_agent"),
    _row(
        "rename, enable and disable agents",
        "person_rename person_active",
        "rename_agent enable_agent disable_agent",
    ),
    _row(
        "change on which phones agents are called",
        "device_add device_default device_remove",
        "add_device set_default_device remove_device",
    ),
    _row("give a desk phone its secret", "device_secret", why_not=SECRET),
    _row("change roles, set passwords", "person_role person_password", why_not=PEOPLE_ANSWER),
    _row(
        "make, change and delete groups",
        "group_new group group_delete",
        "list_groups create_group get_group change_group delete_group list_group_members"
        " add_group_members remove_group_member",
    ),
    _row(
        "watch, start and stop agents",
        "campaign_stop_agent",
        "list_agent_sessions get_agent_session start_agent stop_agent",
    ),
    _row(
        "one's own screen, phone and profile",
        "campaign_work campaign_work_part work_start work_stop phone_account profile",
        why_not=ONESELF,
    ),
    _row(
        "see the balance, what moved it, and prices",
        "balance",
        "get_balance list_ledger list_tariffs",
    ),
    _row("see caller ids", "caller_ids", "list_caller_ids get_caller_id"),
    _row("add and withdraw caller ids", "caller_id_withdraw", why_not=ACCOUNT),
    _row("change settings", "settings", why_not=f"{ACCOUNT}; `get_account` tells zone and country"),
    _row("read the audit log", "audit", why_not=ACCOUNT),
    _row("make and revoke API keys", "keys key_revoke", why_not="no key makes another"),
    _row(
        "see, make, change and delete webhooks",
        "webhooks webhook webhook_new webhook_edit webhook_act",
        "list_webhooks get_webhook create_webhook change_webhook delete_webhook enable_webhook"
        " disable_webhook",
    ),
    _row(
        "see deliveries, send tests, send again",
        "campaign_deliveries webhook_delivery webhook_delivery_replay webhook_test webhook_replay",
        "list_webhook_deliveries list_campaign_deliveries get_delivery replay_delivery"
        " test_webhook replay_webhook",
    ),
    _row("see and renew secrets", "webhook_secret webhook_url_secret", why_not=SECRET),
    _row(
        "set up the installation",
        "setup setup_link",
        why_not="there is no account yet that a key could belong to",
    ),
)

# Each act of a service that is told who acts: the operations that do it, or why none does.
SERVICES: Final[dict[str, str | tuple[str, ...]]] = {
    "accounts.change_account": ACCOUNT,
    "accounts.create_user": ("create_agent",),
    "accounts.rename_user": ("rename_agent",),
    "accounts.set_password": PEOPLE_ANSWER,
    "accounts.set_user_active": ("enable_agent", "disable_agent"),
    "accounts.change_role": PEOPLE_ANSWER,
    "agents.create_group": ("create_group",),
    "agents.edit_group": ("change_group",),
    "agents.rename_group": ("change_group",),
    "agents.delete_group": ("delete_group",),
    "agents.add_group_members": ("add_group_members",),
    "agents.remove_group_members": ("remove_group_member",),
    "agents.set_group_members": ("change_group",),
    "agents.add_device": ("add_device",),
    "agents.set_default_device": ("set_default_device",),
    "agents.move_phone": "for clients of Exotel; here: add_device, then remove_device",
    "agents.remove_device": ("remove_device",),
    "agents.issue_phone_secret": SECRET,
    "contacts.create_list": ("create_list",),
    "contacts.rename_list": ("rename_list",),
    "contacts.delete_list": ("delete_list",),
    "contacts.export_list": ("download_list",),
    "contacts.add_to_list": ("add_to_list",),
    "contacts.remove_from_list": ("remove_from_list", "remove_contact_from_list"),
    "contacts.create_contact": ("create_contact",),
    "contacts.add_contacts": ("save_contacts",),
    "contacts.edit_contact": ("change_contact",),
    "contacts.delete_contacts": ("delete_contact", "delete_contacts"),
    "contacts.add_dnd_numbers": ("forbid_numbers",),
    "contacts.add_dnd_lines": ("forbid_numbers",),
    "contacts.remove_dnd_numbers": "an admin does, on the page",
    "imports.queue_import": ("import_file",),
    "imports.import_dnd": ("forbid_numbers_of_file",),
    "campaigns.add_caller_id": ACCOUNT,
    "campaigns.unverify_caller_id": ACCOUNT,
    "campaigns.create_campaign": ("create_campaign",),
    "campaigns.change_tells": "for clients of Exotel, whose campaigns carry callbacks",
    "campaigns.clone_campaign": ("clone_campaign",),
    "campaigns.edit_campaign": ("edit_campaign",),
    "campaigns.pause_campaign": ("pause_campaign",),
    "campaigns.resume_campaign": ("resume_campaign",),
    "campaigns.complete_campaign": ("complete_campaign",),
    "campaigns.archive_campaign": ("archive_campaign",),
    "webhooks.add_endpoint": ("create_webhook",),
    "webhooks.change_endpoint": ("change_webhook",),
    "webhooks.enable_endpoint": ("enable_webhook",),
    "webhooks.disable_endpoint": ("disable_webhook",),
    "webhooks.delete_endpoint": ("delete_webhook",),
    "webhooks.rotate_secret": SECRET,
    "webhooks.show_secret": SECRET,
    "webhooks.show_url_secret": SECRET,
    "webhooks.send_test": ("test_webhook",),
    "webhooks.replay_delivery": ("replay_delivery",),
    "webhooks.replay_failed": ("replay_webhook",),
    "calls.start_session": ("start_agent",),
    "calls.stop_session": ("stop_agent",),
    "calls.connect_call": "for clients of Exotel: Calls/connect",
    "calls.download_report": ("download_calls", "download_numbers"),
    "calls.play_recording": ("get_recording",),
    "exports.ask_export": ("ask_list_workbook", "ask_report_workbook"),
    "exports.take_export": ("download_list_workbook", "download_report_workbook"),
    "billing.set_payment_mode": OPERATOR,
    "billing.top_up": OPERATOR,
    "billing.adjust": OPERATOR,
    "billing.set_tariffs": OPERATOR,
    "billing.remove_tariff": OPERATOR,
    "keys.create_key": "no key makes another",
    "keys.revoke_key": "no key makes another",
}


def as_markdown() -> list[str]:
    """The table of docs/reference/api.md."""
    lines = ["| on the pages | with a key |", "| --- | --- |"]
    for row in TABLE:
        names = ", ".join(f"`{name}`" for name in row.operations)
        lines.append(f"| {row.what} | {names or f'no: {row.why_not}'} |")
    return lines
