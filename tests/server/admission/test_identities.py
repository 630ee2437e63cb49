"""What one subject may have and spend, in one process and over workers."""

from __future__ import annotations

import os

import pytest

from bridge.core.spending.charges import Charge
from bridge.core.spending.usage import ResponseUsage
from bridge.server.admission.identities import Identities, MemoryLedger, SharedLedger
from bridge.server.admission.session_counts import ActiveSessions
from bridge.server.config.settings import IdentityCaps

DAY = 86_400
A_THOUSAND = Charge(model="m", usage=ResponseUsage(input_text=1000), cost_usd=0.25)


class Clock:
    def __init__(self) -> None:
        self.now = 20_000.0 * DAY

    def __call__(self) -> float:
        return self.now


def identities(caps: IdentityCaps, clock: Clock | None = None, ledger: SharedLedger | None = None) -> Identities:
    return Identities(caps, ActiveSessions(), ledger, unix_now=clock or Clock())


def test_one_subject_has_so_many_sessions_at_a_time_and_others_have_theirs() -> None:
    known = identities(IdentityCaps(sessions=2))
    assert [known.enter("a") for _ in range(3)] == [True, True, False]
    assert known.enter("b")
    known.leave("a")
    assert known.enter("a")
    assert not known.enter("a")


def test_without_a_limit_there_is_none() -> None:
    known = identities(IdentityCaps())
    assert all(known.enter("a") for _ in range(100))
    known.charge("a", A_THOUSAND)
    assert not known.account("a").exhausted


@pytest.mark.parametrize("caps", [IdentityCaps(tokens=2000), IdentityCaps(cost_usd=0.5)])
@pytest.mark.parametrize("shared", [False, True])
def test_what_its_sessions_take_adds_up_to_the_cap(caps: IdentityCaps, *, shared: bool) -> None:
    known = identities(caps, ledger=SharedLedger(1) if shared else None)
    first, second = known.account("a"), known.account("a")
    first.charge(A_THOUSAND)
    assert (first.exhausted, second.exhausted) == (False, False)
    second.charge(A_THOUSAND)
    assert (first.exhausted, second.exhausted) == (True, True)
    assert not known.account("b").exhausted


@pytest.mark.parametrize("shared", [False, True])
def test_the_next_day_begins_at_nothing(*, shared: bool) -> None:
    clock = Clock()
    known = identities(IdentityCaps(tokens=1000), clock, SharedLedger(1) if shared else None)
    account = known.account("a")
    account.charge(A_THOUSAND)
    clock.now += DAY - 1
    assert account.exhausted
    clock.now += 1
    assert not account.exhausted
    account.charge(Charge(model="m", usage=ResponseUsage(input_text=999), cost_usd=None))
    assert not account.exhausted


def test_caps_that_are_set_again_hold_at_once() -> None:
    known = identities(IdentityCaps(tokens=10_000))
    known.charge("a", A_THOUSAND)
    known.caps = IdentityCaps(tokens=500)
    assert known.account("a").exhausted


def test_workers_know_what_a_subject_spent_in_the_others() -> None:
    ledger = SharedLedger(2)
    child = os.fork()
    if child == 0:
        ledger.claim(1)
        identities(IdentityCaps(), ledger=ledger).charge("a", A_THOUSAND)
        os._exit(0)
    os.waitpid(child, 0)
    ledger.claim(0)
    assert identities(IdentityCaps(tokens=1000), ledger=ledger).account("a").exhausted
    ledger.claim(1)
    assert ledger.spent("a", 20_000) == (1000, 2500), "a worker that takes over a slot goes on with it"


def test_a_ledger_knows_one_day() -> None:
    ledger = MemoryLedger()
    ledger.add("a", 1, 5, 5)
    ledger.add("b", 2, 1, 1)
    assert (ledger.spent("a", 1), ledger.spent("b", 2)) == ((0, 0), (1, 1))
