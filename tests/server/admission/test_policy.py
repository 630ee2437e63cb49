"""Who is let in: pages, tokens, tickets, room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.server.admission.policy import AdmissionPolicy, Rejection
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


def asking(headers: Mapping[str, str], query: Mapping[str, str] | None = None, peer: str = PEER) -> HttpRequest:
    return HttpRequest(method="GET", path="/", query=query or {}, target="/", headers=tuple(headers.items()), peer=peer)


def request(query: Mapping[str, str] | None = None, *, peer: str = PEER, **headers: str) -> HttpRequest:
    return asking(headers, query, peer)


def code(no: Rejection | None) -> tuple[int, str] | None:
    return None if no is None else (no.status, no.code)


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
def test_a_page_is_allowed_letter_for_letter(rules: ClientRules, origin: str, outcome: tuple[int, str] | None) -> None:
    assert code(admission(rules).check(request(origin=origin))) == outcome


def test_two_origins_are_one_too_many() -> None:
    twice = HttpRequest(
        method="GET", path="/", query={}, target="/", headers=(("origin", PAGE), ("origin", PAGE)), peer="h:1"
    )
    assert code(admission(LISTED).check(twice)) == FORBIDDEN


def test_who_names_no_page_is_no_browser_and_needs_a_token_where_pages_are_listed() -> None:
    assert code(admission(OPEN).check(request())) is None
    assert code(admission(LISTED).check(request())) == FORBIDDEN
    assert code(admission(BOTH).check(request())) == UNKNOWN
    assert code(admission(BOTH).check(request(authorization=f"Bearer {TOKEN}"))) is None


def test_a_page_that_is_allowed_still_needs_a_token() -> None:
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
def test_the_token_is_shown_as_a_bearer_or_as_a_subprotocol(
    headers: dict[str, str], subprotocols: tuple[str, ...], outcome: tuple[int, str] | None
) -> None:
    assert code(admission(GUARDED).check(asking(headers), subprotocols)) == outcome


@pytest.mark.parametrize("way", ["query", "bearer", "subprotocol"])
def test_a_ticket_is_accepted_once_wherever_it_is_sent(way: str) -> None:
    ticket = make_ticket(Secret(TOKEN), NOW).reveal()
    guard = admission(GUARDED)

    def ask() -> Rejection | None:
        match way:
            case "query":
                return guard.check(request({"ticket": ticket}))
            case "bearer":
                return guard.check(request(authorization=f"Bearer {ticket}"))
        return guard.check(request(), (f"openai-insecure-api-key.{ticket}",))

    assert ask() is None
    again = ask()
    assert again is not None
    assert "already used" in again.message


def test_a_token_in_the_query_is_refused_even_when_it_is_the_right_one() -> None:
    no = admission(GUARDED).check(request({"ticket": TOKEN}))
    assert no is not None
    assert "Authorization" in no.message
    assert TOKEN not in no.message


def test_an_expired_ticket_is_called_so() -> None:
    old = make_ticket(Secret(TOKEN), NOW - 200).reveal()
    no = admission(GUARDED).check(request({"ticket": old}))
    assert no is not None
    assert "expired" in no.message


def test_the_room_is_counted_exactly() -> None:
    present = ActiveSessions()
    guard = admission(ClientRules(max_sessions=2), present)
    for _ in range(2):
        assert guard.check(request()) is None
        present.add("203.0.113.7")
    assert code(guard.check(request())) == BUSY
    present.remove("203.0.113.7")
    assert guard.check(request()) is None


def test_one_address_may_not_take_all_the_room() -> None:
    present = ActiveSessions()
    guard = admission(ClientRules(sessions_per_ip=1), present)
    present.add("203.0.113.7")
    present.add("127.0.0.1")
    assert code(guard.check(request())) == BUSY
    assert guard.check(request(peer="203.0.113.8:1")) is None
    assert guard.check(request(peer="127.0.0.1:1")) is None, "a proxy on this machine speaks for many"
    assert admission(ClientRules(sessions_per_ip=0), present).check(request()) is None


def test_a_ticket_is_not_used_up_where_there_is_no_room() -> None:
    present = ActiveSessions()
    guard = admission(ClientRules(token=Secret(TOKEN), max_sessions=1), present)
    ticket = make_ticket(Secret(TOKEN), NOW).reveal()
    present.add("x")
    assert code(guard.check(request({"ticket": ticket}))) == BUSY
    present.remove("x")
    assert guard.check(request({"ticket": ticket})) is None


def test_while_draining_nobody_is_let_in() -> None:
    guard = admission(OPEN)
    guard.draining = True
    assert code(guard.check(request())) == BUSY


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("203.0.113.7:5000", None, "203.0.113.7"),
        ("[2001:db8::1]:5000", None, "2001:db8::1"),
        ("memory", None, "memory"),
        ("203.0.113.7:5000", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1:5000", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1:5000", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1:5000", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1:5000", " , ", "10.0.0.1"),
        ("10.0.0.1:5000", "x" * 5000, "x" * 64),
    ],
)
def test_only_a_trusted_proxy_is_believed(peer: str, said: str | None, address: str) -> None:
    guard = admission(ClientRules(trusted_proxies=("10.0.0.1", "10.0.0.2")))
    headers = {} if said is None else {"x-forwarded-for": said}
    assert guard.client_address(asking(headers, peer=peer)) == address
