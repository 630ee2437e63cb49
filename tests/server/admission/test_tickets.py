"""Tickets: valid once, for a while, and only with the right signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.server.admission.tickets import (
    CheckedTicket,
    FolderUsedTickets,
    InMemoryUsedTickets,
    TicketStatus,
    UsedTickets,
    check_ticket,
    looks_like_ticket,
    make_ticket,
)
from reports.redaction import Secret

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = Secret("a-token-for-the-tests-0123456789")
NOW = 1_800_000_000.0


@pytest.fixture(params=["memory", "folder"])
def used(request: pytest.FixtureRequest, tmp_path: Path) -> UsedTickets:
    return InMemoryUsedTickets() if request.param == "memory" else FolderUsedTickets(tmp_path)


def test_a_ticket_is_valid_once(used: UsedTickets) -> None:
    ticket = make_ticket(TOKEN, NOW).reveal()
    assert looks_like_ticket(ticket)
    assert check_ticket(ticket, TOKEN, NOW + 1, used).status is TicketStatus.GOOD
    assert check_ticket(ticket, TOKEN, NOW + 1, used).status is TicketStatus.USED
    assert check_ticket(make_ticket(TOKEN, NOW).reveal(), TOKEN, NOW + 1, used).status is TicketStatus.GOOD


@pytest.mark.parametrize(
    ("after", "status"), [(59, TicketStatus.GOOD), (64, TicketStatus.GOOD), (70, TicketStatus.EXPIRED)]
)
def test_a_ticket_is_valid_for_its_lifetime_and_a_little_longer_for_clock_skew(
    after: float, status: TicketStatus, used: UsedTickets
) -> None:
    assert check_ticket(make_ticket(TOKEN, NOW, 60).reveal(), TOKEN, NOW + after, used).status is status


def test_a_ticket_with_a_lifetime_that_is_too_long_has_expired(used: UsedTickets) -> None:
    ticket = make_ticket(TOKEN, NOW + 10_000).reveal()
    assert check_ticket(ticket, TOKEN, NOW, used).status is TicketStatus.EXPIRED


def test_a_changed_ticket_is_invalid(used: UsedTickets) -> None:
    ticket = make_ticket(TOKEN, NOW).reveal()
    for at in range(len(ticket)):
        other = "A" if ticket[at] != "A" else "B"
        changed = f"{ticket[:at]}{other}{ticket[at + 1 :]}"
        assert check_ticket(changed, TOKEN, NOW, used).status is TicketStatus.INVALID, at
    assert check_ticket(ticket, Secret("another-token-0123456789abcdefgh"), NOW, used).status is TicketStatus.INVALID


@pytest.mark.parametrize(
    "text", ["", "t1", "t1...", "t1.1.2.3", "t1.²³.a.b", "t1.-1.a.b", "t1." + "9" * 5000, "t1.1.2.3.4"]
)
def test_a_malformed_ticket_is_invalid(text: str, used: UsedTickets) -> None:
    assert check_ticket(text, TOKEN, NOW, used).status is TicketStatus.INVALID


@pytest.mark.parametrize("subject", ["user-17", "a.b.c", "Zoë 🙂", "x" * 128])
def test_a_ticket_says_whose_it_is(subject: str, used: UsedTickets) -> None:
    ticket = make_ticket(TOKEN, NOW, subject=subject).reveal()
    assert looks_like_ticket(ticket)
    assert check_ticket(ticket, TOKEN, NOW, used) == CheckedTicket(TicketStatus.GOOD, subject)
    assert check_ticket(ticket, TOKEN, NOW, used) == CheckedTicket(TicketStatus.USED), "nobody's, once it is used"


def test_nobody_can_take_a_ticket_for_another_s(used: UsedTickets) -> None:
    parts = make_ticket(TOKEN, NOW, subject="user-17").reveal().split(".")
    other = make_ticket(TOKEN, NOW, subject="user-18").reveal().split(".")
    mixed = ".".join((*parts[:3], other[3], parts[4]))
    nameless = ".".join(("t1", parts[1], parts[2], parts[4]))
    for forged in (mixed, nameless):
        assert check_ticket(forged, TOKEN, NOW, used) == CheckedTicket(TicketStatus.INVALID)


def test_a_subject_that_is_too_long_is_an_error() -> None:
    with pytest.raises(ValueError, match="at most 128 bytes"):
        make_ticket(TOKEN, NOW, subject="ä" * 65)


@pytest.mark.parametrize("seconds", [0, -1, 601])
def test_a_lifetime_out_of_range_is_an_error(seconds: float) -> None:
    with pytest.raises(ValueError, match="1 to 600 s"):
        make_ticket(TOKEN, NOW, seconds)


def test_a_ticket_is_hidden_in_its_repr() -> None:
    ticket = make_ticket(TOKEN, NOW)
    assert ticket.reveal() not in f"{ticket} {ticket!r}"


def test_used_tickets_are_forgotten_once_they_expire(tmp_path: Path) -> None:
    memory, folder = InMemoryUsedTickets(), FolderUsedTickets(tmp_path)
    for n in range(1002):
        for kind in (memory, folder):
            assert kind.first_use(str(n), int(NOW), NOW + n)
    assert len(list(tmp_path.iterdir())) < 1000
    assert len(memory._until) < 1000


def test_workers_share_used_tickets(tmp_path: Path) -> None:
    ticket = make_ticket(TOKEN, NOW).reveal()
    assert check_ticket(ticket, TOKEN, NOW, FolderUsedTickets(tmp_path)).status is TicketStatus.GOOD
    assert check_ticket(ticket, TOKEN, NOW, FolderUsedTickets(tmp_path)).status is TicketStatus.USED
    assert ticket not in str(list(tmp_path.iterdir()))
