from __future__ import annotations

import pytest

from autodialer.apps.addresses import check_url
from autodialer.domain.errors import InvalidInputError


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com/next",
        "http://crm.example.com:8080/next?key=a%20b&n={{number}}#top",
        "https://8.8.8.8/x",
        "https://[2606:4700:4700::1111]/x",
        "https://аpple.com/",  # noqa: RUF001  a homograph is a legal name
        "https://crm.example.com./",
        "",
        "  https://crm.example.com/  ",
    ],
)
def test_a_public_web_address_is_kept_as_it_was_given(url: str) -> None:
    assert check_url(url, "popup_url") == url.strip()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/", "url_not_public"),
        ("http://localhost/", "url_not_public"),
        ("http://localhost./", "url_not_public"),
        ("http://0/", "url_not_public"),
        ("http://0.0.0.0/", "url_not_public"),
        ("http://2130706433/", "url_not_public"),
        ("http://0x7f000001/", "url_not_public"),
        ("http://0177.0.0.1/", "url_not_public"),
        ("http://127.1/", "url_not_public"),
        ("http://①②⑦.⓪.⓪.①/", "url_not_public"),
        ("http://[::1]/", "url_not_public"),
        ("http://[::ffff:7f00:1]/", "url_not_public"),
        ("http://[::7f00:1]/", "url_not_public"),
        ("http://[fe80::1%25eth0]/", "url_not_public"),
        ("http://[64:ff9b::a9fe:a9fe]/", "url_not_public"),
        ("http://[2002:7f00:1::]/", "url_not_public"),
        ("http://169.254.169.254/", "url_not_public"),
        ("http://[fd00:ec2::254]/", "url_not_public"),
        ("http://10.1.2.3/", "url_not_public"),
        ("http://100.64.0.1/", "url_not_public"),
        ("http://198.18.0.1/", "url_not_public"),
        ("http://224.0.0.1/", "url_not_public"),
        ("http://240.0.0.1/", "url_not_public"),
        ("http://postgres/", "url_not_public"),
        ("http://user:pass@crm.example.com/", "url_credentials"),
        ("http://user@127.0.0.1@evil.example/", "url_credentials"),
        ("http://evil.example\\@127.0.0.1/", "url_invalid"),
        ("http://127.0.0.1%2eevil.example/", "url_invalid"),
        ("http://%31%32%37.0.0.1/", "url_not_public"),
        ("http://example.com\r\nHost: x/", "url_invalid"),
        ("http://exam ple.com/", "url_invalid"),
        ("http://example.com/\0", "url_invalid"),
        ("ftp://example.com/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("javascript:alert(1)", "url_scheme"),
        ("//evil.example/x", "url_scheme"),
        ("/relative", "url_scheme"),
        ("http:///x", "url_not_public"),
        ("http://example.com:99999/", "url_invalid"),
        ("http://example.com:-1/", "url_invalid"),
        ("http://example.com:0/", "url_invalid"),
        ("http://{{number}}.example/", "url_invalid"),
        ("https://example.com/" + "x" * 2_029, "url_too_long"),
    ],
)
def test_an_address_that_is_not_public_or_not_one_is_refused(url: str, code: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_url(url, "popup_url")
    assert (refused.value.code, refused.value.field) == (code, "popup_url")
