"""What people type stands on every page as they typed it, or is refused with a sentence."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from autodialer.apps.campaigns.models import Campaign
from autodialer.apps.contacts.models import Contact
from tests.support.book import Book, make_book
from tests.web.visit import signed_in, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from django.test import Client

TEXTS: Final = {
    "empty": "",
    "one": "A",
    "256": "n" * 256,
    "10000": "n" * 10_000,
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "single quote": "' onfocus='alert(1)",
    "braces": "{{7*7}}",
    "tag": "{% debug %}",
    "jndi": "${jndi:ldap://x/a}",
    "spring": "${SHELL(id)}",
    "shell": "$(touch pwned); `id` | cat",
    "percent": "100 %(name)s %s %d",
    "formula": '=HYPERLINK("http://x","y")',
    "sum": "@SUM(1)",
    "plus": "+1",
    "minus": "-1",
    "tabbed": "\t=1+1",
    "wide equals": "\uff1d1",
    "override": "abc\u202ecba",
    "invisible": "\u200b\u200d",
    "family": "👨‍👩‍👧‍👦",
    "zalgo": "Z" + "\u0301\u0323\u0336" * 20,
    "sql": "Robert'); DROP TABLE accounts_user;--",
    "header": "Asha\r\nX-Header: 1",
    "surrogate": "half \ud800 pair",
    "nul": "a\0b",
    "null": "NULL",
    "none": "None",
    "undefined": "undefined",
    "true": "true",
    "nan": "NaN",
    "decomposed": "Ame\u0301lie",
    "spaces": "  Asha  Rao  ",
    "path": "../../etc/passwd",
    "url": "javascript:alert(1)",
}
# Those that differ to who reads an address.
IN_ADDRESSES: Final = (
    "10000",
    "script",
    "image",
    "single quote",
    "percent",
    "override",
    "sql",
    "header",
    "surrogate",
    "nul",
    "url",
)
# What nobody may find in a page: it would be run.
LIVE_CODE: Final = ("<script>alert", "<img src=x", "' onfocus='alert")
SAID: Final = {200, 302, 404, 409, 413, 422}

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class Place:
    """A field that takes a text: the form it is in, and the pages that show it."""

    name: str
    url: str
    fields: Mapping[str, object]
    pages: Sequence[str | Callable[[], str]]


@pytest.fixture
def book() -> Book:
    return make_book()


@pytest.fixture
def campaign(book: Book) -> Campaign:
    return book.campaign()


@pytest.fixture
def browser(book: Book) -> Client:
    return signed_in(book.admin)


def arrived(typed: str) -> str:
    """The text after its way through a browser and a form: no half of a pair, NFC, trimmed."""
    sent = typed.encode(errors="surrogatepass").decode(errors="replace")
    return unicodedata.normalize("NFC", sent).strip()


def send(browser: Client, url: str, fields: Mapping[str, object]) -> Any:
    """Send a form as a browser does, but with bytes that no browser would send, too."""
    plain = [
        (key, one.encode(errors="surrogatepass") if isinstance(one, str) else one)
        for key, value in fields.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    return browser.post(url, urlencode(plain), content_type="application/x-www-form-urlencoded")


def places(book: Book, typed: str) -> Iterator[Place]:
    """Every field of every form that takes a free text."""
    in_a_list = reverse("list", args=[book.list_id])
    yield Place("a list", reverse("list_new"), {"name": typed}, [reverse("lists")])
    rename = reverse("list_rename", args=[book.list_id])
    yield Place("a renamed list", rename, {"name": typed}, [in_a_list, reverse("campaign_new")])
    group = {"name": typed, "members": [book.agent.pk]}
    shows_groups = [reverse("people"), reverse("campaign_new")]
    yield Place("a group", reverse("group_new"), group, shows_groups)
    person = {"name": typed, "email": "new@acme.example", "role": "agent"}
    shows_people = [reverse("people"), reverse("group_new"), reverse("campaign_new")]
    yield Place("a person", reverse("invite"), person, shows_people)
    me = reverse("person_rename", args=[book.admin.pk])
    yield Place("oneself", me, {"name": typed}, [reverse("profile"), reverse("campaigns")])
    entry = {"numbers": "+919812345678", "reason": typed}
    yield Place("a reason", reverse("dnd"), entry, [reverse("dnd")])
    yield from _contacts(book, typed)
    yield from _campaigns(book, typed)


def _contacts(book: Book, typed: str) -> Iterator[Place]:
    make = f"{reverse('contact_new')}?list={book.list_id}"
    shown = [lambda: reverse("contact", args=[Contact.objects.latest("pk").pk])]
    facts = [{name: typed} for name in ("first_name", "last_name", "company", "email", "tag")]
    fields = [
        {"field_name": "Note", "field_value": typed},
        {"field_name": typed, "field_value": "Note"},
    ]
    for at, given in enumerate((*facts, *fields)):
        contact = {"number": f"+9198123000{at:02}", **given}
        yield Place(f"a contact with {[*given]}", make, contact, shown)


def _campaigns(book: Book, typed: str) -> Iterator[Place]:
    plan = {
        "name": "Holi",
        "dial_numbers": "list",
        "list": book.list_id,
        "participants": "group",
        "group": book.group.pk,
        "caller_id": book.caller_id.pk,
        "retries": 0,
        "retry_interval_min": 30,
        "retry_mechanism": "linear",
        "ring_timeout_s": 30,
        "idle_limit_s": 300,
        "max_talk_s": 3600,
    }
    make = reverse("campaign_new")
    yield Place("a campaign", make, plan | {"name": typed}, [reverse("campaigns")])
    for field in ("popup_url", "call_completed_url"):
        url = f"https://crm.example/?q={typed}"
        yield Place(f"a {field}", make, plan | {"name": field, field: url}, [])


def check_harmless(page: Any, where: str) -> None:
    content = text(page)
    assert page.status_code in SAID, f"{where}: {page.status_code}"
    assert not [code for code in LIVE_CODE if code in content], where


def newest_pages(book: Book) -> list[str]:
    """The pages of the things that were made last, and what is downloaded of them."""
    newest = Campaign.objects.filter(account=book.account).latest("pk").pk
    names = ("campaign", "campaign_edit", "campaign_clone", "campaign_archive", "campaign_work")
    return [reverse(name, args=[newest]) for name in names]


@pytest.mark.parametrize("typed", TEXTS.values(), ids=TEXTS)
def test_a_text_is_stored_and_shown_literally_or_refused_with_a_sentence(
    typed: str, book: Book, campaign: Campaign, browser: Client
) -> None:
    for place in places(book, typed):
        answer = send(browser, place.url, place.fields)
        check_harmless(answer, place.name)
        if answer.status_code == 422:
            assert 'role="alert"' in text(answer), f"{place.name}: nothing says why"
            continue
        pages = [text(browser.get(url() if callable(url) else url)) for url in place.pages]
        assert all(escape(arrived(typed)) in page for page in pages), place.name
    for url in [*newest_pages(book), reverse("audit"), reverse("contacts"), reverse("lists")]:
        check_harmless(browser.get(url), url)


@pytest.mark.parametrize("which", IN_ADDRESSES)
def test_a_text_in_an_address_is_looked_for_or_refused_with_a_sentence(
    which: str, book: Book, campaign: Campaign, browser: Client
) -> None:
    asked = {
        reverse("campaigns"): ("q", "status", "sort", "page"),
        reverse("lists"): ("q", "page"),
        reverse("contacts"): ("q", "page"),
        reverse("list", args=[book.list_id]): ("q", "page"),
        reverse("list_add", args=[book.list_id]): ("q", "page"),
        reverse("dnd"): ("q", "page"),
        reverse("campaign", args=[campaign.pk]): ("number", "status", "sort", "after", "before"),
        reverse("campaign_why", args=[campaign.pk]): ("number",),
        reverse("campaign_preview"): ("list",),
        reverse("campaign_new"): ("list",),
        reverse("contact_new"): ("list",),
        reverse("import_new"): ("list",),
        reverse("contacts_delete"): ("contact",),
        reverse("imports"): ("page",),
        reverse("balance"): ("before",),
        reverse("audit"): ("before", "kind"),
        "/accounts/login/": ("next",),
    }
    sent = TEXTS[which].encode(errors="surrogatepass")
    for url, names in asked.items():
        for name in names:
            answer = browser.get(f"{url}?{urlencode({name: sent})}")
            check_harmless(answer, f"{url}?{name}=")


@pytest.mark.parametrize("typed", TEXTS.values(), ids=TEXTS)
def test_a_file_may_hold_any_text_in_its_name_headings_and_cells(
    typed: str, book: Book, browser: Client
) -> None:
    quoted = typed.replace('"', '""')
    rows = f'number,"{quoted}",city\r\n9812345678,"{quoted}",Pune\r\n'
    file = SimpleUploadedFile("leads.csv", rows.encode(errors="surrogatepass"))
    file.name = arrived(typed) or "empty"
    said = {"file": file, "region": "IN", "name": "List"}
    answer = browser.post(reverse("import_new"), said)
    check_harmless(answer, "the upload")
    if answer.status_code == 302:
        check_harmless(browser.get(answer["Location"]), "its columns")
        check_harmless(browser.get(reverse("imports")), "the imports")


@pytest.mark.parametrize("number", ["0", str(10**18), str(2**63), str(10**30), "9" * 5_000])
def test_an_id_that_no_row_can_have_is_not_found(
    number: str, book: Book, campaign: Campaign, browser: Client
) -> None:
    for url in ("campaigns/{}/", "lists/{}/", "groups/{}/", "people/{}/", "dnd/{}/remove/"):
        assert browser.get("/" + url.format(number)).status_code == 404, url
    for name in ("campaign_preview", "campaign_new", "contact_new", "import_new"):
        url = f"{reverse(name)}?list={number}"
        assert browser.get(url).status_code in {200, 404}, name


# Texts that turn the direction of writing --------------------------------------------------------


class Runs(HTMLParser):
    """The text of each element by itself; what stands in its children is theirs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._open: list[tuple[str, list[str]]] = [("", [])]
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self._open.append((tag, []))

    def handle_endtag(self, tag: str) -> None:
        while len(self._open) > 1:
            opened, texts = self._open.pop()
            # What is no isolate of its own is part of what it stands in.
            (self._open[-1][1].append if opened in PART_OF_TEXT else self.found.append)(
                "".join(texts)
            )
            if opened == tag:
                break

    def handle_data(self, data: str) -> None:
        self._open[-1][1].append(data)


