from __future__ import annotations

import csv
import io

import pytest

from autodialer.apps.accounts.actor import OPERATOR
from autodialer.apps.accounts.models import Account
from autodialer.apps.accounts.services import create_account
from autodialer.apps.campaigns.services import add_caller_id
from autodialer.apps.contacts.models import Contact, ContactList, ListMember
from autodialer.apps.imports.checked_rows import NothingToImportError, write_rejected
from autodialer.apps.imports.problems import FILE_PROBLEMS, ROW_PROBLEMS, FileError
from autodialer.apps.imports.services import ImportResult, import_list
from autodialer.apps.imports.table import Reading
from autodialer.domain.errors import ConflictError
from tests.support.book import NOON, csv_of, make_book

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return create_account(name="Acme", now=NOON)


def load(
    account: Account, data: bytes, name: str = "Leads", column: str | None = None
) -> ImportResult:
    reading = Reading(columns={column: "number"} if column else {})
    return import_list(account=account, name=name, data=data, now=NOON, reading=reading)


def numbers_of(result: ImportResult) -> list[str]:
    members = ListMember.objects.filter(contact_list=result.list_id).order_by("seq")
    return list(members.values_list("contact__e164", flat=True))


def codes_of(result: ImportResult) -> list[tuple[int, str]]:
    return [(row.line, row.code) for row in result.rejected]


def test_a_list_keeps_the_order_of_its_file_and_the_first_of_equal_numbers(
    account: Account,
) -> None:
    data = b"number,name\n9876543212,C\n9876543210,A\n+91 98765 43212,again\n9876543211,B\n"
    result = load(account, data)
    assert (result.imported, result.duplicates, result.rejected) == (3, 1, ())
    assert numbers_of(result) == ["+919876543212", "+919876543210", "+919876543211"]
    assert Contact.objects.get(e164="+919876543212").first_name == "C"


def test_headings_are_recognised_and_other_columns_are_kept(account: Account) -> None:
    data = (
        "Prénom,Last Name,PHONE NO.,E-Mail,Order id\nRené,Descartes,9876543210,r@d.example,A-7\n"
    ).encode()
    load(account, data)
    contact = Contact.objects.get()
    assert (contact.last_name, contact.email) == ("Descartes", "r@d.example")
    assert contact.fields == {"Prénom": "René", "Order id": "A-7"}


def test_an_import_updates_what_it_knows_and_never_wipes_out(account: Account) -> None:
    load(account, b"number,name,company,city\n9876543210,Asha,Acme,Pune\n")
    load(account, b"number,name,company,shoe\n9876543210,Asha K,,44\n", "More")
    contact = Contact.objects.get()
    assert (contact.first_name, contact.company) == ("Asha K", "Acme")
    assert contact.fields == {"city": "Pune", "shoe": "44"}


@pytest.mark.parametrize(
    ("data", "separator", "encoding"),
    [
        (b"number;name\n9876543210;Ren", ";", "utf-8"),
        (b"number\tname\n9876543210\tRen", "\t", "utf-8"),
        (b"sep=;\nnumber;name\n9876543210;Ren", ";", "utf-8"),
        (b"\xef\xbb\xbfsep=;\r\nnumber;name\r\n9876543210;Ren", ";", "utf-8-sig"),
        (b"\xef\xbb\xbfnumber,name\n9876543210,Ren", ",", "utf-8-sig"),
        ("number,name\n9876543210,Ren".encode("utf-16"), ",", "utf-16"),
        ("number,name\n9876543210,Ren".encode("utf-16-le"), ",", "utf-16-le"),
        ("number,name\n9876543210,Ren".encode("utf-16-be"), ",", "utf-16-be"),
        ("number,name,note\n9876543210,Ren,café".encode("cp1252"), ",", "cp1252"),
        (b"number,name\r9876543210,Ren", ",", "utf-8"),
        (b"number,name\r\n9876543210,Ren\n\r\n,\n", ",", "utf-8"),
        (b'"number","name"\n"9876543210","Ren"', ",", "utf-8"),
    ],
)
def test_the_form_of_a_file_is_found_out(
    account: Account, data: bytes, separator: str, encoding: str
) -> None:
    result = load(account, data)
    assert (result.separator, result.encoding) == (separator, encoding)
    assert (result.imported, result.rejected) == (1, ())
    contact = Contact.objects.get()
    assert (contact.e164, contact.first_name) == ("+919876543210", "Ren")


def test_a_file_without_header_is_read_by_what_stands_in_it(account: Account) -> None:
    result = load(account, b"Asha,9876543210\nBina,9876543211\n")
    assert (result.has_header, result.number_column, result.imported) == (False, "column_2", 2)
    assert Contact.objects.get(e164="+919876543210").fields == {"column_1": "Asha"}


