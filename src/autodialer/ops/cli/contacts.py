"""Commands for contacts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from autodialer.ops.cli.shell import (
    Commands,
    json_option,
    now,
    print_json,
    print_rows,
    tell,
    with_account,
)

if TYPE_CHECKING:
    from autodialer.apps.accounts.models import Account
    from autodialer.apps.contacts.person import Person

_F = TypeVar("_F", bound=Callable[..., Any])


@click.group(cls=Commands)
def contact() -> None:
    """Contacts: numbers and what is known of the persons."""


def _person_options(command: _F) -> _F:
    """Add an option for each value of a person, given to the command as one `person`."""

    @click.option("--first-name")
    @click.option("--last-name")
    @click.option("--company")
    @click.option("--email")
    @click.option("--tag")
    @click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="Repeatable.")
    @functools.wraps(command)
    def run(*args: Any, fields: Sequence[str], **kwargs: Any) -> Any:
        from autodialer.apps.contacts.person import Person

        names = ("first_name", "last_name", "company", "email", "tag")
        texts = {name: kwargs.pop(name) for name in names}
        own = dict(map(_field, fields)) if fields else None
        return command(*args, person=Person(**texts, fields=own), **kwargs)

    return run  # type: ignore[return-value]  # with six options more


def _field(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"Write --field as NAME=VALUE, not {text!r}.")
    return name, value


@contact.command("create")
@click.argument("number")
@_person_options
@json_option
@with_account
def contact_create(owner: Account, *, number: str, person: Person, as_json: bool) -> None:
    """Make a contact with NUMBER."""
    from autodialer.apps.contacts.services import create_contact

    made = create_contact(account=owner, number=number, person=person, now=now())
    if as_json:
        print_json({"id": made.pk, "e164": made.e164})
        return
    click.echo(made.pk)


@contact.command("edit")
@click.argument("contact_id", type=int)
@click.option("--number", help="Another number.")
@_person_options
@json_option
@with_account
def contact_edit(
    owner: Account, *, contact_id: int, number: str | None, person: Person, as_json: bool
) -> None:
    """Change what is known of a contact; --field replaces all own fields."""
    from autodialer.apps.contacts.services import edit_contact

    edited = edit_contact(
        account=owner, now=now(), contact_id=contact_id, number=number, person=person
    )
    tell({"id": edited.pk, "e164": edited.e164}, f"{edited.e164}: changed.", as_json=as_json)


@contact.command("delete")
@click.argument("contact_ids", nargs=-1, required=True, type=int)
@json_option
@with_account
def contact_delete(owner: Account, *, contact_ids: Sequence[int], as_json: bool) -> None:
    """Delete contacts, also from their lists; campaigns keep their copy."""
    from autodialer.apps.contacts.services import delete_contacts

    delete_contacts(account=owner, now=now(), contact_ids=contact_ids)
    tell({"deleted": len(contact_ids)}, f"{len(contact_ids)} deleted.", as_json=as_json)


@contact.command("list")
@click.option("--search", default="", help="Part of the number, a name, company, e-mail or tag.")
@click.option("--after", default=0, help="Begin after this id.")
@click.option("--limit", default=100, show_default=True, help="Show at most so many.")
@json_option
@with_account
def contact_list(owner: Account, *, search: str, after: int, limit: int, as_json: bool) -> None:
    """List contacts by id."""
    from autodialer.apps.accounts.actor import OPERATOR
    from autodialer.apps.contacts.queries import contact_rows

    print_rows(
        contact_rows(owner, OPERATOR, search=search, after_id=after, limit=limit),
        ("id", "e164", "first_name", "last_name", "company", "email", "tag"),
        owner.zone,
        as_json=as_json,
        empty="No contact was found.",
    )
