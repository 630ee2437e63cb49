"""TCP to addresses that are known already: nothing is looked up, and a single address needs no task of its own.

`trio.open_tcp_stream` would look up the name again, which is one more round trip to the name server for each session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How long an attempt has before the next one starts beside it: the recommended value of RFC 8305, 5 and 8.
ATTEMPT_DELAY_SECONDS: Final = 0.25


async def connect(addresses: Sequence[str], port: int) -> trio.SocketStream:
    """Connect to the first of these IP addresses that accepts.

    Attempts start in the order of the addresses: the next one when the last one fails, or after
    ATTEMPT_DELAY_SECONDS. Raises OSError if all fail; several failures are in its cause. Cancelling closes everything.
    """
    if len(addresses) == 1:
        return trio.SocketStream(await _open(addresses[0], port))
    return trio.SocketStream(await _race(alternate_families(addresses), port))


def alternate_families(addresses: Sequence[str]) -> list[str]:
    """Put an address of the other family second (RFC 8305, 4): if one family is broken, the next attempt works."""
    ordered = list(addresses)
    other = next((one for one in ordered if _is_ipv6(one) != _is_ipv6(ordered[0])), None)
    if other is not None:
        ordered.remove(other)
        ordered.insert(1, other)
    return ordered


async def _race(addresses: Sequence[str], port: int) -> trio.socket.SocketType:
    opened: list[trio.socket.SocketType] = []
    errors: list[OSError] = []

    async def attempt(address: str, failed: trio.Event) -> None:
        try:
            opened.append(await _open(address, port))
        except OSError as error:
            errors.append(error)
            failed.set()
        else:
            nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            for address in addresses:
                failed = trio.Event()
                nursery.start_soon(attempt, address, failed)
                with trio.move_on_after(ATTEMPT_DELAY_SECONDS):
                    await failed.wait()
    except BaseException:
        _close(opened)
        raise
    if not opened:
        raise OSError("no address accepted the connection") from (
            ExceptionGroup("attempts", errors) if errors else None
        )
    _close(opened[1:])  # two may have connected in the same moment
    return opened[0]


async def _open(address: str, port: int) -> trio.socket.SocketType:
    family = trio.socket.AF_INET6 if _is_ipv6(address) else trio.socket.AF_INET
    connection = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    try:
        await connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def _close(connections: Sequence[trio.socket.SocketType]) -> None:
    for connection in connections:
        connection.close()


def _is_ipv6(address: str) -> bool:
    return ":" in address
