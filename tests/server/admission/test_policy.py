"""Who may connect: origins, tokens, tickets and limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge.server.addresses import counted_as, parse_network
from bridge.server.admission.policy import AdmissionPolicy, Rejection
from bridge.server.admission.rates import AddressRates
from bridge.server.admission.session_counts import ActiveSessions
from bridge.server.admission.tickets import InMemoryUsedTickets, make_ticket
from bridge.server.config.settings import ClientRules
from bridge.transport.http import HttpRequest
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_800_000_000.0
TOKEN = "a-token-for-the-tests-0123456789"
PEER = "203.0.113.7:5000"
PAGE = "https://app.example.com"
OPEN = ClientRules()
LISTED = ClientRules(origins=(PAGE,))
GUARDED = ClientRules(token=Secret(TOKEN))
BOTH = ClientRules(origins=(PAGE,), token=Secret(TOKEN))


def admission(rules: ClientRules, present: ActiveSessions | None = None) -> AdmissionPolicy:
    return AdmissionPolicy(rules, present or ActiveSessions(), InMemoryUsedTickets(), unix_now=lambda: NOW)


def request_with(headers: Mapping[str, str], query: Mapping[str, str] | None = None, peer: str = PEER) -> HttpRequest:
    return HttpRequest(method="GET", path="/", query=query or {}, target="/", headers=tuple(headers.items()), peer=peer)


def request(query: Mapping[str, str] | None = None, *, peer: str = PEER, **headers: str) -> HttpRequest:
    return request_with(headers, query, peer)


def code(rejection: Rejection | None) -> tuple[int, str] | None:
    return None if rejection is None else (rejection.status, rejection.code)


FORBIDDEN = (403, "ORIGIN_NOT_ALLOWED")
UNKNOWN = (401, "UNAUTHORIZED")
BUSY = (503, "SERVER_BUSY")


@pytest.mark.parametrize(
    ("rules", "origin", "outcome"),
    [
        (LISTED, PAGE, None),
        (LISTED, "null", FORBIDDEN),
        (LISTED, "https://app.example.com.evil.test", FORBIDDEN),
        (LISTED, "https://evil-app.example.com", FORBIDDEN),
        (LISTED, "https://sub.app.example.com", FORBIDDEN),
        (LISTED, "http://app.example.com", FORBIDDEN),
        (LISTED, "https://app.example.com:444", FORBIDDEN),
        (LISTED, "https://APP.example.com", FORBIDDEN),
        (LISTED, "https://app.example.com/", FORBIDDEN),
        (LISTED, "http://localhost:3000", FORBIDDEN),
        (LISTED, "", FORBIDDEN),
        (OPEN, "http://localhost:3000", None),
        (OPEN, "http://127.0.0.1", None),
        (OPEN, "https://[::1]:8443", None),
        (OPEN, "http://localhost.evil.test", FORBIDDEN),
        (OPEN, "http://evil.test", FORBIDDEN),
        (OPEN, "http://localhost@evil.test", FORBIDDEN),
        (OPEN, "http://evil@localhost", FORBIDDEN),
        (OPEN, "file://localhost", FORBIDDEN),
        (OPEN, "null", FORBIDDEN),
        (OPEN, "", FORBIDDEN),
        (OPEN, "http://[bad", FORBIDDEN),
        (OPEN, "http://localhost:3000/x", FORBIDDEN),
    ],
)
def test_an_origin_must_match_exactly(rules: ClientRules, origin: str, outcome: tuple[int, str] | None) -> None:
    assert code(admission(rules).check(request(origin=origin))) == outcome


def test_two_origin_headers_are_rejected() -> None:
    twice = HttpRequest(
        method="GET", path="/", query={}, target="/", headers=(("origin", PAGE), ("origin", PAGE)), peer="h:1"
    )
    assert code(admission(LISTED).check(twice)) == FORBIDDEN


def test_a_request_without_an_origin_needs_a_token_if_origins_are_listed() -> None:
    assert code(admission(OPEN).check(request())) is None
    assert code(admission(LISTED).check(request())) == FORBIDDEN
    assert code(admission(BOTH).check(request())) == UNKNOWN
    assert code(admission(BOTH).check(request(authorization=f"Bearer {TOKEN}"))) is None


def test_an_allowed_origin_still_needs_a_token() -> None:
    assert code(admission(BOTH).check(request(origin=PAGE))) == UNKNOWN
    assert code(admission(BOTH).check(request(origin=PAGE), (f"openai-insecure-api-key.{TOKEN}",))) is None
    foreign = request(origin="https://evil.test", authorization=f"Bearer {TOKEN}")
    assert code(admission(BOTH).check(foreign)) == FORBIDDEN


@pytest.mark.parametrize(
    ("headers", "subprotocols", "outcome"),
    [
        ({"authorization": f"Bearer {TOKEN}"}, (), None),
        ({"authorization": f"bearer  {TOKEN} "}, (), None),
        ({"authorization": TOKEN}, (), UNKNOWN),
        ({"authorization": f"Basic {TOKEN}"}, (), UNKNOWN),
        ({"authorization": f"Bearer {TOKEN}x"}, (), UNKNOWN),
        ({"authorization": f"Bearer {TOKEN[:-1]}"}, (), UNKNOWN),
        ({"authorization": "Bearer \xe4\xf6"}, (), UNKNOWN),
        ({"authorization": "Bearer "}, (), UNKNOWN),
        ({}, ("realtime", f"openai-insecure-api-key.{TOKEN}"), None),
        ({}, (TOKEN,), UNKNOWN),
        ({}, ("openai-insecure-api-key.",), UNKNOWN),
        ({}, (), UNKNOWN),
    ],
)
def test_the_token_is_accepted_as_bearer_or_as_subprotocol(
    headers: dict[str, str], subprotocols: tuple[str, ...], outcome: tuple[int, str] | None
) -> None:
    assert code(admission(GUARDED).check(request_with(headers), subprotocols)) == outcome


@pytest.mark.parametrize("way", ["query", "bearer", "subprotocol"])
def test_a_ticket_is_accepted_once_wherever_it_is_sent(way: str) -> None:
    ticket = make_ticket(Secret(TOKEN), NOW).reveal()
    policy = admission(GUARDED)

    def ask() -> Rejection | None:
        match way:
            case "query":
                return policy.check(request({"ticket": ticket}))
            case "bearer":
                return policy.check(request(authorization=f"Bearer {ticket}"))
        return policy.check(request(), (f"openai-insecure-api-key.{ticket}",))

    assert ask() is None
    again = ask()
    assert again is not None
    assert "already used" in again.message


def test_a_token_in_the_query_is_rejected_even_if_it_is_valid() -> None:
    rejection = admission(GUARDED).check(request({"ticket": TOKEN}))
    assert rejection is not None
    assert "Authorization" in rejection.message
    assert TOKEN not in rejection.message


def test_an_expired_ticket_is_reported_as_expired() -> None:
    old = make_ticket(Secret(TOKEN), NOW - 200).reveal()
    rejection = admission(GUARDED).check(request({"ticket": old}))
    assert rejection is not None
    assert "expired" in rejection.message


def test_the_session_limit_is_exact() -> None:
    present = ActiveSessions()
    policy = admission(ClientRules(max_sessions=2), present)
    for _ in range(2):
        present.add("203.0.113.7")
        assert policy.check(request()) is None
    present.add("203.0.113.7")
    assert code(policy.check(request())) == BUSY
    present.remove("203.0.113.7")
    assert policy.check(request()) is None


def test_one_address_cannot_use_all_sessions() -> None:
    present = ActiveSessions()
    policy = admission(ClientRules(sessions_per_ip=1), present)
    for address in ("203.0.113.7", "203.0.113.7", "127.0.0.1", "127.0.0.1", "203.0.113.8"):
        present.add(address)
    assert code(policy.check(request())) == BUSY
    assert policy.check(request(peer="203.0.113.8:1")) is None
    assert policy.check(request(peer="127.0.0.1:1")) is None, "a proxy on this machine speaks for many"
    assert admission(ClientRules(sessions_per_ip=0), present).check(request()) is None


def test_a_full_bridge_uses_up_no_ticket() -> None:
    present = ActiveSessions()
    policy = admission(ClientRules(token=Secret(TOKEN), max_sessions=1), present)
    ticket = make_ticket(Secret(TOKEN), NOW).reveal()
    present.add("x")
    present.add("x")
    assert code(policy.check(request({"ticket": ticket}))) == BUSY
    present.remove("x")
    assert policy.check(request({"ticket": ticket})) is None


def test_a_page_that_asks_is_told_what_nobody_can_help() -> None:
    policy = admission(ClientRules())
    assert policy.explain(request()) is None
    for second in range(60):
        policy.overload.measured(2.0, 0, float(second))
    assert code(policy.explain(request())) == code(policy.check(request())) == (503, "SERVER_BUSY")
    calm = admission(ClientRules())
    calm.draining = True
    assert code(calm.explain(request())) == (503, "SERVER_BUSY")


def test_a_draining_bridge_rejects_every_client() -> None:
    policy = admission(OPEN)
    policy.draining = True
    assert code(policy.check(request())) == BUSY


PROXIES = ("10.0.0.1", "::ffff:10.0.0.2", "10.9.0.0/16", "2001:db8:1::/48")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7:5000", None, "203.0.113.7"),
        ("[2001:db8::1]:5000", None, "2001:db8::1"),
        ("memory", None, "memory"),
        ("203.0.113.7:5000", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1:5000", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1:5000", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1:5000", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1:5000", " , ", "10.0.0.1"),
        ("10.0.0.1:5000", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1:5000", "[2001:db8:0:0::1]:4711", "2001:db8::1"),
        ("10.0.0.1:5000", "2001:0DB8:0::0001", "2001:db8::1"),
        ("10.0.0.1:5000", "::ffff:198.51.100.1", "198.51.100.1"),
        ("[::ffff:10.0.0.1]:5000", "198.51.100.1", "198.51.100.1"),
        ("[::ffff:203.0.113.7]:5000", "198.51.100.1", "203.0.113.7"),
        ("10.9.0.1:5000", "198.51.100.1, 10.9.200.1:80", "198.51.100.1"),
        ("[2001:db8:1::5]:5000", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1:5000", "x" * 5000, "10.0.0.1"),
        ("10.0.0.1:5000", "198.51.100.1, unknown", "10.0.0.1"),
    ],
)
def test_only_a_trusted_proxy_may_forward_an_address(peer: str, forwarded: str | None, address: str) -> None:
    policy = admission(ClientRules(trusted_proxies=tuple(map(parse_network, PROXIES))))
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    assert policy.client_address(request_with(headers, peer=peer)) == address


def test_several_forwarding_headers_are_read_as_one() -> None:
    policy = admission(ClientRules(trusted_proxies=(parse_network("10.0.0.1"),)))
    lines = (("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.1"))
    twice = replace(request(peer="10.0.0.1:1"), headers=lines)
    assert policy.client_address(twice) == "198.51.100.1"


def test_all_addresses_of_a_customer_with_ipv6_are_one_client() -> None:
    present = ActiveSessions()
    policy = admission(ClientRules(sessions_per_ip=1), present)
    for address in ("2001:db8::1", "2001:db8::2:3:4:5"):
        present.add(counted_as(address))
    assert code(policy.check(request(peer="[2001:db8::9]:1"))) == BUSY
    assert policy.check(request(peer="[2001:db8:0:1::9]:1")) is None


def test_an_address_that_sends_wrong_tokens_again_and_again_is_not_listened_to_for_a_while() -> None:
    now = [0.0]
    policy = AdmissionPolicy(GUARDED, ActiveSessions(), InMemoryUsedTickets(), unix_now=lambda: NOW, now=lambda: now[0])
    wrong, right = request(authorization="Bearer no"), request(authorization=f"Bearer {TOKEN}")
    for _ in range(100):
        assert code(policy.check(request())) == UNKNOWN, "to send none is not to guess"
    codes = [code(policy.check(wrong)) for _ in range(21)]
    assert codes == [UNKNOWN] * 20 + [(429, "RATE_EXCEEDED")]
    assert code(policy.check(right)) == (429, "RATE_EXCEEDED")
    assert policy.check(request(peer="203.0.113.8:1", authorization=f"Bearer {TOKEN}")) is None
    now[0] += 1
    assert policy.check(right) is None


def test_a_clock_that_is_set_back_by_an_hour_locks_nobody_out() -> None:
    unix, now = [NOW], [0.0]
    policy = AdmissionPolicy(
        GUARDED, ActiveSessions(), InMemoryUsedTickets(), unix_now=lambda: unix[0], now=lambda: now[0]
    )
    for _ in range(30):
        policy.check(request(authorization="Bearer no"))
    unix[0] -= 3600
    now[0] += 1
    assert policy.check(request(authorization=f"Bearer {TOKEN}")) is None


def test_wrong_tokens_from_this_machine_are_not_counted() -> None:
    policy = admission(GUARDED)
    codes = {code(policy.check(request(peer="127.0.0.1:1", authorization="Bearer no"))) for _ in range(50)}
    assert codes == {UNKNOWN}


def test_an_address_may_connect_at_its_rate() -> None:
    rates = AddressRates(2)
    assert [rates.may_connect("203.0.113.7", 0.0) for _ in range(21)] == [True] * 20 + [False]
    assert rates.may_connect("203.0.113.7", 0.5)
    assert rates.may_connect("203.0.113.8", 0.5)
    assert all(rates.may_connect("127.0.0.1", 0.5) for _ in range(50))
    assert all(AddressRates(0).may_connect("203.0.113.7", 0.0) for _ in range(5000))