def test_the_number_column_is_found_by_content_or_by_asking(account: Account) -> None:
    data = b"who,reach,spare\nAsha,9876543210,9876543212\nBina,9876543211,\n"
    assert load(account, data).number_column == "reach"
    assert load(account, data.replace(b"43211,", b"43211,x"), "B", "Spare").imported == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b"\n \n,\n", "file_empty"),
        (b"number,name\n", "file_no_rows"),
        (b"PK\x03\x04rest", "file_type"),
        (b"%PDF-1.7", "file_type"),
        (b"\x89PNG\r\n", "file_type"),
        (b"MZ\x90", "file_type"),
        (b"<!DOCTYPE html><html>", "file_type"),
        (b"  <html>", "file_type"),
        (b"name,city\nAsha,Pune\n", "no_number_column"),
        (b",".join([b"c"] * 101) + b"\n", "too_many_columns"),
        (b"number\n" + b"9876543210\n" * 100_001, "list_too_big"),
        (b"9" * (20 * 1024 * 1024 + 1), "file_too_big"),
        (b"number\n12\n13\n", "no_valid_rows"),
        (bytes(range(1, 256)) * 4, "file_type"),
        (b"\0" * 100, "file_type"),
    ],
)
def test_a_file_that_is_no_list_is_refused_and_nothing_is_saved(
    account: Account, data: bytes, code: str
) -> None:
    with pytest.raises(FileError) as refused:
        load(account, data)
    assert refused.value.code == code
    assert not ContactList.objects.exists()
    assert not Contact.objects.exists()


def test_bad_rows_are_left_out_with_their_line_and_code(account: Account) -> None:
    add_caller_id(account=account, actor=OPERATOR, number="9876543299", now=NOON)
    long_name = "x" * 101
    text = (
        'number,name\n9876543210,"two\nlines"\n12,short\n9.87E+09,excel\n9876543211,a,b\n'
        f"9876543212,{long_name}\n9876543299,ours\n,\n9876543213\n9876543214,n\0l\n"
    )
    result = load(account, text.encode() + b"9876543215,caf\xe9\n9876543216,caf\xc3\xa9 \xc3\xa9\n")
    assert codes_of(result) == [
        (4, "number_wrong_length"),
        (5, "number_scientific"),
        (6, "row_columns"),
        (7, "text_too_long"),
        (8, "number_is_ours"),
        (10, "row_columns"),
        (11, "text_unstorable"),
        (12, "row_encoding"),
    ]
    assert numbers_of(result) == ["+919876543210", "+919876543216"]
    assert Contact.objects.get(e164="+919876543210").first_name == "two\nlines"


def test_rejected_rows_can_be_corrected_and_imported_as_they_are(account: Account) -> None:
    result = load(account, b"number;name;sum\n9876543210;A;1\n12;=B();2\n13;C\n")
    out = io.StringIO()
    write_rejected(result.rejected, result.headings, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [(row["line_number"], row["error_code"]) for row in rows] == [
        ("3", "number_wrong_length"),
        ("4", "row_columns"),
    ]
    assert rows[0]["name"] == "'=B()"
    assert rows[0]["how_to_fix"] == ROW_PROBLEMS["number_wrong_length"].remedy
    corrected = out.getvalue().replace("12,", "9876543212,").encode()
    again = load(account, corrected, "Again")
    assert again.imported == 1
    assert Contact.objects.get(e164="+919876543212").first_name == "=B()"


def test_when_no_row_is_good_the_reasons_are_still_told(account: Account) -> None:
    with pytest.raises(NothingToImportError) as refused:
        load(account, b"number\n12\n13\n")
    assert [row.line for row in refused.value.rejected] == [2, 3]


def test_a_taken_name_is_a_conflict_and_changes_nothing(account: Account) -> None:
    load(account, csv_of(2))
    with pytest.raises(ConflictError):
        load(account, csv_of(5))
    assert ListMember.objects.count() == 2


def test_fifty_thousand_equal_numbers_are_one_contact(account: Account) -> None:
    result = load(account, b"number\n" + b"9876543210\n" * 50_000)
    assert (result.imported, result.duplicates) == (1, 49_999)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE contacts_contact;--",
        "{{7*7}} ${jndi:ldap://x}",
        "\u202eevil",
        "👩‍👩‍👧",
        "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L",
        "\\N",
        "\\.",
        "a\tb\\c",
        "NULL",
    ],
)
def test_any_text_is_kept_letter_for_letter(account: Account, text: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["number", "name", "note"], ["9876543210", text, text]])
    load(account, out.getvalue().encode())
    contact = Contact.objects.get()
    assert (contact.first_name, contact.fields["note"]) == (text, text)


def test_another_account_has_contacts_of_its_own() -> None:
    ours, theirs = make_book("Acme"), make_book("Zenith")
    assert Contact.objects.filter(account=ours.account).count() == 3
    assert Contact.objects.filter(account=theirs.account).count() == 3


def test_each_code_has_a_cause_and_a_remedy() -> None:
    for problem in (*ROW_PROBLEMS.values(), *FILE_PROBLEMS.values()):
        assert problem.cause.endswith(".")
        assert problem.remedy.endswith(".")
