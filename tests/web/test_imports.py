"""Importing a file in the browser, step by step."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from autodialer.apps.accounts.actor import OPERATOR, Actor
from autodialer.apps.accounts.models import User
from autodialer.apps.contacts.models import Contact, ContactList
from autodialer.apps.contacts.services import create_list
from autodialer.apps.imports import queries
from autodialer.apps.imports.models import ListImport
from autodialer.apps.imports.services import import_list, run_import
from autodialer.apps.imports.table import MAX_BYTES
from autodialer.domain.errors import NotFoundError
from autodialer.web.live_topics import Viewer
from autodialer.web.views.imports import TOPICS
from tests.support.book import NOON, Book, csv_of, make_book
from tests.support.workbook import workbook_of
from tests.web.visit import HTMX, signed_in, text

MIXED = b"tel;who;plan\n9876543210;Asha;gold\n098765 43211;Bina;\n12;<b>short</b>;x\n"


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


@pytest.fixture
def asha(book: Book) -> Client:
    return signed_in(book.supervisor)


def choose(client: Client, data: bytes = MIXED, file_name: str = "leads.csv", **more: str) -> str:
    """Send a file; return the address of its import."""
    file = SimpleUploadedFile(file_name, data)
    answer = client.post("/lists/imports/new/", {"file": file, "region": "IN", **more})
    assert answer.status_code == 302, text(answer)
    assert answer["Location"].endswith("/columns/")
    return str(answer["Location"]).removesuffix("columns/")


def viewer(user: User) -> Viewer:
    return Viewer(user, "en", session_key="", user_columns="", account_columns="")


def meanings(*said: str) -> dict[str, str]:
    return {f"meaning-{at}": meaning for at, meaning in enumerate(said)} | {"region": "IN"}


def work(url: str) -> None:
    run_import(import_id=int(url.split("/")[3]), clock=lambda: NOON)


def test_a_file_with_the_same_columns_is_read_as_the_last_one_was(asha: Client) -> None:
    first = choose(asha, name="First")
    asha.post(f"{first}columns/", meanings("number", "tag", "-"))
    work(first)
    asha.post(f"{first}confirm/")
    work(first)
    swapped = b"plan,tel,who\ngold,9876500001,Asha\n"
    page = asha.get(f"{choose(asha, swapped, name='Second')}columns/")
    shown = {one["heading"]: one["meaning"] for one in page.context["columns"]}
    assert shown == {"plan": "-", "tel": "number", "who": "tag"}
    assert "as for the last file with these columns" in text(page)
    more = b"plan,tel,who,city\ngold,9876500001,Asha,Pune\n"
    page = asha.get(f"{choose(asha, more, name='Third')}columns/")
    assert {one["heading"]: one["meaning"] for one in page.context["columns"]}["who"] == "keep"
    devi = signed_in(make_book("Bharat").admin)
    page = devi.get(f"{choose(devi, swapped, name='Theirs')}columns/")
    assert "as for the last file" not in text(page)


def test_a_file_becomes_a_list_in_five_steps(asha: Client, book: Book) -> None:
    assert "100,000 rows and 20 MB" in text(asha.get("/lists/imports/new/"))
    url = choose(asha, name="Diwali")
    page = asha.get(f"{url}columns/")
    columns = page.context["columns"]
    assert [(one["heading"], one["meaning"]) for one in columns] == [
        ("tel", "number"),
        ("who", "keep"),
        ("plan", "keep"),
    ]
    assert columns[1]["sample"] == ["Asha", "Bina", "<b>short</b>"]
    assert "&lt;b&gt;short&lt;/b&gt;" in text(page)
    planned = asha.post(f"{url}columns/", meanings("number", "first_name", "keep"))
    assert planned["Location"] == url
    waiting = text(asha.get(url))
    assert "Waiting for a free worker" in waiting
    assert "You may close this page" in waiting
    work(url)
    checked = text(asha.get(url))
    assert "Save 2 contacts" in checked
    assert "too few or too many digits" in checked
    assert "098765 43211" in checked
    assert not ContactList.objects.filter(name="Diwali").exists()
    assert asha.post(f"{url}confirm/", {"name": "Diwali 2"})["Location"] == url
    work(url)
    done = text(asha.get(url))
    assert "The list is ready" in done
    assert "Asha" in done
    assert Contact.objects.get(e164="+919876543210").first_name == "Asha"
    assert Contact.objects.get(e164="+919876543210").fields == {"plan": "gold"}
    rejected = asha.get(f"{url}rejected.csv")
    assert rejected["Content-Disposition"] == 'attachment; filename="leads-rejected.csv"'
    assert "number_wrong_length" in text(rejected)
    rows = {row.name: row for row in asha.get("/lists/imports/").context["page"].rows}
    row = rows["Diwali 2"]
    assert (row.contacts, row.rejected, row.who) == (2, 1, "Asha")


def test_the_sample_file_can_be_imported_as_it_is(asha: Client, book: Book) -> None:
    sample = asha.get("/lists/imports/sample.csv")
    done = import_list(account=book.account, name="Sample", data=sample.content, now=NOON)
    assert (done.imported, done.rejected) == (2, ())


@pytest.mark.parametrize(
    ("data", "more", "status", "sentence"),
    [
        (b"", {}, 422, "The file is empty."),
        (b"%PDF-1.4", {}, 422, "It is a PDF document."),
        (b"number\n", {}, 422, "no rows below its header"),
        (b"x" * (MAX_BYTES + 1), {}, 413, "The file is larger than 20 MB."),
        (MIXED, {"name": "Leads"}, 422, "There is a list called"),
        (MIXED, {"region": "XX"}, 422, "Select a valid choice"),
        (MIXED, {"list": "999999"}, 422, "Select a valid choice"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_once(
    asha: Client, data: bytes, more: dict[str, str], status: int, sentence: str
) -> None:
    file = SimpleUploadedFile("leads.csv", data)
    page = {"file": file, "region": "IN", "name": "kept", **more}
    answer = asha.post("/lists/imports/new/", page)
    assert answer.status_code == status
    assert sentence in text(answer)
    assert f'value="{page["name"]}"' in text(answer)
    assert ListImport.objects.count() == 1


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("<img src=x>.csv", "<img src=x>.csv"),
        ("C:\\tmp\\Diwali leads.csv", "Diwali leads.csv"),
    ],
)
def test_the_name_of_a_file_is_only_shown(asha: Client, sent: str, shown: str) -> None:
    url = choose(asha, file_name=sent)
    kept = ListImport.objects.latest("pk")
    assert kept.file_name == shown
    assert kept.name == shown.removesuffix(".csv")
    assert "<img" not in text(asha.get(f"{url}columns/"))


def test_how_a_file_is_read_can_be_said(asha: Client) -> None:
    url = choose(asha, "9876543210;Zoë;a, Pune\n9876543211;Ann;b, Goa\n".encode("cp1252"))
    guess = asha.get(f"{url}columns/").context["preview"]
    assert (guess.encoding, guess.has_header) == ("cp1252", False)
    said = {"encoding": "iso-8859-1", "separator": ",", "region": "IN", "header": "yes"}
    part = asha.get(f"{url}columns/", said, headers=HTMX)
    assert "<html" not in text(part)
    preview = part.context["preview"]
    assert (preview.encoding, preview.separator, preview.has_header) == ("iso-8859-1", ",", True)
    assert preview.headings == ("9876543210;Zoë;a", "Pune")


def test_a_file_that_cannot_be_read_as_was_said_is_shown_as_it_can(asha: Client) -> None:
    url = choose(asha)
    said = {"encoding": "klingon", "separator": ";", "region": "IN", "header": "yes"}
    page = asha.get(f"{url}columns/", said)
    assert page.status_code == 422
    assert "encoding_unknown" in text(page)
    assert page.context["preview"].encoding == "utf-8"


@pytest.mark.parametrize(
    ("said", "code"),
    [(("keep", "keep", "keep"), "no_number_column"), (("number", "number", "-"), "column_twice")],
)
def test_columns_that_make_no_sense_are_told_and_kept(
    asha: Client, said: tuple[str, ...], code: str
) -> None:
    url = choose(asha)
    refused = asha.post(f"{url}columns/", meanings(*said))
    assert refused.status_code == 422
    assert code in text(refused)
    assert tuple(one["meaning"] for one in refused.context["columns"]) == said
    assert ListImport.objects.latest("pk").status == "draft"


def test_a_workbook_needs_no_encoding(asha: Client) -> None:
    data = workbook_of([("Phone", "Name"), ("9876543210", "Asha")])
    url = choose(asha, data, "leads.xlsx")
    assert 'name="encoding"' not in text(asha.get(f"{url}columns/"))
    asha.post(f"{url}columns/", meanings("number", "first_name"))
    work(url)
    assert "Save 1 contact" in text(asha.get(url))


def test_a_file_that_was_imported_before_is_told_without_asking_for_it_again(
    asha: Client, book: Book
) -> None:
    url = choose(asha, csv_of(3))
    assert "This very file was imported before" in text(asha.get(f"{url}columns/"))


def test_rows_join_a_list_that_is_there(asha: Client, book: Book) -> None:
    chosen = asha.get(f"/lists/imports/new/?list={book.list_id}")
    assert f'<option value="{book.list_id}" selected>Leads</option>' in text(chosen)
    url = choose(asha, b"number\n9876543210\n9000000001\n", list=str(book.list_id))
    asha.post(f"{url}columns/", meanings("number"))
    work(url)
    page = text(asha.get(url))
    assert "Put them into “Leads”?" in page
    assert "1 stands in the list already" in page
    asha.post(f"{url}confirm/")
    work(url)
    assert ContactList.objects.get(pk=book.list_id).size == 4


def test_with_no_good_row_there_is_nothing_to_say_yes_to(asha: Client) -> None:
    url = choose(asha, b"number\n12\n13\n", name="None")
    asha.post(f"{url}columns/", meanings("number"))
    work(url)
    page = text(asha.get(url))
    assert "There is nothing to save" in page
    assert "Back to the columns" in page
    assert asha.post(f"{url}confirm/").status_code == 409


def test_a_name_that_was_taken_meanwhile_is_told_at_the_yes(asha: Client, book: Book) -> None:
    url = choose(asha, name="Mine")
    asha.post(f"{url}columns/", meanings("number", "keep", "keep"))
    work(url)
    create_list(account=book.account, name="Mine", now=NOON)
    refused = asha.post(f"{url}confirm/", {"name": "Mine"}, headers=HTMX)
    assert (refused.status_code, refused["HX-Retarget"]) == (409, "#alerts")
    again = asha.post(f"{url}confirm/", {"name": "Mine too"}, headers=HTMX)
    assert again["HX-Redirect"] == url


def test_a_stale_page_cannot_take_a_step_twice(asha: Client) -> None:
    url = choose(asha)
    asha.post(f"{url}columns/", meanings("number", "keep", "keep"))
    assert asha.post(f"{url}columns/", meanings("number", "keep", "keep")).status_code == 409
    work(url)
    asha.post(f"{url}confirm/", {"name": "Once"})
    assert asha.post(f"{url}confirm/", {"name": "Twice"}).status_code == 409
    work(url)
    assert asha.post(f"{url}cancel/").status_code == 409
    assert asha.get(f"{url}columns/").headers["Location"] == url


def test_an_import_is_cancelled_and_stays_in_the_table(asha: Client) -> None:
    url = choose(asha)
    assert asha.post(f"{url}cancel/")["Location"] == "/lists/imports/"
    assert "Cancelled: nothing was saved" in text(asha.get(url))
    assert asha.get(f"{url}columns/").headers["Location"] == url


def test_a_failed_import_says_code_cause_and_remedy(asha: Client, book: Book) -> None:
    url = choose(asha, b"number\n" + b"9876543210\n" * 100_001, name="Big")
    asha.post(f"{url}columns/", meanings("number"))
    work(url)
    page = text(asha.get(url))
    assert "Nothing was saved" in page
    assert "list_too_big" in page
    assert "Split it into files of at most 100,000 rows." in page


def test_an_agent_sees_the_imports_of_their_own(asha: Client, book: Book) -> None:
    bina = signed_in(book.agent)
    mine, theirs = choose(bina, name="Mine"), choose(asha, name="Theirs")
    assert [row.name for row in bina.get("/lists/imports/").context["page"].rows] == ["Mine"]
    for path in ("", "columns/", "rejected.csv"):
        assert bina.get(f"{theirs}{path}").status_code == 404
    for path in ("columns/", "confirm/", "cancel/"):
        assert bina.post(f"{theirs}{path}").status_code == 404
    assert [
        one[1] for one in bina.get("/lists/imports/new/").context["form"].fields["list"].choices
    ] == ["A new list"]
    bina.post(f"{mine}columns/", meanings("number", "keep", "keep"))
    work(mine)
    bina.post(f"{mine}confirm/", {"name": "Mine"})
    work(mine)
    made = ContactList.objects.get(name="Mine")
    assert made.created_by == book.agent
    assert len(queries.import_rows(book.account, OPERATOR)) == 3
    assert len(queries.import_rows(book.account, Actor.of(book.agent))) == 1


def test_who_watches_an_import_gets_its_state_without_asking(asha: Client, book: Book) -> None:
    url = choose(asha)
    import_id = int(url.split("/")[3])
    asha.post(f"{url}columns/", meanings("number", "keep", "keep"))
    assert f'data-live="import:{import_id}"' in text(asha.get(url))
    work(url)
    watching, other = viewer(book.supervisor), viewer(make_book("Zenith").supervisor)
    shown = TOPICS[0].render(watching.view(NOON), [import_id])[import_id]
    assert "Save 2 contacts" in shown[f"import-{import_id}"]
    assert "csrfmiddlewaretoken" not in shown[f"import-{import_id}"]
    assert "Waits for your yes" in shown[f"import-row-{import_id}"]
    assert TOPICS[0].render(other.view(NOON), [import_id]) == {}
    TOPICS[0].authorise(watching, import_id)
    for stranger in (viewer(book.agent), other):
        with pytest.raises(NotFoundError):
            TOPICS[0].authorise(stranger, import_id)