VOID: Final = {"area", "br", "col", "hr", "img", "input", "link", "meta", "use", "wbr"}
PART_OF_TEXT: Final = {"abbr", "cite", "em", "i", "mark", "q", "s", "sub", "sup", "u", "var"}
OVERRIDE: Final = "\u202e"
POP_ISOLATE: Final = "\u2069"


def turned(page: str, typed: str) -> list[str]:
    """The texts in which something else would be written backwards, too."""
    tail = typed.partition(OVERRIDE)[2]
    return [
        " ".join(run.split())
        for run in Runs(page).found
        for after in run.split(OVERRIDE)[1:]
        if not (rest := after.removeprefix(tail)).startswith(POP_ISOLATE) and rest.strip()
    ]


def test_a_text_that_turns_the_direction_of_writing_turns_nothing_beside_it(
    book: Book, campaign: Campaign, browser: Client
) -> None:
    typed = TEXTS["override"]
    faults: dict[str, str] = {}
    for place in places(book, typed):
        answer = browser.post(place.url, dict(place.fields), follow=True)
        urls = [url() if callable(url) else url for url in place.pages]
        for page in [text(answer), *(text(browser.get(url)) for url in urls)]:
            faults |= dict.fromkeys(turned(page, typed), place.name)
    for url in [*newest_pages(book), reverse("audit"), reverse("contacts"), reverse("lists")]:
        faults |= dict.fromkeys(turned(text(browser.get(url)), typed), url)
    assert not faults, "\n".join(f"{place}: {run}" for run, place in faults.items())


def test_elements_in_a_line_stand_for_themselves() -> None:
    """What the test above takes for granted of all elements but PART_OF_TEXT."""
    rules = Path("src/autodialer/web/static/src/app.css").read_text()
    (names,) = re.findall(r":where\(([^)]*)\) \{ unicode-bidi: isolate; \}", rules)
    assert {"a", "b", "bdi", "button", "code", "label", "small", "span", "strong", "time"} <= set(
        names.split(", ")
    )
