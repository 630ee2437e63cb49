"""The client behind proxies, by either header; where they contradict each other, nobody is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.server.addresses import parse_network
from bridge.server.forwarded import UNKNOWN, client_behind

PROXY = "10.0.0.1"
TRUSTED = (parse_network("10.0.0.0/8"), parse_network("127.0.0.1"))


def client(*forwarded: str, by_list: str | None = None, peer: str = PROXY) -> str:
    return client_behind(peer, [] if by_list is None else [by_list], forwarded, TRUSTED)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("for=198.51.100.1", "198.51.100.1"),
        ('For="198.51.100.1:4711";proto=https;by=10.0.0.1', "198.51.100.1"),
        ('proto=https;FOR="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        ("for=1.1.1.1, for=198.51.100.1;host=h", "198.51.100.1"),
        ("for=198.51.100.1, for=10.9.9.9", "198.51.100.1"),
        ("for=198.51.100.1,for=10.9.9.9, ,", "198.51.100.1"),
        ('for="198.51.100.\\1"', "198.51.100.1"),
        ("for=198.51.100.1:4711", "198.51.100.1"),
        ('host="a,b;for=6.6.6.6";for=198.51.100.1', "198.51.100.1"),
        ("for=10.2.2.2", PROXY),
        ("for=198.51.100.1, for=unknown", PROXY),
        ('for=198.51.100.1, for="_hidden"', PROXY),
        ("for=198.51.100.1, proto=http", PROXY),
        ("", PROXY),
    ],
)
def test_the_last_client_that_no_trusted_proxy_is_counts(forwarded: str, address: str) -> None:
    assert client(forwarded) == address


def test_values_of_several_lines_are_read_as_one() -> None:
    assert client("for=6.6.6.6", "for=198.51.100.1", "for=10.1.1.1") == "198.51.100.1"


def test_a_stranger_is_not_believed() -> None:
    assert client("for=198.51.100.1", peer="203.0.113.7") == "203.0.113.7"


@pytest.mark.parametrize(
    "forwarded",
    [
        'for="1.1.1.1, for=198.51.100.1',
        "for=1.1.1.1 for=198.51.100.1",
        "for=1.1.1.1;for=2.2.2.2, for=198.51.100.1",
        "for = 198.51.100.1",
        "198.51.100.1",
        'for="1.1.1.1"x, for=198.51.100.1',
        "for=\x00, for=198.51.100.1 \x00",
    ],
)
def test_a_value_that_can_hide_what_a_proxy_wrote_leaves_the_client_unknown(forwarded: str) -> None:
    assert client(forwarded) == UNKNOWN


def test_headers_that_name_different_clients_leave_the_client_unknown_and_never_the_proxy() -> None:
    assert client("for=198.51.100.1", by_list="198.51.100.1") == "198.51.100.1"
    assert client("for=6.6.6.6", by_list="198.51.100.1") == UNKNOWN
    assert client("for=198.51.100.1", by_list="6.6.6.6") == UNKNOWN
    assert client("nonsense", by_list="198.51.100.1", peer="127.0.0.1") == UNKNOWN


@given(st.text(max_size=60), st.ip_addresses(v=4).filter(lambda one: not one.is_loopback and str(one)[:3] != "10."))
def test_nothing_that_a_client_writes_before_it_changes_whom_a_proxy_names(text: str, address: object) -> None:
    for line in ([f"{text}, for={address}"], [text, f"for={address}"]):
        assert client(*line) in (str(address), UNKNOWN)
    assert client(text, by_list=f"{address}") in (str(address), UNKNOWN)
