"""TCP to several addresses, over sockets that are fakes and a clock that is virtual."""

from __future__ import annotations

import errno
from typing import Any

import pytest
import trio

from bridge.upstream.dial.tcp import ATTEMPT_DELAY_SECONDS, alternate_families, connect

REFUSED = OSError(errno.ECONNREFUSED, "refused")


class FakeSocket(trio.socket.SocketType):
    """Connects as the network says: at once, never, or with an error."""

    type = trio.socket.SOCK_STREAM

    def __init__(self, network: Network) -> None:
        self.network = network
        self.address = ""
        self.closed = False

    async def connect(self, address: Any) -> None:
        self.address = address[0]
        self.network.attempts.append((self.address, trio.current_time() - self.network.began))
        outcome = self.network.outcomes[self.address]
        if outcome == "hangs":
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        if isinstance(outcome, OSError):
            raise outcome

    def setsockopt(self, *_: Any) -> None:
        """Accept every option."""

    def close(self) -> None:
        self.closed = True


class Network(trio.abc.SocketFactory):
    """The sockets of a test, and when each address was tried."""

    def __init__(self, **outcomes: str | OSError) -> None:
        self.outcomes = {name.replace("_", "."): outcome for name, outcome in outcomes.items()}
        self.attempts: list[tuple[str, float]] = []
        self.sockets: list[FakeSocket] = []
        self.began = trio.current_time()

    def socket(self, family: int = -1, type: int = -1, proto: int = 0) -> trio.socket.SocketType:  # noqa: A002 - trio's name
        del family, type, proto
        self.sockets.append(FakeSocket(self))
        return self.sockets[-1]

    @property
    def open_addresses(self) -> list[str]:
        return [one.address for one in self.sockets if not one.closed]


def network(**outcomes: str | OSError) -> Network:
    made = Network(**outcomes)
    trio.socket.set_custom_socket_factory(made)  # of this run of trio only
    return made


async def test_a_single_address_is_connected_to() -> None:
    net = network(a="accepts")
    await connect(["a"], 443)
    assert net.open_addresses == ["a"]


@pytest.mark.usefixtures("autojump_clock")
async def test_the_next_address_is_tried_at_once_if_one_refuses() -> None:
    net = network(a=REFUSED, b="accepts", c="accepts")
    await connect(["a", "b", "c"], 443)
    assert net.attempts == [("a", 0), ("b", 0)]
    assert net.open_addresses == ["b"]


@pytest.mark.usefixtures("autojump_clock")
async def test_the_next_address_is_tried_beside_one_that_does_not_answer() -> None:
    net = network(a="hangs", b="hangs", c="accepts")
    await connect(["a", "b", "c"], 443)
    assert net.attempts == [("a", 0), ("b", ATTEMPT_DELAY_SECONDS), ("c", 2 * ATTEMPT_DELAY_SECONDS)]
    assert net.open_addresses == ["c"]


async def test_the_errors_of_all_addresses_are_in_the_cause() -> None:
    net = network(a=REFUSED, b=OSError(errno.EHOSTUNREACH, "no route"))
    with pytest.raises(OSError, match="no address accepted") as caught:
        await connect(["a", "b"], 443)
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert [error.errno for error in caught.value.__cause__.exceptions if isinstance(error, OSError)] == [
        errno.ECONNREFUSED,
        errno.EHOSTUNREACH,
    ]
    assert net.open_addresses == []


async def test_without_addresses_nothing_is_connected_to() -> None:
    with pytest.raises(OSError, match="no address accepted"):
        await connect([], 443)


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize("addresses", [["a"], ["a", "b"]])
async def test_cancelling_closes_every_socket(addresses: list[str]) -> None:
    net = network(a="hangs", b="hangs")
    with trio.move_on_after(1) as scope:
        await connect(addresses, 443)
    assert scope.cancelled_caught
    assert len(net.sockets) == len(addresses)
    assert net.open_addresses == []


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([], []),
        (["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2"]),
        (["::1", "::2", "10.0.0.1", "10.0.0.2"], ["::1", "10.0.0.1", "::2", "10.0.0.2"]),
        (["10.0.0.1", "::1", "10.0.0.2"], ["10.0.0.1", "::1", "10.0.0.2"]),
    ],
)
def test_the_second_address_is_of_the_other_family(addresses: list[str], expected: list[str]) -> None:
    assert alternate_families(addresses) == expected
