"""URLs and proxies taken apart, and what is said about those that cannot be."""

from __future__ import annotations

from base64 import b64encode

import pytest

from bridge.upstream.dial.url import ParsedUrl, Proxy, find_proxy, parse_proxy, parse_url


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("wss://api.openai.com/v1/realtime?model=m", ParsedUrl("wss", "api.openai.com", 443, "/v1/realtime?model=m")),
        (" https://API.openai.com/v1\n", ParsedUrl("https", "api.openai.com", 443, "/v1")),
        ("WS://localhost:8766", ParsedUrl("ws", "localhost", 8766, "/")),
        ("http://[::1]:80/a b".replace(" ", "%20"), ParsedUrl("http", "::1", 80, "/a%20b")),
        ("http://h/ü?q=ü", ParsedUrl("http", "h", 80, "/%C3%BC?q=%C3%BC")),
        ("wss://bücher.example", ParsedUrl("wss", "xn--bcher-kva.example", 443, "/")),
    ],
)
def test_a_url_is_parsed(url: str, endpoint: ParsedUrl) -> None:
    assert parse_url(url) == endpoint


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "empty"),
        ("api.openai.com/v1", "no scheme"),
        ("localhost:8766", "no scheme"),
        ("https:/api.openai.com", "two slashes"),
        ("htp://api.openai.com", "write http://"),
        ("wsss://api.openai.com", "write wss://"),
        ("ftp://api.openai.com", "unknown scheme 'ftp'"),
        ("https://", "no host"),
        ("https:///v1", "no host"),
        ("https://api openai.com", "white space"),
        ("https://api.openai.com/\x1b[31m", "control characters"),
        ("https://host:port/", "port"),
        ("https://host:99999/", "port"),
        ("https://host:0/", "port 0"),
        ("https://[::1/", "host"),
        (f"https://{'a' * 70}.com", "host name"),
        ("https://host/#part", "'#'"),
    ],
)
def test_an_invalid_url_has_a_clear_message(url: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_url(url)
    assert says in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="user name or password") as caught:
        parse_url("https://user:hunter2@host/")
    assert "hunter2" not in str(caught.value)


def test_host_header_and_address_differ_in_the_port() -> None:
    assert (parse_url("wss://h/").authority, parse_url("wss://h/").address) == ("h", "h:443")
    assert parse_url("ws://[::1]:9/").authority == "[::1]:9"


REMOTE = parse_url("wss://api.openai.com/")
PLAIN = parse_url("ws://api.openai.com/")


@pytest.mark.parametrize(
    ("endpoint", "environment", "proxy"),
    [
        (REMOTE, {}, None),
        (REMOTE, {"HTTPS_PROXY": "http://p:3128"}, Proxy("p", 3128)),
        (REMOTE, {"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:2"}, Proxy("lower", 2)),
        (REMOTE, {"HTTP_PROXY": "http://p:1"}, None),
        (PLAIN, {"HTTP_PROXY": "p:1"}, Proxy("p", 1)),
        (PLAIN, {"ALL_PROXY": "http://p"}, Proxy("p", 80)),
        (REMOTE, {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
        (REMOTE, {"HTTPS_PROXY": "http://p", "no_proxy": "x.org, openai.com"}, None),
        (REMOTE, {"HTTPS_PROXY": "http://p", "no_proxy": ".openai.com"}, None),
        (REMOTE, {"HTTPS_PROXY": "http://p", "no_proxy": "*.openai.com:443"}, None),
        (REMOTE, {"HTTPS_PROXY": "http://p", "no_proxy": "openai.com:80,penai.com,,"}, Proxy("p", 80)),
        (parse_url("ws://10.1.2.3/"), {"ALL_PROXY": "http://p", "no_proxy": "10.0.0.0/8"}, None),
        (parse_url("ws://127.0.0.1:1/"), {"ALL_PROXY": "http://p"}, None),
        (parse_url("ws://[::1]:1/"), {"ALL_PROXY": "http://p"}, None),
        (parse_url("ws://localhost:1/"), {"ALL_PROXY": "http://p"}, None),
        (REMOTE, {"HTTPS_PROXY": " "}, None),
    ],
)
def test_the_environment_names_the_proxy(endpoint: ParsedUrl, environment: dict[str, str], proxy: Proxy | None) -> None:
    assert find_proxy(endpoint, environment) == proxy


def test_a_proxys_login_is_kept_secret() -> None:
    proxy = parse_proxy("http://us%40er:hunter2@p:8080")
    assert proxy.authorization is not None
    assert proxy.authorization.reveal() == f"Basic {b64encode(b'us@er:hunter2').decode()}"
    assert proxy.address == "p:8080"
    assert "hunter2" not in repr(proxy)
    assert b64encode(b"us@er:hunter2").decode()[:12] not in repr(proxy)


@pytest.mark.parametrize("value", ["socks5://p:1", "https://p:1"])
def test_a_proxy_that_cannot_be_used_is_reported(value: str) -> None:
    with pytest.raises(ValueError, match="not supported"):
        parse_proxy(value)
