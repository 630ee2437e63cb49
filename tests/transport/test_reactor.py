"""The reactor without frames: who is served when, however many sockets there are and whatever they raise."""

from __future__ import annotations

import os
import socket
from collections import Counter
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import chain, repeat
from threading import Thread
from typing import TYPE_CHECKING, NoReturn

import pytest
import trio
import trio.testing

from bridge.transport.reactor import MOST_BEHIND, ROUND_SECONDS, YOUNG_SECONDS, Reactor, current_reactor, has_reactor

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

pytestmark = pytest.mark.skipif(not has_reactor(), reason="this system has no selector that can be waited for")


class FakeClock:
    """A clock that moves when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeSession:
    """One end of a socket pair. Each turn takes its time, and does what the test wants."""

    def __init__(self, reactor: Reactor, name: str = "") -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.fd = self.ours.fileno()
        self.reactor, self.name = reactor, name
        self.turns: list[tuple[bool, bool]] = []
        self.flushed = 0
        self.is_heavy = False
        self.errors: list[Exception] = []
        self.on_turn: Callable[[], object] = self.read
        """Whether it returns something true, something is left to do."""
        self.on_flush: Callable[[], None] = lambda: None

    def read(self) -> bool:
        with suppress(BlockingIOError):
            self.ours.recv(100)
        return False

    def serve(self, now: float, *, readable: bool, writable: bool) -> bool:
        assert now <= trio.current_time()
        self.turns.append((readable, writable))
        return bool(self.on_turn())

    def flush(self, now: float) -> None:
        assert now <= trio.current_time()
        self.flushed += 1
        self.on_flush()

    def crashed(self, error: Exception) -> None:
        self.errors.append(error)

    def close(self) -> None:
        self.reactor.remove(self)
        self.ours.close()
        self.theirs.close()


@asynccontextmanager
async def sessions(number: int, clock: FakeClock | None = None) -> AsyncGenerator[list[FakeSession], None]:
    """Let a reactor serve so many sessions, which have had their first turn."""
    reactor = Reactor(clock or FakeClock())
    made = [FakeSession(reactor, f"{number}") for number in range(number)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reactor.run)
        for one in made:
            reactor.add(one)
        await settle()
        for one in made:
            assert one.turns == [(True, False)]
            one.turns.clear()
        yield made
        for one in made:
            one.close()
        nursery.cancel_scope.cancel()


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked(0.002)


async def test_a_socket_is_served_when_it_is_readable_and_only_then() -> None:
    async with sessions(3) as (one, two, three):
        one.theirs.send(b"x")
        three.theirs.send(b"x")
        await settle()
        assert (one.turns, two.turns, three.turns) == ([(True, False)], [], [(True, False)])


async def test_an_end_and_a_hang_up_make_a_socket_readable() -> None:
    async with sessions(1) as (one,):
        one.on_turn = lambda: one.reactor.watch(one, readable=False, writable=False)
        one.theirs.close()
        await settle()
        assert one.turns == [(True, False)]


async def test_a_socket_that_is_watched_for_nothing_wakes_nobody_whatever_happens_to_it() -> None:
    async with sessions(1) as (one,):
        one.reactor.watch(one, readable=False, writable=False)
        one.theirs.send(b"x")
        one.theirs.close()
        await settle()
        assert one.turns == []
        one.reactor.watch(one, readable=True, writable=False)
        one.on_turn = lambda: one.reactor.remove(one)
        await settle()
        assert one.turns == [(True, False)]


async def test_a_socket_is_served_as_writable_only_if_that_is_wanted() -> None:
    async with sessions(1) as (one,):
        one.on_turn = lambda: one.reactor.watch(one, readable=True, writable=False)
        one.reactor.watch(one, readable=True, writable=True)
        await settle()
        assert one.turns == [(False, True)]


async def test_a_session_may_ask_for_a_turn_though_nothing_comes() -> None:
    async with sessions(2) as (one, two):
        one.reactor.serve_soon(one)
        await settle()
        assert (one.turns, two.turns) == ([(True, False)], [])

        def ask() -> bool:
            two.reactor.serve_soon(two)
            two.on_turn = two.read
            return two.read()

        two.on_turn = ask
        two.theirs.send(b"x")
        await settle()
        assert (len(one.turns), len(two.turns)) == (1, 2)


async def test_unfinished_and_readable_ones_have_one_turn_a_round() -> None:
    async with sessions(2) as (one, two):
        rounds = Counter[str]()

        def count(which: FakeSession) -> bool:
            rounds[which.name] += 1
            return rounds[which.name] < 10

        one.on_turn, two.on_turn = partial(count, one), partial(count, two)
        one.theirs.send(b"x")  # never read, so it is ready in each round, and unfinished too
        two.reactor.serve_soon(two)
        for _ in range(10):
            assert abs(rounds["0"] - rounds["1"]) <= 1
            await trio.lowlevel.checkpoint()
        one.on_turn = two.on_turn = one.read
        await settle()


async def test_one_that_has_more_to_do_has_no_second_turn_in_the_same_round() -> None:
    async with sessions(1) as (one,):
        turns = 0

        def more() -> bool:
            nonlocal turns
            turns += 1
            return turns % 2 == 1

        one.on_turn = more
        one.theirs.send(b"x")  # never read, so it is ready in each round
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        assert 5 <= turns <= 11
        one.on_turn = one.read
        await settle()


async def test_however_long_each_turn_takes_nobody_is_passed_over_and_other_tasks_run_in_between() -> None:
    clock = FakeClock()
    async with sessions(20, clock) as many:
        in_a_row, most = 0, 0

        def work() -> bool:
            nonlocal in_a_row, most
            clock.now += ROUND_SECONDS * 0.4
            in_a_row += 1
            most = max(most, in_a_row)
            return True

        for one in many:
            one.on_turn = work
            one.theirs.send(b"x")
        turns = 0
        while turns < 2000:
            await trio.lowlevel.checkpoint()
            in_a_row = 0
            counts = [len(one.turns) for one in many]
            assert max(counts) - min(counts) <= 4  # while all are new, those served first have one turn a round more
            turns = sum(counts)
        assert 1 < most <= 8  # two rounds may run between two looks
        for one in many:
            one.on_turn = one.read


async def test_a_flood_on_many_sockets_delays_a_quiet_one_by_no_more_than_a_round() -> None:
    clock = FakeClock()
    async with sessions(30, clock) as (quiet, *flooding):
        served: list[FakeSession] = []
        answered_at: list[int] = []

        def answer() -> bool:
            answered_at.append(len(served))
            return quiet.read()

        def flood(one: FakeSession) -> bool:
            clock.now += ROUND_SECONDS * 0.7
            served.append(one)
            return True

        quiet.on_turn = answer
        for one in flooding:
            one.on_turn = partial(flood, one)
            one.reactor.serve_soon(one)
        while len(served) < 100:  # all of them have shown by now that a slice is too short for them
            await trio.lowlevel.checkpoint()
        for _ in range(50):
            asked_at = len(served)
            while len(served) < asked_at + 7:
                await trio.lowlevel.checkpoint()
            quiet.theirs.send(b"x")
            asked_at = len(served)
            answered_at.clear()
            while not answered_at:
                await trio.lowlevel.checkpoint()
            assert answered_at[0] - asked_at <= 2
        shares = Counter(served[100:])
        assert max(shares.values()) - min(shares.values()) <= 2
        for one in flooding:
            one.on_turn = one.read


async def test_one_that_stands_behind_has_its_turn_however_many_others_are_ready() -> None:
    clock = FakeClock()
    async with sessions(10, clock) as (greedy, *busy):

        def work(one: FakeSession) -> bool:
            clock.now += ROUND_SECONDS
            return one is greedy  # the others leave their byte unread, and are ready again at once

        for one in (greedy, *busy):
            one.on_turn = partial(work, one)
            one.theirs.send(b"x")
        while len(greedy.turns) < 20:
            await trio.lowlevel.checkpoint()
        assert max(len(one.turns) for one in busy) <= 20
        for one in (greedy, *busy):
            one.on_turn = one.read


async def test_heavy_ones_stand_behind_and_only_the_first_of_them_has_a_turn_in_each_round() -> None:
    clock = FakeClock()
    async with sessions(6, clock) as (light, *heavy):
        order: list[str] = []

        def work(one: FakeSession) -> bool:
            order.append("light" if one is light else "heavy")
            clock.now += ROUND_SECONDS * (one is not light)
            return one.read()

        for one in (*heavy, light):
            one.is_heavy = one is not light
            one.on_turn = partial(work, one)
            one.theirs.send(b"x")
        await settle()
        assert order[0] == "light"
        for _ in range(3):
            for one in heavy:
                one.theirs.send(b"x")
            light.theirs.send(b"x")
            before = len(order)
            await settle()
            assert order[before:].index("light") <= 1
        assert order.count("heavy") == 4 * len(heavy)


async def test_what_is_sent_during_a_round_is_flushed_once_at_its_end() -> None:
    async with sessions(2) as (one, two):
        order = []

        def send(which: FakeSession) -> bool:
            order.append(f"turn {which.name}")
            one.reactor.flush_soon(one)
            return which.read()

        one.on_turn, two.on_turn = lambda: send(one), two.read
        one.on_flush = lambda: order.append("flush")
        one.theirs.send(b"x")
        two.theirs.send(b"x")
        await settle()
        assert order == ["turn 0", "flush"]
        assert (one.flushed, len(two.turns)) == (1, 1)


async def test_what_is_sent_outside_of_a_round_is_flushed_at_once() -> None:
    async with sessions(1) as (one,):
        one.reactor.flush_soon(one)
        assert one.flushed == 1


async def test_what_is_sent_by_a_flush_is_flushed_in_the_next_round() -> None:
    async with sessions(1) as (one,):
        one.on_flush = lambda: one.reactor.flush_soon(one) if one.flushed < 3 else None
        one.reactor.flush_soon(one)
        assert one.flushed == 1
        await settle()
        assert one.flushed == 3
        assert one.turns == []


async def test_an_exception_ends_the_session_that_raised_it_and_no_other() -> None:
    async with sessions(3) as (one, two, three):

        def fail() -> NoReturn:
            one.read()
            raise ZeroDivisionError

        def fail_to_flush() -> NoReturn:
            raise ZeroDivisionError

        one.on_turn, two.on_flush = fail, fail_to_flush
        for session in (one, two, three):
            session.theirs.send(b"x")
        two.reactor.flush_soon(two)
        await settle()
        assert [list(map(type, session.errors)) for session in (one, two, three)] == [
            [ZeroDivisionError],
            [ZeroDivisionError],
            [],
        ]
        three.reactor.flush_soon(three)
        assert (len(three.turns), three.flushed) == (1, 1)


async def test_one_that_is_removed_during_a_round_gets_neither_a_turn_nor_a_flush() -> None:
    async with sessions(2) as both:

        def outlive(one: FakeSession, other: FakeSession) -> bool:
            one.reactor.flush_soon(other)
            one.reactor.remove(other)
            return one.read()

        for one, other in (both, both[::-1]):
            one.on_turn = partial(outlive, one, other)
        for one in both:
            one.theirs.send(b"x")
        await settle()
        assert sorted(len(one.turns) for one in both) == [0, 1]
        assert [one.flushed for one in both] == [0, 0]
        for one in both:
            one.reactor.remove(one)
            one.on_turn = one.read


async def test_a_descriptor_that_was_closed_and_used_again_belongs_to_the_new_session() -> None:
    async with sessions(1) as (old,):
        new = FakeSession(old.reactor)
        number = old.fd
        old.ours.close()
        os.dup2(new.fd, number)
        new.ours.close()
        new.ours = socket.socket(fileno=number)
        new.fd = number
        new.reactor.add(new)
        old.reactor.remove(old)
        old.reactor.watch(old, readable=False, writable=False)
        old.reactor.flush_soon(old)
        await settle()
        new.turns.clear()
        new.theirs.send(b"x")
        await settle()
        assert new.turns == [(True, False)]
        assert (old.turns, old.flushed) == ([], 0)
        new.close()


async def test_a_socket_that_was_closed_too_early_can_still_be_removed() -> None:
    async with sessions(1) as (one,):
        one.ours.close()
        one.reactor.remove(one)
        one.reactor.remove(one)


def test_each_trio_run_has_a_reactor_of_its_own_which_ends_with_it() -> None:
    reactors: list[Reactor] = []

    async def main() -> None:
        reactor = current_reactor()
        assert current_reactor() is reactor
        one = FakeSession(reactor)
        reactor.add(one)
        one.theirs.send(b"x")
        await settle()
        assert len(one.turns) >= 1
        one.close()
        reactors.append(reactor)

    threads = [Thread(target=trio.run, args=(main,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({id(reactor) for reactor in reactors}) == 2
    assert all(reactor._poll.closed for reactor in reactors)


async def test_the_reactor_tells_how_long_what_was_ready_had_to_wait() -> None:
    clock = FakeClock()
    async with sessions(12, clock) as many:

        def work(one: FakeSession) -> bool:
            clock.now += 0.01
            return one.read()

        for one in many:
            one.on_turn = partial(work, one)
        many[0].reactor.take_longest_turn()
        clock.now += 60.0  # nobody was ready meanwhile
        for one in many:
            one.theirs.send(b"x")
        await settle()
        many[0].theirs.send(b"x")
        await settle()
        assert many[0].reactor.take_longest_turn() <= 0.13
        for one in many:
            one.theirs.send(b"x")
        many[0].reactor.serve_soon(many[0])
        await trio.lowlevel.checkpoint()
        for _ in range(30):
            many[0].reactor.serve_soon(many[0])
            await trio.lowlevel.checkpoint()
        assert 0.1 <= many[0].reactor.take_longest_turn() <= 0.14
        assert many[0].reactor.take_longest_turn() <= 0.02


async def test_the_reactor_tells_how_busy_it_is_and_counts_those_behind_for_a_part_only() -> None:
    clock = FakeClock()
    async with sessions(2, clock) as (one, two):

        def work(session: FakeSession, seconds: float, again: Iterator[bool]) -> bool:
            clock.now += seconds
            session.read()
            return next(again)

        one.on_turn = partial(work, one, 0.3, repeat(False))
        one.theirs.send(b"x")
        await settle()
        assert one.reactor.take_busy() == 0.0, "what a connection costs at its start"
        clock.now += YOUNG_SECONDS
        one.reactor.take_busy()
        one.theirs.send(b"x")
        await settle()
        clock.now += 0.7
        assert one.reactor.take_busy() == pytest.approx(0.3)
        two.on_turn = partial(work, two, 0.4, chain(repeat(True, 5), repeat(False)))
        two.theirs.send(b"x")
        await settle()
        clock.now += 10.0 - 6 * 0.4
        assert one.reactor.take_busy() == pytest.approx(0.04 + MOST_BEHIND)  # its first turn was not behind
        assert one.reactor.take_busy() == 0.0


async def test_who_stands_behind_keeps_nobodys_answer_waiting() -> None:
    async with sessions(2) as (one, two):
        seen: list[int] = []

        def flood() -> bool:
            two.read()
            if not seen:
                one.theirs.send(b"x")  # it is served in the next round, before us
            seen.append(one.flushed)
            return len(seen) < 3

        def answer() -> bool:
            one.reactor.flush_soon(one)
            return one.read()

        one.on_turn, two.on_turn = answer, flood
        two.theirs.send(b"x")
        await settle()
        assert seen == [0, 1, 1]
