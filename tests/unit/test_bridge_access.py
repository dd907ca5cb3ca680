"""Loopback by default; beyond it a token and TLS; names that others let point here, and pages of other sites, are turned away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.bridge.access import Access, AccessError, host_name, is_loopback
from visavis.bridge.limits import Bucket

TOKEN = "correct horse battery"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.0.1", "localhost", "::1"])
def test_this_machine_needs_nothing(host: str) -> None:
    access = Access(host)
    assert access.local and access.token_fits(None) and access.cookie_fits(None)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.1.5", "robot.local", "127.0.0.1.evil.example"])
def test_others_need_token_and_tls(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(AccessError, match="set the parameter token"):
        Access(host)
    with pytest.raises(AccessError, match="tls_certificate"):
        Access(host, TOKEN)
    with pytest.raises(AccessError, match="at least 16"):
        Access(host, "short", tls=True)
    assert not Access(host, TOKEN, tls=True).token_fits("")


def test_a_token_is_asked_for_on_this_machine_too_where_it_is_set() -> None:
    access = Access("127.0.0.1", TOKEN)
    assert access.token_fits(TOKEN) and access.cookie_fits(access.cookie)
    assert not any(access.token_fits(given) for given in (None, "", TOKEN[:-1], TOKEN + "x", "é", "\udc80"))
    assert not any(access.cookie_fits(given) for given in (None, "", TOKEN, access.cookie.upper()))
    assert TOKEN not in access.cookie


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("127.0.0.1:8088", True), ("localhost:8088", True), ("LOCALHOST", True), ("[::1]:8088", True),
        ("evil.example:8088", False), ("localhost.evil.example", False), ("127.0.0.1@evil.example", False),
        ("evil.example#127.0.0.1", False),
        ("", False), (None, False), ("192.168.1.5:8088", False), ("[::1", False), ("127.0.0.1\r\nX: y", False),
    ],
)  # fmt: skip
def test_names_of_this_server_on_the_loopback(header: str | None, known: bool) -> None:
    assert Access("127.0.0.1").knows_host(header) is known


def test_names_of_an_open_server() -> None:
    access = Access("0.0.0.0", TOKEN, ("Robot.local",), tls=True)
    assert access.knows_host("192.168.1.5:8088") and access.knows_host("robot.local:8088") and access.knows_host("[fe80::1]:8088")
    assert not access.knows_host("evil.example")


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        (None, True), ("http://127.0.0.1:8088", True), ("HTTP://127.0.0.1:8088", True),
        ("https://127.0.0.1:8088", False), ("http://127.0.0.1:9999", False),
        ("http://localhost:8088", False), ("http://evil.example", False),
        ("null", False), ("", False), ("file://", False), ("http://127.0.0.1:8088/path", False), ("http://[", False),
    ],
)  # fmt: skip
def test_only_the_own_page_may_ask(origin: str | None, known: bool) -> None:
    assert Access("127.0.0.1").knows_origin(origin, "127.0.0.1:8088") is known


def test_a_name_that_was_rebound_does_not_help_the_page_that_has_it() -> None:
    assert not Access("127.0.0.1").knows_origin("http://evil.example:8088", "evil.example:8088")


@given(st.text(), st.text())
def test_headers_of_any_text_are_judged(host: str, origin: str) -> None:
    access = Access("127.0.0.1")
    assert access.knows_host(host) in (True, False)
    assert access.knows_origin(origin, host) in (True, False)
    assert host_name(host) is None or isinstance(host_name(host), str)


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    bucket = Bucket(rate=10, burst=5)
    assert [bucket.take(0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [bucket.take(0.2) for _ in range(3)] == [True, True, False]
    assert not bucket.take(0.1), "a clock that goes back gives nothing"
    assert sum(bucket.take(100.0) for _ in range(10)) == 5
