from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest
from django.test import override_settings

from autodialer.apps.accounts.services import change_account
from autodialer.apps.addresses import check_url, rules_of
from autodialer.domain.errors import InvalidInputError
from autodialer.domain.web_address import OutboundRules
from tests.support.addresses import REFUSED
from tests.support.book import NOON, Book, make_book

RULES = OutboundRules(allow_http=True, own_hosts=frozenset({"dialer.example"}))


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com/next",
        "http://crm.example.com:8080/next?key=a%20b&n={{number}}&x=é#top",
        "https://8.8.8.8/x",
        "https://[2606:4700:4700::1111]/x",
        "https://crm.example.com./",
        "",
        "  https://crm.example.com/  ",
    ],
)
def test_a_public_web_address_is_kept_as_it_was_given(url: str) -> None:
    assert check_url(url, "popup_url", RULES) == url.strip()


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://аpple.com/?q=а#б", "https://xn--pple-43d.com/?q=а#б"),  # noqa: RUF001
        ("https://Bücher.example:8443/ü", "https://xn--bcher-kva.example:8443/ü"),
        ("https://faß.example", "https://xn--fa-hia.example"),
    ],
)
def test_a_name_beyond_ascii_is_shown_as_what_it_is(url: str, stored: str) -> None:
    assert check_url(url, "popup_url", RULES) == stored
    assert check_url(stored, "popup_url", RULES) == stored


@pytest.mark.parametrize(
    ("url", "code"),
    [
        *REFUSED,
        ("http://①②⑦.⓪.⓪.①/", "url_not_public"),
        ("http://１０.０.０.１/", "url_not_public"),  # noqa: RUF001
        ("https://☃.example/", "url_invalid"),
        ("https://a\u200db.example/", "url_invalid"),
        ("https://ü:p@crm.example.com/", "url_credentials"),
        ("https://ü\\@crm.example.com/", "url_invalid"),
        (f"https://{'ü' * 254}.example/", "url_invalid"),
        ("https://example.com/" + "x" * 2_029, "url_too_long"),
        ("https://example.com/?" + "a=1&" * 10_000, "url_too_long"),
        ("https://" + "ü" * 100_000, "url_too_long"),
    ],
)
def test_an_address_that_must_not_be_opened_is_not_saved(url: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_url(url, "popup_url", RULES)
    assert (refused.value.code, refused.value.field) == (code, "popup_url")


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


class TestAnAccount:
    def test_uses_tls_until_an_admin_allows_to_do_without(self, book: Book) -> None:
        url = "http://crm.example.com/"
        with pytest.raises(InvalidInputError) as refused:
            check_url(url, "popup_url", rules_of(book.account))
        assert refused.value.code == "url_needs_tls"
        changed = change_account(account=book.account, allows_http=True, now=NOON)
        assert check_url(url, "popup_url", rules_of(changed)) == url
        later = NOON + timedelta(minutes=1)
        changed = change_account(account=book.account, allows_http=False, now=later)
        assert not rules_of(changed).allow_http

    def test_reaches_what_the_operator_opened(self, book: Book) -> None:
        opened = OutboundRules(
            networks=frozenset({ip_network("10.0.0.0/8")}),
            services=frozenset({(ip_address("127.0.0.1"), 9000)}),
        )
        with override_settings(OUTBOUND=opened):
            rules = rules_of(book.account)
        for url in ("https://10.1.2.3/", "https://127.0.0.1:9000/", "https://crm.internal/"):
            assert check_url(url, "popup_url", rules) == url
        for url in ("https://127.0.0.1:9001/", "https://192.168.1.1/", "https://localhost:9000/"):
            with pytest.raises(InvalidInputError):
                check_url(url, "popup_url", rules)
