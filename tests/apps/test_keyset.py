"""Lists in parts: every row once, whatever comes and goes meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.contacts.browse import DND_ORDER, LIST_ORDER, dnd_part, lists_part
from autodialer.apps.contacts.models import ContactList, DndEntry
from autodialer.apps.contacts.services import add_dnd_numbers, create_list, delete_list
from autodialer.apps.keyset import PlaceError, part, place_of
from tests.support.book import NOON, Book, make_book


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


def numbers(many: int) -> list[str]:
    return [str(9_800_000_000 + at) for at in range(many)]


def test_parts_hold_every_row_once_also_when_many_are_of_one_moment(book: Book) -> None:
    for at in range(3):
        moment = NOON + timedelta(minutes=at)
        add_dnd_numbers(account=book.account, numbers=numbers(7 * (at + 1)), now=moment)
    found, after = [], None
    while rows := dnd_part(book.account, after=after, limit=4):
        found += rows
        after = place_of(rows[-1], DND_ORDER)
    assert len(found) == 21
    assert found == dnd_part(book.account, limit=100)
    assert found == sorted(found, key=lambda row: (row.added_at, row.id), reverse=True)


def test_what_comes_and_goes_meanwhile_moves_nothing_else(book: Book) -> None:
    made = [
        create_list(account=book.account, name=f"List {at}", now=NOON + timedelta(seconds=at)).pk
        for at in range(6)
    ]
    first = lists_part(book.account, OPERATOR, limit=3)
    assert [row.id for row in first] == made[:2:-1]
    create_list(account=book.account, name="New", now=NOON + timedelta(hours=1))
    delete_list(account=book.account, list_id=first[-1].id, now=NOON)
    rest = lists_part(book.account, OPERATOR, after=place_of(first[-1], LIST_ORDER), limit=100)
    assert [row.id for row in rest] == [*made[2::-1], book.list_id]


@pytest.mark.parametrize("order", [("name", "id"), ("-name", "-id"), ("name", "-id")])
def test_columns_may_rise_and_fall(book: Book, order: tuple[str, ...]) -> None:
    for name in "bca":
        create_list(account=book.account, name=name, now=NOON)
    lists = ContactList.objects.filter(account=book.account)
    found: list[ContactList] = []
    while row := part(lists, order, place_of(found[-1], order) if found else None, 1).first():
        found.append(row)
    assert found == list(lists.order_by(*order))


@pytest.mark.parametrize(
    "place", [(), (1,), ("x", 1), (1, "x"), (2**62, 1), (-(2**62), 1), (1, 2, 3), ("", "")]
)
def test_what_is_no_place_is_refused(place: tuple[str | int, ...], db: None) -> None:
    with pytest.raises(PlaceError):
        list(part(DndEntry.objects.all(), DND_ORDER, place, 10))
